/* SPDX-License-Identifier: MIT */
/*
 * Proxies that send PROXY headers. An answer is what the app says of its
 * client: "address port scheme server-port".
 */
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define GET          "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SIGNATURE    "\r\n\r\n\0\r\nQUIT\n"

/* Bytes with NULs among them. */
struct bytes {
    const char *at;
    size_t len;
};
#define BYTES(literal)                                                         \
    {                                                                          \
        literal, sizeof(literal) - 1                                           \
    }

static struct server server;
static char *wants, *plain, *closed; /* socket files of the listeners */

/*
 * The first listener takes PROXY headers from 127.0.0.1, `wants` from UNIX
 * sockets, `closed` from nobody who is here; `plain` wants none.
 */
static void serve(const char *more)
{
    server_prepare(&server);
    wants = server_path(&server, "wants");
    plain = server_path(&server, "plain");
    closed = server_path(&server, "closed");
    char *config =
        xasprintf("worker_processes(1) %s\n"
                  "listen('127.0.0.1:0', { proxy_protocol = '127.0.0.0/8' })\n"
                  "listen('%s', { proxy_protocol = {'10.0.0.0/8', 'unix'} })\n"
                  "listen('%s', { proxy_protocol = {'10.0.0.0/8', '::1'} })\n"
                  "listen('%s')\n",
                  more, wants, closed, plain);
    server_serve(&server, "proxies.lua", config);
    free(config);
}

static void start(void)
{
    serve("");
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(proxies, .init = start, .fini = stop, .timeout = 60);
TestSuite(proxies_late, .fini = stop, .timeout = 60);

/* ---- the PROXY protocol ---- */

/* A connection that begins with these bytes and a request has that client. */
static void assert_client(int fd, struct bytes header, const char *want)
{
    char *all = xmalloc(header.len + sizeof GET);
    memcpy(all, header.at, header.len);
    memcpy(all + header.len, GET, sizeof GET - 1);
    send_bytes(fd, all, header.len + sizeof GET - 1);
    free(all);
    struct answer a = read_answer(fd);
    cr_assert_str_eq(a.body, want, "%.*s: %s, not %s", (int)header.len,
                     header.at, a.body, want);
    close(fd);
}

#define V1 "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n"
#define V2_V4                                                                  \
    SIGNATURE "\x21\x11\0\x0c\xc0\0\2\7\xc0\0\2\1"                             \
              "\x12\x67\x01\xbb"
#define V2_V6                                                                  \
    SIGNATURE "\x21\x21\0\x24"                                                 \
              "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7"                       \
              "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"                       \
              "\x12\x67\x01\xbb"
#define TLV                                                                    \
    "\x04\0\x05"                                                               \
    "GET /"
#define V2_TLV                                                                 \
    SIGNATURE "\x21\x11\0\x14\xc0\0\2\7\xc0\0\2\1"                             \
              "\x12\x67\x01\xbb" TLV

static const struct {
    struct bytes header;
    const char *client;
} headers[] = {
    {BYTES(V1), "192.0.2.7 4711 http 80"},
    {BYTES("PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n"),
     "2001:db8::7 4711 http 80"},
    {BYTES("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"), "192.0.2.7 1 http 80"},
    {BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 0 0\r\n"), "192.0.2.7 nil http 80"},
    {BYTES(V2_V4), "192.0.2.7 4711 http 80"},
    {BYTES(V2_V6), "2001:db8::7 4711 http 80"},
    {BYTES(V2_TLV), "192.0.2.7 4711 http 80"},
};

Test(proxies, name_the_client_in_headers_of_both_versions)
{
    for (size_t i = 0; i < COUNT(headers); i++) {
        assert_client(dial(&server), headers[i].header, headers[i].client);
        assert_client(dial_unix(wants), headers[i].header, headers[i].client);
    }
}

Test(proxies, name_the_client_of_a_unix_socket)
{
    char header[16 + 216] = SIGNATURE "\x21\x31\0\xd8/client";
    assert_client(dial(&server), (struct bytes){header, sizeof header},
                  "127.0.0.1 nil http 80");
}

Test(proxies, name_nobody_in_a_header_of_their_own)
{
    static const struct bytes nobody[] = {
        BYTES("PROXY UNKNOWN\r\n"),
        BYTES("PROXY UNKNOWN 192.0.2.7 192.0.2.1 4711 443\r\n"),
        BYTES(SIGNATURE "\x20\0\0\0"),
        BYTES(SIGNATURE "\x20\x11\0\x0c\xc0\0\2\7\xc0\0\2\1\x12\x67\1\1"),
        BYTES(SIGNATURE "\x21\0\0\0"),
    };
    char want[64];
    for (size_t i = 0; i < COUNT(nobody); i++) {
        int fd = dial(&server);
        snprintf(want, sizeof want, "127.0.0.1 %d http 80", local_port(fd));
        assert_client(fd, nobody[i], want);
    }
}

/* Waits until the server has read all that was sent. */
static void await_read(int fd)
{
    int64_t deadline = clock_now() + PATIENCE * CLOCK_SECOND;
    int unread = 1;
    while (ioctl(fd, SIOCOUTQ, &unread) == 0 && unread) {
        cr_assert_lt(clock_now(), deadline);
        readable_within(fd, 1);
    }
}

Test(proxies, may_cut_a_header_anywhere)
{
    static const struct bytes cut[] = {BYTES(V1 GET), BYTES(V2_TLV GET)};
    for (size_t i = 0; i < COUNT(cut); i++) {
        for (size_t at = 1; at < cut[i].len - sizeof GET + 4; at++) {
            int fd = dial_unix(wants);
            send_bytes(fd, cut[i].at, at);
            await_read(fd);
            send_bytes(fd, cut[i].at + at, cut[i].len - at);
            cr_assert_str_eq(read_answer(fd).body, "192.0.2.7 4711 http 80",
                             "cut at %zu", at);
            close(fd);
        }
    }
}

Test(proxies, may_send_a_header_byte_by_byte)
{
    static const struct bytes slow[] = {BYTES(V1 GET), BYTES(V2_V4 GET)};
    for (size_t i = 0; i < COUNT(slow); i++) {
        int fd = dial_unix(wants);
        for (size_t at = 0; at < slow[i].len; at++) {
            send_bytes(fd, slow[i].at + at, 1);
            await_read(fd);
        }
        cr_assert_str_eq(read_answer(fd).body, "192.0.2.7 4711 http 80");
        close(fd);
    }
}

Test(proxies, name_the_client_of_all_requests_of_a_connection)
{
    int fd = dial(&server);
    send_text(fd, V1 GET GET);
    for (int i = 0; i < 4; i++) {
        cr_assert_str_eq(read_answer(fd).body, "192.0.2.7 4711 http 80");
        if (i > 0)
            send_text(fd, GET);
    }
    close(fd);
}

/* Whoever sends it gets no answer, and the log says why. */
static void assert_refused(int fd, struct bytes bytes, const char *why)
{
    ssize_t sent = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);
    (void)sent; /* it may be closed already */
    await_close(fd);
    server_await(&server, why);
}

Test(proxies, that_are_not_named_may_not_connect)
{
    assert_refused(dial_unix(closed), (struct bytes)BYTES(V1 GET),
                   "refused peer=127.0.0.1 on=unix:");
    assert_refused(dial_unix(closed), (struct bytes)BYTES(""),
                   "not named in proxy_protocol");
    assert_client(dial(&server), headers[0].header, headers[0].client);
}

Test(proxies, that_send_no_good_header_get_no_answer)
{
    static const struct {
        struct bytes bytes;
        const char *why;
    } bad[] = {
        {BYTES(GET), ": no PROXY header"},
        {BYTES("POST / HTTP/1.1\r\nHost: x\r\n\r\n"), ": no PROXY header"},
        {BYTES("\r\n" V1 GET), ": no PROXY header"},
        {BYTES("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
         ": no PROXY header"},
        {BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n" GET),
         "a malformed port"},
        {BYTES("PROXY TCP4 localhost 192.0.2.1 1 2\r\n" GET),
         "a malformed address"},
        {BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\n" GET),
         "without CRLF at its end"},
        {BYTES(SIGNATURE "\x22\x11\0\x0c" GET), "a command not LOCAL"},
        {BYTES(SIGNATURE "\x21\x11\0\x0b" GET), "too short for its addresses"},
        {BYTES(SIGNATURE "\x21\x11\xff\xff" GET), "longer than 4096 bytes"},
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_refused(dial(&server), bad[i].bytes, bad[i].why);
    assert_client(dial(&server), headers[0].header, headers[0].client);
}

Test(proxies, may_send_a_header_once_only)
{
    int fd = dial(&server);
    cr_assert_eq(ask(fd, V1 V1 GET).status, 400);
    close(fd);
}

Test(proxies, that_end_in_a_header_are_told_of_and_silent_ones_are_not)
{
    int fd = dial(&server);
    shutdown(fd, SHUT_WR);
    await_close(fd);
    cr_assert_not(server_logged(&server, "refused"));
    fd = dial(&server);
    send_text(fd, "PROXY TCP4");
    shutdown(fd, SHUT_WR);
    await_close(fd);
    server_await(&server, ": PROXY header cut off");
}

Test(proxies, are_not_believed_where_no_header_is_wanted)
{
    int fd = dial_unix(plain);
    cr_assert_eq(ask(fd, V1 GET).status, 400);
    close(fd);
}

/* Sends the byte again and again until something comes. */
static void drip(int fd, const char *byte)
{
    int64_t deadline = clock_now() + PATIENCE * CLOCK_SECOND;
    while (!readable_within(fd, 50)) {
        cr_assert_lt(clock_now(), deadline, "it may drip for ever");
        ssize_t sent = send(fd, byte, 1, MSG_NOSIGNAL);
        (void)sent;
    }
}

Test(proxies_late, with_a_header_are_cut_off)
{
    serve("client_header_timeout(0.3)");
    static const char *const begun[] = {"PROXY UNKNOWN ", ""};
    static const char *const why[] = {
        "PROXY header cut off (client_header_timeout)",
        "no PROXY header (client_header_timeout)"};
    for (int i = 0; i < 2; i++) {
        int64_t since = clock_now();
        int fd = dial(&server);
        send_text(fd, begun[i]);
        if (*begun[i])
            drip(fd, "x");
        await_close(fd);
        cr_assert_geq(clock_now() - since, CLOCK_SECOND * 3 / 10);
        server_await(&server, why[i]);
    }
    assert_client(dial(&server), headers[0].header, headers[0].client);
}

Test(proxies_late, with_a_head_get_408)
{
    serve("client_header_timeout(0.3)");
    int fd = dial(&server);
    send_text(fd, V1 "GET / HTTP/1.1\r\nHost: x\r\nX: ");
    drip(fd, "x");
    cr_assert_eq(read_answer(fd).status, 408);
    await_close(fd);
}

/* ---- reload ---- */

Test(proxies, are_others_after_a_reload)
{
    server_rewrite(&server,
                   xasprintf("app('%s') worker_processes(1)\n"
                             "listen('127.0.0.1:%d')\n"
                             "listen('%s', { proxy_protocol = 'unix' })\n"
                             "trusted_proxies('127.0.0.1')",
                             app_path("proxies.lua"), server.port, closed));
    server_signal(&server, SIGHUP);
    server_await(&server, "exit=0");
    assert_client(dial_unix(closed), headers[0].header, headers[0].client);
    int fd = dial(&server);
    struct answer a = ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n"
                              "X-Forwarded-For: 192.0.2.9\r\n\r\n");
    cr_assert_str_eq(a.body, "192.0.2.9 nil http 80");
    close(fd);
}
