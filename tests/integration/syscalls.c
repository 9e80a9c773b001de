/* SPDX-License-Identifier: MIT */
/*
 * What a request costs in system calls, counted by a library that is loaded
 * into the server. Only in plain builds: a sanitizer has such a place itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"
#include "tests/support/syscount.h"

#define HELLO "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#define FOUR  HELLO HELLO HELLO HELLO

enum {
    REQUESTS = 100
};

static struct server server;
static int client;
static struct syscount *counts;
static uint64_t before[SYSCOUNT_SIZE];

static void start(void)
{
    server_prepare(&server);
    server.preload = SYSCOUNT;
    server.preload_file = server_path(&server, "counts");
    counts = syscount_open(server.preload_file);
    server_serve(&server, "plain.lua",
                 "worker_processes(1) keepalive_timeout(60)");
    client = dial(&server);
    cr_assert_str_eq(ask(client, HELLO).body, "hello\n");
}

static void stop(void)
{
    close(client);
    server_stop(&server);
}

TestSuite(syscalls, .init = start, .fini = stop, .timeout = 60);

/* One thread, one client: it waits with poll. */
static bool blocks(void)
{
    return strcmp(model_under_test(), "Base") == 0 ||
           strncmp(model_under_test(), "Thread", 6) == 0;
}

static void begin(void)
{
    for (int i = 0; i < SYSCOUNT_SIZE; i++)
        before[i] = counts->calls[i];
}

/* How often since begin(). */
static uint64_t calls(enum syscount_call call)
{
    return counts->calls[call] - before[call];
}

static uint64_t all_calls(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < SYSCOUNT_SIZE; i++)
        sum += calls((enum syscount_call)i);
    return sum;
}

/* The master polls in the same page, once a second at most. */
static uint64_t of_master(time_t since)
{
    return 2 + (uint64_t)(time(NULL) - since);
}

/* Calls that run in other threads cost wake-ups besides. */
static void skip_where_threads_call(void)
{
    if (strncmp(model_under_test(), "ReactorThread", 13) == 0)
        cr_skip_test("a request crosses threads");
}

Test(syscalls, a_request_is_one_recv_and_one_send)
{
    skip_where_threads_call();
    begin();
    for (int i = 0; i < REQUESTS; i++)
        cr_assert_str_eq(ask(client, HELLO).body, "hello\n");
    cr_assert_eq(calls(SYSCOUNT_RECV), REQUESTS);
    cr_assert_eq(calls(SYSCOUNT_SEND), REQUESTS);
    cr_assert_eq(calls(SYSCOUNT_READ) + calls(SYSCOUNT_WRITE), 0);
    cr_assert_eq(calls(SYSCOUNT_EPOLL_CTL), 0);
}

Test(syscalls, a_request_is_one_wait)
{
    skip_where_threads_call();
    time_t since = time(NULL);
    enum syscount_call wait = blocks() ? SYSCOUNT_POLL : SYSCOUNT_EPOLL_WAIT;
    begin();
    for (int i = 0; i < REQUESTS; i++)
        cr_assert_str_eq(ask(client, HELLO).body, "hello\n");
    /* The last one may have been counted or not. */
    cr_assert_geq(calls(wait), REQUESTS - 1);
    cr_assert_leq(calls(wait), REQUESTS + 1 + of_master(since));
    cr_assert_leq(all_calls(), 3 * REQUESTS + 1 + of_master(since));
}

/* Sixteen come in one read. Answers are held back for a millisecond at most,
 * so on a busy machine they may now and then leave in two pieces. */
Test(syscalls, pipelined_requests_are_answered_with_one_send)
{
    skip_where_threads_call();
    uint64_t fewest = UINT64_MAX;
    for (int i = 0; i < 50 && fewest != 1; i++) {
        begin();
        send_text(client, FOUR FOUR FOUR FOUR);
        for (int n = 0; n < 16; n++)
            cr_assert_str_eq(read_answer(client).body, "hello\n");
        if (calls(SYSCOUNT_SEND) < fewest)
            fewest = calls(SYSCOUNT_SEND);
    }
    cr_assert_eq(fewest, 1);
}

Test(syscalls, an_idle_server_makes_none)
{
    time_t since = time(NULL);
    begin();
    cr_assert_not(readable_within(client, 500));
    cr_assert_leq(all_calls(), of_master(since));
}
