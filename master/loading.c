/* SPDX-License-Identifier: MIT */
/*
 * Loading a config, or an app before any fork, in the master or in a process
 * that only checks: what hangs there must end, too. The first SIGURG makes what
 * runs in Lua fail with its place. At the next it is in C code, and its stack
 * is written; at the third a process that serves nobody yet ends.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sig.h"
#include "config/config.h"
#include "lua/app.h"
#include "master/master.h"

/* Between two of them. */
#define GRACE CLOCK_SECOND

static struct {
    volatile sig_atomic_t urged; /* how often */
    enum loading how;
    char why[64];
} loading;

static void write_stacks(void)
{
    char line[128];
    int n = snprintf(line, sizeof line,
                     "pid=%d cannot be interrupted: %s; the Lua stack is:\n",
                     (int)getpid(), loading.why);
    ssize_t wrote = write(STDERR_FILENO, line, (size_t)n);
    (void)wrote;
    config_write_stack(STDERR_FILENO);
    app_write_loading_stack(STDERR_FILENO);
}

static void on_urgent(bool told)
{
    (void)told;
    int times = loading.urged++;
    if (times == 0) {
        config_interrupt(loading.why);
        app_interrupt_loading(loading.why);
    } else if (times == 1) {
        write_stacks();
    } else if (loading.how == LOADING_ALONE) {
        _exit(EXIT_NOT_STARTED);
    }
}

void load_bound(enum loading how, int64_t limit)
{
    loading.urged = 0;
    loading.how = how;
    snprintf(loading.why, sizeof loading.why, "boot_timeout=%.3gs has passed",
             (double)limit / CLOCK_SECOND);
    sig_on_urgent(on_urgent);
    sig_urge(how == LOADING_WATCHED ? 0 : limit, GRACE);
}

void load_unbound(void)
{
    static const int urgent = SIGURG;
    sig_urge(0, 0);
    sig_default(&urgent, 1); /* whoever sends it now means nothing */
    config_interrupt(NULL);
    app_interrupt_loading(NULL);
}
