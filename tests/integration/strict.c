/* SPDX-License-Identifier: MIT */
/*
 * Requests that could be read in two ways are refused, over the real socket:
 * the status is right, the connection closes, and a request hidden behind
 * never runs. The units of http/ judge more of them, and each by the byte.
 */
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"

#define LINE     "GET / HTTP/1.1\r\n"
#define GET      LINE "Host: a\r\n"
#define POST     "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED  POST "Transfer-Encoding: chunked\r\n\r\n"
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

#define X16  "xxxxxxxxxxxxxxxx"
#define X256 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16

static struct server server;

static void start(void)
{
    server_serve(&server, "logs.lua",
                 "worker_processes(1)\n"
                 "client_max_uri_size(64) client_max_body_size(64)\n"
                 "client_max_header_name(32) client_max_header_size(400)\n"
                 "client_max_headers(8) client_max_chunk_extension(32)");
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(strict, .init = start, .fini = stop, .timeout = 60);

struct bytes {
    const char *at;
    size_t len;
};

/* With its length, since some have a NUL inside. */
#define B(literal)                                                             \
    {                                                                          \
        (literal), sizeof(literal) - 1                                         \
    }

/* Reads the refusal up to the close. */
static void assert_refusal(int fd, int status, struct bytes request)
{
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, status, "%d, not %d for:\n%.*s", a.status, status,
                 (int)request.len, request.at);
    cr_assert_str_eq(field(&a, "connection"), "close");
    cr_assert(a.whole);
    await_close(fd);
}

/* The request and a hidden one behind it in one packet. */
static void send_hiding(int fd, struct bytes request)
{
    char packet[4096];
    size_t n = sizeof SMUGGLED - 1;
    memcpy(packet, request.at, request.len);
    memcpy(packet + request.len, SMUGGLED, n);
    send_bytes(fd, packet, request.len + n);
}

static void refuse_all(int status, const struct bytes *requests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int fd = dial(&server);
        send_hiding(fd, requests[i]);
        assert_refusal(fd, status, requests[i]);
    }
    get(&server, "/last");
    server_await(&server, "asked: GET /last 0");
    cr_assert_null(strstr(server.log, "smuggled"), "%s", server.log);
}

#define REFUSES(status, ...)                                                   \
    do {                                                                       \
        static const struct bytes requests[] = {__VA_ARGS__};                  \
        refuse_all(status, requests, sizeof requests / sizeof *requests);      \
    } while (0)

/* ---- the request line ---- */

Test(strict, refuses_a_bad_request_line)
{
    REFUSES(400, B(" / HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
            B("GET / HTTP/1.1\nHost: a\n\n"), B("GET /\r\n\r\n"), B("GET /\n"),
            B("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GET / http/1.1\r\nHost: a\r\n\r\n"), B("GET / HTTP/0.9\r\n\r\n"),
            B("GET / HTTP/1.10\r\n\r\n"),
            B("\0GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n"));
}

Test(strict, refuses_a_bad_target)
{
    REFUSES(400, B("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"));
}

Test(strict, refuses_what_it_does_not_implement)
{
    REFUSES(501, B("FETCH / HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("get / HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("GETS / HTTP/1.1\r\nHost: a\r\n\r\n"),
            B("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"), B(X256),
            B(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"));
}

Test(strict, refuses_another_version)
{
    REFUSES(505, B("GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
            B("GET / HTTP/3.1\r\nHost: a\r\n\r\n"),
            B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
}

/* ---- fields ---- */

Test(strict, refuses_a_bad_field)
{
    REFUSES(400, B(GET "X : y\r\n\r\n"), B(GET "X\r\n\r\n"),
            B(GET ": y\r\n\r\n"), B(GET " X: y\r\n\r\n"),
            B(GET "X: y\r\n z\r\n\r\n"), B(LINE " X: y\r\nHost: a\r\n\r\n"),
            B(GET "X(: y\r\n\r\n"), B(GET "X: y\0\r\n\r\n"),
            B(GET "X: y\rz\r\n\r\n"), B(GET "X: y\n\r\n"), B(GET "X: y\r\n\n"),
            B(GET "X: y\x7f\r\n\r\n"), B(GET "X: y\r\r\n\r\n"));
}

Test(strict, refuses_a_bad_host)
{
    REFUSES(400, B(LINE "\r\n"), B(GET "Host: a\r\n\r\n"),
            B(LINE "Host: a, b\r\n\r\n"), B(LINE "Host: a b\r\n\r\n"),
            B(LINE "Host: u@a\r\n\r\n"), B(LINE "Host: a/b\r\n\r\n"),
            B(LINE "Host: a:b\r\n\r\n"), B(LINE "Host: [::1\r\n\r\n"));
}

Test(strict, refuses_framing_with_two_meanings)
{
    REFUSES(400, B(POST "Content-Length: 0\r\nContent-Length: 0\r\n\r\n"),
            B(POST "Content-Length: 0, 0\r\n\r\n"),
            B(POST "Content-Length: +0\r\n\r\n"),
            B(POST "Content-Length: -1\r\n\r\n"),
            B(POST "Content-Length: 0x0\r\n\r\n"),
            B(POST "Content-Length:\r\n\r\n"),
            B(POST "Content-Length: 99999999999999999999\r\n\r\n"),
            B(POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            B(POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"),
            B("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

Test(strict, refuses_codings_that_hide_the_end)
{
    REFUSES(400, B(POST "Transfer-Encoding: identity\r\n\r\n"),
            B(POST "Transfer-Encoding: chunked, gzip\r\n\r\n"),
            B(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
            B(POST "Transfer-Encoding: chunked\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n"),
            B(POST "Transfer-Encoding: xchunked\r\n\r\n"),
            B(POST "Transfer-Encoding: \x0b"
                   "chunked\r\n\r\n"),
            B(POST "Transfer-Encoding:\r\n\r\n"),
            B(POST "Transfer-Encoding: ,chunked\r\n\r\n"),
            B(POST "Transfer-Encoding : chunked\r\n\r\n"));
}

Test(strict, refuses_an_unknown_expectation)
{
    REFUSES(417, B(POST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\nx"));
}

/* ---- bodies ---- */

Test(strict, refuses_bad_chunks)
{
    REFUSES(400, B(CHUNKED "x\r\n"), B(CHUNKED "\r\n"), B(CHUNKED " 1\r\nx"),
            B(CHUNKED "1 \r\nx\r\n"), B(CHUNKED "0x1\r\nx\r\n"),
            B(CHUNKED "-1\r\nx\r\n"), B(CHUNKED "1\nx\r\n"),
            B(CHUNKED "1\r\nxy\r\n"), B(CHUNKED "1\r\nx\n"),
            B(CHUNKED "10000000000000000\r\n"),
            B(CHUNKED "ffffffffffffffff\r\n"), B(CHUNKED "1;\0\r\nx\r\n"),
            B(CHUNKED "1;a\nx\r\n"), B(CHUNKED "1;a\rb\r\nx\r\n"));
}

Test(strict, refuses_bad_trailers)
{
    REFUSES(400, B(CHUNKED "0\r\nContent-Length: 0\r\n\r\n"),
            B(CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            B(CHUNKED "0\r\nX : y\r\n\r\n"), B(CHUNKED "0\r\n X: y\r\n\r\n"),
            B(CHUNKED "0\r\nX: y\n\r\n"), B(CHUNKED "0\r\n\n"));
}

Test(strict, refuses_what_is_too_large)
{
    REFUSES(413, B(POST "Content-Length: 65\r\n\r\n"),
            B(CHUNKED "1;" X256 "\r\nx\r\n"),
            B(CHUNKED "40\r\n" X16 X16 X16 X16 "\r\n1\r\nx\r\n0\r\n\r\n"));
    REFUSES(414, B("GET /" X256 " HTTP/1.1\r\nHost: a\r\n\r\n"));
    REFUSES(431, B(GET X256 ": y\r\n\r\n"), B(GET "X: " X256 X256 "\r\n\r\n"),
            B(GET "A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\nH:\r\n\r\n"));
}

/* ---- cuts ---- */

/* In two pieces, wherever it is cut, and byte by byte. */
static void refuse_cut(int status, struct bytes request)
{
    for (size_t cut = 1; cut < request.len; cut++) {
        int fd = dial(&server);
        send_bytes(fd, request.at, cut);
        send_bytes(fd, request.at + cut, request.len - cut);
        assert_refusal(fd, status, request);
    }
    int fd = dial(&server);
    for (size_t i = 0; i < request.len; i++)
        send_bytes(fd, request.at + i, 1);
    assert_refusal(fd, status, request);
}

Test(strict, refuses_the_same_however_it_is_cut)
{
    static const struct {
        int status;
        struct bytes request;
    } rows[] = {
        {400, B("GET /a b HTTP/1.1\r\n")},
        {400, B(LINE "\r\n")},
        {400, B(GET "X : y\r\n")},
        {400, B(GET "X: y\n")},
        {400, B(POST "Content-Length: 0\r\nContent-Length: 0\r\n")},
        {400, B(CHUNKED "1\r\nxy")},
        {413, B(POST "Content-Length: 65\r\n\r\n")},
        {431, B(GET X16 X16 "x")},
        {501, B("GETS / HTTP/1.1\r\nHost: a\r\n\r\n")},
        {505, B("GET / HTTP/2.0\r\n")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refuse_cut(rows[i].status, rows[i].request);
}

Test(strict, refuses_tls_at_its_first_bytes)
{
    int fd = dial(&server);
    struct bytes hello = B("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    send_bytes(fd, hello.at, hello.len);
    assert_refusal(fd, 400, hello);
}

/* ---- good ---- */

static void assert_accepts(const char *request, const char *saw)
{
    int fd = dial(&server);
    send_text(fd, request);
    send_text(fd, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, 200, "%d for:\n%s", a.status, request);
    cr_assert_str_eq(a.body, saw, "%s for:\n%s", a.body, request);
    cr_assert_str_eq(read_answer(fd).body, "GET /next 0", "after:\n%s",
                     request);
    close(fd);
}

Test(strict, accepts_odd_but_good_heads)
{
    assert_accepts("GET //a HTTP/1.1\r\nHost: a\r\n\r\n", "GET //a 0");
    assert_accepts("\r\n" GET "\r\n", "GET / 0");
    assert_accepts("GET / HTTP/1.2\r\nHost: a\r\n\r\n", "GET / 0");
    assert_accepts(LINE "Host:\r\n\r\n", "GET / 0");
    assert_accepts(LINE "HOST:a:80\r\n\r\n", "GET / 0");
    assert_accepts("GET HTTP://a:80/b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /b 0");
    assert_accepts("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * 0");
    assert_accepts("M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n", "M-SEARCH / 0");
    assert_accepts(GET "X:\r\nY: \xc3\xa4\ty \t\r\n!: \r\n\r\n", "GET / 0");
    assert_accepts(GET "Connection: ,, foo,Keep-Alive\r\n\r\n", "GET / 0");
}

Test(strict, accepts_odd_but_good_bodies)
{
    assert_accepts(POST "Content-Length: 0003\r\n\r\nabc", "POST / 3");
    assert_accepts(GET "Content-Length: 3\r\n\r\nabc", "GET / 3");
    assert_accepts(POST "Transfer-Encoding:\tCHUNKED\r\n\r\n0\r\n\r\n",
                   "POST / 0");
    assert_accepts(CHUNKED "0000000000000003;a=\"b\"\r\nabc\r\n000;c\r\n\r\n",
                   "POST / 3");
    assert_accepts(CHUNKED "A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
                   "POST / 10");
    assert_accepts(POST "Content-Length: 24\r\n\r\nGET /smuggled HTTP/1.1\r\n",
                   "POST / 24");
}
