/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_HEARTBEAT_H
#define RAINBOWS_WORKER_HEARTBEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct err;

enum {
    BEAT_REQUEST = 236 /* so that a line fills four of the cache's */
};

/*
 * One line for each Lua state of a worker, in memory that it shares with the
 * master: when control entered Lua there, and 0 while it is not there. A
 * state in which it stays too long is stuck. Written by the thread that has
 * the state, read by the master.
 */
struct beat {
    _Alignas(64) _Atomic int64_t entered; /* base/clock.h */
    _Atomic int64_t urged;      /* the entered of what was interrupted */
    _Atomic int thread;         /* kernel's id of the thread that writes here */
    char request[BEAT_REQUEST]; /* of the call: "GET /notes?page=2"; a long one
                                   ends in "..." */
};

struct heartbeat {
    struct beat *lines; /* owned mapping, shared over fork */
    size_t count;
};

int heartbeat_open(struct heartbeat *h, size_t count, struct err *err);
void heartbeat_close(struct heartbeat *h);

/* When control entered the state that it has been in for longest; 0: it is in
 * none. */
int64_t heartbeat_oldest(const struct heartbeat *h);

/*
 * Walks over the lines that control entered before that moment, and has not
 * left. *next is 0 at first. False: there are no more. Their writers go on
 * meanwhile, or were stopped anywhere: the request may be of two calls, but it
 * is a text.
 */
struct late_call {
    int64_t entered;
    char request[BEAT_REQUEST];
};
bool heartbeat_late(const struct heartbeat *h, int64_t before, size_t *next,
                    struct late_call *late);

/* The calling thread writes this line from now on. Set before it enters
 * Lua. */
void beat_use(struct beat *beat);

/* The calling thread's line. */
struct beat *beat_mine(void);

/* Whose call it is that control enters Lua for: method and target, which are
 * printable as they come. Before beat_enter(). */
void beat_name(struct span request);
void beat_enter(int64_t now);
void beat_leave(void);

#endif
