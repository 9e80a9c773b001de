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
