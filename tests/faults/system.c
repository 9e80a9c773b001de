/* SPDX-License-Identifier: MIT */
/*
 * A system that says no: to the master's fork, pipes and memory, and to the
 * log. The master says so, goes on, and tries again.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/inject.h"
#include "tests/support/load.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

static struct server server;
static struct inject *inject;

static void start(void)
{
    server.errors_expected = true;
    server_prepare(&server);
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(system, .init = start, .fini = stop, .timeout = 90);

static void serve(const char *more)
{
    server_serve(&server, "faults.lua", more);
}

static void serve_and_inject(const char *more)
{
    if (SANITIZED)
        cr_skip("sanitizers stand where the failures would be made");
    server.preload = INJECT;
    server.preload_file = server_path(&server, "inject");
    inject = inject_open(server.preload_file);
    serve(more);
    inject->only = server.pid;
}

/* ---- no new worker ---- */

/* Waits until the call has failed so often. */
static void await_failures(enum inject_call call, uint64_t times)
{
    int64_t deadline = clock_now() + PATIENCE * CLOCK_SECOND;
    while (inject->failed[call] < times) {
        cr_assert_lt(clock_now(), deadline, "it is not called again");
        poll(NULL, 0, 10);
    }
}

/* A worker dies and the next cannot start; when it can, it does. */
static void deny(enum inject_call call, int error)
{
    serve_and_inject("worker_processes(2)");
    inject->fails[call] = error;
    kill(server_worker(&server, 0), SIGKILL);
    server_await(&server, strerror(error));
    long before = process_ticks(server.pid);
    struct load *load = load_begin(server.port, NULL);
    await_failures(call, 2);
    cr_assert_leq(process_ticks(server.pid) - before, 10);
    cr_assert_leq(inject->failed[call], 4);
    inject->fails[call] = 0;
    server_await_times(&server, " ready model=", 3);
    load_pass(load, 2);
    load_end_well(load);
    process_await_children(server.pid, 2);
}

Test(system, that_denies_a_fork_is_asked_again)
{
    deny(INJECT_FORK, EAGAIN);
}

Test(system, that_denies_a_pipe_is_asked_again)
{
    deny(INJECT_PIPE2, EMFILE);
}

Test(system, that_denies_memory_for_the_heartbeat_is_asked_again)
{
    deny(INJECT_MMAP, ENOMEM);
}

/* ---- no room for the log ---- */

static void log_to(const char *path)
{
    char *name = server_path(&server, "stderr");
    unlink(name);
    cr_assert_eq(symlink(path, name), 0);
    free(name);
}

Test(system, whose_disk_is_full_loses_log_lines_and_nothing_else)
{
    log_to("log");
    serve("worker_processes(2) stderr_path('stderr')");
    struct load *load = load_begin(server.port, NULL);
    log_to("/dev/full");
    server_signal(&server, SIGUSR1);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(get(&server, "/error").status, 500);
    server_signal(&server, SIGTTIN);
    process_await_children(server.pid, 3);
    kill(server_worker(&server, 0), SIGTERM);
    load_pass(load, 3);
    process_await_children(server.pid, 3);
    log_to("log");
    server_signal(&server, SIGUSR1);
    server_await_times(&server, "logs reopened", 1);
    server_signal(&server, SIGTTIN);
    server_await(&server, "workers=4");
    load_pass(load, 3);
    load_end_well(load);
}
