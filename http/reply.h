/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_REPLY_H
#define RAINBOWS_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct buf;

/* How the end of the answer's body is told to the client. */
enum reply_framing {
    REPLY_NO_BODY, /* HEAD, 1xx, 204, 304: nothing may be sent */
    REPLY_LENGTH,  /* Content-Length */
    REPLY_CHUNKED, /* chunked coding, HTTP/1.1 */
    REPLY_CLOSE,   /* the close ends it, HTTP/1.0 */
};

/*
 * One answer on its way out. Filled by the one who knows the request (client,
 * keep_alive), written by the one who knows the answer: reply_start, a
 * reply_field for each, reply_finish, then the body through reply_body until
 * reply_end. Everything is appended to out.
 */
struct reply {
    struct buf *out;  /* borrowed: the connection's output */
    const char *date; /* borrowed: DATE_SIZE bytes */
    uint8_t minor;    /* of the request's HTTP/1.x */
    bool head;        /* the request was HEAD */
    bool keep_alive;  /* in: we would go on; false later: the connection must
                         close after this answer */
    int status;
    enum reply_framing framing;
    int64_t length;  /* the body's announced bytes; -1: not announced */
    int64_t sent;    /* body bytes appended so far */
    bool own_length; /* the app gave a Content-Length */
};

/* Why a header of the app was refused. */
enum reply_refusal {
    REPLY_OK,
    REPLY_BAD_NAME,   /* not a token (RFC 9110 5.1) */
    REPLY_BAD_VALUE,  /* CR, LF, NUL or another control byte */
    REPLY_BAD_LENGTH, /* Content-Length that is no number, or two of them */
};

/* Status line and Date. status is 100..999. */
void reply_start(struct reply *r, int status);

/*
 * One header field of the app. date, connection, transfer-encoding,
 * keep-alive, upgrade and trailer are the server's: dropped ("connection:
 * close" makes the connection close). content-length is remembered, not
 * written. The caller cuts out back to where the reply began when it refuses.
 */
enum reply_refusal reply_field(struct reply *r, struct span name,
                               struct span value);

/*
 * Ends the head: decides the framing and writes Content-Length,
 * Transfer-Encoding and Connection as needed. length is the body's size in
 * bytes where it is known, else -1; the app's own content-length wins (it is
 * then held to it). A HEAD answer announces what GET would.
 */
void reply_finish(struct reply *r, int64_t length);

/*
 * Appends a piece of the body in the framing chosen; an empty piece is
 * nothing. What exceeds the announced length is cut, and the connection
 * closes after the answer. False when no further piece can be sent (no body,
 * or the announced length is complete or exceeded).
 */
bool reply_body(struct reply *r, struct span piece);

/* For who sends the n bytes of a body of known length that are left by itself,
 * past out: how many of them may be sent, the rest being cut as above. And that
 * n of them were. */
int64_t reply_cut(struct reply *r, int64_t n);
void reply_sent(struct reply *r, int64_t n);

/* The body is complete. A body shorter than announced closes the connection,
 * as does one ended by the close. */
void reply_end(struct reply *r);

/* A whole answer of the server's own: "413 Content Too Large" as text, with
 * Date and, unless r->keep_alive, Connection: close. */
void reply_plain(struct reply *r, int status);

#endif
