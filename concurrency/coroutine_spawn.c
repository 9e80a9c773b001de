/* SPDX-License-Identifier: MIT */
/*
 * CoroutineSpawn: one thread and one event loop hold all clients, each call is
 * a coroutine of the worker's Lua state. Every wait inside the app lets others
 * run: that is what MODEL_YIELDS says, and the Lua bridge looks at it. Input
 * streams.
 */
#include "concurrency/loop.h"
#include "worker/model.h"

static const char *const unused[] = {"pool_size", "app_pool", NULL};

const struct model model_coroutine_spawn = {
    .name = "CoroutineSpawn",
    .flags = MODEL_YIELDS | MODEL_ASYNC,
    .summary = "libevent; every wait inside the app lets others run",
    .unused = unused,
    .run = loop_serve,
};
