/* SPDX-License-Identifier: MIT */
/*
 * What the app does not read: who waits for "100 Continue" hears it only from
 * an app that reads, and a body that nobody has read is thrown away, or ends
 * the connection when it is large.
 */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"
#include "tests/support/upload.h"

#define DRAINED 65536 /* bytes that an app may leave unread */

TestSuite(streaming_unread, .fini = stop, .timeout = 120);

static struct answer assert_answer(int fd, int status, const char *body)
{
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, status, "%d: %s", a.status, a.body);
    cr_assert_str_eq(a.body, body);
    return a;
}

static bool closes(const struct answer *a)
{
    const char *connection = field(a, "connection");
    return connection && strcmp(connection, "close") == 0;
}

/* The connection does what the answer has said of it. */
static void assert_goes_on(int fd, const struct answer *a)
{
    if (closes(a)) {
        await_close(fd);
        return;
    }
    send_text(fd, HELLO);
    assert_answer(fd, 200, "hello");
    close(fd);
}

/* ---- 100 Continue ---- */

/* Once, however often the app reads. */
static void assert_continues(const char *path, const char *body)
{
    int fd = upload(&server, path, CONTINUE LENGTH(8), "");
    assert_answer(fd, 100, "");
    send_text(fd, "one\n");
    await_read(&server, "one");
    send_text(fd, "two\n");
    struct answer a = assert_answer(fd, 200, body);
    assert_goes_on(fd, &a);
}

Test(streaming_unread, continue_is_said_when_the_app_reads)
{
    serve("");
    assert_continues("/all", "one+two\n");
    assert_continues("/place?wrap", "one|two");
    assert_continues("/place?gsub", "one|two");
}

Test(streaming_unread, continue_comes_before_a_head_that_has_to_wait)
{
    serve("");
    int fd = upload(&server, "/echo", CONTINUE CHUNKED, "");
    assert_answer(fd, 100, "");
    send_chunk(fd, "one\n");
    send_chunk(fd, "");
    struct answer a = assert_answer(fd, 200, "one\n");
    cr_assert(a.whole);
    assert_goes_on(fd, &a);
}

Test(streaming_unread, continue_comes_before_a_head_also_where_lua_blocks)
{
    serve("");
    int fd = upload(&server, "/late-blocked", CONTINUE LENGTH(8), "");
    assert_answer(fd, 100, "");
    send_text(fd, "one\ntwo\n");
    struct answer a = assert_answer(fd, 200, "onetwo");
    cr_assert(a.whole);
}

Test(streaming_unread, continue_comes_behind_the_answers_before)
{
    serve("");
    int fd = dial(&server);
    send_text(fd, HELLO HELLO);
    upload_on(fd, "/place?gsub", CONTINUE LENGTH(8), "");
    assert_answer(fd, 200, "hello");
    assert_answer(fd, 200, "hello");
    assert_answer(fd, 100, "");
    send_text(fd, "one\ntwo\n");
    assert_answer(fd, 200, "one|two");
}

Test(streaming_unread, continue_is_not_said_by_an_app_that_answers_at_once)
{
    serve("");
    int fd = upload(&server, "/hello", CONTINUE LENGTH(8), "");
    if (!model_streams()) {
        assert_answer(fd, 100, "");
        send_text(fd, "one\ntwo\n");
        assert_answer(fd, 200, "hello");
        assert_answer((send_text(fd, HELLO), fd), 200, "hello");
        return;
    }
    struct answer a = assert_answer(fd, 200, "hello");
    cr_assert(closes(&a));
    await_close(fd);
}

Test(streaming_unread, continue_is_not_said_by_an_app_that_fails)
{
    server.errors_expected = true;
    needs_streaming();
    serve("");
    int fd = upload(&server, "/fails", CONTINUE LENGTH(8), "");
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, 500);
    cr_assert(closes(&a));
    await_close(fd);
    cr_assert_str_eq(get(&server, "/hello").body, "hello");
}

Test(streaming_unread, continue_is_not_said_to_who_sends_the_body_at_once)
{
    serve("");
    int fd = upload(&server, "/all", CONTINUE LENGTH(8), "one\ntwo\n" HELLO);
    assert_answer(fd, 200, "one+two\n");
    assert_answer(fd, 200, "hello");
    upload_on(fd, "/hello", CONTINUE LENGTH(8), "one\ntwo\n" HELLO);
    assert_answer(fd, 200, "hello");
    assert_answer(fd, 200, "hello");
}

Test(streaming_unread, continue_is_not_said_to_a_body_that_is_too_large)
{
    serve("client_max_body_size(7)");
    int fd = upload(&server, "/all", CONTINUE LENGTH(8), "");
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, 413);
    cr_assert(closes(&a));
    await_close(fd);
}

Test(streaming_unread, continue_is_not_said_to_clients_of_http_1_0)
{
    serve("");
    int fd = dial(&server);
    send_text(fd, "POST /all HTTP/1.0\r\n" CONTINUE LENGTH(8) "\r\n");
    cr_assert_not(readable_within(fd, 50));
    send_text(fd, "one\ntwo\n");
    assert_answer(fd, 200, "one+two\n");
    await_close(fd);
}

/* ---- unread bodies ---- */

Test(streaming_unread, body_that_is_there_is_passed_over)
{
    serve("");
    int fd = dial(&server);
    for (int i = 0; i < 2; i++) {
        upload_on(fd, "/hello", LENGTH(8), "one\ntwo\n");
        upload_on(fd, "/first", CHUNKED, "8\r\none\ntwo\n\r\n0\r\n\r\n" HELLO);
        assert_answer(fd, 200, "hello");
        assert_answer(fd, 200, "one");
        assert_answer(fd, 200, "hello");
    }
}

Test(streaming_unread, body_that_comes_after_the_answer_is_passed_over)
{
    needs_streaming();
    serve("");
    int fd = dial(&server);
    for (int i = 0; i < 2; i++) {
        upload_on(fd, "/hello", LENGTH(8), "one\n");
        struct answer a = assert_answer(fd, 200, "hello");
        cr_assert_not(closes(&a));
        send_text(fd, "two\n");
        upload_on(fd, "/first", CHUNKED, "5\r\none\nt\r\n");
        assert_answer(fd, 200, "one");
        for (const char *at = "3\r\nwo\n\r\n0\r\nA: b\r\n\r\n"; *at; at++)
            send_bytes(fd, at, 1);
        assert_answer((send_text(fd, HELLO), fd), 200, "hello");
    }
}

Test(streaming_unread, body_after_an_error_of_the_app_is_passed_over)
{
    server.errors_expected = true;
    serve("");
    int fd = upload(&server, "/fails", LENGTH(8), "one\n");
    if (model_streams())
        cr_assert_eq(read_answer(fd).status, 500);
    send_text(fd, "two\n" HELLO);
    if (!model_streams())
        cr_assert_eq(read_answer(fd).status, 500);
    assert_answer(fd, 200, "hello");
}

/* The client sends on, and reads the answer only then. */
static void assert_large(int n, bool goes_on)
{
    char *fields = xasprintf("Content-Length: %d\r\n", n);
    char *body = xmalloc((size_t)n + 1);
    memset(body, 'x', (size_t)n);
    int fd = upload(&server, "/hello", fields, "");
    struct answer a;
    if (model_streams())
        a = assert_answer(fd, 200, "hello");
    send_bytes(fd, body, (size_t)n);
    if (!model_streams())
        a = assert_answer(fd, 200, "hello");
    cr_assert_eq(closes(&a), !goes_on, "%d", n);
    if (goes_on)
        assert_answer((send_text(fd, HELLO), fd), 200, "hello");
    else
        await_close(fd);
    free(body);
    free(fields);
}

Test(streaming_unread, body_ends_the_connection_when_it_is_large)
{
    serve("client_max_body_size(nil)");
    assert_large(DRAINED, true);
    assert_large(DRAINED + 1, !model_streams());
    assert_large(4 * DRAINED, !model_streams());
}

Test(streaming_unread, body_of_any_size_lets_the_client_read_the_answer)
{
    static char part[DRAINED];
    needs_streaming();
    serve("client_max_body_size(nil)");
    int fd = upload(&server, "/hello", LENGTH(1000000000000), "");
    for (int i = 0; i < 64; i++) /* it does not look for an answer */
        send_bytes(fd, part, sizeof part);
    struct answer a = assert_answer(fd, 200, "hello");
    cr_assert(closes(&a));
    await_close(fd);
}

Test(streaming_unread, body_without_an_end_lets_the_client_read_the_answer)
{
    static char part[8193];
    needs_streaming();
    memset(part, 'x', sizeof part - 1);
    serve("client_max_body_size(nil)");
    int fd = upload(&server, "/hello", CHUNKED, "");
    for (int i = 0; i < 64; i++)
        send_chunk(fd, part);
    assert_answer(fd, 200, "hello");
    await_close(fd);
}

Test(streaming_unread, body_in_broken_chunks_ends_the_connection)
{
    needs_streaming();
    serve("");
    int fd = upload(&server, "/hello", CHUNKED, "4\r\none\n\r\n");
    assert_answer(fd, 200, "hello");
    send_text(fd, "x\r\n" HELLO);
    await_close(fd);
    cr_assert_not(server_logged(&server, "a call failed"));
}

Test(streaming_unread, body_that_never_comes_ends_the_connection)
{
    needs_streaming();
    serve("client_body_timeout(0.3)");
    int fd = upload(&server, "/hello", LENGTH(8), "one\n");
    assert_answer(fd, 200, "hello");
    await_close(fd);
    fd = upload(&server, "/hello", LENGTH(8), "one\n");
    assert_answer(fd, 200, "hello");
    close(fd);
    cr_assert_str_eq(get(&server, "/hello").body, "hello");
}

/* Its client has had its answer. */
Test(streaming_unread, body_does_not_hold_up_the_end_of_the_server)
{
    needs_streaming();
    serve("client_body_timeout(60)");
    int fd = upload(&server, "/hello", LENGTH(8), "one\n");
    assert_answer(fd, 200, "hello");
    server_signal(&server, SIGQUIT);
    await_close(fd);
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
