/* SPDX-License-Identifier: MIT */
/*
 * What the models differ in: which calls run at the same time, and where
 * clients wait. That calls overlap is shown by calls that need each other,
 * never by the time they take.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"

static struct server server;

static void start(const char *more)
{
    char config[4400];
    snprintf(config, sizeof config, "app(\"%s\") worker_processes(1) %s",
             app_path("models.lua"), more);
    server_start(&server, config);
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(models, .fini = stop, .timeout = 60);

static bool has(const char *part)
{
    return strstr(model_under_test(), part) != NULL;
}

static int request(const char *path)
{
    char text[256];
    int fd = dial(&server);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    send_text(fd, text);
    return fd;
}

Test(models, tells_the_app_what_it_is)
{
    char want[64];
    start("");
    snprintf(want, sizeof want, "%s %s", model_under_test(),
             has("Thread") ? "true" : "false");
    cr_assert_str_eq(get(&server, "/flags").body, want);
}

Test(models, calls_that_wait_overlap)
{
    if (!has("Thread") && !has("Coroutine"))
        cr_skip("%s runs one call at a time", model_under_test());
    start("pool_size(2)");
    int a = request("/meet?a&b&wait");
    int b = request("/meet?b&a&wait");
    cr_assert_str_eq(read_answer(a).body, "met");
    cr_assert_str_eq(read_answer(b).body, "met");
}

Test(models, threads_run_lua_at_the_same_time)
{
    if (!has("Thread"))
        cr_skip("%s has no threads", model_under_test());
    start("pool_size(2)");
    int a = request("/meet?a&b&spin");
    int b = request("/meet?b&a&spin");
    cr_assert_str_eq(read_answer(a).body, "met");
    cr_assert_str_eq(read_answer(b).body, "met");
}

Test(models, a_pool_of_one_serves_in_order)
{
    if (!has("Pool"))
        cr_skip("%s has no pool", model_under_test());
    start("pool_size(1)");
    int a = request("/wait?a");
    int b = request("/wait?b");
    int c = request("/wait?c");
    server_write(&server, "go", "");
    cr_assert_str_eq(read_answer(a).body, "1");
    close(a);
    cr_assert_str_eq(read_answer(b).body, "2");
    close(b);
    cr_assert_str_eq(read_answer(c).body, "3");
}

Test(models, clients_beyond_the_limit_wait_their_turn)
{
    if (strcmp(model_under_test(), "Base") == 0 ||
        strcmp(model_under_test(), "ThreadPool") == 0)
        cr_skip("%s has no such limit", model_under_test());
    start("worker_connections(2) keepalive_timeout(60)");
    int a = request("/");
    int b = request("/");
    cr_assert_eq(read_answer(a).status, 200);
    cr_assert_eq(read_answer(b).status, 200);
    int c = request("/");
    cr_assert(!readable_within(c, 200));
    close(a);
    cr_assert_eq(read_answer(c).status, 200);
    close(b);
}

Test(models, a_borrowed_state_comes_back)
{
    if (!has("Spawn") || !has("Thread"))
        cr_skip("%s borrows no states", model_under_test());
    start("app_pool(1)");
    for (int i = 0; i < 20; i++)
        cr_assert_eq(get(&server, "/flags").status, 200);
}

/* The client reads on while others are served. */
Test(models, an_endless_body_leaves_others_their_turn)
{
    char trash[65536];
    if (strcmp(model_under_test(), "Base") == 0)
        cr_skip("Base serves one client at a time");
    start("pool_size(2)");
    int fd = request("/endless");
    for (int i = 0; i < 200; i++) {
        cr_assert_gt(recv(fd, trash, sizeof trash, 0), 0);
        if (i % 50 == 0)
            cr_assert_eq(get(&server, "/flags").status, 200);
    }
    close(fd);
}

Test(models, a_sleep_of_nothing_lets_others_run)
{
    if (!has("Coroutine"))
        cr_skip("%s runs a call to its end", model_under_test());
    start("");
    int fd = request("/zero");
    cr_assert_str_eq(get(&server, "/wake").body, "woken");
    cr_assert_str_eq(read_answer(fd).body, "awake");
}

Test(models, a_call_whose_coroutine_was_closed_fails_alone)
{
    if (!has("Coroutine"))
        cr_skip("%s runs a call to its end", model_under_test());
    server.errors_expected = true;
    start("");
    int fd = request("/keep");
    cr_assert_str_eq(get(&server, "/close").body, "true");
    server_write(&server, "go", "");
    cr_assert_eq(read_answer(fd).status, 500);
    cr_assert_eq(get(&server, "/flags").status, 200);
}

/* A is idle, B holds the other thread: C must not wait for B. */
Test(models, an_idle_client_makes_way_when_no_thread_is_free)
{
    if (strcmp(model_under_test(), "ThreadPool") != 0)
        cr_skip("%s has no crew", model_under_test());
    start("pool_size(2) keepalive_timeout(60)");
    int a = request("/flags");
    cr_assert_eq(read_answer(a).status, 200);
    int b = request("/wait?b");
    while (!server_has(&server, "b"))
        cr_assert_eq(readable_within(b, 10), 0);
    cr_assert_eq(get(&server, "/flags").status, 200);
    server_write(&server, "go", "");
    cr_assert_eq(read_answer(b).status, 200);
}

/* A connection that seems to go on and is closed for the next client may cost a
 * request. */
Test(models, a_client_that_came_with_others_is_told_to_close)
{
    if (strcmp(model_under_test(), "Base") != 0)
        cr_skip("%s serves several clients", model_under_test());
    start("keepalive_timeout(60)");
    int first = dial(&server);
    send_text(first, "GET / HTTP/1.1\r\n");
    int second = request("/");
    int third = request("/");
    send_text(first, "Host: x\r\nConnection: close\r\n\r\n");
    cr_assert_eq(read_answer(first).status, 200);
    struct answer a = read_answer(second);
    cr_assert_str_eq(field(&a, "connection"), "close");
    a = read_answer(third);
    cr_assert_null(field(&a, "connection"));
}
