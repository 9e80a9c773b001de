/* SPDX-License-Identifier: MIT */
/*
 * What one connection carries: requests in, answers out, in order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"

#define HELLO "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#define OLD   "GET / HTTP/1.0\r\n"

static struct server server;

static void start(void)
{
    server_serve(&server, "plain.lua", "");
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(requests, .init = start, .fini = stop, .timeout = 60);
TestSuite(configured, .fini = stop, .timeout = 60);

Test(requests, answers_with_length_and_date)
{
    struct answer a = get(&server, "/");
    cr_assert_eq(a.status, 200);
    cr_assert_str_eq(a.body, "hello\n");
    cr_assert_str_eq(field(&a, "content-length"), "6");
    cr_assert_str_eq(field(&a, "content-type"), "text/plain");
    cr_assert_eq(strlen(field(&a, "date")), 29);
    cr_assert_str_eq(field(&a, "connection"), "close");
}

Test(requests, keeps_a_connection_for_many_requests)
{
    int fd = dial(&server);
    for (int i = 0; i < 100; i++) {
        struct answer a = ask(fd, HELLO);
        cr_assert_str_eq(a.body, "hello\n");
        cr_assert_null(field(&a, "connection"));
    }
}

Test(requests, answers_pipelined_requests_in_order)
{
    int fd = dial(&server);
    send_text(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
                  "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
                  "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                  "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_str_eq(read_answer(fd).body, "hello\n");
    cr_assert_str_eq(read_answer(fd).body, "nothing at /a\n");
    cr_assert_str_eq(read_answer(fd).body, "hello\n");
    cr_assert_str_eq(read_answer(fd).body, "nothing at /b\n");
}

Test(requests, understands_a_request_cut_at_every_byte)
{
    const char *text = "POST /c HTTP/1.1\r\nHost: x\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n0\r\n\r\n";
    int fd = dial(&server);
    for (size_t cut = 1; cut < strlen(text); cut++) {
        send_bytes(fd, text, cut);
        send_text(fd, text + cut);
        cr_assert_eq(read_answer(fd).status, 404);
    }
    for (const char *at = text; *at; at++)
        send_bytes(fd, at, 1);
    cr_assert_eq(read_answer(fd).status, 404);
}

Test(requests, answers_hundreds_of_pipelined_requests_in_order)
{
    char all[200 * 48], want[32];
    size_t n = 0;
    for (int i = 0; i < 200; i++)
        n += (size_t)snprintf(all + n, sizeof all - n,
                              "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
    int fd = dial(&server);
    send_bytes(fd, all, n);
    for (int i = 0; i < 200; i++) {
        snprintf(want, sizeof want, "nothing at /%d\n", i);
        cr_assert_str_eq(read_answer(fd).body, want);
    }
}

Test(requests, answers_head_with_the_length_and_no_body)
{
    int fd = dial(&server);
    send_text(fd, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" HELLO);
    struct answer a = read_head_answer(fd);
    cr_assert_eq(a.status, 200);
    cr_assert_str_eq(field(&a, "content-length"), "6");
    cr_assert_str_eq(field(&a, "content-type"), "text/plain");
    cr_assert_str_eq(read_answer(fd).body, "hello\n");
}

Test(requests, answers_an_absolute_target)
{
    int fd = dial(&server);
    struct answer a = ask(fd, "GET http://h:1/ HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_str_eq(a.body, "hello\n");
    a = ask(fd, "GET HTTPS://h HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_str_eq(a.body, "hello\n");
}

Test(requests, skips_an_empty_line_before_a_request)
{
    int fd = dial(&server);
    for (int i = 0; i < 3; i++)
        cr_assert_str_eq(ask(fd, "\r\n" HELLO).body, "hello\n");
    send_text(fd, HELLO "\r\n" HELLO "\r\n");
    cr_assert_str_eq(read_answer(fd).body, "hello\n");
    cr_assert_str_eq(read_answer(fd).body, "hello\n");
    cr_assert_str_eq(ask(fd, HELLO).body, "hello\n");
}

Test(requests, refuses_a_second_empty_line)
{
    int fd = dial(&server);
    cr_assert_eq(ask(fd, "\r\n\r\n" HELLO).status, 400);
    await_close(fd);
}

/* ---- keeping the connection ---- */

Test(requests, closes_when_the_client_says_so)
{
    int fd = dial(&server);
    struct answer a = ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n"
                              "Connection: foo, Close\r\n\r\n" HELLO);
    cr_assert_str_eq(a.body, "hello\n");
    cr_assert_str_eq(field(&a, "connection"), "close");
    await_close(fd);
}

Test(requests, closes_when_the_app_says_so)
{
    int fd = dial(&server);
    struct answer a = ask(fd, "GET /bye HTTP/1.1\r\nHost: x\r\n\r\n" HELLO);
    cr_assert_str_eq(a.body, "bye\n");
    cr_assert_str_eq(field(&a, "connection"), "close");
    await_close(fd);
}

Test(requests, closes_after_http_1_0)
{
    int fd = dial(&server);
    struct answer a = ask(fd, OLD "\r\n" OLD "\r\n");
    cr_assert_str_eq(a.body, "hello\n");
    cr_assert_str_eq(field(&a, "content-length"), "6");
    await_close(fd);
}

Test(requests, keeps_http_1_0_with_keep_alive)
{
    int fd = dial(&server);
    for (int i = 0; i < 3; i++) {
        struct answer a = ask(fd, OLD "Connection: keep-alive\r\n\r\n");
        cr_assert_str_eq(a.body, "hello\n");
        cr_assert_str_eq(field(&a, "connection"), "keep-alive");
    }
    cr_assert_str_eq(ask(fd, OLD "\r\n").body, "hello\n");
    await_close(fd);
}

Test(requests, ends_an_unknown_length_for_http_1_0_by_the_close)
{
    char *all = talk(&server, "GET /stream HTTP/1.0\r\n"
                              "Connection: keep-alive\r\n\r\n");
    cr_assert_null(strcasestr(all, "transfer-encoding"), "%s", all);
    cr_assert_null(strcasestr(all, "content-length"), "%s", all);
    cr_assert_not_null(strstr(all, "Connection: close\r\n"));
    cr_assert_not_null(strstr(all, "\r\n\r\none two"));
}

Test(configured, closes_after_keepalive_requests)
{
    server_serve(&server, "plain.lua", "keepalive_requests(3)");
    int fd = dial(&server);
    cr_assert_null(strcasestr(ask(fd, HELLO).head, "\r\nconnection:"));
    cr_assert_null(strcasestr(ask(fd, HELLO).head, "\r\nconnection:"));
    struct answer a = ask(fd, HELLO HELLO);
    cr_assert_str_eq(a.body, "hello\n");
    cr_assert_str_eq(field(&a, "connection"), "close");
    await_close(fd);
}

/* ---- headers ---- */

Test(requests, sends_the_headers_of_the_app)
{
    struct answer a = get(&server, "/headers");
    cr_assert_not_null(strstr(a.head, "\r\nset-cookie: a=1\r\n"
                                      "set-cookie: b=2\r\n"));
    cr_assert_not_null(strstr(a.head, "\r\nX-Number: 42\r\n"));
    cr_assert_null(strstr(a.head, "rack."));
    cr_assert_str_eq(a.body, "hello\n");
}

Test(requests, writes_the_headers_that_are_the_servers)
{
    struct answer a = get(&server, "/headers");
    cr_assert_str_neq(field(&a, "date"), "never");
    cr_assert_null(field(&a, "keep-alive"));
    cr_assert_null(field(&a, "transfer-encoding"));
    cr_assert_str_eq(field(&a, "content-length"), "6");
}

/* ---- clients that leave ---- */

Test(requests, answers_a_client_that_half_closed)
{
    int fd = dial(&server);
    send_text(fd, "GET /sleep?0.05 HTTP/1.1\r\nHost: x\r\n\r\n" HELLO);
    shutdown(fd, SHUT_WR);
    cr_assert_str_eq(read_answer(fd).body, "slept\n");
    cr_assert_str_eq(read_answer(fd).body, "hello\n");
    await_close(fd);
}

static void leave_with(const char *text, int how)
{
    struct linger reset = {.l_onoff = how};
    int fd = dial(&server);
    send_text(fd, text);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}

Test(requests, come_to_no_harm_from_clients_that_leave)
{
    static const char *const texts[] = {
        "",
        "G",
        HELLO,
        HELLO "GET",
        HELLO HELLO,
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"};
    for (size_t i = 0; i < 5 * sizeof texts / sizeof *texts; i++)
        leave_with(texts[i / 5], i % 2);
    cr_assert_str_eq(get(&server, "/").body, "hello\n");
}

/* ---- Expect ---- */

#define EXPECT "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"

Test(configured, says_100_before_it_reads_the_body)
{
    server_serve(&server, "logs.lua", "");
    int fd = dial(&server);
    for (int i = 0; i < 2; i++) {
        send_text(fd, EXPECT "Content-Length: 3\r\n\r\n");
        cr_assert_str_eq(read_until(fd, "\r\n\r\n"),
                         "HTTP/1.1 100 Continue\r\n\r\n");
        cr_assert_str_eq(ask(fd, "abc").body, "POST / 3");
        send_text(fd, EXPECT "Transfer-Encoding: chunked\r\n\r\n");
        read_until(fd, "100 Continue\r\n\r\n");
        cr_assert_str_eq(ask(fd, "1\r\nx\r\n0\r\n\r\n").body, "POST / 1");
    }
}

Test(configured, says_413_rather_than_100)
{
    server_serve(&server, "logs.lua", "client_max_body_size(10)");
    int fd = dial(&server);
    struct answer a = ask(fd, EXPECT "Content-Length: 11\r\n\r\n");
    cr_assert_eq(a.status, 413);
    await_close(fd);
}

Test(configured, says_no_100_without_a_reason)
{
    server_serve(&server, "logs.lua", "");
    int fd = dial(&server);
    struct answer a = ask(fd, EXPECT "Content-Length: 0\r\n\r\n");
    cr_assert_str_eq(a.body, "POST / 0");
    a = ask(fd, EXPECT "Content-Length: 3\r\n\r\nabc"); /* it is there */
    cr_assert_str_eq(a.body, "POST / 3");
    a = ask(fd, "POST / HTTP/1.0\r\nExpect: 100-continue\r\n"
                "Content-Length: 3\r\n\r\nabc");
    cr_assert_str_eq(a.body, "POST / 3");
}

/* ---- many ---- */

Test(configured, serves_many_connections_at_once)
{
    enum {
        MANY = 200
    };
    int fds[MANY];
    server_serve(&server, "plain.lua", "worker_connections(500)");
    for (int i = 0; i < MANY; i++) {
        fds[i] = dial(&server);
        send_text(fds[i], HELLO);
    }
    for (int i = 0; i < MANY; i++) {
        cr_assert_str_eq(read_answer(fds[i]).body, "hello\n");
        close(fds[i]);
    }
}
