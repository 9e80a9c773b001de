/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_WAIT_H
#define RAINBOWS_BASE_WAIT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What somebody waits for: poll(2) events on a descriptor, or the clock.
 * fd -1: only the clock. Times are base/clock.h's.
 */
struct wait {
    int fd;
    short events;     /* POLLIN, POLLOUT */
    int64_t deadline; /* CLOCK_NEVER: none */
};

/* Blocks until the wait is over. Returns the events that came (POLLERR and
 * POLLHUP included), 0 when the deadline passed. Interrupted waits go on. */
short wait_block(const struct wait *wait);

/* The same, but a signal ends it when *stop is (or becomes) true: returns
 * POLLERR then. NULL: as wait_block(). */
short wait_block_unless(const struct wait *wait,
                        const volatile sig_atomic_t *stop);

/* Blocks until something comes for the first or the second (NULL: only for the
 * first), or the first's deadline passes; or for no reason. Returns what came
 * for the first; *second_came says whether anything did for the second. */
short wait_either(const struct wait *first, const struct wait *second,
                  bool *second_came);

#endif
