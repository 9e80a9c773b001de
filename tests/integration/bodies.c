/* SPDX-License-Identifier: MIT */
/*
 * Response bodies of every kind: what reaches the client, when, and that each
 * is closed exactly once, however the answer ends.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

enum {
    PIECE = 65536,
    MANY = 256 /* pieces, more than the socket's buffers take */
};

static struct server server;

static void start(void)
{
    server_serve(&server, "bodies.lua", "worker_processes(1)");
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(bodies, .init = start, .fini = stop, .timeout = 60);

/* The answer is whole and of known length. */
static void assert_sized(const char *path, const char *body)
{
    struct answer a = get(&server, path);
    const char *length = field(&a, "content-length");
    cr_assert_eq(a.status, 200);
    cr_assert_str_eq(a.body, body);
    cr_assert_eq(a.length, strlen(body));
    cr_assert(a.whole && !a.chunked && length);
    cr_assert_eq((size_t)atol(length), a.length, "%s: %s", path, length);
}

/* It comes in chunks, and whole. */
static void assert_chunked(const char *path, const char *body)
{
    struct answer a = get(&server, path);
    cr_assert_eq(a.status, 200);
    cr_assert_str_eq(a.body, body);
    cr_assert(a.whole && a.chunked && !field(&a, "content-length"));
}

static struct answer request(const char *method, const char *path)
{
    int fd = dial(&server);
    char *text = xasprintf("%s %s HTTP/1.1\r\nHost: x\r\n"
                           "Connection: close\r\n\r\n",
                           method, path);
    send_text(fd, text);
    free(text);
    struct answer a =
        strcmp(method, "HEAD") == 0 ? read_head_answer(fd) : read_answer(fd);
    await_close(fd);
    return a;
}

/* ---- kinds ---- */

Test(bodies, sends_nothing_for_nothing)
{
    assert_sized("/nil", "");
    assert_sized("/false", "");
    assert_sized("/empty", "");
    assert_sized("/empty-array", "");
    assert_chunked("/empty-iterator", "");
}

Test(bodies, sends_a_string_byte_for_byte)
{
    struct answer a = get(&server, "/string");
    cr_assert_eq(a.length, 5);
    cr_assert_eq(memcmp(a.body, "a\0b\r\n", 5), 0);
}

Test(bodies, sends_five_mebibytes_unharmed)
{
    struct answer a = get(&server, "/large");
    cr_assert_eq(a.length, 7 * 750000);
    for (size_t i = 0; i < a.length; i++)
        if (a.body[i] != "1234567"[i % 7])
            cr_assert_fail("wrong at byte %zu", i);
}

Test(bodies, sends_an_array_with_its_length)
{
    assert_sized("/array", "one two three");
}

Test(bodies, sends_an_iterator_in_chunks)
{
    assert_chunked("/iterator", "one two three");
}

Test(bodies, gives_an_iterator_its_generic_for_values)
{
    assert_chunked("/for", "12345");
}

Test(bodies, sends_and_closes_io_lines)
{
    server_write(&server, "lines", "one\ntwo\n\nfour");
    char *path = xasprintf("/io.lines?%s/lines", server.dir);
    assert_chunked(path, "one\ntwo\n\nfour");
}

Test(bodies, sends_a_coroutine_that_sleeps)
{
    assert_chunked("/sleepy", "1 2 3 ");
}

Test(bodies, sends_a_file_from_its_position)
{
    assert_sized("/file-rest", "tail");
    assert_sized("/file-at-end", "");
}

Test(bodies, sends_a_pipe_in_chunks)
{
    assert_chunked("/pipe", "one two");
}

Test(bodies, sends_an_iterator_to_http_1_0_until_the_close)
{
    char *all = talk(&server, "GET /iterator HTTP/1.0\r\n"
                              "Connection: keep-alive\r\n\r\n");
    cr_assert_null(strcasestr(all, "transfer-encoding"));
    cr_assert_null(strcasestr(all, "content-length"));
    cr_assert_null(strcasestr(all, "keep-alive"));
    cr_assert_str_eq(strstr(all, "\r\n\r\n"), "\r\n\r\none two three");
}

/* ---- no body ---- */

/* What follows on the connection is the next answer, not a body. */
static void assert_bodiless(const char *method, const char *path)
{
    int fd = dial(&server);
    char *text = xasprintf("%s %s HTTP/1.1\r\nHost: x\r\n\r\n"
                           "GET /array HTTP/1.1\r\nHost: x\r\n\r\n",
                           method, path);
    send_text(fd, text);
    read_head_answer(fd);
    cr_assert_str_eq(read_answer(fd).body, "one two three", "%s", text);
    free(text);
    close(fd);
}

static const char *const closables[] = {
    "array-close", "array-__close", "closing-close", "closing-__close",
    "coroutine",   "file",          "lines",         "popen"};

#define FOR_CLOSABLES(name)                                                    \
    for (size_t name##_i = 0; name##_i < sizeof closables / sizeof *closables; \
         name##_i++)                                                           \
        for (const char *name = closables[name##_i]; name; name = NULL)

Test(bodies, sends_none_to_head)
{
    assert_bodiless("HEAD", "/large");
    assert_bodiless("HEAD", "/iterator");
    FOR_CLOSABLES(kind)
    assert_bodiless("HEAD", xasprintf("/%s", kind));
}

Test(bodies, sends_none_with_204_and_304)
{
    FOR_CLOSABLES(kind)
    {
        assert_bodiless("GET", xasprintf("/%s?status=204", kind));
        assert_bodiless("GET", xasprintf("/%s?status=304", kind));
    }
}

/* ---- closing ---- */

static void assert_closed(const char *kind, const char *times)
{
    char *path = xasprintf("/closed?%s", kind);
    struct answer a = get(&server, path);
    cr_assert_str_eq(a.body, times, "%s was closed %s times", kind, a.body);
    free(path);
}

/* Each kind, asked for with the query, is closed once. */
static void assert_all_close_once(const char *method, const char *query,
                                  size_t length)
{
    FOR_CLOSABLES(kind)
    {
        char *path = xasprintf("/%s%s", kind, query);
        cr_assert_eq(request(method, path).length, length, "%s", path);
        assert_closed(kind, "1");
        free(path);
    }
}

Test(bodies, are_closed_once_after_sending)
{
    assert_all_close_once("GET", "", 2 * PIECE);
}

Test(bodies, are_closed_once_for_head)
{
    assert_all_close_once("HEAD", "", 0);
}

Test(bodies, are_closed_once_with_204)
{
    assert_all_close_once("GET", "?status=204", 0);
}

Test(bodies, are_closed_once_with_304)
{
    assert_all_close_once("GET", "?status=304", 0);
}

Test(bodies, are_closed_once_when_the_status_is_wrong)
{
    server.errors_expected = true;
    assert_all_close_once("GET", "?status=1000",
                          strlen("500 Internal Server Error\n"));
}

Test(bodies, are_closed_once_when_the_client_leaves)
{
    FOR_CLOSABLES(kind)
    {
        int fd = dial(&server);
        char *text = xasprintf("GET /%s?pieces=%d HTTP/1.1\r\nHost: x\r\n\r\n",
                               kind, MANY);
        send_text(fd, text);
        read_until(fd, "\r\n\r\n");
        close(fd);
        server_await(&server, xasprintf("closed %s", kind));
        assert_closed(kind, "1");
    }
}

Test(bodies, are_closed_once_when_the_client_leaves_an_endless_one)
{
    int fd = dial(&server);
    send_text(fd, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    read_until(fd, "0123456789abcdef");
    close(fd);
    server_await(&server, "closed endless");
    assert_closed("endless", "1");
}

Test(bodies, close_the_body_and_the_closing_value)
{
    cr_assert_str_eq(get(&server, "/both").body, "x");
    assert_closed("both", "2");
}

Test(bodies, that_fail_to_close_are_whole_and_logged)
{
    server.errors_expected = true;
    assert_sized("/close-fails", "fine");
    server_await(&server, "closing the body failed");
    assert_sized("/array", "one two three");
}

/* ---- failing half-way ---- */

/* Some pieces come, no final chunk, then the close. */
static void assert_cut(const char *path, const char *why)
{
    server.errors_expected = true;
    char *text = xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    char *all = talk(&server, text);
    cr_assert_not_null(strcasestr(all, "transfer-encoding: chunked"), "%s",
                       all);
    cr_assert_not_null(strstr(all, "\r\npiece \r\n"));
    cr_assert_null(strstr(all, "\r\n0\r\n"), "it looks whole: %s", all);
    server_await(&server, why);
    free(text);
}

Test(bodies, that_raise_half_way_end_without_a_final_chunk)
{
    assert_cut("/fails?2", "half-way");
    assert_closed("fails", "1");
}

Test(bodies, that_give_a_number_half_way_end_without_a_final_chunk)
{
    assert_cut("/numbers", "iterator gave a number");
    assert_closed("numbers", "1");
}

Test(bodies, that_raise_at_once_are_a_500)
{
    server.errors_expected = true;
    cr_assert_eq(get(&server, "/fails?0").status, 500);
    assert_closed("fails", "1");
}

Test(bodies, that_yield_outside_of_a_coroutine_are_a_500)
{
    server.errors_expected = true;
    cr_assert_eq(get(&server, "/yields").status, 500);
    server_await(&server, "coroutine.yield outside");
    assert_closed("yields", "1");
}

Test(bodies, that_are_a_file_which_shrinks_end_the_connection)
{
    server.errors_expected = true;
    server_write(&server, "file", "");
    char *path = server_path(&server, "file");
    cr_assert_eq(truncate(path, (off_t)MANY * PIECE), 0);
    int fd = dial(&server);
    send_text(
        fd, xasprintf("GET /file-named?%s HTTP/1.1\r\nHost: x\r\n\r\n", path));
    char *head = read_until(fd, "\r\n\r\n");
    cr_assert_eq(truncate(path, 0), 0);
    size_t length;
    read_all(fd, &length);
    cr_assert_not_null(strstr(head, "Content-Length: 16777216\r\n"));
    cr_assert_lt(length, (size_t)MANY * PIECE);
}

/* ---- a content-length of the app's ---- */

static void assert_length(const char *path, const char *length,
                          const char *body)
{
    int fd = dial(&server);
    char *text =
        xasprintf("GET %s?%s HTTP/1.1\r\nHost: x\r\n\r\n", path, length);
    send_text(fd, text);
    char *all = read_all(fd, NULL);
    cr_assert_not_null(strstr(all, xasprintf("Content-Length: %s\r\n", length)),
                       "%s", all);
    cr_assert_str_eq(strstr(all, "\r\n\r\n") + 4, body);
    close(fd);
}

Test(bodies, that_exceed_their_content_length_are_cut_and_close)
{
    assert_length("/length", "5", "hello");
    assert_length("/length", "0", "");
    assert_length("/length-iterator", "7", "hello w");
    assert_length("/length-iterator", "0", "");
    assert_closed("length", "2");
}

Test(bodies, that_fall_short_of_their_content_length_close)
{
    assert_length("/length", "12", "hello world");
    assert_length("/length-iterator", "99", "hello world");
    assert_closed("length", "1");
}

Test(bodies, that_hold_their_content_length_keep_the_connection)
{
    int fd = dial(&server);
    for (int i = 0; i < 3; i++) {
        struct answer a =
            ask(fd, "GET /length-iterator?11 HTTP/1.1\r\nHost: x\r\n\r\n");
        cr_assert_str_eq(a.body, "hello world");
        cr_assert(!a.chunked && !field(&a, "connection"));
    }
}

/* ---- time ---- */

Test(bodies, reach_the_client_piece_by_piece)
{
    char *fifo = server_path(&server, "fifo");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    int fd = dial(&server);
    send_text(fd, xasprintf("GET /fifo?%s HTTP/1.1\r\nHost: x\r\n\r\n", fifo));
    read_until(fd, "first ");
    FILE *f = fopen(fifo, "w");
    cr_assert(f && fputs("second", f) >= 0 && fclose(f) == 0);
    read_until(fd, "second");
    read_until(fd, "0\r\n\r\n");
}

Test(bodies, that_sleep_let_others_be_served)
{
    if (strcmp(model_under_test(), "Base") == 0)
        cr_skip_test("Base serves one client at a time");
    int fd = dial(&server);
    send_text(fd, "GET /until-woken HTTP/1.1\r\nHost: x\r\n\r\n");
    read_until(fd, "asleep ");
    cr_assert_str_eq(get(&server, "/wake").body, "woken");
    read_until(fd, "awake");
    read_until(fd, "0\r\n\r\n");
}

Test(bodies, are_never_in_memory_as_a_whole)
{
    if (SANITIZED)
        cr_skip_test("a sanitizer keeps what was freed");
    pid_t worker = server_worker(&server, 0);
    assert_sized("/array", "one two three");
    long before = server_peak(worker);
    int fd = dial(&server);
    send_text(fd, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    static char trash[1 << 20];
    for (int i = 0; i < 64; i++)
        read_bytes(fd, trash, sizeof trash);
    close(fd);
    cr_assert_lt(server_peak(worker) - before, 4096);
}
