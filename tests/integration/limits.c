/* SPDX-License-Identifier: MIT */
/*
 * Each limit of the config: a request of exactly that size passes, a larger
 * one is refused with the status of the documents, and the client can read
 * the refusal whatever it still sends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define MEBIBYTE (1024 * 1024)

static struct server server;

static void serve(const char *more)
{
    server_serve(&server, "logs.lua", more);
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(limits, .fini = stop, .timeout = 60);

/* n bytes of "x". */
static char *filled(size_t n)
{
    char *text = xmalloc(n + 1);
    memset(text, 'x', n);
    text[n] = '\0';
    return text;
}

static int status_of(char *request)
{
    int fd = dial(&server);
    send_text(fd, request);
    struct answer a = read_answer(fd);
    if (a.status == 200)
        close(fd);
    else
        await_close(fd);
    free(request);
    return a.status;
}

static int status_of_target(size_t n)
{
    return status_of(
        xasprintf("GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", filled(n - 1)));
}

static int status_of_name(size_t n)
{
    return status_of(
        xasprintf("GET / HTTP/1.1\r\nHost: a\r\n%s: y\r\n\r\n", filled(n)));
}

/* All header lines have n bytes together. */
static int status_of_header(size_t n)
{
    size_t others = strlen("Host: a\r\nX: \r\n");
    return status_of(xasprintf("GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n",
                               filled(n - others)));
}

static int status_of_fields(int n)
{
    char fields[4096] = "";
    for (int i = 0; i < n - 1; i++)
        strcat(fields, "X: y\r\n");
    return status_of(xasprintf("GET / HTTP/1.1\r\n%sHost: a\r\n\r\n", fields));
}

static int status_of_body(size_t n)
{
    return status_of(xasprintf("POST / HTTP/1.1\r\nHost: a\r\n"
                               "Content-Length: %zu\r\n\r\n%s",
                               n, filled(n)));
}

#define CHUNKED                                                                \
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Two chunks of n bytes together. */
static int status_of_chunks(size_t n)
{
    return status_of(xasprintf(CHUNKED "1\r\nx\r\n%zx\r\n%s\r\n0\r\n\r\n",
                               n - 1, filled(n - 1)));
}

/* n bytes of extensions on two chunks. */
static int status_of_extensions(size_t n)
{
    return status_of(xasprintf(CHUNKED "1;a\r\nx\r\n0;%s\r\n\r\n",
                               filled(n - strlen(";a;"))));
}

Test(limits, hold_client_max_uri_size_to_the_byte)
{
    serve("client_max_uri_size(32)");
    cr_assert_eq(status_of_target(32), 200);
    cr_assert_eq(status_of_target(33), 414);
    cr_assert_eq(status_of_target(3000), 414);
}

Test(limits, hold_client_max_header_name_to_the_byte)
{
    serve("client_max_header_name(20)");
    cr_assert_eq(status_of_name(20), 200);
    cr_assert_eq(status_of_name(21), 431);
    cr_assert_eq(status_of_name(3000), 431);
}

Test(limits, hold_client_max_header_size_to_the_byte)
{
    serve("client_max_header_size(2000)");
    cr_assert_eq(status_of_header(2000), 200);
    cr_assert_eq(status_of_header(2001), 431);
    cr_assert_eq(status_of_header(20000), 431);
}

Test(limits, hold_client_max_headers_to_the_field)
{
    serve("client_max_headers(5)");
    cr_assert_eq(status_of_fields(5), 200);
    cr_assert_eq(status_of_fields(6), 431);
    cr_assert_eq(status_of_fields(100), 431);
}

Test(limits, hold_client_max_body_size_to_the_byte)
{
    serve("client_max_body_size(10)");
    cr_assert_eq(status_of_body(10), 200);
    cr_assert_eq(status_of_body(11), 413);
    cr_assert_eq(status_of_chunks(10), 200);
    cr_assert_eq(status_of_chunks(11), 413);
}

Test(limits, may_allow_no_body_at_all)
{
    serve("client_max_body_size(0)");
    cr_assert_eq(status_of_body(0), 200);
    cr_assert_eq(status_of_body(1), 413);
    cr_assert_eq(status_of_chunks(2), 413);
}

Test(limits, hold_client_max_chunk_extension_to_the_byte)
{
    serve("client_max_chunk_extension(100)");
    cr_assert_eq(status_of_extensions(100), 200);
    cr_assert_eq(status_of_extensions(101), 413);
    cr_assert_eq(status_of_extensions(3000), 413);
}

Test(limits, have_the_defaults_of_the_documents)
{
    serve("");
    cr_assert_eq(status_of_target(15 * 1024), 200);
    cr_assert_eq(status_of_target(15 * 1024 + 1), 414);
    cr_assert_eq(status_of_name(256), 200);
    cr_assert_eq(status_of_name(257), 431);
    cr_assert_eq(status_of_header(112 * 1024), 200);
    cr_assert_eq(status_of_header(112 * 1024 + 1), 431);
    cr_assert_eq(status_of_fields(100), 200);
    cr_assert_eq(status_of_fields(101), 431);
    cr_assert_eq(status_of_body(MEBIBYTE), 200);
    cr_assert_eq(status_of_body(MEBIBYTE + 1), 413);
}

Test(limits, let_no_refused_request_reach_the_app)
{
    serve("client_max_body_size(10)");
    cr_assert_eq(status_of_body(11), 413);
    cr_assert_eq(status_of_chunks(11), 413);
    cr_assert_eq(status_of_body(1), 200);
    server_await(&server, "asked: POST / 1");
    cr_assert_null(strstr(server.log, "asked: POST / 11"));
}

/* ---- the refusal arrives ---- */

/* A client that sends all it has before it reads. */
static void assert_sees_refusal(const char *head, const char *body)
{
    int fd = dial(&server);
    send_text(fd, head);
    send_text(fd, body);
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, 413);
    cr_assert_str_eq(a.body, "413 Content Too Large\n");
    cr_assert_str_eq(field(&a, "connection"), "close");
    await_close(fd);
}

Test(limits, let_a_client_read_the_refusal_of_what_it_still_sends)
{
    serve("");
    char *body = filled(3 * MEBIBYTE);
    for (int i = 0; i < 5; i++) {
        assert_sees_refusal("POST / HTTP/1.1\r\nHost: a\r\n"
                            "Content-Length: 3145728\r\n\r\n",
                            body);
        assert_sees_refusal(CHUNKED "300000\r\n", body);
    }
}

Test(limits, let_http_1_0_read_the_refusal_too)
{
    serve("client_max_body_size(10)");
    char *all = talk(&server, "POST / HTTP/1.0\r\nContent-Length: 11\r\n\r\n"
                              "12345678901");
    cr_assert_not_null(strstr(all, " 413 Content Too Large\r\n"));
}
