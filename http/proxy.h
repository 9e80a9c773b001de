/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_PROXY_H
#define RAINBOWS_HTTP_PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/peer.h"

/*
 * The header of the PROXY protocol, version 1 (a line of text) or 2 (binary),
 * which a proxy sends once, before everything else of a connection, to say who
 * its client is.
 */
enum {
    PROXY_V1_MAX = 107, /* bytes, with CRLF: what the protocol allows */
    PROXY_MAX = 4096    /* of a version 2 header, additions (TLV) included */
};

struct proxy_header {
    size_t size;      /* after DONE: bytes of the header */
    bool keep;        /* it names nobody (UNKNOWN, LOCAL): the peer counts */
    struct peer from; /* otherwise the client */
    const char *why;  /* after REFUSED; static */
};

enum proxy_status {
    PROXY_MORE, /* no verdict yet: call again with more bytes */
    PROXY_DONE,
    PROXY_REFUSED,
};

/*
 * Looks at bytes[0, len), the first that the connection has brought. A refusal
 * comes as soon as the bytes cannot become a header, at the latest with
 * PROXY_MAX of them; the verdict does not depend on how they were cut.
 */
enum proxy_status proxy_read(const char *bytes, size_t len,
                             struct proxy_header *out);

#endif
