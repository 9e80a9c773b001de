/* SPDX-License-Identifier: MIT */
/*
 * The blocking wait: for events, for the clock, and on through interruptions.
 */
#include "base/wait.h"

#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"

static int ends[2];

static void open_pipe(void)
{
    cr_assert_eq(pipe(ends), 0);
}

TestSuite(wait, .init = open_pipe, .timeout = 10);

static short wait_for(int fd, short events, int64_t deadline)
{
    struct wait wait = {.fd = fd, .events = events, .deadline = deadline};
    return wait_block(&wait);
}

Test(wait, returns_the_events_that_came)
{
    cr_expect_eq(wait_for(ends[1], POLLOUT, CLOCK_NEVER), POLLOUT);
    cr_assert_eq(write(ends[1], "x", 1), 1);
    cr_expect_eq(wait_for(ends[0], POLLIN, CLOCK_NEVER), POLLIN);
}

Test(wait, returns_hang_ups_that_nobody_asked_for)
{
    close(ends[1]);
    cr_expect_eq(wait_for(ends[0], 0, CLOCK_NEVER), POLLHUP);
}

Test(wait, is_over_at_once_when_the_deadline_has_passed)
{
    cr_expect_eq(wait_for(ends[0], POLLIN, 0), 0);
    cr_expect_eq(wait_for(ends[0], POLLIN, clock_now()), 0);
    cr_expect_eq(wait_for(-1, 0, clock_now()), 0);
}

Test(wait, prefers_an_event_to_a_passed_deadline)
{
    cr_assert_eq(write(ends[1], "x", 1), 1);
    cr_expect_eq(wait_for(ends[0], POLLIN, 0), POLLIN);
}

Test(wait, ends_no_earlier_than_the_deadline)
{
    for (int i = 1; i <= 5; i++) {
        int64_t deadline = clock_now() + i * 700;
        cr_expect_eq(wait_for(-1, 0, deadline), 0);
        cr_expect_geq(clock_now(), deadline);
    }
}

static volatile sig_atomic_t interruptions;

static void on_alarm(int signo)
{
    (void)signo;
    interruptions++;
}

Test(wait, goes_on_after_an_interruption)
{
    struct sigaction act = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &act, NULL);
    struct itimerval often = {{0, 1000}, {0, 1000}};
    int64_t deadline = clock_now() + 20000;
    setitimer(ITIMER_REAL, &often, NULL);
    cr_expect_eq(wait_for(ends[0], POLLIN, deadline), 0);
    cr_expect_geq(clock_now(), deadline);
    cr_expect_gt(interruptions, 0);
}

Test(wait, reports_a_descriptor_that_is_none)
{
    close(ends[0]);
    cr_expect_eq(wait_for(ends[0], POLLIN, CLOCK_NEVER), POLLNVAL);
}

/* ---- two at once ---- */

Test(wait, for_either_says_which_one_came)
{
    int other[2];
    bool came = true;
    struct wait first = {ends[0], POLLIN, clock_now() + CLOCK_SECOND};
    cr_assert_eq(pipe(other), 0);
    struct wait second = {other[0], POLLIN, CLOCK_NEVER};
    cr_assert_eq(write(other[1], "x", 1), 1);
    cr_expect_eq(wait_either(&first, &second, &came), 0);
    cr_expect(came);
    cr_assert_eq(write(ends[1], "x", 1), 1);
    cr_expect_eq(wait_either(&first, NULL, &came), POLLIN);
    cr_expect_not(came);
}

Test(wait, for_either_ends_with_the_deadline_of_the_first)
{
    bool came = true;
    struct wait first = {-1, 0, clock_now() + 20 * 1000};
    struct wait second = {ends[0], POLLIN, CLOCK_NEVER};
    cr_expect_eq(wait_either(&first, &second, &came), 0);
    cr_expect(!came && clock_now() >= first.deadline);
}
