/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_FUZZ_TALK_H
#define RAINBOWS_FUZZ_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "http/request.h"

struct limits;

/* How a talk is held. */
enum {
    TALK_STREAMS = 1,  /* a call begins before its body is there */
    TALK_SMALL = 2,    /* limits that short inputs reach */
    TALK_DRIPS = 4,    /* the client takes the answers a few bytes at a time */
    TALK_SLOW = 8,     /* each look at the clock takes most of a turn */
    TALK_SILENT = 16,  /* the client stays when it has sent all */
    TALK_IDLE = 32,    /* the app reads no bodies */
    TALK_RESETS = 128, /* the client is gone when it has sent all */
};

enum {
    TALK_REQUESTS = 20 /* one connection serves no more */
};

/* A request as the app was given it. */
struct seen {
    struct request request; /* its bytes and fields are owned */
    size_t end;             /* where in the input its message ends; when */
    bool complete;          /* all of it was there before the call */
    char *body;             /* owned; what was there of it */
    size_t body_size;
};

/* All that one connection did with the bytes of one client. */
struct talk {
    struct seen seen[TALK_REQUESTS];
    size_t count;
    struct buf answers;
};

/*
 * Serves a client that sends the input in pieces of these sizes (in turn; 0:
 * all that is left) to the end of the connection. Flags are TALK_...; CHECKs
 * that it does come to an end, and each request.
 */
void talk_hold(struct talk *talk, struct span input, const uint8_t sizes[3],
               unsigned flags);
void talk_fini(struct talk *talk);

/*
 * CHECKs that the answers are those to what was seen, each whole but perhaps
 * the last, and nothing behind one that closes. Takes "100 Continue" out of
 * them, which may come or not. Flags are those of the talk.
 */
void talk_check_answers(struct talk *talk, unsigned flags);

/* CHECKs what the app told of its env: lines, without the request's body. */
void talk_check_env(const struct request *rq, struct span text);

/* CHECKs that llhttp reads the same requests in the input. */
void talk_check_second(const struct talk *talk, struct span input);

#endif
