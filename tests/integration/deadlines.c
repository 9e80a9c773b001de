/* SPDX-License-Identifier: MIT */
/*
 * How long a client may take: for a head, for a body, between two requests,
 * and for its answer. The times are short here, and only they are waited for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define HALF "GET / HTTP/1.1\r\nHost: x\r\nX: "
#define POST "POST / HTTP/1.1\r\nHost: x\r\n"

static struct server server;

/* All other times are long enough to let the test fail. */
static void serve(const char *app, const char *more)
{
    char config[512];
    snprintf(config, sizeof config, "worker_processes(1)\n%s", more);
    server_serve(&server, app, config);
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(deadlines, .fini = stop, .timeout = 60);

/* The close comes, and not before 0.3 seconds have passed since. */
static void assert_closes(int fd, int64_t since)
{
    await_close(fd);
    cr_assert_geq(clock_now() - since, CLOCK_SECOND * 3 / 10, "too early");
}

/* The same with a 408 before. */
static void assert_408(int fd, int64_t since)
{
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, 408);
    cr_assert_str_eq(a.body, "408 Request Timeout\n");
    cr_assert_str_eq(field(&a, "connection"), "close");
    assert_closes(fd, since);
}

/* ---- the head ---- */

Test(deadlines, end_half_a_head_with_408)
{
    serve("plain.lua", "client_header_timeout(0.3)");
    int64_t since = clock_now();
    int fd = dial(&server);
    send_text(fd, HALF);
    assert_408(fd, since);
    cr_assert_eq(get(&server, "/").status, 200);
}

/* Sends the byte again and again until something comes. */
static void drip(int fd, const char *byte)
{
    int64_t deadline = clock_now() + PATIENCE * CLOCK_SECOND;
    while (!readable_within(fd, 50)) {
        cr_assert_lt(clock_now(), deadline, "it may drip for ever");
        send_text(fd, byte);
    }
}

Test(deadlines, end_a_dripping_head_with_408)
{
    serve("plain.lua", "client_header_timeout(0.3)");
    int64_t since = clock_now();
    int fd = dial(&server);
    send_text(fd, HALF);
    drip(fd, "y");
    assert_408(fd, since);
}

Test(deadlines, end_a_second_head_that_drips)
{
    serve("plain.lua", "client_header_timeout(0.3) keepalive_timeout(60)");
    int64_t since = clock_now();
    int fd = dial(&server);
    struct answer a = ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n" HALF);
    cr_assert_eq(a.status, 200);
    drip(fd, "y");
    assert_408(fd, since);
}

Test(deadlines, end_a_silent_connection_silently)
{
    serve("plain.lua", "client_header_timeout(0.3)");
    int64_t since = clock_now();
    int fd = dial(&server);
    assert_closes(fd, since);
    since = clock_now();
    fd = dial(&server);
    send_text(fd, "\r\n");
    assert_closes(fd, since);
}

Test(deadlines, hold_for_many_clients_at_once)
{
    int fds[10];
    serve("plain.lua", "client_header_timeout(0.3)");
    int64_t since = clock_now();
    for (int i = 0; i < 10; i++) {
        fds[i] = dial(&server);
        send_text(fds[i], HALF);
    }
    for (int i = 0; i < 10; i++)
        assert_408(fds[i], since);
}

/* ---- the body ---- */

Test(deadlines, end_half_a_body_with_408)
{
    serve("logs.lua", "client_body_timeout(0.3)");
    int64_t since = clock_now();
    int fd = dial(&server);
    send_text(fd, POST "Content-Length: 10\r\n\r\n12345");
    assert_408(fd, since);
    since = clock_now();
    fd = dial(&server);
    send_text(fd, POST "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n");
    assert_408(fd, since);
    cr_assert_not(server_logged(&server, "asked:"));
}

Test(deadlines, allow_a_body_to_come_slowly)
{
    serve("logs.lua", "client_body_timeout(5) client_header_timeout(0.3)");
    int fd = dial(&server);
    send_text(fd, POST "Content-Length: 10\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        cr_assert_not(readable_within(fd, 50));
        send_text(fd, "x");
    }
    cr_assert_str_eq(read_answer(fd).body, "POST / 10");
}

/* ---- between requests ---- */

Test(deadlines, end_an_idle_connection_silently)
{
    serve("plain.lua", "keepalive_timeout(0.3)");
    int64_t since = clock_now();
    int fd = dial(&server);
    struct answer a = ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(a.status, 200);
    cr_assert_null(field(&a, "connection"));
    assert_closes(fd, since);
}

Test(deadlines, begin_anew_with_each_request)
{
    serve("plain.lua", "keepalive_timeout(5) client_header_timeout(1)");
    int fd = dial(&server);
    for (int i = 0; i < 11; i++) {
        struct answer a = ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        cr_assert_eq(a.status, 200);
        cr_assert_not(readable_within(fd, 100));
    }
}

Test(deadlines, close_at_once_with_a_keepalive_timeout_of_zero)
{
    serve("plain.lua", "keepalive_timeout(0)");
    int fd = dial(&server);
    struct answer a = ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_str_eq(field(&a, "connection"), "close");
    await_close(fd);
}

/* ---- the answer ---- */

Test(deadlines, free_the_server_of_a_client_that_reads_nothing)
{
    serve("bodies.lua", "send_timeout(0.3)");
    int fd = dial(&server);
    send_text(fd, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_str_eq(get(&server, "/array").body, "one two three");
    server_await(&server, "client takes nothing, closed");
    server_await(&server, "closed endless");
    cr_assert_str_eq(get(&server, "/closed?endless").body, "1");
    close(fd);
}

Test(deadlines, let_others_be_served_beside_a_client_that_reads_nothing)
{
    if (strcmp(model_under_test(), "Base") == 0)
        cr_skip_test("Base serves one client at a time");
    serve("bodies.lua", "send_timeout(60)");
    int fd = dial(&server);
    send_text(fd, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    read_until(fd, "0123456789abcdef");
    for (int i = 0; i < 10; i++)
        cr_assert_str_eq(get(&server, "/array").body, "one two three");
    close(fd);
}

/* A large file goes another way than a string. */
Test(deadlines, hold_for_files)
{
    serve("bodies.lua", "send_timeout(0.3)");
    int fd = dial(&server);
    send_text(fd, "GET /file?pieces=256 HTTP/1.1\r\nHost: x\r\n\r\n");
    read_until(fd, "\r\n\r\n");
    server_await(&server, "client takes nothing, closed");
    cr_assert_str_eq(get(&server, "/closed?file").body, "1");
    close(fd);
}

/* It takes longer than send_timeout in all, but never pauses so long. */
Test(deadlines, allow_a_client_to_read_slowly)
{
    static char trash[65536];
    serve("bodies.lua", "listen(\"127.0.0.1:0\", { sndbuf = 16384 })"
                        "send_timeout(2)");
    int fd = dial(&server);
    int small = 16384;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    send_text(fd, "GET /file?pieces=25 HTTP/1.1\r\nHost: x\r\n\r\n");
    read_until(fd, "\r\n\r\n");
    for (int i = 0; i < 25; i++) {
        readable_within(-1, 100); /* nothing is */
        read_bytes(fd, trash, sizeof trash);
    }
    cr_assert_not(server_logged(&server, "takes nothing"));
}
