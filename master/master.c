/* SPDX-License-Identifier: MIT */
/*
 * The master: starts, loops, ends. It never looks at a client and never runs
 * the app (but for preload_app); it sleeps in poll(2) until a signal, a word
 * from a worker or a deadline wakes it, and then does what is due.
 */
#include "master/master.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/title.h"
#include "worker/listener.h"
#include "worker/model.h"

static int open_logs(const struct config *config, struct err *err)
{
    log_set_level((enum log_level)config->log_level);
    if (config->stderr_path && log_reopen(config->stderr_path, 2) < 0)
        return err_sys(err, "stderr_path: cannot open %s", config->stderr_path);
    if (config->stdout_path && log_reopen(config->stdout_path, 1) < 0)
        return err_sys(err, "stdout_path: cannot open %s", config->stdout_path);
    return 0;
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

static int start(struct master *m, struct err *err)
{
    struct setup nothing = {0};
    if (m->config_path)
        m->config_absolute = realpath(m->config_path, NULL);
    if (setup_load(&m->setup, m, &nothing, err) < 0)
        return -1;
    keep_config_path(m);
    m->generation = 1;
    m->workers = m->setup.config->worker_processes;
    slots_init(&m->slots);
    if (open_logs(m->setup.config, err) < 0 ||
        pidfile_write(m->setup.config->pid, err) < 0)
        return -1;
    m->signals = signals_open(err);
    if (m->signals < 0)
        return -1;
    title_set("rainbows master %s%s", m->config_path ? "-c " : "",
              m->config_path ? m->config_path : m->setup.config->app);
    announce(m);
    return 0;
}

/* Sleeps until something is due, and hears what the workers say. */
static void wait_for_news(struct master *m)
{
    struct pollfd fds[1 + SLOT_COUNT];
    struct slot *who[1 + SLOT_COUNT];
    nfds_t n = 0;
    fds[n++] = (struct pollfd){.fd = m->signals, .events = POLLIN};
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        struct slot *slot = &m->slots.slot[i];
        if (slot->state == SLOT_EMPTY || slot->status < 0)
            continue;
        who[n] = slot;
        fds[n++] = (struct pollfd){.fd = slot->status, .events = POLLIN};
    }
    int64_t now = clock_now();
    if (poll(fds, n, clock_poll_ms(next_due(m), now)) <= 0)
        return;
    for (nfds_t i = 1; i < n; i++)
        if (fds[i].revents)
            read_status(m, who[i]);
}

static bool anyone_left(const struct master *m)
{
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (m->slots.slot[i].state != SLOT_EMPTY)
            return true;
    return false;
}

static void loop(struct master *m)
{
    bool told = false;
    for (;;) {
        reap(m);
        signals_handle(m);
        if (m->failed && !m->stop) {
            log_error("cannot start: a worker could not load the app");
            stop_begin(m, STOP_QUICK);
        }
        kill_overdue(m);
        keep_workers(m);
        if (m->stop && !anyone_left(m))
            return;
        if (m->started && !told)
            log_info("serving");
        told = m->started;
        wait_for_news(m);
    }
}

int master_run(const char *config_path,
               const struct config_overrides *overrides,
               const struct model *(*find_model)(const char *, struct err *))
{
    static struct master m; /* zeroed, and too large for a stack */
    struct err err;
    m.config_path = config_path;
    m.overrides = overrides;
    m.find_model = find_model;
    log_set_actor("master pid=%d", (int)getpid());
    if (start(&m, &err) < 0) {
        log_error("cannot start: %s", err.text);
        setup_free(&m.setup);
        free(m.config_absolute);
        return EXIT_NOT_STARTED;
    }
    loop(&m);
    pidfile_remove(m.setup.config->pid);
    log_info("done");
    setup_free(&m.setup);
    free(m.config_absolute);
    if (m.failed)
        return EXIT_NOT_STARTED;
    return m.forced ? EXIT_FORCED : EXIT_DONE;
}
