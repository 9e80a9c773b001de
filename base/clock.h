/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_CLOCK_H
#define RAINBOWS_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/*
 * Time in the server is int64_t microseconds on the monotonic clock; a jump
 * of the wall clock moves nothing. CLOCK_NEVER is later than any time.
 */
#define CLOCK_SECOND INT64_C(1000000)
#define CLOCK_NEVER  INT64_MAX

static inline int64_t clock_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * CLOCK_SECOND + ts.tv_nsec / 1000;
}

/* Milliseconds until deadline for poll(2): rounded up, 0 when it has passed,
 * -1 for CLOCK_NEVER. */
static inline int clock_poll_ms(int64_t deadline, int64_t now)
{
    if (deadline == CLOCK_NEVER)
        return -1;
    if (deadline <= now)
        return 0;
    int64_t ms = (deadline - now + 999) / 1000;
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

#endif
