/* SPDX-License-Identifier: MIT */
/*
 * Bodies that are deferrables: they are written to from elsewhere, by whoever
 * has something to say, until somebody ends them. Where the model has nobody
 * else they end in each().
 */
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

static void start(void)
{
    server_serve(&server, "async.lua",
                 "worker_processes(1) keepalive_timeout(60) pool_size(1) "
                 "app_pool(1)");
}

static void start_async(void)
{
    if (!model_is_async())
        cr_skip("%s has nobody to write later", model_under_test());
    start();
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(deferrables, .init = start_async, .fini = stop, .timeout = 60);
TestSuite(deferrables_anywhere, .init = start, .fini = stop, .timeout = 60);

static int request(const char *words)
{
    int fd = dial(&server);
    char *text = xasprintf("%s HTTP/1.1\r\nHost: x\r\n\r\n", words);
    send_text(fd, text);
    free(text);
    return fd;
}

static void says(const char *path, const char *want)
{
    struct answer a = get(&server, path);
    cr_assert_str_eq(a.body, want, "%s: %s", path, a.body);
}

/* A client whose body is the deferrable of that name. */
static int defer(const char *name)
{
    char *words = xasprintf("GET /defer?%s", name);
    char *line = xasprintf("each %s\n", name);
    int fd = request(words);
    server_await(&server, line);
    free(words);
    free(line);
    return fd;
}

/* ---- in every model ---- */

Test(deferrables_anywhere, may_end_in_each)
{
    struct answer a = get(&server, "/defer-at-once");
    cr_assert_str_eq(a.body, "one two three");
    cr_assert(a.chunked && a.whole);
    server_await(&server, "closed once");
    cr_assert_not(server_logged(&server, "failed once"));
}

Test(deferrables_anywhere, end_with_the_length_that_was_announced)
{
    struct answer a = get(&server, "/defer-length");
    cr_assert_str_eq(a.body, "hello");
    cr_assert(a.whole && !a.chunked);
    server_await(&server, "then closed");
    server_await(&server, "closed length");
}

Test(deferrables_anywhere, are_not_begun_for_head)
{
    int fd = request("HEAD /defer?a");
    cr_assert_eq(read_head_answer(fd).status, 200);
    server_await(&server, "closed a");
    cr_assert_not(server_logged(&server, "each a"));
    close(fd);
}

Test(deferrables_anywhere, have_to_end_in_each_where_nobody_else_is)
{
    if (model_is_async())
        cr_skip("%s has others", model_under_test());
    server.errors_expected = true;
    struct answer a = get(&server, "/defer?a");
    cr_assert_eq(a.status, 500);
    server_await(&server, "body has not ended in each()");
    server_await(&server, "failed a");
    server_await(&server, "closed a");
    says("/count?nothing", "0");
}

/* ---- written to from elsewhere ---- */

Test(deferrables, send_each_piece_as_it_is_written)
{
    int fd = defer("a");
    says("/write?a&one", "true");
    free(read_until(fd, "one\r\n"));
    says("/write?a&two", "true");
    free(read_until(fd, "two\r\n"));
    says("/end?a", "ended");
    free(read_until(fd, "0\r\n\r\n"));
    server_await(&server, "closed a");
    says("/write?a&more", "nil: closed");
    says("/end?a", "ended");
    says("/count?closed%20a", "1");
    says("/count?failed%20a", "0");
}

Test(deferrables, leave_the_connection_for_the_next_request)
{
    int fd = defer("a");
    send_text(fd, "GET /count?nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    says("/write?a&one", "true");
    says("/end?a", "ended");
    cr_assert_str_eq(read_answer(fd).body, "one");
    cr_assert_str_eq(read_answer(fd).body, "0");
}

Test(deferrables, that_fail_do_not_look_whole)
{
    server.errors_expected = true;
    int fd = defer("a");
    says("/write?a&one", "true");
    free(read_until(fd, "one\r\n"));
    says("/break?a", "broken");
    await_close(fd);
    server_await(&server, "the app's deferrable body has failed");
    says("/count?closed%20a", "1");
}

Test(deferrables, are_sent_while_every_place_is_taken)
{
    if (strcmp(model_under_test(), "Reactor") == 0)
        cr_skip("Reactor waits for nothing inside a call");
    int fd = defer("a");
    int other = request("GET /write-and-stay?a");
    free(read_until(fd, "one\r\n"));
    server_write(&server, "more", "");
    free(read_until(fd, "two\r\n"));
    if (strcmp(model_under_test(), "CoroutinePool") == 0) {
        int third = request("GET /count?nothing");
        cr_assert_not(readable_within(third, 50));
        close(third);
    }
    server_write(&server, "go", "");
    cr_assert_str_eq(read_answer(other).body, "stayed");
    says("/end?a", "ended");
    free(read_until(fd, "0\r\n\r\n"));
}

/* ---- slow clients, and those who leave ---- */

Test(deferrables, take_nothing_for_a_client_that_is_far_behind)
{
    int fd = defer("a");
    for (int i = 0; i < 20; i++) /* the sockets take some, too */
        says("/fill?a", "full after some");
    cr_assert(SANITIZED || server_peak(server_worker(&server, 0)) < 32 * 1024);
    says("/end?a", "ended");
    struct answer a = read_answer(fd);
    cr_assert(a.whole);
    cr_assert_geq(a.length, 1 << 20);
}

Test(deferrables, take_more_when_the_client_has_read)
{
    char trash[65536];
    int fd = defer("a");
    says("/fill?a", "full after some");
    while (strcmp(get(&server, "/write?a&more").body, "true") != 0)
        cr_assert_gt(recv(fd, trash, sizeof trash, 0), 0);
    close(fd);
}

Test(deferrables, are_failed_when_the_client_goes)
{
    int fd = defer("a");
    says("/write?a&one", "true");
    free(read_until(fd, "one\r\n"));
    reset_connection(fd);
    server_await(&server, "failed a");
    server_await(&server, "closed a");
    says("/write?a&more", "nil: closed");
    says("/end?a", "ended");
    says("/count?failed%20a", "1");
    says("/count?closed%20a", "1");
}

/* The client goes while it is far behind; what async.close does then to the
 * body has no effect. */
Test(deferrables, may_be_ended_by_async_close)
{
    int fd = request("GET /defer-polite?a");
    server_await(&server, "each a");
    says("/fill?a", "full after some");
    reset_connection(fd);
    server_await(&server, "polite");
    server_await(&server, "closed a");
    says("/write?a&more", "nil: closed");
    says("/count?polite", "1");
}

Test(deferrables, may_be_ended_by_async_close_at_rest)
{
    int fd = request("GET /defer-polite?a");
    server_await(&server, "each a");
    reset_connection(fd);
    server_await(&server, "polite");
    server_await(&server, "closed a");
    says("/count?polite", "1");
}
