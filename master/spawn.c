/* SPDX-License-Identifier: MIT */
/*
 * Forking: a worker, the canary of a reload, or the process that only checks a
 * config. The child gets its ends of two pipes and closes what is the
 * master's: a worker that kept a sibling's pipe open would keep that sibling
 * from seeing the master's death.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/sig.h"
#include "master/master.h"
#include "worker/listener.h"
#include "worker/model.h"
#include "worker/worker.h"

enum {
    READ_END,
    WRITE_END
};

/* What is to be forked. */
struct order {
    enum slot_role role;
    int number;
    int generation;
    struct setup *setup; /* that it works with */
};

struct pipes {
    int control[2], status[2];
};

static void run_hook(const struct order *order)
{
    struct err err;
    struct hook_worker who = {.number = order->number,
                              .generation = order->generation};
    if (config_run_hook(order->setup->config, HOOK_BEFORE_FORK, &who, &err) < 0)
        log_error("%s", err.text);
}

static bool has(const struct setup *s, const struct listener *l)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->listeners[i] == l)
            return true;
    return false;
}

/* A socket that a reload drops, or one of a reload that fails, must not stay
 * open in somebody who does not accept from it. */
static void close_others(const struct setup *theirs, const struct setup *ours)
{
    for (size_t i = 0; i < theirs->listener_count; i++)
        if (!has(ours, theirs->listeners[i]))
            fd_close(&theirs->listeners[i]->fd);
}

/* In the child: everything of the master's that is not for workers of this
 * setup. A log file that was renamed and removed stays on the disk for as long
 * as anybody has it open. */
static void close_masters(struct master *m, const struct setup *setup)
{
    daemon_forget();
    close_others(&m->setup, setup);
    close_others(&m->reload.next, setup);
    if (setup != &m->setup)
        setup_close_access_log(&m->setup);
    if (setup != &m->reload.next)
        setup_close_access_log(&m->reload.next);
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        fd_close(&m->slots.slot[i].control);
        fd_close(&m->slots.slot[i].status);
    }
    fd_close(&m->upgrade.ready);
    fd_close(&m->upgrade.predecessor);
}

static int be_worker(const struct order *order, const struct slot *slot,
                     int control, int status)
{
    struct setup *setup = order->setup;
    notify_close();
    if (setup_enter(setup) < 0)
        log_warn("cannot enter %s: %s", setup->directory, strerror(errno));
    sockets_tell_proxies(setup);
    struct worker w = {
        .number = order->number,
        .generation = order->generation,
        .config = setup->config,
        .model = setup->model,
        .listeners = setup->listeners,
        .listener_count = setup->listener_count,
        .heartbeat = &slot->heartbeat,
        .preloaded = setup->preloaded,
        .control = control,
        .status = status,
        .access_fd = setup->access_fd,
    };
    setup->preloaded = NULL; /* the worker's now */
    return worker_main(&w);
}

_Noreturn static void be_child(struct master *m, const struct order *order,
                               const struct slot *slot, struct pipes *p)
{
    close_masters(m, order->setup);
    fd_close(&p->control[WRITE_END]);
    fd_close(&p->status[READ_END]);
    if (order->role == ROLE_CHECK)
        exit(check_for_reload(m, p->status[WRITE_END]));
    exit(be_worker(order, slot, p->control[READ_END], p->status[WRITE_END]));
}

static bool fork_child(struct master *m, const struct order *order,
                       struct slot *slot, struct pipes *p)
{
    const struct config *config = order->setup->config;
    fflush(NULL);
    sig_block_all();
    pid_t pid = fork();
    if (pid == 0)
        be_child(m, order, slot, p);
    sig_unblock_all();
    if (pid < 0)
        return false;
    slot->role = order->role;
    slot->number = order->number;
    slot->generation = order->generation;
    slot->pid = pid;
    slot->control = p->control[WRITE_END];
    slot->status = p->status[READ_END];
    p->control[WRITE_END] = p->status[READ_END] = -1;
    slot->timeout = config->timeout;
    slot->graceful_timeout = config->graceful_timeout;
    slot->boot_timeout = config->boot_timeout;
    slot_set(slot, SLOT_STARTING);
    slot->kill_at = slot->since + slot->boot_timeout;
    return true;
}

static size_t count_states(const struct setup *s)
{
    return s->model->states ? s->model->states(s->config) : 1;
}

static int spawn(struct master *m, const struct order *order, struct err *err)
{
    struct slot *slot = slot_free(&m->slots);
    struct pipes p = {{-1, -1}, {-1, -1}};
    if (!slot) /* the ones that leave will make room */
        return err_set(err, "there are %d processes already", SLOT_COUNT);
    if (order->role != ROLE_CHECK)
        run_hook(order);
    int rc = heartbeat_open(&slot->heartbeat, count_states(order->setup), err);
    if (rc == 0)
        rc = fd_pipe(p.control, err);
    if (rc == 0)
        rc = fd_pipe(p.status, err);
    if (rc == 0 && !fork_child(m, order, slot, &p))
        rc = err_sys(err, "cannot fork");
    for (int end = READ_END; end <= WRITE_END; end++) {
        fd_close(&p.control[end]);
        fd_close(&p.status[end]);
    }
    if (rc < 0)
        heartbeat_close(&slot->heartbeat);
    return rc;
}

bool spawn_worker(struct master *m, int number)
{
    struct err err;
    struct order order = {ROLE_WORKER, number, m->generation, &m->setup};
    bool ok = spawn(m, &order, &err) == 0;
    if (!ok)
        log_error("worker=%d not started, trying again: %s", number, err.text);
    return ok;
}

int spawn_canary(struct master *m, struct err *err)
{
    struct order order = {ROLE_CANARY, 0, m->generation + 1, &m->reload.next};
    return spawn(m, &order, err);
}

int spawn_check(struct master *m, struct err *err)
{
    struct order order = {ROLE_CHECK, -1, m->generation + 1, &m->setup};
    return spawn(m, &order, err);
}
