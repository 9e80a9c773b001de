/* SPDX-License-Identifier: MIT */
/*
 * Times and what poll(2) is told about them.
 */
#include "base/clock.h"

#include <criterion/criterion.h>

static const struct {
    int64_t deadline, now;
    int ms;
} polls[] = {
    {CLOCK_NEVER, 0, -1},
    {CLOCK_NEVER, CLOCK_NEVER - 1, -1},
    {100, 100, 0},
    {100, 101, 0},
    {0, CLOCK_SECOND, 0},
    {101, 100, 1}, /* 0 would be a busy loop */
    {1000, 0, 1},
    {1001, 0, 2},
    {CLOCK_SECOND, 0, 1000},
    {CLOCK_SECOND * 3600 * 24 * 365, 0, INT32_MAX},
};

Test(clock, poll_gets_milliseconds_rounded_up)
{
    for (size_t i = 0; i < sizeof polls / sizeof *polls; i++)
        cr_expect_eq(clock_poll_ms(polls[i].deadline, polls[i].now),
                     polls[i].ms, "case %zu", i);
}

Test(clock, never_goes_back)
{
    int64_t last = clock_now();
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_now();
        cr_assert_geq(now, last);
        last = now;
    }
}
