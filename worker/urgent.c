/* SPDX-License-Identifier: MIT */
/*
 * The one signal that is not handled in the loop: the loop may be what hangs.
 * The signal comes to any thread of the worker, which passes it on to those
 * whose calls are late; each of them acts on its own Lua state. A worker that
 * starts does so in its first thread.
 */
#include "worker/urgent.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sig.h"
#include "config/config.h"
#include "lua/app.h"
#include "worker/heartbeat.h"
#include "worker/worker.h"

static struct worker *me;
static pid_t master;

/* The start of the worker. */
static struct {
    volatile sig_atomic_t over;
    volatile sig_atomic_t urged; /* how often */
    char why[64];
} start;

static bool is_late(const struct beat *beat)
{
    int64_t entered = beat->entered;
    return entered && clock_now() - entered > me->config->timeout;
}

/* One write(2), and nothing that is not safe in a handler. */
static void write_heading(const char *what)
{
    char line[128 + BEAT_REQUEST];
    int n = snprintf(line, sizeof line,
                     "worker=%d pid=%d cannot be interrupted: %s; the Lua "
                     "stack is:\n",
                     me->number, (int)getpid(), what);
    ssize_t wrote = write(STDERR_FILENO, line, (size_t)n);
    (void)wrote;
}

/* In the thread that starts the worker. */
static void act_on_start(void)
{
    if (start.urged++ == 0) {
        config_interrupt(start.why);
        app_interrupt_loading(start.why);
        return;
    }
    write_heading(start.why);
    config_write_stack(STDERR_FILENO);
    app_write_loading_stack(STDERR_FILENO);
}

/* In the thread that is late. */
static void act(struct beat *beat)
{
    size_t i = (size_t)(beat - me->heartbeat->lines);
    if (i >= me->app_count || !is_late(beat))
        return;
    if (beat->urged != beat->entered) {
        beat->urged = (int64_t)beat->entered;
        app_interrupt(me->apps[i]);
        return;
    }
    write_heading(beat->request);
    app_write_stack(me->apps[i], STDERR_FILENO);
}

static void tell(int thread)
{
    syscall(SYS_tgkill, getpid(), thread, SIGURG);
}

static void pass_on(void)
{
    if (!start.over)
        tell(getpid());
    for (size_t i = 0; start.over && i < me->heartbeat->count; i++)
        if (is_late(&me->heartbeat->lines[i]))
            tell(me->heartbeat->lines[i].thread);
}

/* The master is gone, and with it the watchdog: what hangs must end. A worker
 * that does not will hear of it in its loop, and leave before that. */
static void watch_myself(void)
{
    int64_t time = me->config->timeout + me->config->graceful_timeout;
    alarm((unsigned)(time / CLOCK_SECOND) + 2);
}

static void on_urgent(bool told)
{
    if (!told && getppid() != master)
        watch_myself();
    else if (!told)
        pass_on();
    else if (start.over)
        act(beat_mine());
    else
        act_on_start();
}

void urgent_open(struct worker *worker)
{
    me = worker;
    master = getppid();
    snprintf(start.why, sizeof start.why, "boot_timeout=%.3gs has passed",
             (double)worker->config->boot_timeout / CLOCK_SECOND);
    sig_on_urgent(on_urgent);
}

void urgent_without_master(void)
{
    prctl(PR_SET_PDEATHSIG, SIGURG);
}

void urgent_close(void)
{
    static const int mine[] = {SIGURG};
    prctl(PR_SET_PDEATHSIG, 0);
    sig_hold(mine, 1);
}

bool urgent_overdue(void)
{
    return start.urged > 0;
}

void urgent_started(void)
{
    start.over = true;
    config_interrupt(NULL);
    app_interrupt_loading(NULL);
}
