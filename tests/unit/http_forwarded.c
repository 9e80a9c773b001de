/* SPDX-License-Identifier: MIT */
/*
 * What proxies say of a request, and what somebody else might make of it.
 */
#include "http/forwarded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <criterion/criterion.h>

#include "base/cidr.h"
#include "base/err.h"
#include "http/parser.h"
#include "http/request.h"

/* Trusted are 10.0.0.0/8, fd00::/8 and UNIX sockets. */
static struct forwarded read_from(struct peer peer, const char *fields)
{
    static const char *const texts[] = {"10.0.0.0/8", "fd00::/8", "unix"};
    struct cidr list[3];
    struct err err;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(cidr_parse(texts[i], &list[i], &err), 0);
    char head[4096];
    struct field places[32];
    struct request rq = {.fields = places};
    snprintf(head, sizeof head, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    parser_init();
    cr_assert_eq(parser_read(&rq, head, strlen(head), 32), 0, "%s", head);
    struct forwarded out;
    forwarded_read(&rq, &(struct cidrs){list, 3}, &peer, &out);
    return out;
}

static const struct peer proxy = {{10, 0, 0, 1}, 5000, AF_INET};
static const struct peer stranger = {{192, 0, 2, 66}, 6000, AF_INET};

static void check(struct forwarded got, const char *fields, const char *ip,
                  int port, bool https)
{
    char text[PEER_TEXT];
    cr_expect_str_eq(peer_ip(&got.client, text), ip, "%s gives %s, not %s",
                     fields, text, ip);
    cr_expect_eq(got.client.port, port, "%s gives port %d, not %d", fields,
                 got.client.port, port);
    cr_expect_eq(got.https, https, "%s", fields);
}

/* A request with these fields that the proxy has sent comes from ip. */
static void comes(const char *fields, const char *ip, int port, bool https)
{
    check(read_from(proxy, fields), fields, ip, port, https);
}

/* ---- X-Forwarded-For ---- */

static void xff(const char *value, const char *ip, int port)
{
    char *fields;
    cr_assert_gt(asprintf(&fields, "X-Forwarded-For: %s\r\n", value), 0);
    comes(fields, ip, port, false);
    free(fields);
}

Test(x_forwarded, for_has_the_client_behind_the_last_trusted_proxy)
{
    xff("192.0.2.7", "192.0.2.7", 0);
    xff("192.0.2.7, 10.1.1.1", "192.0.2.7", 0);
    xff("192.0.2.7, 10.1.1.1, 10.2.2.2, fd00::2", "192.0.2.7", 0);
    xff("2001:db8::7", "2001:db8::7", 0);
    xff("::ffff:192.0.2.7, ::ffff:10.0.0.9", "192.0.2.7", 0);
}

Test(x_forwarded, for_believes_nothing_left_of_the_client)
{
    xff("6.6.6.6, 192.0.2.7", "192.0.2.7", 0);
    xff("10.6.6.6, 192.0.2.7, 10.1.1.1", "192.0.2.7", 0);
    xff("\", 192.0.2.7", "192.0.2.7", 0);
    xff("\"6.6.6.6, 192.0.2.7, 10.1.1.1", "192.0.2.7", 0);
    xff("127.0.0.1, ,,, 192.0.2.7", "192.0.2.7", 0);
}

Test(x_forwarded, for_of_trusted_ones_only_has_the_first)
{
    xff("10.1.1.1", "10.1.1.1", 0);
    xff("10.3.3.3, 10.2.2.2, 10.1.1.1", "10.3.3.3", 0);
}

Test(x_forwarded, for_may_have_blanks_and_ports_and_empty_elements)
{
    xff("  192.0.2.7  ,\t10.1.1.1  ", "192.0.2.7", 0);
    xff("192.0.2.7,10.1.1.1", "192.0.2.7", 0);
    xff(", ,192.0.2.7,, ,10.1.1.1,,", "192.0.2.7", 0);
    xff("192.0.2.7:4711, 10.1.1.1:1", "192.0.2.7", 4711);
    xff("[2001:db8::7]:4711", "2001:db8::7", 4711);
    xff("[2001:db8::7]", "2001:db8::7", 0);
    xff("192.0.2.7:65535", "192.0.2.7", 65535);
}

Test(x_forwarded, for_ends_at_the_last_good_one)
{
    static const char *const bad[] = {
        "unknown",
        "_hidden",
        "unix:",
        "localhost",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.07",
        "192.0.2.7:",
        "192.0.2.7:65536",
        "192.0.2.7:x",
        "192.0.2.7:-1",
        "192.0.2.7:000080",
        "192.0.2.7:1:2",
        "192.0.2.7 x",
        "192.0.2.7;x",
        "192.0.2.7/32",
        "[192.0.2.7]",
        "[192.0.2.7]:80",
        "[2001:db8::7",
        "2001:db8::7]",
        "[2001:db8::7]80",
        "[2001:db8::7]:",
        "[]",
        "[]:80",
        ":80",
        "2001:db8:::7",
        "fe80::1%eth0",
        "\"192.0.2.7\"",
        "for=192.0.2.7",
        "[[2001:db8::7]]",
        "\xff",
        "1::2::3",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char value[128];
        xff(bad[i], "10.0.0.1", 5000);
        snprintf(value, sizeof value, "6.6.6.6, %s, 10.1.1.1", bad[i]);
        xff(value, "10.1.1.1", 0);
    }
}

Test(x_forwarded, for_in_several_lines_is_one_list)
{
    comes("X-Forwarded-For: 6.6.6.6\r\nx-forwarded-FOR: 192.0.2.7\r\n"
          "Via: x\r\nX-Forwarded-For: 10.2.2.2, 10.1.1.1\r\n",
          "192.0.2.7", 0, false);
    comes("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.7\r\n",
          "192.0.2.7", 0, false);
    comes("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For:\r\n", "192.0.2.7", 0,
          false);
    comes("X-Forwarded-For:\r\n", "10.0.0.1", 5000, false);
}

Test(x_forwarded, names_with_an_underscore_are_others)
{
    comes("X_Forwarded_For: 6.6.6.6\r\nX_Forwarded_Proto: https\r\n",
          "10.0.0.1", 5000, false);
}

Test(x_forwarded, proto_counts_with_its_last_value)
{
#define FOR "X-Forwarded-For: 192.0.2.7\r\n"
    comes(FOR "X-Forwarded-Proto: https\r\n", "192.0.2.7", 0, true);
    comes(FOR "X-Forwarded-Proto: HTTPS\r\n", "192.0.2.7", 0, true);
    comes(FOR "X-Forwarded-Proto: http, https\r\n", "192.0.2.7", 0, true);
    comes(FOR "X-Forwarded-Proto: https, http\r\n", "192.0.2.7", 0, false);
    comes(FOR "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n",
          "192.0.2.7", 0, false);
    comes(FOR "X-Forwarded-Proto: https,\r\n", "192.0.2.7", 0, true);
    comes("X-Forwarded-Proto: https\r\n", "10.0.0.1", 5000, true);
    comes(FOR "X-Forwarded-Proto: on\r\n", "192.0.2.7", 0, false);
    comes(FOR "X-Forwarded-Proto: https2\r\n", "192.0.2.7", 0, false);
    comes(FOR "X-Forwarded-Proto: \"https\"\r\n", "192.0.2.7", 0, false);
    comes(FOR "X-Forwarded-Proto:\r\n", "192.0.2.7", 0, false);
}

/* ---- Forwarded ---- */

static void fwd(const char *value, const char *ip, int port, bool https)
{
    char *fields;
    cr_assert_gt(asprintf(&fields, "Forwarded: %s\r\n", value), 0);
    comes(fields, ip, port, https);
    free(fields);
}

Test(forwarded, has_the_client_behind_the_last_trusted_proxy)
{
    fwd("for=192.0.2.7", "192.0.2.7", 0, false);
    fwd("FOR=192.0.2.7;Proto=HTTPS", "192.0.2.7", 0, true);
    fwd("for=6.6.6.6, for=192.0.2.7;proto=https, for=10.1.1.1", "192.0.2.7", 0,
        true);
    fwd("for=192.0.2.7, for=10.1.1.1;proto=https", "192.0.2.7", 0, false);
    fwd("for=\"[2001:db8::7]:4711\";proto=https", "2001:db8::7", 4711, true);
    fwd("for=\"[2001:db8::7]\"", "2001:db8::7", 0, false);
    fwd("for=\"192.0.2.7:4711\"", "192.0.2.7", 4711, false);
    fwd("for=\"192.0.2.7:_p-o.rt\"", "192.0.2.7", 0, false);
    fwd("for=\"192.0.2.7\"", "192.0.2.7", 0, false);
    fwd("for=\"1\\92.0.2\\.7\"", "192.0.2.7", 0, false);
    fwd("by=10.9.9.9;for=192.0.2.7;host=\"a,b;c\\\"d\";x=y", "192.0.2.7", 0,
        false);
    fwd("for=192.0.2.7 ; proto=https ;", "192.0.2.7", 0, true);
    fwd(";;for=192.0.2.7;;proto=https", "192.0.2.7", 0, true);
}

Test(forwarded, is_understood_from_the_right_whatever_stands_left)
{
#define BEHIND(left) left ", for=192.0.2.7;proto=https"
    fwd(BEHIND("for=\""), "192.0.2.7", 0, true);
    fwd(BEHIND("for=\"\\"), "192.0.2.7", 0, true);
    fwd(BEHIND("for=6.6.6.6;x=\"y"), "192.0.2.7", 0, true);
    fwd(BEHIND("\"\"\"\\\""), "192.0.2.7", 0, true);
    fwd("for=6.6.6.6;x=\", for=\"[2001:db8::7]\"", "2001:db8::7", 0, false);
    fwd("x=\"\\, for=\"[2001:db8::7]\";host=\"a\\\\\"", "2001:db8::7", 0,
        false);
    comes("Forwarded: for=\"\r\nForwarded: for=192.0.2.7\r\n", "192.0.2.7", 0,
          false);
}

Test(forwarded, ends_at_what_hides_or_has_no_address)
{
    fwd("for=6.6.6.6, for=_hidden;proto=https, for=10.1.1.1", "10.1.1.1", 0,
        true);
    fwd("for=6.6.6.6, for=unknown", "10.0.0.1", 5000, false);
    fwd("for=6.6.6.6, for=\"unknown:80\";proto=https", "10.0.0.1", 5000, true);
    fwd("for=6.6.6.6, proto=https", "10.0.0.1", 5000, true);
    fwd("for=6.6.6.6, by=10.1.1.1", "10.0.0.1", 5000, false);
    fwd("for=2001:db8::7", "10.0.0.1", 5000, false);
    fwd("for=\"2001:db8::7\";proto=https", "10.0.0.1", 5000, true);
}

Test(forwarded, ends_before_what_is_malformed)
{
    static const char *const bad[] = {
        "192.0.2.7",
        "for",
        "for=",
        "for=;proto=https",
        "=192.0.2.7",
        "for =192.0.2.7;proto=https",
        "for= 192.0.2.7;proto=https",
        "for=192.0.2.7:80;proto=https",
        "for=[2001:db8::7];proto=https",
        "for=\"192.0.2.7;proto=https",
        "for=192.0.2.7\";proto=https",
        "for=\"192.0.2.7\"x;proto=https",
        "for=\"192.0.2.7\" x;proto=https",
        "for=192.0.2.7 proto=https",
        "for=192.0.2.7;for=192.0.2.8;proto=https",
        "for=192.0.2.7;proto=https;proto=http",
        "for=192.0.2.7;proto=https;x",
        "for=192.0.2.7;proto=https;x=\"\\\"",
        "for=192.0.2.7;proto=https;x=\"\\",
        "for=192.0.2.7/proto=https",
        "\"for=192.0.2.7;proto=https\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char value[128];
        fwd(bad[i], "10.0.0.1", 5000, false);
        snprintf(value, sizeof value, "%s, for=10.1.1.1", bad[i]);
        fwd(value, "10.1.1.1", 0, false);
    }
}

Test(forwarded, long_values_do_no_harm)
{
    char value[1024], x[301] = {0};
    memset(x, 'x', 300);
    snprintf(value, sizeof value, "for=192.0.2.7;host=%s;by=\"%s\"", x, x);
    fwd(value, "192.0.2.7", 0, false);
    snprintf(value, sizeof value, "for=%s", x);
    fwd(value, "10.0.0.1", 5000, false);
    snprintf(value, sizeof value, "for=\"%s\"", x);
    fwd(value, "10.0.0.1", 5000, false);
}

Test(forwarded, is_never_mixed_with_the_x_headers)
{
#define FORWARDED "Forwarded: for=6.6.6.6;proto=https\r\n"
    comes(FORWARDED "X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7", 0, false);
    comes(FORWARDED "X-Forwarded-Proto: http\r\n", "10.0.0.1", 5000, false);
    comes(FORWARDED "X-Forwarded-For: unknown\r\n", "10.0.0.1", 5000, false);
    comes(FORWARDED "X-Forwarded-For:\r\n", "10.0.0.1", 5000, false);
}

/* ---- who says so ---- */

Test(forwarded, counts_only_from_trusted_peers)
{
    static const char *const spoofs[] = {
        "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n",
        "X-Forwarded-For: 10.1.1.1\r\n",
        "Forwarded: for=6.6.6.6;proto=https\r\n",
    };
    for (size_t i = 0; i < sizeof spoofs / sizeof *spoofs; i++)
        check(read_from(stranger, spoofs[i]), spoofs[i], "192.0.2.66", 6000,
              false);
}

Test(forwarded, counts_from_a_trusted_unix_socket)
{
    struct peer peer = {.family = AF_UNIX};
    const char *fields = FOR "X-Forwarded-Proto: https\r\n";
    check(read_from(peer, fields), fields, "192.0.2.7", 0, true);
    check(read_from(peer, ""), "", "127.0.0.1", 0, false);
}

Test(forwarded, says_the_peer_without_any)
{
    comes("", "10.0.0.1", 5000, false);
}
