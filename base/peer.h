/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_PEER_H
#define RAINBOWS_BASE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct sockaddr;

/* One end of a connection in 20 bytes, where sockaddr_storage takes 128: every
 * idle connection holds one. */
struct peer {
    uint8_t ip[16]; /* network order; IPv4 in the first 4 */
    uint16_t port;  /* host order; 0 for UNIX sockets */
    uint8_t family; /* AF_INET, AF_INET6 or AF_UNIX */
};

enum {
    PEER_TEXT = 46
};

/* IPv4 addresses mapped into IPv6 become IPv4. */
void peer_set(struct peer *peer, const struct sockaddr *from);

/* The same of an address in network order: 4 bytes of AF_INET or 16 of
 * AF_INET6. */
void peer_set_ip(struct peer *peer, int family, const void *ip, uint16_t port);

/* Reads "192.0.2.1" or "2001:db8::1", without brackets, port or zone. False,
 * with *peer untouched, for anything else. */
bool peer_parse(struct span text, struct peer *peer);

/* "192.0.2.1", "2001:db8::1"; "127.0.0.1" for UNIX sockets, as Unicorn. */
const char *peer_ip(const struct peer *peer, char text[PEER_TEXT]);

#endif
