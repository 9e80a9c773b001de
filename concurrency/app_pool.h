/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONCURRENCY_APP_POOL_H
#define RAINBOWS_CONCURRENCY_APP_POOL_H

#include <stddef.h>

struct app;
struct app_pool;
struct worker;

/*
 * P Lua states that serve N clients: the worker's states, lent. A state is
 * borrowed for one call, from entering call(env) until the body is closed, and
 * belongs to the borrowing thread in between.
 */
struct app_pool *app_pool_new(struct worker *worker);

/* Waits for a free state. Sets the calling thread's heartbeat to it. */
struct app *app_pool_take(struct app_pool *pool);
void app_pool_give(struct app_pool *pool, struct app *app);

/* All states must have been given back; they stay the worker's. */
void app_pool_free(struct app_pool *pool);

#endif
