/* SPDX-License-Identifier: MIT */
/*
 * Heartbeats: written by a thread of the worker, read by the master.
 */
#include "worker/heartbeat.h"

#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/err.h"

static struct heartbeat heartbeat;

static void open_it(void)
{
    struct err err;
    cr_assert_eq(heartbeat_open(&heartbeat, 3, &err), 0, "%s", err.text);
}

static void close_it(void)
{
    heartbeat_close(&heartbeat);
}

TestSuite(heartbeat, .init = open_it, .fini = close_it);

Test(heartbeat, is_in_no_lua_state_at_first)
{
    cr_expect_eq(heartbeat_oldest(&heartbeat), 0);
    cr_expect_eq(heartbeat.count, 3);
}

Test(heartbeat, tells_since_when_and_until_when)
{
    beat_use(&heartbeat.lines[1]);
    beat_enter(100);
    cr_expect_eq(heartbeat_oldest(&heartbeat), 100);
    beat_enter(200);
    cr_expect_eq(heartbeat_oldest(&heartbeat), 200);
    beat_leave();
    cr_expect_eq(heartbeat_oldest(&heartbeat), 0);
}

Test(heartbeat, tells_the_oldest_of_several)
{
    static const int64_t entered[] = {300, 100, 200};
    for (int i = 0; i < 3; i++) {
        beat_use(&heartbeat.lines[i]);
        beat_enter(entered[i]);
    }
    cr_expect_eq(heartbeat_oldest(&heartbeat), 100);
    beat_use(&heartbeat.lines[1]);
    beat_leave();
    cr_expect_eq(heartbeat_oldest(&heartbeat), 200);
}

Test(heartbeat, is_seen_across_a_fork)
{
    pid_t pid = fork();
    if (pid == 0) {
        beat_use(&heartbeat.lines[2]);
        beat_enter(4711);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    cr_expect_eq(heartbeat_oldest(&heartbeat), 4711);
    cr_expect_eq(heartbeat.lines[2].thread, pid);
}

static void enter(int line, const char *request, int64_t entered)
{
    beat_use(&heartbeat.lines[line]);
    beat_name((struct span){request, strlen(request)});
    beat_enter(entered);
}

Test(heartbeat, walks_over_the_late_ones_with_their_requests)
{
    struct late_call late;
    size_t next = 0;
    enter(0, "GET /old", 100);
    enter(1, "GET /young", 300);
    enter(2, "POST /older?a=b", 50);
    cr_assert(heartbeat_late(&heartbeat, 200, &next, &late));
    cr_expect_eq(late.entered, 100);
    cr_expect_str_eq(late.request, "GET /old");
    cr_assert(heartbeat_late(&heartbeat, 200, &next, &late));
    cr_expect_eq(late.entered, 50);
    cr_expect_str_eq(late.request, "POST /older?a=b");
    cr_expect_not(heartbeat_late(&heartbeat, 200, &next, &late));
}

Test(heartbeat, has_no_late_ones_where_control_has_left)
{
    struct late_call late;
    size_t next = 0;
    enter(0, "GET /", 100);
    beat_leave();
    cr_expect_not(heartbeat_late(&heartbeat, 200, &next, &late));
}

Test(heartbeat, cuts_a_long_request)
{
    char path[1000];
    struct late_call late;
    size_t next = 0;
    for (size_t len = BEAT_REQUEST - 10; len < sizeof path; len += 3) {
        memset(path, 'x', len);
        path[len] = '\0';
        enter(0, path, 100);
        next = 0;
        cr_assert(heartbeat_late(&heartbeat, 200, &next, &late));
        size_t shown = strlen(late.request);
        if (shown == len)
            continue;
        cr_assert_eq(shown, BEAT_REQUEST - 1);
        cr_assert_str_eq(late.request + shown - 4, "x...");
    }
    enter(0, "GET /short", 100);
    next = 0;
    cr_assert(heartbeat_late(&heartbeat, 200, &next, &late));
    cr_expect_str_eq(late.request, "GET /short");
}

/* A worker that was stopped while it wrote leaves no end. */
Test(heartbeat, reads_a_request_without_end_as_a_text)
{
    struct late_call late;
    size_t next = 0;
    enter(0, "GET /", 100);
    memset(heartbeat.lines[0].request, 'x', BEAT_REQUEST);
    cr_assert(heartbeat_late(&heartbeat, 200, &next, &late));
    cr_expect_eq(strlen(late.request), BEAT_REQUEST - 1);
}

Test(heartbeat, is_not_disturbed_by_threads_without_a_line)
{
    beat_enter(100);
    cr_expect_eq(heartbeat_oldest(&heartbeat), 0);
    beat_leave();
}

Test(heartbeat, lines_share_no_cache_line)
{
    cr_expect_eq((uintptr_t)&heartbeat.lines[0] % 64, 0);
    cr_expect_eq(sizeof(struct beat) % 64, 0);
}

Test(heartbeat, close_takes_what_is_closed_or_zeroed)
{
    struct heartbeat zeroed = {0};
    heartbeat_close(&zeroed);
    heartbeat_close(&heartbeat);
    cr_expect_null(heartbeat.lines);
    cr_expect_eq(heartbeat_oldest(&heartbeat), 0);
}
