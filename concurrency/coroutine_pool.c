/* SPDX-License-Identifier: MIT */
/*
 * CoroutinePool: as CoroutineSpawn, but at most pool_size calls at once; the
 * rest wait in order.
 */
#include "concurrency/loop.h"
#include "config/config.h"
#include "worker/model.h"

struct pool {
    int running;          /* calls */
    bool resuming;        /* clients out of the queue */
    struct queue waiting; /* clients whose requests have come */
};

static bool lend(struct loop *loop, struct client *client)
{
    struct pool *pool = loop->model;
    if (pool->running >= loop->worker->config->pool_size) {
        conn_flush(&client->conn);
        queue_push(&pool->waiting, &client->node);
        return false;
    }
    pool->running++;
    client->conn.app = loop->worker->apps[0];
    return true;
}

/* Calls that end at once give their places back from inside this: then it is
 * the outermost that goes on. */
static void returned(struct loop *loop, struct app *app)
{
    struct pool *pool = loop->model;
    struct queue_node *node;
    pool->running--;
    if (pool->resuming)
        return;
    pool->resuming = true;
    while (pool->running < loop->worker->config->pool_size &&
           (node = queue_try(&pool->waiting))) {
        struct client *client = (struct client *)node;
        pool->running++;
        client->conn.app = app;
        loop_resume(client);
    }
    pool->resuming = false;
}

static int coroutine_pool_run(struct worker *w)
{
    struct pool pool = {0};
    struct loop loop = {
        .worker = w, .lend = lend, .returned = returned, .model = &pool};
    queue_init(&pool.waiting);
    loop_init(&loop);
    loop_run(&loop);
    loop_fini(&loop);
    queue_fini(&pool.waiting);
    return WORKER_DONE;
}

static const char *const unused[] = {"app_pool", NULL};

const struct model model_coroutine_pool = {
    .name = "CoroutinePool",
    .flags = MODEL_YIELDS | MODEL_ASYNC,
    .summary = "the same, at most pool_size calls at once",
    .unused = unused,
    .run = coroutine_pool_run,
};
