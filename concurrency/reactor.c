/* SPDX-License-Identifier: MIT */
/*
 * Reactor: one thread and one event loop hold all clients. Requests are
 * collected before the app is called; a call runs to its return on the loop,
 * or answers later through async.callback; a body may wait and let others run.
 */
#include "concurrency/loop.h"
#include "worker/model.h"

static const char *const unused[] = {"pool_size", "app_pool", NULL};

const struct model model_reactor = {
    .name = "Reactor",
    .flags = MODEL_BUFFERS_INPUT | MODEL_ASYNC,
    .summary = "libevent; calls run on the loop, or are answered later",
    .unused = unused,
    .run = loop_serve,
};
