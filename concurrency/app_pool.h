/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONCURRENCY_APP_POOL_H
#define RAINBOWS_CONCURRENCY_APP_POOL_H

#include <stddef.h>

struct app;
struct app_pool;
struct worker;

/*
 * P Lua states that serve N clients. A state is borrowed for one call, from
 * entering call(env) until the body is closed, and belongs to the borrowing
 * thread in between. States are made when they are first needed; the first is
 * the worker's own.
 */
struct app_pool *app_pool_new(struct worker *worker, size_t size);

/* Waits for a free state. Sets the calling thread's heartbeat to it. */
struct app *app_pool_take(struct app_pool *pool);
void app_pool_give(struct app_pool *pool, struct app *app);

/* All states must have been given back. Runs at_quit in all but the worker's
 * own. */
void app_pool_free(struct app_pool *pool);

#endif
