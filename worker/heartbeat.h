/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_HEARTBEAT_H
#define RAINBOWS_WORKER_HEARTBEAT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/*
 * One line for each Lua state of a worker, in memory that it shares with the
 * master: when control entered Lua there, and 0 while it is not there. A
 * state in which it stays too long is stuck. Written by the thread that has
 * the state, read by the master.
 */
struct beat {
    _Alignas(64) _Atomic int64_t entered; /* base/clock.h */
    _Atomic int64_t urged; /* the entered of what was interrupted */
    _Atomic int thread;    /* kernel's id of the thread that writes here */
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

/* The calling thread writes this line from now on. Set before it enters
 * Lua. */
void beat_use(struct beat *beat);

/* The calling thread's line. */
struct beat *beat_mine(void);
void beat_enter(int64_t now);
void beat_leave(void);

#endif
