/* SPDX-License-Identifier: MIT */
/*
 * Signals while the server starts.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

static struct server server;

static void stop(void)
{
    server_stop(&server);
}

TestSuite(boot_signals, .fini = stop, .timeout = 90);

static const char *with(const char *more)
{
    return xasprintf("app(\"%s\")\n%s", app_path("faults.lua"), more);
}

/* At any time of the start; before there is a handler the signal ends it, which
 * is as well. */
static void signal_early(int signo)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* whoever loses its parent is ours */
    server.errors_expected = true;
    for (int us = 0; us < 24000; us += 800) {
        server_launch(&server, with("worker_processes(2) pid('pid')"));
        usleep(us);
        server_signal(&server, signo);
        int how = server_wait(&server);
        if (WIFSIGNALED(how))
            cr_assert_eq(WTERMSIG(how), signo);
        else
            cr_assert_eq(WEXITSTATUS(how), 0, "%s", server.log);
        cr_assert(WIFSIGNALED(how) || !server_has(&server, "pid"));
        process_await_no_child();
        unlink(server_path(&server, "pid"));
    }
}

Test(boot_signals, ends_with_a_quit_that_comes_early_and_leaves_nobody)
{
    signal_early(SIGQUIT);
}

Test(boot_signals, ends_with_a_term_that_comes_early_and_leaves_nobody)
{
    signal_early(SIGTERM);
}

/* Nobody is ready, and nobody could not start either. */
Test(boot_signals, end_it_well_while_the_first_worker_loads)
{
    static const int signals[] = {SIGQUIT, SIGTERM, SIGINT};
    server.errors_expected = true;
    for (int i = 0; i < 3; i++) {
        server_launch(&server, with("after_fork(function()"
                                    " while true do end end)"));
        server_await(&server, "starting version=");
        server_signal(&server, signals[i]);
        int how = server_wait(&server);
        cr_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0, "%s", server.log);
    }
}

/* Those that would not end it get lost in no state that it cannot leave. */
Test(boot_signals, serves_when_other_signals_come_as_soon_as_it_listens)
{
    static const int signals[] = {SIGHUP, SIGTTIN, SIGTTOU, SIGUSR1};
    server_launch(&server, with("worker_processes(1)"));
    server_await(&server, "starting version=");
    for (int i = 0; i < 40; i++)
        server_signal(&server, signals[i % 4]);
    server_await_serving(&server);
    cr_assert_eq(get(&server, "/version").status, 200);
}
