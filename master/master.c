/* SPDX-License-Identifier: MIT */
/*
 * The master: starts, loops, ends. It never looks at a client and never runs
 * the app (but for preload_app); it sleeps in poll(2) until a signal, a word
 * from a worker or a deadline wakes it, and then does what is due.
 */
#include "master/master.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/title.h"
#include "worker/model.h"

/* Milliseconds of rest when the system has nothing to sleep with. */
enum {
    POLL_PAUSE = 100
};

/* What the master has to go on with when memory is short. */
enum {
    MEMORY_ASIDE = 4 << 20
};

/* While somebody waits for a start in the background, nothing goes where it
 * would be lost. */
static bool opens_now(const char *path)
{
    return path && !(daemon_awaited() && strcmp(path, "/dev/null") == 0);
}

static int open_logs(const struct config *config, struct err *err)
{
    log_set_level((enum log_level)config->log_level);
    if (opens_now(config->stderr_path)) {
        log_info("the log is in %s", config->stderr_path);
        if (log_open(config, 2, err) < 0)
            return -1;
    }
    return opens_now(config->stdout_path) ? log_open(config, 1, err) : 0;
}

static void announce(const struct master *m)
{
    const struct config *config = m->setup.config;
    log_info("starting version=" RAINBOWS_VERSION " config=%s app=%s model=%s "
             "workers=%d",
             m->config_path ? m->config_path : "none",
             config->app ? config->app : "function", m->setup.model->name,
             m->workers);
    setup_announce(&m->setup);
}

/* The directory that we were started in, as the shell names it: with symbolic
 * links in it, so that one that is moved to a new release leads there. */
static char *name_directory(void)
{
    char here[PATH_MAX];
    struct stat named, real;
    const char *pwd = getenv("PWD");
    if (pwd && pwd[0] == '/' && stat(pwd, &named) == 0 &&
        stat(".", &real) == 0 && named.st_dev == real.st_dev &&
        named.st_ino == real.st_ino)
        return xstrdup(pwd);
    return xstrdup(getcwd(here, sizeof here) ? here : "/");
}

static void keep_invocation(struct master *m, const struct invocation *how)
{
    m->invocation = how;
    m->overrides = how->overrides;
    m->find_model = how->find_model;
    m->start_directory = name_directory();
    m->start_umask = setup_umask();
    if (how->config_path)
        m->config_path = xstrdup(how->config_path);
}

/* A reload finds the config again from another working directory. */
void keep_config_path(struct master *m)
{
    if (!m->config_path || m->config_path[0] == '/' ||
        !m->setup.config->working_directory)
        return;
    char *path = xasprintf("%s/%s", m->start_directory, m->config_path);
    free(m->config_path);
    m->config_path = path;
}

static int start(struct master *m, struct err *err)
{
    if (setup_load(&m->setup, m, &m->given, err) < 0)
        return -1;
    inherit_leave_rest(&m->given);
    if (setup_enter(&m->setup) < 0)
        return err_sys(err, "cannot enter %s", m->setup.directory);
    keep_config_path(m);
    m->loading = LOADING_SERVING;
    files_allow(&m->setup);
    m->generation = 1;
    m->workers = m->setup.config->worker_processes;
    slots_init(&m->slots);
    if (open_logs(m->setup.config, err) < 0 ||
        pidfile_write(m->setup.pid, err) < 0)
        return -1;
    m->signals = signals_open(err);
    if (m->signals < 0)
        return -1;
    title_set("rainbows master %s%s", m->config_path ? "-c " : "",
              m->config_path ? m->config_path : m->setup.config->app);
    announce(m);
    notify_open(m);
    return 0;
}

/* Descriptors that wake the master: signals, the workers' words, and those of
 * the new master of an upgrade. */
struct news {
    struct pollfd fds[2 + SLOT_COUNT];
    struct slot *who[2 + SLOT_COUNT]; /* or NULL */
    nfds_t count;
};

static void listen_to(struct news *news, int fd, struct slot *who)
{
    if (fd < 0)
        return;
    news->who[news->count] = who;
    news->fds[news->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Sleeps until something is due, and hears what the workers say. */
static void wait_for_news(struct master *m)
{
    struct news news = {.count = 0};
    listen_to(&news, m->signals, NULL);
    listen_to(&news, m->upgrade.ready, NULL);
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (m->slots.slot[i].state != SLOT_EMPTY)
            listen_to(&news, m->slots.slot[i].status, &m->slots.slot[i]);
    int64_t due = next_due(m);
    watchdog_looked(m, 0);
    int came = poll(news.fds, news.count, clock_poll_ms(due, clock_now()));
    if (came < 0 && errno != EINTR) { /* out of memory or descriptors */
        log_error("poll: %s", strerror(errno));
        poll(NULL, 0, POLL_PAUSE);
    }
    watchdog_looked(m, due);
    for (nfds_t i = 0; came > 0 && i < news.count; i++)
        if (news.fds[i].revents && news.who[i])
            read_status(m, news.who[i]);
}

static bool anyone_left(const struct master *m)
{
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (m->slots.slot[i].state != SLOT_EMPTY)
            return true;
    return m->upgrade.pid && m->upgrade.deadline;
}

/* The first worker is ready. */
static void tell_started(struct master *m)
{
    log_info("serving");
    if (m->upgrade.predecessor < 0)
        inherit_settle(m);
    notify_ready(m);
    if (!daemon_awaited())
        return;
    reopen_logs(m); /* those that had to wait */
    daemon_ready();
}

static void loop(struct master *m)
{
    bool told = false;
    for (;;) {
        mem_reserve(MEMORY_ASIDE);
        reap(m);
        signals_handle(m);
        if (m->failed)
            stop_begin(m, m->started ? STOP_GRACEFUL : STOP_QUICK);
        watchdog_turn(m);
        reload_turn(m);
        upgrade_turn(m);
        keep_workers(m);
        if (m->stop && !anyone_left(m))
            return;
        if (m->started && !told)
            tell_started(m);
        told = m->started;
        notify_tick(m);
        wait_for_news(m);
    }
}

static void let_go(struct master *m)
{
    setup_free(&m->setup);
    setup_free(&m->given);
    free(m->start_directory);
    free(m->config_path);
}

int master_run(const struct invocation *invocation)
{
    static struct master m; /* zeroed, and too large for a stack */
    struct err err;
    bool upgrade = upgrade_open(&m); /* its sockets are for this process */
    if (invocation->overrides->daemonize && !upgrade)
        daemon_start();
    signals_hold();
    keep_invocation(&m, invocation);
    log_set_actor("master pid=%d", (int)getpid());
    if (start(&m, &err) < 0) {
        log_error("cannot start: %s", err.text);
        pidfile_remove(m.setup.pid);
        let_go(&m);
        return EXIT_NOT_STARTED;
    }
    m.watch.alive = clock_now();
    loop(&m);
    pidfile_remove(m.setup.pid);
    log_info("done");
    let_go(&m);
    if (m.failed)
        return EXIT_NOT_STARTED;
    return m.forced ? EXIT_FORCED : EXIT_DONE;
}
