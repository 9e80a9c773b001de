/* SPDX-License-Identifier: MIT */
/*
 * Bodies that are read while they come: piece by piece, in every form, from
 * every place in Lua. Where a model collects the body first, the same apps
 * give the same answers; only what needs the client to wait is left out.
 */
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"
#include "tests/support/upload.h"

TestSuite(streaming, .fini = stop, .timeout = 120);

static void assert_answer(int fd, int status, const char *body)
{
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, status, "%d: %s", a.status, a.body);
    cr_assert_str_eq(a.body, body);
}

/* ---- piece by piece ---- */

static void assert_echo(int fd, const char *line)
{
    char *want = xasprintf("%zx\r\n%s\r\n", strlen(line), line);
    char *got = xmalloc(strlen(want) + 1);
    read_bytes(fd, got, strlen(want));
    got[strlen(want)] = '\0';
    cr_assert_str_eq(got, want);
    free(want);
    free(got);
}

Test(streaming, answers_a_line_before_the_next_is_sent)
{
    needs_streaming();
    serve("");
    int fd = upload(&server, "/echo", CHUNKED, "");
    cr_assert_not_null(strstr(read_until(fd, "\r\n\r\n"), " 200 OK\r\n"));
    send_chunk(fd, "one\n");
    assert_echo(fd, "one\n");
    send_chunk(fd, "tw");
    cr_assert_not(readable_within(fd, 50));
    send_chunk(fd, "o\nthree\nfo");
    assert_echo(fd, "two\n");
    assert_echo(fd, "three\n");
    send_chunk(fd, "ur");
    send_chunk(fd, "");
    assert_echo(fd, "four");
    cr_assert_not_null(read_until(fd, "0\r\n\r\n"));
    send_text(fd, HELLO);
    assert_answer(fd, 200, "hello");
}

Test(streaming, answers_the_lines_of_a_body_of_known_length)
{
    needs_streaming();
    serve("");
    int fd = upload(&server, "/echo", LENGTH(8), "");
    read_until(fd, "\r\n\r\n");
    send_text(fd, "one\n");
    assert_echo(fd, "one\n");
    send_text(fd, "two\n");
    assert_echo(fd, "two\n");
    read_until(fd, "0\r\n\r\n");
}

Test(streaming, begins_the_call_when_the_head_has_come)
{
    needs_streaming();
    serve("");
    int fd = upload(&server, "/first", LENGTH(8), "one\n");
    assert_answer(fd, 200, "one");
    send_text(fd, "two\n" HELLO);
    assert_answer(fd, 200, "hello");
}

Test(streaming, begins_the_call_when_the_body_has_come_where_it_is_collected)
{
    if (model_streams())
        cr_skip_test("%s does not wait for it", model_under_test());
    serve("");
    int fd = upload(&server, "/first", LENGTH(8), "one\n");
    cr_assert_not(readable_within(fd, 50));
    cr_assert_not(server_logged(&server, "has one"));
    send_text(fd, "two\n" HELLO);
    assert_answer(fd, 200, "one");
    assert_answer(fd, 200, "hello");
}

Test(streaming, knows_the_length_of_chunks_when_all_have_come)
{
    serve("");
    int fd = upload(&server, "/length", CHUNKED, "");
    if (model_streams())
        server_await(&server, "begins");
    send_chunk(fd, "one");
    cr_assert_not(readable_within(fd, 50));
    send_chunk(fd, "two");
    send_chunk(fd, "");
    assert_answer(fd, 200, "6 6");
}

Test(streaming, rewinds_to_what_has_come_before)
{
    static const char *const sizes[] = {"", "client_body_buffer_size(2)"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        serve(sizes[i]);
        int fd = upload(&server, "/rewind", CHUNKED, "4\r\none\n\r\n");
        await_read(&server, "one");
        send_chunk(fd, "two\n");
        send_chunk(fd, "");
        assert_answer(fd, 200, "one+two\n");
        close(fd);
        server_stop(&server);
    }
}

/* ---- cuts ---- */

static const char *const formats[] = {"pieces",  "all",   "line",
                                      "several", "lines", "turns"};

static const char *const bodies[][2] = {
    {LENGTH(13), "one\ntwo\n\nfour"},
    {CHUNKED, "d\r\none\ntwo\n\nfour\r\n0\r\n\r\n"},
    {CHUNKED, "3\r\none\r\n1\r\n\n\r\n5;x=y\r\ntwo\n\n\r\n"
              "4\r\nfour\r\n0\r\nA: b\r\n\r\n"},
};

static void assert_formats(const char *fields, const char *body)
{
    int fd = dial(&server);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char *path = xasprintf("/format?%s", formats[i]);
        upload_on(fd, path, fields, "");
        for (const char *at = body; *at; at++)
            send_bytes(fd, at, 1);
        assert_answer(fd, 200, "ok");
        free(path);
    }
    upload_on(fd, "/formats", fields, body);
    assert_answer(fd, 200, "ok");
    close(fd);
}

Test(streaming, reads_the_same_byte_by_byte_as_in_one_piece)
{
    serve("");
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_formats(bodies[i][0], bodies[i][1]);
}

Test(streaming, reads_the_same_from_a_temporary_file)
{
    serve("client_body_buffer_size(5)");
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_formats(bodies[i][0], bodies[i][1]);
}

/* Between the two halves the app has nothing to do. */
Test(streaming, reads_the_same_wherever_it_is_cut)
{
    static const char body[] = "one\ntwo\n\nfour";
    serve("");
    int fd = dial(&server);
    for (size_t cut = 0; cut + 1 < sizeof body; cut++) {
        upload_on(fd, "/formats", LENGTH(13), "");
        send_bytes(fd, body, cut);
        readable_within(fd, 5);
        send_text(fd, body + cut);
        assert_answer(fd, 200, "ok");
    }
}

/* ---- requests behind ---- */

Test(streaming, goes_on_with_the_requests_behind_a_body)
{
    serve("");
    int fd = dial(&server);
    upload_on(fd, "/echo", CHUNKED, "4\r\none\n\r\n0\r\n\r\n" HELLO HELLO);
    assert_answer(fd, 200, "one\n");
    assert_answer(fd, 200, "hello");
    assert_answer(fd, 200, "hello");
    upload_on(fd, "/all", LENGTH(8), "one\n");
    await_read(&server, "one");
    send_text(fd, "two\n" HELLO);
    assert_answer(fd, 200, "one+two\n");
    assert_answer(fd, 200, "hello");
}

Test(streaming, answers_the_requests_before_a_body_without_waiting_for_it)
{
    serve("");
    int fd = dial(&server);
    send_text(fd, HELLO);
    upload_on(fd, "/all", LENGTH(8), "one\n");
    assert_answer(fd, 200, "hello");
    await_read(&server, "one");
    send_text(fd, "two\n");
    assert_answer(fd, 200, "one+two\n");
}

/* ---- places in Lua ---- */

static void assert_place(const char *place)
{
    char *path = xasprintf("/place?%s", place);
    int fd = upload(&server, path, LENGTH(8), "");
    cr_assert_not(readable_within(fd, 5), "%s", place);
    send_text(fd, "one\n");
    await_read(&server, "one");
    send_text(fd, "tw");
    send_text(fd, "o\n" HELLO);
    struct answer a = read_answer(fd);
    cr_assert_str_eq(a.body, "one|two", "%s: %d %s", place, a.status, a.body);
    assert_answer(fd, 200, "hello");
    close(fd);
    free(path);
}

Test(streaming, reads_wherever_lua_can_yield)
{
    static const char *const places[] = {
        "pcall", "xpcall", "metamethods", "comparisons", "iterator",
        "close", "wrap",   "resume",      "nested"};
    serve("");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        assert_place(places[i]);
}

Test(streaming, reads_where_lua_cannot_yield)
{
    static const char *const places[] = {"gsub", "sort", "tostring", "require",
                                         "mixed"};
    serve("");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        assert_place(places[i]);
    cr_assert_eq(server_logged(&server, " WARN "),
                 strncmp(model_under_test(), "Coroutine", 9) == 0);
}

Test(streaming, reads_where_lua_cannot_yield_with_the_head_on_its_way)
{
    needs_streaming();
    serve("");
    int fd = upload(&server, "/late-blocked", LENGTH(8), "");
    read_until(fd, "\r\n\r\n");
    send_text(fd, "one\n");
    assert_echo(fd, "one");
    send_text(fd, "two\n");
    assert_echo(fd, "two");
    read_until(fd, "0\r\n\r\n");
}
