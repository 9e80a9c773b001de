/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONCURRENCY_EVLOOP_H
#define RAINBOWS_CONCURRENCY_EVLOOP_H

#include <stdint.h>

struct evloop;
struct watch;

/*
 * The event loop of one thread. Only that thread may call these; make it after
 * the fork.
 */
struct evloop *evloop_new(void);
void evloop_free(struct evloop *loop); /* all watches must be gone */

/* Runs until evloop_stop(). */
void evloop_run(struct evloop *loop);
void evloop_stop(struct evloop *loop);

/* Called with the poll(2) events that came, or 0: the deadline passed. May
 * free the watch. */
typedef void watch_fn(void *arg, short events);

/* Watches fd (-1: only the clock), for nothing at first. fn and arg are
 * borrowed. Free the watch before fd is closed. */
struct watch *watch_new(struct evloop *loop, int fd, watch_fn *fn, void *arg);

/*
 * What it watches for from now on: POLLIN, POLLOUT, POLLRDHUP or none, and
 * until when (base/clock.h). Costs nothing when the events stay the same and
 * the deadline moves away: the timer keeps its old time, fires early and is set
 * again for the rest. A shorter deadline sets it at once. A descriptor that
 * cannot be watched (closed, a regular file) is ready: it is called with 0.
 */
void watch_set(struct watch *watch, short events, int64_t deadline);

/* Calls it with 0 in the next turn of the loop, whatever it watches for. */
void watch_soon(struct watch *watch);

void watch_free(struct watch *watch); /* NULL does nothing */

#endif
