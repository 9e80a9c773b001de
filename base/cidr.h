/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_CIDR_H
#define RAINBOWS_BASE_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct peer;

/* A network of clients: "10.0.0.0/8", "::1", or "unix" for all that come
 * through UNIX sockets. */
struct cidr {
    uint8_t ip[16]; /* network order; the bits behind the prefix are 0 */
    uint8_t bits;   /* of the prefix: up to 32 or 128 */
    uint8_t family; /* AF_INET, AF_INET6 or AF_UNIX */
};

struct cidrs {
    const struct cidr *list; /* borrowed; NULL when there are none */
    size_t count;
};

enum {
    CIDR_TEXT = 50
};

/*
 * Reads one. A network mapped into IPv6 ("::ffff:10.0.0.0/104") becomes the
 * IPv4 one, as clients do (peer_set()). 0, or -1 with err set to what is wrong
 * and what to write instead.
 */
int cidr_parse(const char *text, struct cidr *out, struct err *err);

/* Writes it so that cidr_parse() reads the same; returns text. */
const char *cidr_text(const struct cidr *cidr, char text[CIDR_TEXT]);

/* Does one of them hold the peer? */
bool cidrs_have(const struct cidrs *cidrs, const struct peer *peer);

#endif
