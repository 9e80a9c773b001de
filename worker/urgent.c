/* SPDX-License-Identifier: MIT */
/*
 * The one signal that is not handled in the loop: the loop may be what hangs.
 * The signal comes to any thread of the worker, which passes it on to those
 * whose calls are late; each of them acts on its own Lua state.
 */
#include "worker/urgent.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sig.h"
#include "config/config.h"
#include "lua/app.h"
#include "worker/heartbeat.h"
#include "worker/worker.h"

static struct worker *me;

static bool is_late(const struct beat *beat)
{
    int64_t entered = beat->entered;
    return entered && clock_now() - entered > me->config->timeout;
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
    char line[128];
    int n = snprintf(line, sizeof line,
                     "worker=%d pid=%d cannot be interrupted; the Lua stack "
                     "is:\n",
                     me->number, (int)getpid());
    ssize_t wrote = write(STDERR_FILENO, line, (size_t)n);
    (void)wrote;
    app_write_stack(me->apps[i], STDERR_FILENO);
}

static void on_urgent(bool told)
{
    if (told) {
        act(beat_mine());
        return;
    }
    for (size_t i = 0; i < me->heartbeat->count; i++)
        if (is_late(&me->heartbeat->lines[i]))
            syscall(SYS_tgkill, getpid(), me->heartbeat->lines[i].thread,
                    SIGURG);
}

void urgent_open(struct worker *worker)
{
    me = worker;
    sig_on_urgent(on_urgent);
}
