/* SPDX-License-Identifier: MIT */
/*
 * Bodies that never come whole, while the app reads them: the read is an error,
 * the status is the body's, and the log calls it no error of the app. Where a
 * model collects the body first, the same clients get the same status.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"
#include "tests/support/upload.h"

TestSuite(streaming_trouble, .fini = stop, .timeout = 120);

/* Each begins with the line "one". */
static const struct trouble {
    const char *name, *config, *fields, *begin, *end;
    int status; /* 0: the client is gone, or seems so */
    const char *log;
} troubles[] = {
    {"cut", "", LENGTH(8), "one\n", "", 0,
     "the client has closed the connection"},
    {"cut chunks", "", CHUNKED, "4\r\none\n\r\n", "8\r\ntw", 0,
     "the client has closed the connection"},
    {"malformed", "", CHUNKED, "4\r\none\n\r\n", "x\r\n", 400,
     "the body is malformed"},
    {"malformed end", "", CHUNKED, "4\r\none\n\r\n", "4\r\ntwo\nx", 400,
     "the body is malformed"},
    {"large", "client_max_body_size(10)", CHUNKED, "4\r\none\n\r\n",
     "b\r\ntwo\nthree\nf", 413, "the body is larger than client_max_body_size"},
    {"slow", "client_body_timeout(0.3)", LENGTH(8), "one\n", "", 408,
     "the client sends nothing (client_body_timeout)"},
};

#define EACH_TROUBLE(t)                                                        \
    for (const struct trouble *t = troubles;                                   \
         t < troubles + sizeof troubles / sizeof *troubles; t++)

/* The rest, and in a cut the end of what the client says. */
static void send_trouble(int fd, const struct trouble *t)
{
    send_text(fd, t->end);
    if (!t->status)
        shutdown(fd, SHUT_WR);
}

/* Has a call begun, and failed? */
static void assert_told(const struct trouble *t)
{
    if (model_streams()) {
        const char *line = server_await(&server, "a call failed: ");
        cr_assert_not_null(strstr(line, t->log), "%s: %s", t->name, line);
        cr_assert_not_null(strstr(line, " INFO "), "%s: %s", t->name, line);
    }
    cr_assert_str_eq(get(&server, "/hello").body, "hello");
}

static void assert_status(int fd, const struct trouble *t)
{
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, t->status, "%s: %d %s", t->name, a.status, a.body);
    if (a.status) {
        cr_assert_str_eq(field(&a, "connection"), "close", "%s", t->name);
        await_close(fd);
    } else {
        cr_assert_str_eq(a.head, "", "%s: %s", t->name, a.head);
        close(fd);
    }
}

/* The app at the path is in the middle of the body when the trouble comes. */
static void assert_refused(const struct trouble *t, const char *path)
{
    serve(t->config);
    int fd = upload(&server, path, t->fields, t->begin);
    await_read(&server, "one");
    send_trouble(fd, t);
    assert_status(fd, t);
    assert_told(t);
    server_stop(&server);
}

Test(streaming_trouble, ends_a_call_that_reads_with_the_status_of_the_body)
{
    EACH_TROUBLE(t)
    assert_refused(t, "/all");
}

Test(streaming_trouble, ends_a_call_that_blocks_with_the_status_of_the_body)
{
    EACH_TROUBLE(t)
    assert_refused(t, "/place?gsub");
}

Test(streaming_trouble, ends_a_call_that_asks_for_the_length)
{
    EACH_TROUBLE(t)
    {
        serve(t->config);
        if (strcmp(t->fields, CHUNKED) == 0) {
            int fd = upload(&server, "/length", t->fields, t->begin);
            if (model_streams())
                server_await(&server, "begins");
            send_trouble(fd, t);
            assert_status(fd, t);
            assert_told(t);
        }
        server_stop(&server);
    }
}

/* Nobody is left who could be refused when the client has closed its side; it
 * may still be there to read. */
Test(streaming_trouble, cannot_be_caught_away)
{
    EACH_TROUBLE(t)
    {
        if (t->status)
            assert_refused(t, "/caught");
    }
}

Test(streaming_trouble, that_is_caught_leaves_an_answer_to_who_closed_half)
{
    if (!model_streams())
        cr_skip_test("%s calls no app for half a body", model_under_test());
    serve("");
    int fd = upload(&server, "/caught", LENGTH(8), "one\n");
    await_read(&server, "one");
    shutdown(fd, SHUT_WR);
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, 200);
    cr_assert_not_null(strstr(a.body, "caught rack.input: the client has"),
                       "%s", a.body);
    await_close(fd);
}

/* Head and piece are with the client: no end may look like one. */
static void assert_cut(const struct trouble *t, const char *path)
{
    serve(t->config);
    int fd = upload(&server, path, t->fields, t->begin);
    read_until(fd, "\r\n3\r\none\r\n");
    send_trouble(fd, t);
    cr_assert_str_eq(read_all(fd, NULL), "", "%s %s", t->name, path);
    close(fd);
    assert_told(t);
    server_stop(&server);
}

Test(streaming_trouble, cuts_an_answer_that_has_begun)
{
    if (!model_streams())
        cr_skip_test("%s calls no app for half a body", model_under_test());
    EACH_TROUBLE(t)
    {
        assert_cut(t, "/late");
        if (t->status)
            assert_cut(t, "/late-caught");
        assert_cut(t, "/late-blocked");
    }
}

/* The head is appended but not sent when the read blocks. */
Test(streaming_trouble, gives_no_second_head_where_lua_cannot_yield)
{
    if (!model_streams())
        cr_skip_test("%s calls no app for half a body", model_under_test());
    EACH_TROUBLE(t)
    {
        serve(t->config);
        int fd = upload(&server, "/late-blocked", t->fields, "");
        readable_within(fd, 50);
        send_trouble(fd, t);
        char *all = read_all(fd, NULL);
        char *head = strstr(all, "HTTP/1.1 ");
        cr_assert(!head || !strstr(head + 1, "HTTP/1.1 "), "%s: %s", t->name,
                  all);
        cr_assert_null(strstr(all, "\r\n0\r\n\r\n"), "%s: %s", t->name, all);
        close(fd);
        server_stop(&server);
    }
}

/* What was held back when the read blocked is not the answer's. */
Test(streaming_trouble, leaves_the_answers_before_it_alone)
{
    static const char *const paths[] = {"/all", "/place?gsub"};
    EACH_TROUBLE(t)
    {
        serve(t->config);
        for (size_t i = 0; i < 2; i++) {
            int fd = dial(&server);
            send_text(fd, HELLO HELLO);
            upload_on(fd, paths[i], t->fields, t->begin);
            await_read(&server, "one");
            cr_assert_str_eq(read_answer(fd).body, "hello");
            cr_assert_str_eq(read_answer(fd).body, "hello");
            send_trouble(fd, t);
            assert_status(fd, t);
            assert_told(t);
        }
        server_stop(&server);
    }
}

/* ---- the app learns of it ---- */

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

/* A client that is gone half way, by a close or by a reset. */
static void assert_closes(const char *name, void (*leave)(int fd))
{
    char *path = xasprintf("/%s", name);
    char *told = xasprintf("closed %s", name);
    int fd = upload(&server, path, LENGTH(8), "one\n");
    server_await(&server, "has one");
    leave(fd);
    server_await(&server, told);
    free(told);
    free(path);
}

static void leave_quietly(int fd)
{
    close(fd);
}

Test(streaming_trouble, closes_what_the_app_holds_when_the_client_leaves)
{
    if (!model_streams())
        cr_skip_test("%s calls no app for half a body", model_under_test());
    serve("");
    assert_closes("guarded", leave_quietly);
    assert_closes("guarded", reset);
    assert_closes("guarded-body", leave_quietly);
    assert_closes("guarded-body", reset);
    cr_assert_str_eq(get(&server, "/counted?guarded").body, "2");
    cr_assert_str_eq(get(&server, "/counted?guarded-body").body, "2");
}

Test(streaming_trouble, closes_what_the_app_holds_when_the_body_is_refused)
{
    if (!model_streams())
        cr_skip_test("%s calls no app for half a body", model_under_test());
    serve("client_max_body_size(10)");
    int fd = upload(&server, "/guarded", CHUNKED, "4\r\none\n\r\n");
    await_read(&server, "one");
    send_text(fd, "8\r\n12345678\r\n");
    cr_assert_eq(read_answer(fd).status, 413);
    cr_assert_str_eq(get(&server, "/counted?guarded").body, "1");
    close(fd);
}

Test(streaming_trouble, of_many_clients_that_reset_hurts_nobody)
{
    static const char *const paths[] = {"/all", "/echo", "/place?gsub",
                                        "/first", "/caught"};
    serve("pool_size(2)");
    for (int i = 0; i < 40; i++)
        reset(upload(&server, paths[i % 5], LENGTH(8), i % 2 ? "one\n" : ""));
    for (int i = 0; i < 3; i++)
        cr_assert_str_eq(get(&server, "/hello").body, "hello");
}
