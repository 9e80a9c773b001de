/* SPDX-License-Identifier: MIT */
/*
 * Killing what hangs. A call is late after timeout, and told so; GRACE later
 * the worker writes where it hangs, and after another it is killed. A worker
 * that does not get ready in boot_timeout is asked where it is in the same way.
 *
 * Only time in which both could run counts: not while the master was stopped
 * or the machine asleep, and not while SIGSTOP held the worker, unless that
 * lasts for longer than timeout.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/master.h"

#define GRACE    CLOCK_SECOND
#define WARNINGS 2
/* With more for calls that have become late beside the first. */
#define WARNINGS_MOST 4

/* The master came so much later than it wanted: it did not run. */
#define ABSENCE CLOCK_SECOND

static double seconds(int64_t time)
{
    return (double)time / CLOCK_SECOND;
}

/* ---- time that does not count ---- */

static void postpone(struct slot *slot, int64_t time)
{
    if (slot->kill_at != CLOCK_NEVER)
        slot->kill_at += time;
}

void watchdog_looked(struct master *m, int64_t due)
{
    int64_t now = clock_now();
    int64_t absent = now - (due > m->watch.alive ? due : m->watch.alive);
    m->watch.alive = now;
    if (absent < ABSENCE)
        return;
    log_warn("the master was held up for %.1fs", seconds(absent));
    m->watch.woken = now;
    for (size_t i = 0; i < SLOT_COUNT; i++)
        postpone(&m->slots.slot[i], absent);
    if (m->upgrade.deadline)
        m->upgrade.deadline += absent;
}

void watchdog_stopped(struct slot *slot, int status)
{
    int64_t now = clock_now();
    if (WIFSTOPPED(status) && !slot->stopped) {
        log_warn("worker=%d pid=%d is stopped signal=%s", slot->number,
                 (int)slot->pid, sigabbrev_np(WSTOPSIG(status)));
        slot->stopped = now;
    } else if (WIFCONTINUED(status) && slot->stopped) {
        log_info("worker=%d pid=%d goes on", slot->number, (int)slot->pid);
        postpone(slot, now - slot->stopped);
        slot->stopped = 0;
        slot->resumed = now;
    }
}

static int64_t latest(int64_t a, int64_t b, int64_t c)
{
    int64_t later = a > b ? a : b;
    return later > c ? later : c;
}

/* ---- killing ---- */

static void kill_slot(struct master *m, struct slot *slot, const char *why)
{
    bool starting = slot->state == SLOT_STARTING;
    if (slot->role == ROLE_CHECK)
        log_warn("killing the check pid=%d: %s", (int)slot->pid, why);
    else
        log_msg(starting ? LOG_WARN : LOG_ERROR, "killing worker=%d pid=%d: %s",
                slot->number, (int)slot->pid, why);
    if (starting && !slot->reason)
        slot_reason(slot, why, strlen(why));
    if (m->stop)
        m->forced = true;
    kill(slot->pid, SIGKILL);
    slot_set(slot, SLOT_KILLED);
}

static void log_late(const struct slot *slot, int64_t now, const char *what)
{
    struct late_call call;
    size_t next = 0;
    while (heartbeat_late(&slot->heartbeat, now - slot->timeout, &next, &call))
        log_warn("worker=%d pid=%d a call is late for=%.1fs request=\"%s\": %s",
                 slot->number, (int)slot->pid, seconds(now - call.entered),
                 call.request, what);
}

/* Was every call that is late so at two warnings? Only then its stack is in the
 * log. */
static bool all_asked(const struct slot *slot, int64_t now)
{
    struct late_call call;
    size_t next = 0;
    while (heartbeat_late(&slot->heartbeat, now - slot->timeout, &next, &call))
        if (call.entered + slot->timeout > slot->warned_before)
            return false;
    return true;
}

static void check_call(struct master *m, struct slot *slot, int64_t now)
{
    char why[96];
    int64_t entered = heartbeat_oldest(&slot->heartbeat);
    if (entered != slot->entered) {
        slot->entered = entered;
        slot->warnings = 0;
    }
    int64_t counts = latest(entered, m->watch.woken, slot->resumed);
    if (!entered || now - counts <= slot->timeout ||
        (slot->warnings && now - slot->warned < GRACE))
        return;
    if (slot->warnings == WARNINGS_MOST ||
        (slot->warnings >= WARNINGS && all_asked(slot, now))) {
        snprintf(why, sizeof why,
                 "stuck in the app for more than timeout=%.3gs",
                 seconds(slot->timeout));
        kill_slot(m, slot, why);
        return;
    }
    slot->warnings++;
    slot->warned_before = slot->warned;
    slot->warned = now;
    log_late(slot, now,
             slot->warnings == 1 ? "interrupting it" : "asking where it is");
    kill(slot->pid, SIGURG);
}

/* It says why itself when it can: it fails where it hangs. */
static void check_start(struct master *m, struct slot *slot, int64_t now)
{
    char why[96];
    if (now < slot->kill_at)
        return;
    if (slot->warnings < WARNINGS) {
        slot->warnings++;
        slot->kill_at = now + GRACE;
        kill(slot->pid, SIGURG);
        return;
    }
    snprintf(why, sizeof why, "not ready within boot_timeout=%.3gs",
             seconds(slot->boot_timeout));
    kill_slot(m, slot, why);
}

static void check_stopped(struct master *m, struct slot *slot, int64_t now)
{
    char why[96];
    if (now - latest(slot->stopped, m->watch.woken, 0) <= slot->timeout)
        return;
    snprintf(why, sizeof why, "stopped for more than timeout=%.3gs",
             seconds(slot->timeout));
    kill_slot(m, slot, why);
}

static void check_slot(struct master *m, struct slot *slot, int64_t now)
{
    if (slot->state == SLOT_EMPTY || slot->state == SLOT_KILLED)
        return;
    if (slot->stopped && !(m->stop && now >= slot->kill_at))
        check_stopped(m, slot, now);
    else if (slot->state == SLOT_STARTING)
        check_start(m, slot, now);
    else if (now >= slot->kill_at)
        kill_slot(m, slot, "not gone within graceful_timeout");
    else
        check_call(m, slot, now);
}

void watchdog_turn(struct master *m)
{
    int64_t now = clock_now();
    for (size_t i = 0; i < SLOT_COUNT; i++)
        check_slot(m, &m->slots.slot[i], now);
}

int64_t watchdog_next(const struct slot *slot, int64_t due)
{
    int64_t look = clock_now() + slot->timeout / 4;
    bool kills = slot->kill_at < look && !slot->stopped;
    int64_t next = kills ? slot->kill_at : look;
    return next < due ? next : due;
}
