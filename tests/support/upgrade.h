/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_UPGRADE_H
#define RAINBOWS_TESTS_SUPPORT_UPGRADE_H

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

#include "tests/support/process.h"
#include "tests/support/server.h"

/*
 * USR2 for tests, beside server_follow_upgrade(). Whoever loses its parent
 * becomes the test's child, which sees that nobody is left in the end.
 */

/* Before the server is started. */
static inline void upgrade_prepare(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Sends USR2; returns the pid of the new master, which may fail yet. */
static inline pid_t upgrade_begin(struct server *s)
{
    static const char words[] = "started new master pid=";
    server_signal(s, SIGUSR2);
    const char *at = strstr(server_await(s, words), words);
    return (pid_t)atoi(at + sizeof words - 1);
}

/* Ends the server. Nobody of any master is left afterwards. */
static inline void upgrade_stop(struct server *s)
{
    server_stop(s);
    process_await_no_child();
}

#endif
