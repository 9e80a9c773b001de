/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_CHUNKED_H
#define RAINBOWS_HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "http/known.h"

struct limits;

/*
 * A strict decoder of the chunked coding (RFC 9112 7.1), fed with whatever
 * arrived. Trailer fields are judged like header fields and dropped: nothing
 * after the body can change the request. One that would frame a message
 * (Content-Length, Transfer-Encoding) is refused.
 */
struct chunked {
    int state;                 /* 0: before the first chunk size */
    uint32_t digits;           /* of the current size */
    uint64_t left;             /* bytes of the current chunk still to come */
    size_t extension;          /* extension bytes of this body so far */
    size_t trailer;            /* trailer bytes so far */
    uint32_t trailers;         /* trailer fields so far */
    uint32_t name_len;         /* bytes of the current trailer's name so far */
    char name[KNOWN_NAME_MAX]; /* the first of them */
};

enum chunked_status {
    CHUNKED_MORE,    /* all of in was used: feed more */
    CHUNKED_DATA,    /* *data is body bytes, inside in */
    CHUNKED_END,     /* the body ended; what is left in in is not its */
    CHUNKED_REFUSED, /* *status: 400, 413 (extensions), 431 (trailers) */
};

/*
 * Takes bytes off the front of *in. A zeroed chunked starts a body. Call until
 * something else than CHUNKED_DATA comes; after CHUNKED_END or CHUNKED_REFUSED
 * the decoder is over. The size of the body itself is the caller's to bound.
 */
enum chunked_status chunked_step(struct chunked *c, struct span *in,
                                 struct span *data, const struct limits *limits,
                                 int *status);

#endif
