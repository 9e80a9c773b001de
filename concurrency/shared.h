/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONCURRENCY_SHARED_H
#define RAINBOWS_CONCURRENCY_SHARED_H

struct worker;

/* Sets worker->enter and worker->leave. Call before the worker's threads are
 * started. */
void shared_open(struct worker *worker);

#endif
