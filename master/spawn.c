/* SPDX-License-Identifier: MIT */
/*
 * Forking a worker. The child gets its ends of two pipes and closes what is
 * the master's: a worker that kept a sibling's pipe open would keep that
 * sibling from seeing the master's death.
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
#include "worker/model.h"
#include "worker/worker.h"

enum {
    READ_END,
    WRITE_END
};

static void run_hook(const struct master *m, int number)
{
    struct err err;
    struct hook_worker who = {.number = number, .generation = m->generation};
    if (config_run_hook(m->setup.config, HOOK_BEFORE_FORK, &who, &err) < 0)
        log_error("%s", err.text);
}

/* In the child: everything of the master's that is not for workers. */
static void close_masters(struct master *m)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        fd_close(&m->slots.slot[i].control);
        fd_close(&m->slots.slot[i].status);
    }
}

_Noreturn static void be_worker(struct master *m, int number,
                                const struct slot *slot, int control,
                                int status)
{
    close_masters(m);
    struct worker w = {
        .number = number,
        .generation = m->generation,
        .config = m->setup.config,
        .model = m->setup.model,
        .listeners = m->setup.listeners,
        .listener_count = m->setup.listener_count,
        .heartbeat = &slot->heartbeat,
        .preloaded = m->setup.preloaded,
        .control = control,
        .status = status,
    };
    m->setup.preloaded = NULL; /* the worker's now */
    exit(worker_main(&w));
}

static bool fork_worker(struct master *m, int number, struct slot *slot,
                        int control[2], int status[2])
{
    fflush(NULL);
    sig_block_all();
    pid_t pid = fork();
    if (pid == 0) {
        fd_close(&control[WRITE_END]);
        fd_close(&status[READ_END]);
        be_worker(m, number, slot, control[READ_END], status[WRITE_END]);
    }
    sig_unblock_all();
    if (pid < 0)
        return false;
    slot->number = number;
    slot->generation = m->generation;
    slot->pid = pid;
    slot->control = control[WRITE_END];
    slot->status = status[READ_END];
    slot->timeout = m->setup.config->timeout;
    slot->graceful_timeout = m->setup.config->graceful_timeout;
    slot->was_ready = false;
    slot_set(slot, SLOT_STARTING);
    slot->kill_at = slot->since + m->setup.config->boot_timeout;
    return true;
}

bool spawn_worker(struct master *m, int number)
{
    struct slot *slot = slot_free(&m->slots);
    int control[2] = {-1, -1};
    int status[2] = {-1, -1};
    struct err err;
    if (!slot)
        return false; /* the ones that leave will make room */
    run_hook(m, number);
    bool ok = false;
    const struct setup *s = &m->setup;
    size_t states = s->model->states ? s->model->states(s->config) : 1;
    if (heartbeat_open(&slot->heartbeat, states, &err) < 0 ||
        fd_pipe(control, &err) < 0 || fd_pipe(status, &err) < 0)
        log_error("worker=%d not started: %s", number, err.text);
    else if (!(ok = fork_worker(m, number, slot, control, status)))
        log_error("worker=%d not started: fork: %s", number, strerror(errno));
    fd_close(&control[READ_END]);
    fd_close(&status[WRITE_END]);
    if (!ok) {
        fd_close(&control[WRITE_END]);
        fd_close(&status[READ_END]);
        heartbeat_close(&slot->heartbeat);
    }
    return ok;
}
