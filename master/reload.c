/* SPDX-License-Identifier: MIT */
/*
 * HUP: the config is read again, and new workers take over one at a time. What
 * cannot be loaded changes nothing. A new worker that cannot start is tried
 * again with growing pauses, while the worker it was to replace goes on.
 */
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "master/master.h"
#include "worker/listener.h"
#include "worker/model.h"

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void move_pidfile(const char *from, const char *to)
{
    struct err err;
    if (same(from, to))
        return;
    if (pidfile_write(to, &err) < 0)
        log_error("%s", err.text);
    pidfile_remove(from);
}

void keep_config_path(struct master *m)
{
    if (m->config_absolute && m->setup.config->working_directory)
        m->config_path = m->config_absolute;
}

void reload(struct master *m)
{
    struct err err;
    struct setup setup;
    log_info("reloading config=%s", m->config_path ? m->config_path : "none");
    if (setup_load(&setup, m, &m->setup, &err) < 0) {
        log_error("reload failed, everything stays as it was: %s", err.text);
        return;
    }
    struct setup old = m->setup;
    m->setup = setup;
    m->generation++;
    if (!setup_sockets_live_on(&old))
        m->sockets_since = m->generation;
    keep_config_path(m);
    if (setup.config->worker_processes != old.config->worker_processes)
        m->workers = setup.config->worker_processes;
    log_set_level((enum log_level)setup.config->log_level);
    move_pidfile(old.config->pid, setup.config->pid);
    memset(m->slots.seat, 0, sizeof m->slots.seat);
    setup_free(&old);
    reopen_logs(m);
    log_info("reloaded generation=%d model=%s workers=%d", m->generation,
             setup.model->name, m->workers);
    setup_announce(&setup);
}
