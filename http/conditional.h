/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_CONDITIONAL_H
#define RAINBOWS_HTTP_CONDITIONAL_H

#include <stdint.h>

#include "base/span.h"

struct request;

/* What would be sent with a 200. */
struct representation {
    int64_t size;     /* bytes */
    int64_t modified; /* seconds since 1970; -1: not known */
    struct span etag; /* with its quotes, perhaps W/ before; empty: none */
};

/* What is to be sent. */
struct verdict {
    int status;    /* 200; 206: the range below; 304; 412; 416 */
    int64_t first; /* of the bytes to send, and how many; 200: all of them */
    int64_t left;
};

/*
 * Judges the request's conditions and its range (RFC 9110 13.2.2 and 14.2), for
 * GET and HEAD. What is malformed is as if it were not there, and so is a list
 * of ranges: we send one, or all.
 */
struct verdict conditional_judge(const struct request *rq,
                                 const struct representation *what);

#endif
