/* SPDX-License-Identifier: MIT */
/*
 * Keeping the workers that are wanted: reap the dead, kill what hangs, start
 * what is missing, and let a new generation take over, one worker at a time,
 * each ready before the one it replaces is told to leave.
 *
 * A worker that dies while starting is started again after a pause that
 * doubles; one that served is started again at once, but never twice within
 * RESPAWN_PAUSE. So a broken app cannot make the master spin.
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

#define RESPAWN_PAUSE (CLOCK_SECOND / 10)
#define BACKOFF_FIRST (CLOCK_SECOND / 2)
#define BACKOFF_LAST  (30 * CLOCK_SECOND)
#define STUCK_GRACE   CLOCK_SECOND
#define TICK          CLOCK_SECOND
#define WARNINGS      2

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

static int64_t backoff(int failures)
{
    int64_t pause = BACKOFF_FIRST;
    for (int i = 1; i < failures && pause < BACKOFF_LAST; i++)
        pause *= 2;
    return pause < BACKOFF_LAST ? pause : BACKOFF_LAST;
}

static void plan_restart(struct master *m, const struct slot *slot)
{
    struct seat *seat = &m->slots.seat[slot->number];
    int64_t now = clock_now();
    if (slot->generation != m->generation)
        return;
    if (slot->was_ready) {
        seat->failures = 0;
        seat->next_start = now + RESPAWN_PAUSE;
        return;
    }
    seat->failures++;
    seat->next_start = now + backoff(seat->failures);
    if (!m->started)
        m->failed = true;
    else if (!m->stop)
        log_error("worker=%d could not start failures=%d next_try=%.1fs",
                  slot->number, seat->failures,
                  (double)backoff(seat->failures) / CLOCK_SECOND);
}

/* It was told to leave and did, or was not ready yet when the server ended. */
static bool left_well(const struct master *m, const struct slot *slot,
                      int status)
{
    if (m->stop && slot->state == SLOT_KILLED && !slot->was_ready)
        return true;
    return slot->state == SLOT_LEAVING && WIFEXITED(status);
}

static void buried(struct master *m, struct slot *slot, int status)
{
    char how[64];
    struct err err;
    describe(status, how);
    log_msg(left_well(m, slot, status) ? LOG_INFO : LOG_ERROR,
            "reaped worker=%d pid=%d %s", slot->number, (int)slot->pid, how);
    struct hook_worker who = {.number = slot->number,
                              .pid = (int)slot->pid,
                              .generation = slot->generation,
                              .exit = how};
    if (config_run_hook(m->setup.config, HOOK_AFTER_WORKER_EXIT, &who, &err) <
        0)
        log_error("%s", err.text);
    if (slot->state != SLOT_LEAVING)
        plan_restart(m, slot);
    fd_close(&slot->control);
    fd_close(&slot->status);
    heartbeat_close(&slot->heartbeat);
    slot_set(slot, SLOT_EMPTY);
}

void reap(struct master *m)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct slot *slot = slot_by_pid(&m->slots, pid);
        if (slot) /* else a stranger that was left to us as PID 1 */
            buried(m, slot, status);
    }
}

/* ---- the living ---- */

void read_status(struct master *m, struct slot *slot)
{
    char byte;
    ssize_t n;
    while ((n = read(slot->status, &byte, 1)) == 1) {
        if (byte != STATUS_READY || slot->state != SLOT_STARTING)
            continue;
        slot_set(slot, SLOT_READY);
        slot->was_ready = true;
        m->started = true;
        m->slots.seat[slot->number].failures = 0;
    }
    if (n == 0)
        fd_close(&slot->status);
}

static void kill_slot(struct master *m, struct slot *slot, const char *why)
{
    log_error("killing worker=%d pid=%d: %s", slot->number, (int)slot->pid,
              why);
    if (m->stop)
        m->forced = true;
    kill(slot->pid, SIGKILL);
    slot_set(slot, SLOT_KILLED);
}

/* A call is late after timeout, and told so; STUCK_GRACE later the worker
 * writes where it hangs, and after another it is killed. */
static void check_call(struct master *m, struct slot *slot, int64_t now)
{
    int64_t timeout = slot->timeout;
    int64_t entered = heartbeat_oldest(&slot->heartbeat);
    if (entered != slot->entered) {
        slot->entered = entered;
        slot->warnings = 0;
    }
    if (!entered || now - entered <= timeout + slot->warnings * STUCK_GRACE)
        return;
    if (slot->warnings == WARNINGS) {
        char why[96];
        snprintf(why, sizeof why,
                 "stuck in the app for more than timeout=%.3gs",
                 (double)timeout / CLOCK_SECOND);
        kill_slot(m, slot, why);
        return;
    }
    slot->warnings++;
    log_warn("worker=%d pid=%d a call is late: %s", slot->number,
             (int)slot->pid,
             slot->warnings == 1 ? "interrupting it" : "asking where it is");
    kill(slot->pid, SIGURG);
}

static void check_slot(struct master *m, struct slot *slot, int64_t now)
{
    if (slot->state == SLOT_EMPTY || slot->state == SLOT_KILLED)
        return;
    if (now >= slot->kill_at)
        kill_slot(m, slot,
                  slot->state == SLOT_STARTING
                      ? "not ready within boot_timeout"
                      : "not gone within graceful_timeout");
    else if (slot->state != SLOT_STARTING)
        check_call(m, slot, now);
}

void kill_overdue(struct master *m)
{
    int64_t now = clock_now();
    for (size_t i = 0; i < SLOT_COUNT; i++)
        check_slot(m, &m->slots.slot[i], now);
}

static void retire(struct master *m, struct slot *slot)
{
    bool lonely = slot->generation < m->sockets_since;
    slot_tell(slot, lonely ? CONTROL_DRAIN : CONTROL_RETIRE);
    slot_set(slot, SLOT_LEAVING);
    slot->kill_at = slot->since + slot->graceful_timeout;
}

/* The worker of that number and, with current, of this generation (or an
 * older one), or NULL. */
static struct slot *worker_of(struct master *m, int number, bool current)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        struct slot *slot = &m->slots.slot[i];
        if (slot_works(slot) && slot->number == number &&
            (slot->generation == m->generation) == current)
            return slot;
    }
    return NULL;
}

/* One number: its worker of this generation is started if it is missing; its
 * old one leaves when the new one is ready. Returns whether a replacement is
 * under way. */
static bool keep_worker(struct master *m, int number, bool busy)
{
    struct slot *new = worker_of(m, number, true);
    struct slot *old = worker_of(m, number, false);
    struct seat *seat = &m->slots.seat[number];
    if (!new && !(old && busy) && clock_now() >= seat->next_start) {
        if (!spawn_worker(m, number))
            seat->next_start = clock_now() + CLOCK_SECOND;
        return old != NULL;
    }
    if (old && new &&new->state == SLOT_READY)
        retire(m, old);
    return old && new &&new->state == SLOT_STARTING;
}

void keep_workers(struct master *m)
{
    bool busy = false; /* one replacement at a time */
    for (int n = 0; n < m->workers; n++)
        busy = keep_worker(m, n, busy) || busy;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        struct slot *slot = &m->slots.slot[i];
        if (slot_works(slot) && slot->number >= m->workers)
            retire(m, slot);
    }
}

int64_t next_due(const struct master *m)
{
    int64_t now = clock_now();
    int64_t due = now + TICK;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const struct slot *slot = &m->slots.slot[i];
        if (slot->state == SLOT_EMPTY)
            continue;
        if (slot->kill_at < due)
            due = slot->kill_at;
        if (now + slot->timeout / 4 < due)
            due = now + slot->timeout / 4;
    }
    for (int n = 0; n < m->workers; n++)
        if (m->slots.seat[n].next_start > now &&
            m->slots.seat[n].next_start < due)
            due = m->slots.seat[n].next_start;
    return due;
}
