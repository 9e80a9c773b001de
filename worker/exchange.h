/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_EXCHANGE_H
#define RAINBOWS_WORKER_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/spool.h"
#include "base/wait.h"
#include "http/chunked.h"
#include "http/reply.h"
#include "http/request.h"
#include "lua/call.h"

/* A request and its answer while they are in progress. A connection has one
 * from the end of the head to the end of the answer. */
struct exchange {
    struct request request;
    struct field *fields; /* owned; room for max_fields */
    size_t max_fields;
    char *kept;        /* owned; the head's bytes when they had to leave `in` */
    struct spool body; /* owned until the call takes it */
    struct chunked chunked;
    int64_t left; /* bytes of a Content-Length body still to come */
    struct reply reply;
    size_t mark;       /* unsent output that is not of this answer */
    bool sent;         /* some of the answer is with the client */
    struct call *call; /* owned; NULL before and after */
    bool waits;        /* the call waits until wait is over */
    bool fresh_wait;   /* the model has not been told of it */
    struct wait wait;
    struct call_file file; /* its fd is owned */
    struct exchange *next; /* in the free list */
};

/* From the calling thread's free list, or new. */
struct exchange *exchange_new(size_t max_fields);

/* Frees what the request held and keeps the rest for reuse. Its call must have
 * been freed. NULL does nothing. */
void exchange_free(struct exchange *x);

/* Frees the calling thread's free list. */
void exchange_trim(void);

#endif
