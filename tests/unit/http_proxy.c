/* SPDX-License-Identifier: MIT */
/*
 * PROXY headers of both versions: read in one piece and cut everywhere, and
 * refused in every way that one can be wrong.
 */
#include "http/proxy.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SIGNATURE    "\r\n\r\n\0\r\nQUIT\n"

/* ---- judging ---- */

/* The verdict on the bytes, which must be the same when they come one by one
 * and whatever comes behind a header. */
static enum proxy_status judge(const char *bytes, size_t len,
                               struct proxy_header *out)
{
    enum proxy_status whole = proxy_read(bytes, len, out), single = PROXY_MORE;
    struct proxy_header last = {0};
    size_t n = 0;
    while (single == PROXY_MORE && n <= len)
        single = proxy_read(bytes, n++, &last);
    cr_expect_eq(whole, single, "%.*s", (int)len, bytes);
    if (whole == PROXY_DONE) {
        cr_expect_eq(n - 1, out->size, "%zu %zu", n, out->size);
        cr_expect_eq(last.size, out->size);
        cr_expect_eq(last.keep, out->keep);
        cr_expect_eq(memcmp(&last.from, &out->from, sizeof last.from), 0);
    }
    if (whole == PROXY_REFUSED)
        cr_expect_str_eq(out->why, last.why);
    return whole;
}

/* The header, followed by a request, names this client; NULL: nobody. */
static void names(const char *header, size_t size, const char *ip, int port)
{
    char bytes[8192], text[PEER_TEXT];
    struct proxy_header got;
    memcpy(bytes, header, size);
    memcpy(bytes + size, "GET / ", 6);
    cr_assert_eq(judge(bytes, size + 6, &got), PROXY_DONE, "%.*s: %s",
                 (int)size, header, got.why);
    cr_expect_eq(got.size, size);
    cr_expect_eq(got.keep, !ip);
    if (!ip)
        return;
    cr_expect_str_eq(peer_ip(&got.from, text), ip);
    cr_expect_eq(got.from.port, port);
}

static void refuses(const char *bytes, size_t len, const char *why)
{
    struct proxy_header got;
    cr_assert_eq(judge(bytes, len, &got), PROXY_REFUSED, "%.*s", (int)len,
                 bytes);
    cr_expect(strstr(got.why, why), "%.*s: %s, not %s", (int)len, bytes,
              got.why, why);
}

/* ---- version 1 ---- */

static void v1_names(const char *line, const char *ip, int port)
{
    names(line, strlen(line), ip, port);
}

Test(proxy_v1, reads_a_client)
{
    v1_names("PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n", "192.0.2.7", 4711);
    v1_names("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
             "255.255.255.255", 65535);
    v1_names("PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n", "1.2.3.4", 0);
    v1_names("PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n", "2001:db8::7",
             4711);
    v1_names("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
             "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
             "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
    v1_names("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", "192.0.2.7", 1);
}

Test(proxy_v1, takes_unknown_for_nobody_whatever_follows)
{
    v1_names("PROXY UNKNOWN\r\n", NULL, 0);
    v1_names("PROXY UNKNOWN \r\n", NULL, 0);
    v1_names("PROXY UNKNOWN 192.0.2.7 x 99999\r\n", NULL, 0);
    v1_names("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
             "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
             NULL, 0);
}

Test(proxy_v1, may_have_107_bytes)
{
    char line[PROXY_V1_MAX + 2];
    snprintf(line, sizeof line, "PROXY UNKNOWN %91s\r\n", "x");
    cr_assert_eq(strlen(line), PROXY_V1_MAX);
    v1_names(line, NULL, 0);
    snprintf(line, sizeof line, "PROXY UNKNOWN %92s\r\n", "x");
    cr_assert_eq(strlen(line), PROXY_V1_MAX + 1);
    refuses(line, strlen(line), "longer than 107");
    memset(line + 6, 'x', sizeof line - 6);
    refuses(line, PROXY_V1_MAX, "longer than 107");
    struct proxy_header got;
    cr_expect_eq(judge(line, PROXY_V1_MAX - 1, &got), PROXY_MORE);
}

Test(proxy_v1, refuses_anything_else)
{
    static const char *const bad[][2] = {
        {"GET / HTTP/1.1\r\n", "no PROXY header"},
        {"POST / HTTP/1.1\r\n", "no PROXY header"},
        {"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "no PROXY header"},
        {" PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "no PROXY header"},
        {"\r\nPROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "no PROXY header"},
        {"PROXY\r\n", "no PROXY header"},
        {"PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n", "no PROXY header"},
        {"PROXY \r\n", "protocol"},
        {"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "protocol"},
        {"PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", "protocol"},
        {"PROXY TCP 1.2.3.4 1.2.3.4 1 2\r\n", "protocol"},
        {"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "protocol"},
        {"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "protocol"},
        {"PROXY UNKNOWNS\r\n", "protocol"},
        {"PROXY TCP4\r\n", "address"},
        {"PROXY TCP4 \r\n", "address"},
        {"PROXY TCP4 1.2.3.4\r\n", "address"},
        {"PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", "address"},
        {"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "address"},
        {"PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", "address"},
        {"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", "address"},
        {"PROXY TCP4 1.2.3.4 localhost 1 2\r\n", "address"},
        {"PROXY TCP4 ::1 ::1 1 2\r\n", "address"},
        {"PROXY TCP4 1.2.3.4 ::1 1 2\r\n", "address"},
        {"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "address"},
        {"PROXY TCP6 [::1] [::1] 1 2\r\n", "address"},
        {"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "address"},
        {"PROXY TCP6 1::2::3 ::1 1 2\r\n", "address"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4\r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 \r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 000002\r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 x\r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1  2\r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1\t2\r\n", "port"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "CRLF"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n", "CRLF"},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rGET\r\n", "CRLF"},
        {"PROXY \n", "CRLF"},
        {"PROXY UNKNOWN\n", "CRLF"},
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        refuses(bad[i][0], strlen(bad[i][0]), bad[i][1]);
}

Test(proxy_v1, refuses_nul_bytes_in_an_address)
{
    static const char line[] = "PROXY TCP4 1.2.3.4\0x 1.2.3.4 1 2\r\n";
    refuses(line, sizeof line - 1, "address");
}

/* ---- version 2 ---- */

static char v2[8192];

/* A header with that command and family byte, and n bytes behind: source and
 * target address 1, 2, 3 ..., both ports 0x1267. Returns its size. */
static size_t make_v2(int command, int family, size_t n)
{
    memcpy(v2, SIGNATURE, 12);
    v2[12] = (char)command;
    v2[13] = (char)family;
    v2[14] = (char)(n >> 8);
    v2[15] = (char)n;
    for (size_t i = 0; i < n; i++)
        v2[16 + i] = (char)(i + 1);
    size_t ports = 16 + (family >> 4 == 1 ? 8 : 32);
    if (family >> 4 == 1 || family >> 4 == 2)
        memcpy(v2 + ports, "\x12\x67\x12\x68", 4);
    return 16 + n;
}

static void v2_names(int command, int family, size_t n, const char *ip,
                     int port)
{
    size_t size = make_v2(command, family, n);
    names(v2, size, ip, port);
}

#define V6 "102:304:506:708:90a:b0c:d0e:f10"

Test(proxy_v2, reads_a_client)
{
    v2_names(0x21, 0x11, 12, "1.2.3.4", 0x1267);
    v2_names(0x21, 0x12, 12, "1.2.3.4", 0x1267);
    v2_names(0x21, 0x21, 36, V6, 0x1267);
    v2_names(0x21, 0x22, 36, V6, 0x1267);
    v2_names(0x21, 0x31, 216, "127.0.0.1", 0);
    v2_names(0x21, 0x32, 216, "127.0.0.1", 0);
}

Test(proxy_v2, makes_v4_of_v4_mapped_into_v6)
{
    size_t size = make_v2(0x21, 0x21, 36);
    memcpy(v2 + 16, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7", 16);
    names(v2, size, "192.0.2.7", 0x1267);
}

Test(proxy_v2, skips_additions)
{
    v2_names(0x21, 0x11, 13, "1.2.3.4", 0x1267);
    v2_names(0x21, 0x11, 300, "1.2.3.4", 0x1267);
    v2_names(0x21, 0x21, 37, V6, 0x1267);
    v2_names(0x21, 0x31, 217, "127.0.0.1", 0);
    v2_names(0x21, 0x00, 40, NULL, 0);
}

Test(proxy_v2, takes_local_and_unspecified_for_nobody)
{
    v2_names(0x20, 0x00, 0, NULL, 0);
    v2_names(0x20, 0x11, 12, NULL, 0);
    v2_names(0x20, 0x11, 3, NULL, 0);
    v2_names(0x20, 0xff, 20, NULL, 0);
    v2_names(0x21, 0x00, 0, NULL, 0);
}

Test(proxy_v2, may_have_4096_bytes)
{
    v2_names(0x21, 0x11, PROXY_MAX - 16, "1.2.3.4", 0x1267);
    make_v2(0x21, 0x11, PROXY_MAX - 15);
    refuses(v2, 16, "longer than 4096");
    make_v2(0x20, 0, 65535 - 60000);
    refuses(v2, 16, "longer than 4096");
}

Test(proxy_v2, refuses_anything_else)
{
    static const struct {
        int command, family;
        size_t n;
        const char *why;
    } bad[] = {
        {0x11, 0x11, 12, "version"}, {0x31, 0x11, 12, "version"},
        {0x01, 0x11, 12, "version"}, {0xa1, 0x11, 12, "version"},
        {0x22, 0x11, 12, "command"}, {0x2f, 0x11, 12, "command"},
        {0x21, 0x10, 12, "family"},  {0x21, 0x13, 12, "family"},
        {0x21, 0x01, 12, "family"},  {0x21, 0x41, 12, "family"},
        {0x21, 0xf1, 12, "family"},  {0x21, 0x1f, 12, "family"},
        {0x21, 0x11, 11, "short"},   {0x21, 0x11, 0, "short"},
        {0x21, 0x21, 35, "short"},   {0x21, 0x21, 12, "short"},
        {0x21, 0x31, 215, "short"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        size_t size = make_v2(bad[i].command, bad[i].family, bad[i].n);
        refuses(v2, size, bad[i].why);
    }
}

Test(proxy_v2, refuses_a_byte_of_the_signature_that_differs)
{
    for (size_t i = 0; i < 12; i++) {
        size_t size = make_v2(0x21, 0x11, 12);
        v2[i] ^= 1;
        refuses(v2, size, "no PROXY header");
        cr_expect_eq(proxy_read(v2, i, &(struct proxy_header){0}), PROXY_MORE);
    }
}
