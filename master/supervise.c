/* SPDX-License-Identifier: MIT */
/*
 * Keeping the workers that are wanted: reap the dead, start what is missing,
 * and let a new generation take over, one worker at a time, each ready before
 * the one it replaces is told to leave. A worker that asks to be replaced is
 * replaced in the same way.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "master/master.h"
#include "worker/worker.h"

#define TICK  CLOCK_SECOND
#define DYING (5 * CLOCK_SECOND)

/* What a worker's pipe can hold is heard at a time, and no more. */
enum {
    READS = 16
};

/* ---- the dead ---- */

static void describe(int status, char text[64])
{
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        snprintf(text, 64, "signal=%s%s", name ? name : "?",
                 WCOREDUMP(status) ? " core=dumped" : "");
    } else {
        snprintf(text, 64, "exit=%d", WEXITSTATUS(status));
    }
}

/* It was told to leave and did, or was not ready yet when the server ended. */
static bool left_well(const struct master *m, const struct slot *slot,
                      int status)
{
    if (m->stop && slot->state == SLOT_KILLED && !slot->was_ready)
        return true;
    return slot->state == SLOT_LEAVING && WIFEXITED(status);
}

static void run_exit_hook(struct master *m, const struct slot *slot,
                          const char *how)
{
    struct err err;
    struct hook_worker who = {.number = slot->number,
                              .pid = (int)slot->pid,
                              .generation = slot->generation,
                              .exit = how};
    if (config_run_hook(m->setup.config, HOOK_AFTER_WORKER_EXIT, &who, &err) <
        0)
        log_error("%s", err.text);
}

/* A worker that had been ready, or one that was not to be. */
static void worker_ended(struct master *m, struct slot *slot, int status)
{
    char how[64];
    describe(status, how);
    bool current = slot->generation == m->generation;
    bool failed =
        !slot->was_ready && slot->state != SLOT_LEAVING && current && !m->stop;
    if (!failed)
        log_msg(left_well(m, slot, status) ? LOG_INFO : LOG_ERROR,
                "reaped worker=%d pid=%d %s", slot->number, (int)slot->pid,
                how);
    run_exit_hook(m, slot, how);
    if (failed)
        respawn_failed(m, slot, how);
    else if (current && slot->state != SLOT_LEAVING)
        respawn_died(m, slot, status);
}

/* A part of a reload ended. What it did not say is told by how it ended. */
static void step_ended(struct master *m, struct slot *slot, int status)
{
    char how[64];
    bool well = slot->role == ROLE_CHECK && status == 0;
    describe(status, how);
    log_debug("reload: pid=%d %s", (int)slot->pid, how);
    if (!well && !slot->reason) {
        static const char words[] = "the new code ended while loading ";
        slot_reason(slot, words, sizeof words - 1);
        slot_reason(slot, how, strlen(how));
    }
    reload_step_ended(m, slot, well);
}

static void buried(struct master *m, struct slot *slot, int status)
{
    if (slot->status >= 0)
        read_status(m, slot); /* its last words */
    if (slot->role == ROLE_WORKER)
        worker_ended(m, slot, status);
    else
        step_ended(m, slot, status);
    slot_clear(slot);
}

static void changed(struct master *m, pid_t pid, int status)
{
    char how[64];
    struct slot *slot = slot_by_pid(&m->slots, pid);
    if (WIFSTOPPED(status) || WIFCONTINUED(status)) {
        if (slot)
            watchdog_stopped(slot, status);
        return;
    }
    describe(status, how);
    if (slot)
        buried(m, slot, status);
    else if (!upgrade_ended(m, pid, how)) /* a stranger left to us as PID 1 */
        log_debug("reaped pid=%d %s", (int)pid, how);
}

void reap(struct master *m)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0)
        changed(m, pid, status);
}

/* ---- what they say ---- */

static void is_ready(struct master *m, struct slot *slot)
{
    if (slot->state != SLOT_STARTING)
        return;
    slot_set(slot, SLOT_READY);
    slot->was_ready = true;
    slot->warnings = 0;
    m->started = true;
    if (slot->role == ROLE_CANARY)
        reload_canary_ready(m, slot);
    respawn_ready(m, slot);
}

/* Takes in what was said; behind STATUS_FAILED comes the reason. */
static void hear(struct master *m, struct slot *slot, const char *said,
                 size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (said[i] == STATUS_FAILED || slot->reason) {
            size_t from = i + (slot->reason ? 0 : 1);
            slot_reason(slot, said + from, len - from);
            return;
        }
        if (said[i] == STATUS_READY)
            is_ready(m, slot);
        if (said[i] == STATUS_TIRED)
            slot->tired = true;
    }
}

void read_status(struct master *m, struct slot *slot)
{
    char said[4096];
    ssize_t n = 1;
    for (int i = 0; i < READS && n > 0; i++) {
        n = read(slot->status, said, sizeof said);
        if (n > 0)
            hear(m, slot, said, (size_t)n);
    }
    if (n == 0)
        fd_close(&slot->status);
}

/* ---- the living ---- */

int workers_wanted(const struct master *m)
{
    return m->stop || m->emptied ? 0 : m->workers;
}

static void retire(struct master *m, struct slot *slot)
{
    bool lonely = slot->generation < m->sockets_since;
    slot_tell(slot, lonely ? CONTROL_DRAIN : CONTROL_RETIRE);
    slot_set(slot, SLOT_LEAVING);
    slot->kill_at = slot->since + slot->graceful_timeout;
}

static bool is_current(const struct master *m, const struct slot *slot)
{
    return slot->generation == m->generation && !slot->tired;
}

static struct slot *find_worker(struct master *m, int number, bool current)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        struct slot *slot = &m->slots.slot[i];
        if (slot_works(slot) && slot->number == number &&
            is_current(m, slot) == current)
            return slot;
    }
    return NULL;
}

/* A worker that was killed and has not been reaped yet tells how soon the next
 * one is due. One that the kernel does not let go is not waited for. */
static bool is_dying(const struct master *m, int number)
{
    int64_t now = clock_now();
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const struct slot *slot = &m->slots.slot[i];
        if (slot->state == SLOT_KILLED && slot->number == number &&
            slot->generation == m->generation && now - slot->since < DYING)
            return true;
    }
    return false;
}

/* One number: its worker of this generation is started if it is missing; its
 * old one leaves when the new one is ready. Returns whether a replacement is
 * under way. */
static bool keep_worker(struct master *m, int number, bool busy)
{
    struct slot *new = find_worker(m, number, true);
    struct slot *old = find_worker(m, number, false);
    if (!new && !(old && busy) && respawn_due(m, number) &&
        !is_dying(m, number)) {
        if (!spawn_worker(m, number))
            respawn_later(m, number);
        return old != NULL;
    }
    if (old && new &&new->state == SLOT_READY)
        retire(m, old);
    return old && new &&new->state == SLOT_STARTING;
}

void keep_workers(struct master *m)
{
    bool busy = false; /* one replacement at a time */
    int wanted = workers_wanted(m);
    for (int n = 0; n < wanted; n++)
        busy = keep_worker(m, n, busy) || busy;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        struct slot *slot = &m->slots.slot[i];
        if (slot_works(slot) && slot->number >= wanted && !m->stop)
            retire(m, slot);
    }
}

int64_t next_due(const struct master *m)
{
    int64_t due = notify_due(clock_now() + TICK);
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (m->slots.slot[i].state != SLOT_EMPTY)
            due = watchdog_next(&m->slots.slot[i], due);
    return respawn_next(m, due);
}
