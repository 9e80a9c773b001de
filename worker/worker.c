/* SPDX-License-Identifier: MIT */
/*
 * A worker process: from the fork to its exit status. It loads the app, tells
 * the master that it is ready, and gives itself to its model; notices (bytes
 * from the master, signals from people) only change worker->quit, which the
 * model looks at.
 */
#include "worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/serial.h"
#include "base/sig.h"
#include "base/title.h"
#include "config/config.h"
#include "http/parser.h"
#include "worker/access.h"
#include "worker/conn.h"
#include "worker/heartbeat.h"
#include "worker/listener.h"
#include "worker/model.h"
#include "worker/privilege.h"
#include "worker/tired.h"
#include "worker/urgent.h"

/* SIGCHLD stays as it is, or the app's io.popen():close() could not learn how
 * its child ended. */
static const int handled[] = {SIGQUIT, SIGTERM, SIGINT, SIGUSR1};
static const int untouched[] = {SIGHUP,  SIGTTIN,  SIGTTOU,
                                SIGUSR2, SIGWINCH, SIGCHLD};

enum {
    COUNT_HANDLED = sizeof handled / sizeof *handled
};
enum {
    COUNT_UNTOUCHED = sizeof untouched / sizeof *untouched
};

static void set_limits(struct worker *w)
{
    const struct config *config = w->config;
    w->limits = (struct limits){
        .uri_size = (size_t)config->client_max_uri_size,
        .header_size = (size_t)config->client_max_header_size,
        .header_name = (size_t)config->client_max_header_name,
        .headers = (size_t)config->client_max_headers,
        .chunk_extension = (size_t)config->client_max_chunk_extension,
        .body_size = config->client_max_body_size,
    };
}

struct app_source worker_app_source(const struct worker *w)
{
    return (struct app_source){
        .path = w->config->app,
        .config_path = w->config->path,
        .config_text = w->config->text,
        .config_size = w->config->text_size,
        .directives = config_directive_names(),
        .lua_path = w->config->lua_path,
        .lua_cpath = w->config->lua_cpath,
        .memory_limit = w->config->lua_memory_limit > 0
                            ? (size_t)w->config->lua_memory_limit
                            : 0,
    };
}

static int boot_app(const struct worker *w, struct app *app, struct err *err)
{
    struct app_identity identity = {
        .worker = w->number,
        .generation = w->generation,
        .model = w->model->name,
        .multithread = w->model->flags & MODEL_THREADS,
        .waits_in_call = w->model->flags & MODEL_YIELDS,
        .async = w->model->flags & MODEL_ASYNC,
        .early_hints = w->config->early_hints,
        .trusted = &w->config->trusted_proxies,
    };
    return app_boot(app, &identity, err);
}

/* All of them before clients come: a state that was loaded later could get
 * other code than its neighbours, or none. */
static int load_apps(struct worker *w, struct err *err)
{
    struct app_source source = worker_app_source(w);
    w->app_count = w->heartbeat->count;
    w->apps = xcalloc(w->app_count, sizeof(struct app *));
    beat_use(&w->heartbeat->lines[0]);
    for (size_t i = 0; i < w->app_count; i++) {
        bool made = i == 0 && w->preloaded;
        w->apps[i] = made ? w->preloaded : app_new(&source, err);
        if (!w->apps[i] || boot_app(w, w->apps[i], err) < 0)
            return -1;
    }
    return 0;
}

static void quit_apps(const struct worker *w)
{
    for (size_t i = 0; i < w->app_count; i++)
        app_quit(w->apps[i]);
}

static void free_apps(struct worker *w)
{
    for (size_t i = 0; i < w->app_count; i++)
        app_free(w->apps[i]);
    free(w->apps);
}

/* An error is logged; but if the hook was ended because of boot_timeout the
 * worker cannot start. */
static int run_hook(const struct worker *w, enum config_hook hook,
                    struct err *err)
{
    struct hook_worker who = {
        .number = w->number, .pid = (int)getpid(), .generation = w->generation};
    if (config_run_hook(w->config, hook, &who, err) == 0)
        return 0;
    if (urgent_overdue())
        return -1;
    log_error("%s", err->text);
    return 0;
}

static int boot(struct worker *w, struct err *err)
{
    struct err why;
    urgent_open(w);
    w->signals = sig_open(handled, COUNT_HANDLED, err);
    if (w->signals < 0)
        return -1;
    title_set("rainbows worker[%d] %s (loading)", w->number, w->model->name);
    parser_init();
    serial_seed();
    set_limits(w);
    if (access_open(w, err) < 0 || run_hook(w, HOOK_AFTER_FORK, err) < 0 ||
        privilege_drop(w->config, err) < 0)
        return -1;
    urgent_without_master();
    if (load_apps(w, &why) < 0)
        return err_set(err, "cannot load the app: %.*s", STATUS_TEXT, why.text);
    tired_begin(w);
    return run_hook(w, HOOK_AFTER_WORKER_READY, err);
}

/* The master logs it; without one we do. */
void worker_tell_failure(int status, const char *why)
{
    char text[1 + STATUS_TEXT];
    size_t len = strnlen(why, STATUS_TEXT);
    text[0] = STATUS_FAILED;
    memcpy(text + 1, why, len);
    if (write(status, text, 1 + len) < 0)
        log_error("cannot start: %s", why);
}

static void tell_ready(const struct worker *w)
{
    urgent_started();
    title_set("rainbows worker[%d] %s", w->number, w->model->name);
    log_info("ready model=%s generation=%d", w->model->name, w->generation);
    char byte = STATUS_READY;
    ssize_t wrote = write(w->status, &byte, 1);
    (void)wrote; /* no master: the control pipe says so as well */
}

int worker_main(struct worker *w)
{
    log_set_actor("worker=%d pid=%d", w->number, (int)getpid());
    log_set_level((enum log_level)w->config->log_level);
    sig_default(untouched, COUNT_UNTOUCHED);
    int status = WORKER_BOOT_FAILED;
    struct err err;
    if (boot(w, &err) < 0) {
        worker_tell_failure(w->status, err.text);
    } else {
        tell_ready(w);
        status = w->model->run(w);
        access_flush(w); /* at_quit may hang */
        quit_apps(w);
        log_info("done");
    }
    urgent_close();
    conn_trim();
    access_close(w);
    free_apps(w);
    return status;
}

/* ---- notices ---- */

static void leave(struct worker *w, enum quit how)
{
    if (how <= w->quit)
        return;
    w->quit_since = clock_now();
    w->drains = w->drains || how == QUIT_STOP;
    w->quit = how;
    log_info("leaving how=%s", how == QUIT_STOP ? "stop" : "retire");
    title_set("rainbows worker[%d] %s (leaving)", w->number, w->model->name);
}

static void reopen_logs(struct worker *w)
{
    const struct config *config = w->config;
    access_flush(w);
    if (config->stderr_path && log_reopen(config->stderr_path, 2) < 0)
        log_error("cannot reopen %s: %s", config->stderr_path, strerror(errno));
    if (config->stdout_path && log_reopen(config->stdout_path, 1) < 0)
        log_error("cannot reopen %s: %s", config->stdout_path, strerror(errno));
    access_reopen(w);
}

/* Nobody but the clock kills it when it does not end: the master is gone, or
 * does not know. */
static void end_in_time(const struct worker *w)
{
    alarm((unsigned)(w->config->graceful_timeout / CLOCK_SECOND) + 2);
}

static void drain_and_leave(struct worker *w)
{
    w->drains = true;
    leave(w, QUIT_RETIRE);
}

static void master_gone(struct worker *w)
{
    log_warn("the master is gone");
    close(w->control);
    w->control = -1;
    end_in_time(w);
    leave(w, QUIT_STOP);
}

static void read_control(struct worker *w)
{
    char byte;
    ssize_t n;
    while (w->control >= 0 && (n = read(w->control, &byte, 1)) != -1) {
        if (n == 0)
            master_gone(w);
        else if (byte == CONTROL_STOP)
            leave(w, QUIT_STOP);
        else if (byte == CONTROL_RETIRE)
            leave(w, QUIT_RETIRE);
        else if (byte == CONTROL_DRAIN)
            drain_and_leave(w);
        else if (byte == CONTROL_REOPEN)
            reopen_logs(w);
    }
}

/* Clients are cut off. */
_Noreturn static void leave_at_once(struct worker *w)
{
    access_flush(w);
    _exit(WORKER_DONE);
}

/* By a person, or with the whole group; the master need not know. */
static void leave_as_told(struct worker *w)
{
    end_in_time(w);
    leave(w, QUIT_STOP);
}

void worker_notice(struct worker *w)
{
    access_tick(w);
    read_control(w);
    for (int signo; (signo = sig_next()) != 0;) {
        if (signo == SIGUSR1)
            reopen_logs(w);
        else if (signo == SIGINT)
            leave_at_once(w);
        else
            leave_as_told(w);
    }
}

void worker_notice_fds(const struct worker *w, int fds[NOTICE_FDS])
{
    fds[0] = w->control;
    fds[1] = w->signals;
    fds[2] = access_timer(w);
}

bool worker_accepts(const struct worker *w)
{
    if (!w->quit)
        return true;
    return w->drains && clock_now() - w->quit_since < STOP_QUEUE_TIME;
}

bool worker_accept_failed(int error)
{
    if (error != EMFILE && error != ENFILE && error != ENOBUFS &&
        error != ENOMEM)
        return false;
    log_error("cannot accept: %s; pausing", strerror(error));
    return true;
}
