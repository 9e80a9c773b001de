/* SPDX-License-Identifier: MIT */
/*
 * Addresses of clients: what is kept, and how it reads.
 */
#include "base/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <criterion/criterion.h>

static struct peer peer_of_v4(const char *ip, uint16_t port)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(port)};
    cr_assert_eq(inet_pton(AF_INET, ip, &from.sin_addr), 1);
    struct peer peer;
    peer_set(&peer, (const struct sockaddr *)&from);
    return peer;
}

static struct peer peer_of_v6(const char *ip, uint16_t port)
{
    struct sockaddr_in6 from = {.sin6_family = AF_INET6,
                                .sin6_port = htons(port)};
    cr_assert_eq(inet_pton(AF_INET6, ip, &from.sin6_addr), 1);
    struct peer peer;
    memset(&peer, 0xff, sizeof peer);
    peer_set(&peer, (const struct sockaddr *)&from);
    return peer;
}

static void reads(struct peer peer, uint8_t family, const char *ip)
{
    char text[PEER_TEXT];
    cr_expect_eq(peer.family, family, "%s", ip);
    cr_expect_str_eq(peer_ip(&peer, text), ip);
}

Test(peer, keeps_v4)
{
    static const char *const ips[] = {"0.0.0.0", "127.0.0.1", "192.0.2.1",
                                      "255.255.255.255"};
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++)
        reads(peer_of_v4(ips[i], 80), AF_INET, ips[i]);
    cr_expect_eq(peer_of_v4("192.0.2.1", 65535).port, 65535);
    cr_expect_eq(peer_of_v4("192.0.2.1", 258).port, 258);
}

Test(peer, keeps_v6)
{
    static const char *const ips[] = {
        "::", "::1", "2001:db8::1", "fe80::1",
        "1234:5678:9abc:def0:1234:5678:9abc:def0"};
    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++)
        reads(peer_of_v6(ips[i], 80), AF_INET6, ips[i]);
    cr_expect_eq(peer_of_v6("::1", 8080).port, 8080);
}

Test(peer, makes_v4_of_v4_mapped_into_v6)
{
    struct peer peer = peer_of_v6("::ffff:192.0.2.7", 4711);
    reads(peer, AF_INET, "192.0.2.7");
    cr_expect_eq(peer.port, 4711);
    struct peer plain = peer_of_v4("192.0.2.7", 4711);
    cr_expect_eq(memcmp(peer.ip, plain.ip, sizeof peer.ip), 0);
}

Test(peer, reads_unix_sockets_as_loopback)
{
    struct sockaddr_un from = {.sun_family = AF_UNIX};
    struct peer peer;
    peer_set(&peer, (const struct sockaddr *)&from);
    reads(peer, AF_UNIX, "127.0.0.1");
    cr_expect_eq(peer.port, 0);
}

Test(peer, is_read_from_an_address_and_nothing_else)
{
    static const char *const good[] = {"192.0.2.1", "2001:db8::1", "::"};
    static const char *const bad[] = {
        "",
        "a",
        "1.2.3",
        "1.2.3.4 ",
        "1.2.3.4:5",
        "[::1]",
        "::1%eth",
        "1.2.3.256",
        "01.2.3.4",
        "0x1.2.3.4",
        ":",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc"};
    struct peer peer;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct span text = {good[i], strlen(good[i])};
        cr_assert(peer_parse(text, &peer), "%s", good[i]);
        reads(peer, strchr(good[i], ':') ? AF_INET6 : AF_INET, good[i]);
        cr_expect_eq(peer.port, 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(peer_parse((struct span){bad[i], strlen(bad[i])}, &peer),
                      "%s", bad[i]);
    cr_expect_not(peer_parse(SPAN("1.2.3.4\0"), &peer));
    cr_expect(peer_parse(SPAN("::ffff:192.0.2.1"), &peer));
    reads(peer, AF_INET, "192.0.2.1");
}

Test(peer, is_small)
{
    cr_expect_leq(sizeof(struct peer), 20);
}
