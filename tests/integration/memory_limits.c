/* SPDX-License-Identifier: MIT */
/*
 * Bounds of memory and of age: a call that needs too much fails alone, and a
 * worker that has become too large or has served enough is replaced without the
 * loss of a request.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define LIMIT "lua_memory_limit(4 * 1024 * 1024)"

static struct server server;

static void serve(const char *more)
{
    server_serve(
        &server, "memory_limits.lua",
        xasprintf("worker_processes(1) pool_size(2) app_pool(2) %s", more));
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(memory_limits, .fini = stop, .timeout = 60);

static pid_t pid_now(void)
{
    struct answer a = get(&server, "/");
    cr_assert_eq(a.status, 200);
    return (pid_t)atoi(a.body);
}

/* ---- calls that need too much ---- */

static const char *const bombs[] = {"/rep", "/double", "/table", "/coroutine",
                                    "/caught"};

enum {
    BOMBS = sizeof bombs / sizeof *bombs
};

static int begin(const char *path)
{
    int fd = dial(&server);
    send_text(fd, xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n"
                            "Connection: close\r\n\r\n",
                            path));
    return fd;
}

static int status_of(int fd)
{
    int status = read_answer(fd).status;
    close(fd);
    return status;
}

Test(memory_limits, a_call_that_needs_too_much_fails_and_the_worker_lives)
{
    server.errors_expected = true;
    serve(LIMIT);
    pid_t pid = pid_now();
    for (int i = 0; i < BOMBS; i++) {
        cr_assert_eq(get(&server, bombs[i]).status, 500, "%s", bombs[i]);
        cr_assert_eq(pid_now(), pid, "%s", bombs[i]);
    }
    server_await_times(
        &server, "not enough memory: lua_memory_limit=4194304 reached", BOMBS);
}

Test(memory_limits, the_connection_goes_on_after_the_500)
{
    server.errors_expected = true;
    serve(LIMIT);
    int fd = dial(&server);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(ask(fd, "GET /table HTTP/1.1\r\nHost: x\r\n\r\n").status,
                     500);
        cr_assert_eq(ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
    }
    close(fd);
}

Test(memory_limits, a_body_that_needs_too_much_is_cut)
{
    server.errors_expected = true;
    serve(LIMIT);
    pid_t pid = pid_now();
    struct answer a = get(&server, "/body");
    cr_assert(a.status == 500 || !a.whole, "%d", a.status);
    cr_assert_eq(pid_now(), pid);
}

Test(memory_limits, calls_beside_it_are_served)
{
    server.errors_expected = true;
    serve(LIMIT);
    pid_t pid = pid_now();
    for (int i = 0; i < BOMBS; i++) {
        int fds[4] = {begin("/"), begin(bombs[i]), begin("/"), begin("/")};
        for (int k = 0; k < 4; k++)
            cr_assert_eq(status_of(fds[k]), k == 1 ? 500 : 200, "%s", bombs[i]);
    }
    cr_assert_eq(pid_now(), pid);
}

Test(memory_limits, what_catches_every_error_ends_by_timeout)
{
    if (signals_come_late())
        cr_skip("a call that spins is not interrupted here");
    server.errors_expected = true;
    serve(LIMIT "timeout(0.5)");
    pid_t pid = pid_now();
    cr_assert_eq(get(&server, "/always").status, 500);
    cr_assert_eq(pid_now(), pid);
}

Test(memory_limits, each_state_has_its_own_limit)
{
    if (!strstr(model_under_test(), "Thread"))
        cr_skip("%s has one state", model_under_test());
    serve("lua_memory_limit(8 * 1024 * 1024)");
    int a = begin("/meet?a&b");
    int b = begin("/meet?b&a");
    cr_assert_str_eq(read_answer(a).body, "met 5000");
    cr_assert_str_eq(read_answer(b).body, "met 5000");
    close(a);
    close(b);
}

Test(memory_limits, an_app_that_does_not_fit_is_refused)
{
    server.errors_expected = true;
    server_launch(&server, "lua_memory_limit(1 << 20) local t = {}\n"
                           "for i = 1, 1e5 do t[i] = {} end\n"
                           "app(function() return 200, {}, #t end)");
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    server_await(&server, "lua_memory_limit=1048576 reached; raise it");
}

/* ---- workers that are replaced ---- */

/* A client that keeps its connection for as long as the server does. */
static int kept = -1;

static pid_t ask_for(const char *path)
{
    if (kept < 0)
        kept = dial(&server);
    struct answer a =
        ask(kept, xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path));
    cr_assert_eq(a.status, 200, "%s: %d", path, a.status);
    const char *connection = field(&a, "connection");
    if (connection && strcmp(connection, "close") == 0) {
        await_close(kept);
        kept = -1;
    }
    return (pid_t)atoi(a.body);
}

/* Where a newcomer takes the place of an idle client, nobody else may come. */
static bool comes_first(void)
{
    return strcmp(model_under_test(), "Base") == 0 ||
           strcmp(model_under_test(), "ThreadPool") == 0;
}

/* Asks until so many workers have answered, on one connection after the other,
 * and beside that on a new one each time. */
static void meet_workers(int count, const char *path)
{
    pid_t last = 0;
    for (int met = 0; met < count;) {
        pid_t pid = ask_for(path);
        met += pid != last;
        last = pid;
        if (!comes_first())
            cr_assert_eq(get(&server, "/").status, 200);
    }
    if (kept >= 0)
        close(kept);
}

/* It says so before it answers the call that has made it full. */
Test(memory_limits, a_worker_that_leaks_asks_before_its_calls_fail)
{
    serve("lua_memory_limit(2 * 1024 * 1024)");
    pid_t pid = pid_now(), next;
    while (!server_logged(&server, "wants to be replaced: lua_memory_limit="
                                   "2097152 nearly reached used="))
        cr_assert_eq(ask_for("/leak"), pid);
    while ((next = ask_for("/")) == pid)
        ;
    cr_assert_eq(ask_for("/leak"), next);
    close(kept);
}

Test(memory_limits, a_worker_that_has_served_enough_is_replaced)
{
    serve("max_requests(30, { jitter = 10 })");
    meet_workers(5, "/");
    server_await_times(&server, "wants to be replaced: max_requests=30 reached",
                       4);
}

Test(memory_limits, a_worker_that_is_too_large_is_replaced)
{
    serve("max_memory(64 * 1024 * 1024)");
    meet_workers(2, "/grow");
    server_await(&server, "wants to be replaced: max_memory=67108864 exceeded "
                          "resident=");
}
