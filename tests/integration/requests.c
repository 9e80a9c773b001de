/* SPDX-License-Identifier: MIT */
/*
 * What one connection carries: requests in, answers out, in order.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/client.h"
#include "tests/support/server.h"

static struct server server;

static void start(void)
{
    char config[4200];
    snprintf(config, sizeof config, "app(\"%s\")", app_path("plain.lua"));
    server_start(&server, config);
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(requests, .init = start, .fini = stop, .timeout = 60);

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
        send_text(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        struct answer a = read_answer(fd);
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
