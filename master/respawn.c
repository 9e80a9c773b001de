/* SPDX-License-Identifier: MIT */
/*
 * When a worker is started again, so that neither a broken app nor a broken
 * machine makes the master spin.
 *
 * One that died after it was ready is started at once, or nearly: whoever can
 * make it crash must not be able to keep the site down, so the pause stays
 * short. One that could not start is tried again after a pause that doubles.
 * When it fails again and again and nobody else gets ready, the breaker opens:
 * one worker is tried now and then, until one is ready or HUP comes. Pauses
 * vary a little, so that workers that fail together do not return together.
 */
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/master.h"

#define CRASH_FIRST (CLOCK_SECOND / 10)
#define CRASH_LAST  (2 * CLOCK_SECOND)
#define START_FIRST (CLOCK_SECOND / 2)
#define START_LAST  (30 * CLOCK_SECOND)
#define FORK_PAUSE  CLOCK_SECOND

/* A worker that has lived so long was well. */
#define WELL (5 * CLOCK_SECOND)

/* So many failed starts of one number in a row open the breaker. */
enum {
    BREAKER_AFTER = 5
};

/* The pause give or take a fifth. */
static int64_t vary(int64_t pause)
{
    unsigned short random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        return pause;
    return pause * 4 / 5 + pause * 2 / 5 * random / 65536;
}

/* first, doubled with each one after the first, and last at most. */
static int64_t doubled(int64_t first, int times, int64_t last)
{
    int64_t pause = first;
    for (int i = 1; i < times && pause < last; i++)
        pause *= 2;
    return pause < last ? pause : last;
}

static double seconds(int64_t time)
{
    return (double)time / CLOCK_SECOND;
}

/* ---- the breaker ---- */

static void open_breaker(struct master *m, int failures)
{
    if (!m->breaker.open)
        log_error("no worker can start failures=%d: one is tried every %.0fs "
                  "from now on; mend what the lines above say, then send HUP "
                  "to %d",
                  failures, seconds(START_LAST), (int)getpid());
    m->breaker.open = true;
    m->breaker.next_probe = clock_now() + vary(START_LAST);
}

static bool anyone_ready(const struct master *m)
{
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (m->slots.slot[i].state == SLOT_READY)
            return true;
    return false;
}

static bool anyone_starting(const struct master *m)
{
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (m->slots.slot[i].state == SLOT_STARTING)
            return true;
    return false;
}

bool respawn_due(const struct master *m, int number)
{
    int64_t now = clock_now();
    if (m->breaker.open)
        return now >= m->breaker.next_probe && !anyone_starting(m);
    return now >= m->slots.seat[number].next_start;
}

int64_t respawn_next(const struct master *m, int64_t due)
{
    int64_t now = clock_now();
    if (m->breaker.open)
        return m->breaker.next_probe < due && m->breaker.next_probe > now
                   ? m->breaker.next_probe
                   : due;
    for (int n = 0; n < m->workers; n++) {
        int64_t next = m->slots.seat[n].next_start;
        if (next > now && next < due)
            due = next;
    }
    return due;
}

void respawn_reset(struct master *m)
{
    memset(m->slots.seat, 0, sizeof m->slots.seat);
    m->breaker = (struct breaker){0};
}

/* ---- what happened ---- */

void respawn_ready(struct master *m, const struct slot *slot)
{
    m->slots.seat[slot->number].failures = 0;
    if (!m->breaker.open)
        return;
    log_info("workers can start again");
    m->breaker.open = false;
    for (int n = 0; n < SLOT_COUNT; n++)
        m->slots.seat[n].next_start = 0;
}

void respawn_failed(struct master *m, const struct slot *slot, const char *how)
{
    struct seat *seat = &m->slots.seat[slot->number];
    const char *why = slot->reason ? slot->reason : "it did not say why";
    int64_t pause = vary(doubled(START_FIRST, ++seat->failures, START_LAST));
    seat->next_start = clock_now() + pause;
    if (!m->started || m->upgrade.predecessor >= 0) /* the old one goes on */
        m->failed = true;
    if (m->stop)
        return;
    if (m->failed)
        log_error("cannot start: worker=%d pid=%d %s: %s", slot->number,
                  (int)slot->pid, how, why);
    else
        log_error("worker=%d could not start pid=%d %s failures=%d "
                  "next_try=%.1fs: %s",
                  slot->number, (int)slot->pid, how, seat->failures,
                  seconds(pause), why);
    if (m->breaker.open ||
        (seat->failures >= BREAKER_AFTER && !anyone_ready(m)))
        open_breaker(m, seat->failures);
}

/* People end workers with these. */
static bool was_sent(int status)
{
    int signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return signo == SIGKILL || signo == SIGTERM || signo == SIGINT ||
           signo == SIGQUIT;
}

void respawn_died(struct master *m, const struct slot *slot, int status)
{
    struct seat *seat = &m->slots.seat[slot->number];
    int64_t now = clock_now();
    if (was_sent(status) || slot->state == SLOT_KILLED ||
        now - slot->since >= WELL)
        seat->crashes = 0;
    else
        seat->crashes++;
    seat->next_start =
        now + vary(doubled(CRASH_FIRST, seat->crashes, CRASH_LAST));
}

void respawn_later(struct master *m, int number)
{
    int64_t now = clock_now();
    m->slots.seat[number].next_start = now + vary(FORK_PAUSE);
    if (m->breaker.open)
        m->breaker.next_probe = now + vary(FORK_PAUSE);
}
