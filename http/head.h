/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_HEAD_H
#define RAINBOWS_HTTP_HEAD_H

#include <stddef.h>
#include <stdint.h>

struct limits;

/*
 * The strict check of a raw request head. It finds the head's end and judges
 * every line of it, before any parser sees it: what passes has one meaning
 * only. Works on growing input and judges a byte the moment it is there and a
 * line the moment it is complete, so the verdict does not depend on how the
 * bytes were cut, and no byte is looked at twice.
 */
struct head_check {
    uint32_t seen;   /* bytes already looked at */
    uint32_t line;   /* where the current line begins */
    uint32_t part;   /* where the current part of the line begins */
    uint32_t first;  /* where the first header line begins */
    uint32_t fields; /* complete field lines so far */
    uint8_t state;   /* 0: in the method */
    uint8_t flags;   /* which framing fields came, and the version */
};

enum head_status {
    HEAD_MORE,     /* no verdict yet: call again with more bytes */
    HEAD_COMPLETE, /* check->seen bytes are a whole, good head */
    HEAD_REFUSED,  /* *status says with what: 400, 414, 417, 431, 501, 505 */
};

/*
 * Looks at bytes[0, len): the same bytes as last time, with more behind them
 * (they may have moved). A zeroed check starts a request. An empty line before
 * the request line must be taken off by the caller (head_skip_empty); a lone
 * CR in its place is HEAD_MORE and leaves check zeroed. After HEAD_COMPLETE or
 * HEAD_REFUSED the check is over. Unknown methods pass here: parser_read
 * refuses them.
 */
enum head_status head_check(struct head_check *check, const char *bytes,
                            size_t len, const struct limits *limits,
                            int *status);

/* How many bytes of an empty line to take off before a request line (RFC 9112
 * 2.2 asks to ignore at least one): 2 or 0. To be asked while check->seen is 0
 * and until it was 2 once for this request; a second empty line is refused. */
size_t head_skip_empty(const char *bytes, size_t len);

#endif
