/* SPDX-License-Identifier: MIT */
/*
 * Reactor: one thread and one event loop hold all clients. Requests are
 * collected before the app is called; a call runs to its return on the loop;
 * a body may wait and let others run.
 */
#include "concurrency/loop.h"
#include "worker/model.h"

static bool lend(struct loop *loop, struct client *client)
{
    client->conn.app = loop->worker->apps[0];
    return true;
}

static int reactor_run(struct worker *w)
{
    struct loop loop = {.worker = w, .lend = lend};
    loop_init(&loop);
    loop_run(&loop);
    loop_fini(&loop);
    return WORKER_DONE;
}

static const char *const unused[] = {"pool_size", "app_pool", NULL};

const struct model model_reactor = {
    .name = "Reactor",
    .flags = MODEL_BUFFERS_INPUT | MODEL_ASYNC,
    .summary = "libevent; calls run on the loop, bodies may wait",
    .unused = unused,
    .run = reactor_run,
};

/*
 * CoroutineSpawn: the same loop. That its calls may wait, too, and let others
 * run, is said by the flag, which the Lua bridge looks at.
 */
const struct model model_coroutine_spawn = {
    .name = "CoroutineSpawn",
    .flags = MODEL_YIELDS | MODEL_ASYNC,
    .summary = "libevent; every wait inside the app lets others run",
    .unused = unused,
    .run = reactor_run,
};
