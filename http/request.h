/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_REQUEST_H
#define RAINBOWS_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* Bytes of the head, by place: stays right when the head is copied. */
struct piece {
    uint32_t at, len;
};

/* One header field as it came: the name in the client's spelling, the value
 * without white space at its ends. */
struct field {
    struct piece name, value;
};

/*
 * A request head that has been judged and read. It borrows the head's bytes
 * and the fields' memory; both must outlive it.
 */
struct request {
    const char *bytes;   /* the head, from the method's first byte to the empty
                            line's last */
    uint32_t size;       /* of the head, in bytes */
    struct piece method; /* "GET" */
    struct piece target; /* the request target as it came */
    struct piece path;   /* of the target, undecoded; "*" for OPTIONS * */
    struct piece query;  /* behind the "?", may be empty */
    struct piece host;   /* authority: the absolute target's, else the Host
                            field's; empty when there is none (1.0) */
    struct field *fields;
    uint32_t field_count;
    uint64_t serial;        /* its number, for its id; base/serial.h */
    int64_t content_length; /* -1: no Content-Length */
    uint8_t minor;          /* of HTTP/1.x: 0 or 1 */
    bool chunked;           /* the body comes in chunks */
    bool keep_alive;        /* the client would go on after the answer */
    bool expect_continue;   /* it waits for 100 before it sends the body */
    bool head;              /* the method is HEAD */
};

static inline struct span request_span(const struct request *rq,
                                       struct piece piece)
{
    return (struct span){rq->bytes + piece.at, piece.len};
}

/* Is there a body to read before the next request? */
static inline bool request_has_body(const struct request *rq)
{
    return rq->chunked || rq->content_length > 0;
}

#endif
