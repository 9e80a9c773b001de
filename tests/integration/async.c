/* SPDX-License-Identifier: MIT */
/*
 * Answers that come later: status -1 and async.callback, and async.close, which
 * tells of clients that have left. The models that have none of it say so.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static struct server server;

static void serve(const char *more)
{
    char *config = xasprintf("worker_processes(1) worker_connections(200)\n"
                             "keepalive_timeout(60)\n%s",
                             more);
    server_serve(&server, "async.lua", config);
    free(config);
}

static void start(void)
{
    if (!model_is_async())
        cr_skip("%s cannot answer later", model_under_test());
    serve("");
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(async, .init = start, .fini = stop, .timeout = 60);
TestSuite(async_alone, .fini = stop, .timeout = 60);

/* The whole text of a request with these words. */
static const char *to(const char *words)
{
    static char text[256];
    snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: x\r\n\r\n", words);
    return text;
}

/* Its body, asked for on a connection of its own. */
static void says(const char *path, const char *want)
{
    struct answer a = get(&server, path);
    cr_assert_str_eq(a.body, want, "%s: %s", path, a.body);
}

static void count_is(const char *what, const char *times)
{
    char *path = xasprintf("/count?%s", what);
    says(path, times);
    free(path);
}

static void await_parked(const char *name)
{
    char *line = xasprintf("parked %s\n", name);
    server_await_times(&server, line, 1);
    free(line);
}

/* A client whose request waits for /wake?name. */
static int park(const char *name)
{
    char *words = xasprintf("GET /park?%s", name);
    int fd = dial(&server);
    send_text(fd, to(words));
    await_parked(name);
    free(words);
    return fd;
}

static void assert_answer(int fd, const char *body)
{
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, 200);
    cr_assert_str_eq(a.body, body);
}

/* ---- whether there is such a thing ---- */

Test(async_alone, is_in_env_where_the_model_has_it)
{
    serve("");
    says("/has", model_is_async() ? "function userdata" : "nil nil");
}

Test(async_alone, is_refused_by_name_where_the_model_has_none)
{
    if (model_is_async())
        cr_skip("%s can", model_under_test());
    server.errors_expected = true;
    serve("");
    cr_assert_eq(get(&server, "/without").status, 500);
    char *words =
        xasprintf("the model %s has no async.callback", model_under_test());
    server_await(&server, words);
    says("/has", "nil nil");
}

/* ---- one answer ---- */

Test(async, answers_from_another_request)
{
    int fd = park("a");
    cr_assert_not(readable_within(fd, 50));
    says("/wake?a", "true");
    assert_answer(fd, "woken a");
    count_is("closed%20a", "1");
    count_is("gone%20a", "1");
}

Test(async, answers_with_one_table)
{
    int fd = park("a");
    says("/wake-table?a", "true");
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, 201);
    cr_assert_str_eq(a.body, "in a table");
}

Test(async, answers_from_the_call_itself_before_it_returns)
{
    says("/self", "by itself");
}

Test(async, answers_from_a_body)
{
    int fd = park("a");
    server_write(&server, "go", "");
    says("/wake-from-body?a", "begun true");
    assert_answer(fd, "woken a");
}

Test(async, answers_head_without_a_body)
{
    int fd = dial(&server);
    send_text(fd, to("HEAD /park?a"));
    await_parked("a");
    says("/wake?a", "true");
    cr_assert_eq(read_head_answer(fd).status, 200);
    send_text(fd, to("GET /self"));
    assert_answer(fd, "by itself");
    count_is("closed%20a", "1");
}

Test(async, takes_one_answer_and_closes_the_others)
{
    int fd = park("a");
    says("/wake?a", "true");
    says("/wake?a", "nil: the request has its answer");
    assert_answer(fd, "woken a");
    count_is("closed%20a", "2");
}

Test(async, takes_none_when_the_app_has_returned_one)
{
    says("/return-first", "nil: the request has its answer");
    count_is("closed%20late", "1");
    says("/wake?returned", "nil: the request has its answer");
    count_is("closed%20returned", "1");
}

static void assert_500(const char *path, const char *words)
{
    cr_assert_eq(get(&server, path).status, 500, "%s", path);
    server_await(&server, words);
}

Test(async, refuses_what_makes_no_sense)
{
    server.errors_expected = true;
    assert_500("/twice", "the app answered twice");
    count_is("closed%20first", "1");
    count_is("closed%20second", "1");
    assert_500("/without", "has not taken env[\"async.callback\"]");
    assert_500("/only-close", "has not taken env[\"async.callback\"]");
    assert_500("/error", "on purpose");
    says("/wake?failed", "nil: the request has its answer");
    int fd = park("a");
    says("/wake-wrong?a", "true");
    cr_assert_eq(read_answer(fd).status, 500);
    server_await(&server, "async.callback was called with -1 as the status");
}

/* ---- many, large, in order ---- */

Test(async, answers_a_hundred_at_once_in_any_order)
{
    int fds[100];
    char name[16], want[32];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "n%d", i);
        fds[i] = park(name);
    }
    says("/wake-all", "100");
    for (int i = 0; i < 100; i++) {
        snprintf(want, sizeof want, "woken n%d", i);
        assert_answer(fds[i], want);
    }
}

Test(async, sends_a_large_answer_to_who_does_not_read_yet)
{
    int fd = park("a");
    says("/wake-large?a", "true");
    says("/self", "by itself");
    struct answer a = read_answer(fd);
    cr_assert(a.whole);
    cr_assert_eq(a.length, 8 << 20);
    count_is("closed%20a", "1");
}

Test(async, leaves_pipelined_requests_their_order)
{
    int fd = dial(&server);
    send_text(fd, to("GET /self"));
    send_text(fd, to("GET /park?a"));
    send_text(fd, to("GET /count?nothing"));
    send_text(fd, to("GET /self"));
    await_parked("a");
    assert_answer(fd, "by itself");
    cr_assert_not(readable_within(fd, 50));
    says("/wake?a", "true");
    assert_answer(fd, "woken a");
    assert_answer(fd, "0");
    assert_answer(fd, "by itself");
}

/* More requests than are looked at while one waits. */
Test(async, leaves_many_pipelined_requests_their_order)
{
    enum {
        MANY = 1000
    };
    int fd = park("a");
    for (int i = 0; i < MANY; i++)
        send_text(fd, to("GET /self"));
    says("/wake?a", "true");
    assert_answer(fd, "woken a");
    for (int i = 0; i < MANY - 1; i++) /* keepalive_requests(1000) */
        assert_answer(fd, "by itself");
}

Test(async, goes_on_with_the_connection)
{
    int fd = park("a");
    says("/wake?a", "true");
    assert_answer(fd, "woken a");
    send_text(fd, to("GET /park?b"));
    await_parked("b");
    says("/wake?b", "true");
    assert_answer(fd, "woken b");
}

/* ---- time ---- */

Test(async_alone, has_no_deadline)
{
    if (!model_is_async())
        cr_skip("%s cannot answer later", model_under_test());
    serve("timeout(0.1)");
    int fd = park("a");
    cr_assert_not(readable_within(fd, 400));
    says("/wake?a", "true");
    assert_answer(fd, "woken a");
}

Test(async_alone, takes_no_place_of_a_pool)
{
    if (!model_is_async())
        cr_skip("%s cannot answer later", model_under_test());
    serve("pool_size(1)");
    int a = park("a");
    int b = park("b");
    says("/wake?b", "true");
    says("/wake?a", "true");
    assert_answer(a, "woken a");
    assert_answer(b, "woken b");
}

/* What is done to a call that sleeps does not shorten its sleep. */
Test(async, wakes_nobody_who_sleeps)
{
    int fd = dial(&server);
    send_text(fd, to("GET /sleep"));
    server_await(&server, "sleeps");
    says("/wake?sleeper", "nil: the request has its answer");
    says("/write?sleeper&meanwhile%20", "true");
    free(read_until(fd, "meanwhile"));
    free(read_until(fd, "enough"));
}

Test(async, is_waited_for_when_the_worker_leaves)
{
    int fd = park("a");
    int other = dial(&server);
    send_text(other, to("GET /wake-from-body?a"));
    free(read_until(other, "begun "));
    server_signal(&server, SIGQUIT);
    server_await(&server, "leaving how=stop");
    cr_assert_not(readable_within(fd, 50));
    server_write(&server, "go", "");
    assert_answer(fd, "woken a");
    await_close(fd);
    free(read_until(other, "true"));
    cr_assert_eq(server_wait(&server), 0);
}

/* ---- clients that leave ---- */

Test(async, is_told_of_a_client_that_is_gone)
{
    int fd = park("a");
    reset_connection(fd);
    server_await(&server, "gone a");
    says("/wake?a", "nil: the client has gone");
    count_is("gone%20a", "1");
    count_is("closed%20a", "1");
}

Test(async, answers_who_has_closed_only_its_own_side)
{
    int fd = park("a");
    shutdown(fd, SHUT_WR);
    server_await(&server, "gone a");
    says("/wake?a", "true");
    assert_answer(fd, "woken a");
    await_close(fd);
    count_is("gone%20a", "1");
}

Test(async, close_is_told_at_once_when_it_is_late)
{
    int fd = dial(&server);
    send_text(fd, to("GET /close-late"));
    free(read_until(fd, "begun "));
    shutdown(fd, SHUT_WR);
    says("/self", "by itself");
    server_write(&server, "go", "");
    cr_assert_not_null(strstr(read_all(fd, NULL), "at once"));
}

Test(async, close_survives_functions_that_fail)
{
    server.errors_expected = true;
    says("/fails-to-close", "fine");
    server_await(&server, "async.close: ");
    count_is("closed%20after", "1");
    count_is("errback", "0");
}

/* ---- memory ---- */

static void park_and_wake(int fd, int other)
{
    send_text(fd, to("GET /park?a"));
    send_text(other, to("GET /count?nothing")); /* comes behind the other */
    cr_assert_str_eq(read_answer(other).body, "0");
    send_text(other, to("GET /wake?a"));
    assert_answer(other, "true");
    assert_answer(fd, "woken a");
}

Test(async_alone, costs_no_memory_in_the_long_run)
{
    if (!model_is_async() || SANITIZED)
        cr_skip("nothing to measure");
    serve("keepalive_requests(100000)");
    int fd = dial(&server);
    int other = dial(&server);
    for (int i = 0; i < 500; i++)
        park_and_wake(fd, other);
    pid_t worker = server_worker(&server, 0);
    long before = server_peak(worker);
    for (int i = 0; i < 2000; i++)
        park_and_wake(fd, other);
    long grown = server_peak(worker) - before;
    cr_assert_lt(grown, 512, "%ld KiB for 2000 rounds", grown);
}

/* ---- clients that are far ahead ---- */

Test(async, hears_the_end_of_a_client_that_sent_much_ahead)
{
    if (!model_is_async())
        cr_skip_test("%s has no async.callback", model_under_test());
    int fd = park("a");
    char much[40000];
    memset(much, 'x', sizeof much);
    cr_assert_eq(send(fd, much, sizeof much, 0), (ssize_t)sizeof much);
    close(fd);
    server_await(&server, "gone a");
    cr_assert_eq(get(&server, "/wake?a").status, 200);
}
