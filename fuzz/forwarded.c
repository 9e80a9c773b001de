/* SPDX-License-Identifier: MIT */
/*
 * Arbitrary bytes as the value of X-Forwarded-For, of Forwarded and of both,
 * from a trusted proxy. What must hold for each of them:
 *
 * - what they make of the client is an address;
 * - they are not looked at when the proxy has added a client behind them, in
 *   the same line or in one of its own;
 * - they are not looked at when the peer is not trusted.
 */
#include "http/forwarded.h"

#include <string.h>
#include <sys/socket.h>

#include "base/cidr.h"
#include "fuzz/fuzz.h"
#include "http/request.h"

static const struct cidr house = {{10}, 8, AF_INET};
static const struct cidrs trusted = {&house, 1};
static const struct peer proxy = {{10, 0, 0, 1}, 5000, AF_INET};
static const struct peer stranger = {{192, 0, 2, 66}, 6000, AF_INET};

/* Reads a request with up to two fields, name by value. The memory ends where
 * the bytes end, so that the sanitizer sees a look beyond. */
static struct forwarded ask(const struct peer *peer, const char *name,
                            struct span first, struct span second)
{
    size_t n = strlen(name);
    size_t size = n + first.len + second.len;
    char *bytes = malloc(size ? size : 1);
    CHECK(bytes);
    memcpy(bytes, name, n);
    memcpy(bytes + n, first.at, first.len);
    memcpy(bytes + n + first.len, second.at, second.len);
    struct piece called = {0, (uint32_t)n};
    struct field fields[] = {
        {called, {called.len, (uint32_t)first.len}},
        {called, {called.len + (uint32_t)first.len, (uint32_t)second.len}}};
    struct request rq = {
        .bytes = bytes, .size = (uint32_t)size, .fields = fields};
    rq.field_count = second.len ? 2 : 1;
    struct forwarded out;
    forwarded_read(&rq, &trusted, peer, &out);
    free(bytes);
    return out;
}

static void check_client(const struct forwarded *f, const struct peer *peer)
{
    CHECK(f->client.family == peer->family && f->client.port == peer->port);
    CHECK(memcmp(f->client.ip, peer->ip, sizeof peer->ip) == 0);
}

static void check_added(const char *name, struct span text, struct span more,
                        const struct peer *client)
{
    char *joined = malloc(text.len + 2 + more.len);
    CHECK(joined);
    memcpy(joined, text.at, text.len);
    memcpy(joined + text.len, ", ", 2);
    memcpy(joined + text.len + 2, more.at, more.len);
    struct span whole = {joined, text.len + 2 + more.len};
    struct forwarded same = ask(&proxy, name, whole, (struct span){"", 0});
    struct forwarded own = ask(&proxy, name, text, more);
    free(joined);
    check_client(&same, client);
    check_client(&own, client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"x-forwarded-for", "forwarded",
                                        "x-forwarded-proto"};
    static const struct peer client = {{192, 0, 2, 7}, 99, AF_INET};
    struct span text = {(const char *)data, size}, nothing = {"", 0};
    char ip[PEER_TEXT];
    for (int i = 0; i < 3; i++) {
        struct forwarded f = ask(&proxy, names[i], text, nothing);
        CHECK(peer_ip(&f.client, ip));
        f = ask(&stranger, names[i], text, nothing);
        check_client(&f, &stranger);
        CHECK(!f.https);
    }
    check_added(names[0], text, SPAN("192.0.2.7:99"), &client);
    check_added(names[1], text, SPAN("for=\"192.0.2.7:99\""), &client);
    check_added(names[1], text, SPAN("by=\"a\\\"\";for=\"192.0.2.7:99\""),
                &client);
    return 0;
}
