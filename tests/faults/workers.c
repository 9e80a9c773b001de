/* SPDX-License-Identifier: MIT */
/*
 * Workers that die, hang, stop or run out of something: it costs the requests
 * they had in hand, and there is another in their place soon.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/load.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

enum {
    CLIENTS = 3 /* of a load */
};

static struct server server;

static void stop(void)
{
    server_stop(&server);
}

TestSuite(workers, .fini = stop, .timeout = 90);

/* Few states and threads, so that a worker starts quickly. */
static void serve(const char *more)
{
    server_serve(&server, "faults.lua",
                 xasprintf("pool_size(3) app_pool(3)\n%s", more));
}

/* Of the worker that answers. */
static pid_t worker_of(int fd)
{
    return (pid_t)atoi(ask(fd, "GET /pid HTTP/1.1\r\nHost: x\r\n\r\n").body);
}

static void begin(int fd, const char *path)
{
    char *text = xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    send_text(fd, text);
    free(text);
}

static void assert_serves(void)
{
    cr_assert_str_eq(get(&server, "/version").body, "one");
}

/* ---- killed ---- */

Test(workers, killed_one_by_one_cost_only_the_requests_in_their_hands)
{
    enum {
        TIMES = 4
    };
    server.errors_expected = true;
    serve("worker_processes(2)");
    struct load *load = load_begin(server.port, NULL);
    for (int i = 0; i < TIMES; i++) {
        cr_assert_eq(kill(server_worker(&server, i % 2), SIGKILL), 0);
        server_await_times(&server, " ready model=", 3 + i);
        load_pass(load, 2);
    }
    struct load_count count = load_end(load);
    cr_assert_eq(count.failed[LOAD_REFUSED], 0, "%s", count.first);
    cr_assert_eq(count.failed[LOAD_WRONG], 0, "%s", count.first);
    cr_assert_eq(count.failed[LOAD_SILENT], 0, "%s", count.first);
    cr_assert_leq(load_failed(&count), TIMES * CLIENTS, "%s", count.first);
}

Test(workers, killed_within_a_request_close_its_connection_at_once)
{
    server.errors_expected = true;
    serve("worker_processes(2)");
    int busy = dial(&server);
    begin(busy, "/sleep?20");
    server_await(&server, "asleep");
    for (int n = 0; n < 2; n++)
        kill(server_worker(&server, n), SIGKILL);
    cr_assert(readable_within(busy, 2000));
    await_close(busy);
    server_await_times(&server, " ready model=", 4);
    assert_serves();
}

Test(workers, killed_all_at_once_and_again_are_always_replaced)
{
    server.errors_expected = true;
    serve("worker_processes(3)");
    for (int round = 1; round <= 5; round++) {
        for (int n = 0; n < 3; n++)
            cr_assert_eq(kill(server_worker(&server, n), SIGKILL), 0);
        server_await_times(&server, " ready model=", 3 + 3 * round);
        assert_serves();
    }
    cr_assert_eq(server_children(&server), 3);
    cr_assert_eq(process_zombies(server.pid), 0);
}

/* ---- ended by the app ---- */

static void assert_ends(const char *path, const char *how)
{
    int fd = dial(&server);
    pid_t pid = worker_of(fd);
    begin(fd, path);
    char *want = xasprintf("reaped worker=0 pid=%d %s", (int)pid, how);
    server_await(&server, want);
    free(want);
    await_close(fd);
    server_await(&server, " ready model=");
    assert_serves();
}

Test(workers, that_the_app_ends_are_replaced_and_the_log_says_how)
{
    server.errors_expected = true;
    serve("worker_processes(1)");
    assert_ends("/signal?SEGV", "signal=SEGV");
    assert_ends("/signal?ABRT", "signal=ABRT");
    assert_ends("/exit?3", "exit=3");
}

/* ---- they go on ---- */

Test(workers, survive_what_the_app_does_wrong)
{
    static const char *const wrong[] = {"/error", "/nonsense", "/missing"};
    server.errors_expected = true;
    serve("worker_processes(2)");
    struct load *load = load_begin(server.port, NULL);
    for (int i = 0; i < 9; i++)
        cr_assert_eq(get(&server, wrong[i % 3]).status, 500);
    load_end_well(load);
    cr_assert_not(server_logged(&server, "reaped"));
}

Test(workers, out_of_memory_fail_a_call_or_are_replaced)
{
    enum {
        ROOM = 64 << 20
    };
    if (SANITIZED)
        cr_skip("sanitizers need all the addresses there are");
    server.errors_expected = true;
    serve("worker_processes(1)");
    pid_t worker = server_worker(&server, 0);
    rlim_t size = (rlim_t)process_size(worker) + ROOM;
    struct rlimit limit = {.rlim_cur = size, .rlim_max = size};
    cr_assert_eq(prlimit(worker, RLIMIT_AS, &limit, NULL), 0);
    int fd = dial(&server);
    begin(fd, "/bomb");
    struct answer a = read_answer(fd);
    if (a.status == 500) {
        cr_assert_eq(worker_of(fd), worker);
        return;
    }
    cr_assert_eq(a.status, 0, "%d", a.status);
    server_await_times(&server, " ready model=", 2);
    assert_serves();
}

Test(workers, that_are_idle_for_longer_than_timeout_are_left_alone)
{
    serve("worker_processes(1) timeout(0.2) keepalive_timeout(60)");
    pid_t worker = server_worker(&server, 0);
    int fd = dial(&server);
    cr_assert_eq(worker_of(fd), worker);
    cr_assert_not(readable_within(fd, 1500));
    cr_assert_eq(worker_of(fd), worker);
    cr_assert_not(server_logged(&server, "killing"));
    cr_assert_not(server_logged(&server, "is late"));
}

/* ---- stopped ---- */

Test(workers, stopped_within_a_call_are_killed_while_others_serve)
{
    server.errors_expected = true;
    serve("worker_processes(2) timeout(0.3)");
    int fd = dial(&server);
    begin(fd, "/signal?STOP");
    server_await(&server, "is stopped signal=STOP");
    assert_serves();
    server_await(&server, "stopped for more than timeout=0.3s");
    await_close(fd);
    server_await_times(&server, " ready model=", 3);
    assert_serves();
}

Test(workers, stopped_while_idle_are_killed_while_others_serve)
{
    server.errors_expected = true;
    serve("worker_processes(2) timeout(0.3)");
    kill(server_worker(&server, 0), SIGSTOP);
    server_await(&server, "is stopped signal=STOP");
    struct load *load = load_begin(server.port, NULL);
    server_await(&server, "stopped for more than timeout=0.3s");
    server_await_times(&server, " ready model=", 3);
    load_pass(load, 2);
    load_end_well(load);
}

Test(workers, stopped_for_a_moment_go_on_and_fail_no_request)
{
    serve("worker_processes(2) timeout(10)");
    struct load *load = load_begin(server.port, NULL);
    for (int i = 0; i < 6; i++) {
        pid_t worker = server_worker(&server, i % 2);
        kill(worker, SIGSTOP);
        server_await(&server, "is stopped signal=STOP");
        kill(worker, SIGCONT);
        server_await(&server, "goes on");
        load_pass(load, 1);
    }
    load_end_well(load);
    cr_assert_not(server_logged(&server, "reaped"));
}
