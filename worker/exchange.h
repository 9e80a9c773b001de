/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_EXCHANGE_H
#define RAINBOWS_WORKER_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
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
    bool in_place;   /* the head's bytes lie at the front of the input */
    struct buf kept; /* the head's bytes when they had to leave `in` */
    struct call_body body;
    struct chunked chunked;
    int64_t left;       /* bytes of a Content-Length body still to come */
    int refusal;        /* the status that the body has earned; 0: none */
    bool continued;     /* "100 Continue" was sent */
    int64_t drained_to; /* in CONN_DRAIN: the size at which it ends */
    int64_t paused; /* since when the call waits for more of the body, or 0 */
    struct reply reply;
    size_t mark;       /* unsent output that is not of this answer */
    bool sent;         /* some of the answer is with the client */
    struct call *call; /* owned; NULL before and after */
    bool waits;        /* the call waits until wait is over, or woken */
    bool fresh_wait;   /* the model has not been told of it */
    bool woken;
    bool later; /* it has no deadline: the app answers later, or says more */
    bool ended; /* the client has closed its side */
    bool gone;  /* it is gone */
    bool far;   /* it is far ahead: its end is all that is listened for */
    struct wait wait;
    int64_t deadline; /* of the call, until it has answered; base/clock.h */
    struct call_file file; /* its fd is owned */
    int64_t began;         /* when its head had come; base/clock.h */
    int64_t called;        /* when its call began; the client's time is added */
    bool timed;            /* the call has been found slow or not */
    bool complete;         /* the whole answer is in the output, */
    size_t unsent;         /* of it, with what came before it; then */
    bool logged;           /* the access log has its line */
    struct exchange *next; /* in the free list, or in conn->answered */
};

/* From the calling thread's free list, or new. */
struct exchange *exchange_new(size_t max_fields);

/* Frees what the request held and keeps the rest for reuse. Its call must have
 * been freed. NULL does nothing. */
void exchange_free(struct exchange *x);

/* Frees the calling thread's free list. */
void exchange_trim(void);

#endif
