/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_TIRED_H
#define RAINBOWS_WORKER_TIRED_H

#include <stdint.h>

struct app;
struct worker;

/*
 * When a worker asks the master for one in its place: after max_requests, above
 * max_memory, or with a Lua state that is full. It asks once, logs why, and
 * goes on serving until it is told to leave.
 */

/* The app is loaded: decides after how many requests. */
void tired_begin(struct worker *worker);

/* A call is over; app, where it was known, is the calling thread's. Any thread
 * of the worker may call this. */
void tired_look(struct worker *worker, const struct app *app, int64_t now);

#endif
