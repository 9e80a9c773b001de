/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_HEARTBEAT_H
#define RAINBOWS_WORKER_HEARTBEAT_H

#include <stdatomic.h>
#include <stdint.h>

struct err;

enum {
    HEARTBEAT_SLOTS = 1024
};

/*
 * One worker's line in the page that master and workers share: when control
 * entered Lua last, and 0 while it is not there. A worker that stays inside
 * too long is stuck. Written by the worker, read by the master.
 */
struct beat {
    _Alignas(64) _Atomic int64_t entered; /* base/clock.h */
};

static inline void beat_enter(struct beat *beat, int64_t now)
{
    atomic_store_explicit(&beat->entered, now, memory_order_relaxed);
}

static inline void beat_leave(struct beat *beat)
{
    atomic_store_explicit(&beat->entered, 0, memory_order_relaxed);
}

static inline int64_t beat_entered(struct beat *beat)
{
    return atomic_load_explicit(&beat->entered, memory_order_relaxed);
}

/* Maps HEARTBEAT_SLOTS lines that stay shared over fork. NULL with err set. */
struct beat *heartbeat_open(struct err *err);

#endif
