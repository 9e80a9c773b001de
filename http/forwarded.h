/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_FORWARDED_H
#define RAINBOWS_HTTP_FORWARDED_H

#include <stdbool.h>

#include "base/peer.h"

struct cidrs;
struct request;

/* Who sent a request, and how, before proxies passed it on. */
struct forwarded {
    struct peer client; /* port 0: not told */
    bool https;         /* the client spoke TLS to the first trusted proxy */
};

/*
 * What the trusted proxies say of the request that came from peer.
 *
 * Nothing is believed unless peer is trusted. Then X-Forwarded-For is walked
 * from its end, the part that the nearest proxy wrote, over addresses that are
 * trusted, too. The first that is not is the client; so is the first of all if
 * every one is trusted. What is no address ends the walk at the last that was
 * one. X-Forwarded-Proto counts with its last value.
 *
 * Only where the request has neither of the two, Forwarded (RFC 7239) is
 * walked in the same way, and the scheme is that of the last element read. The
 * two are never mixed. X-Forwarded-For is preferred because most proxies set
 * it and pass a client's own Forwarded through.
 */
void forwarded_read(const struct request *rq, const struct cidrs *trusted,
                    const struct peer *peer, struct forwarded *out);

#endif
