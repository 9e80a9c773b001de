/* SPDX-License-Identifier: MIT */
/*
 * ReactorThreadPool: an event loop holds the clients, calls run in pool_size
 * threads, each with its own Lua state.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "concurrency/away.h"
#include "concurrency/threads.h"
#include "config/config.h"
#include "worker/heartbeat.h"
#include "worker/model.h"

struct pool {
    struct away away;   /* first: a loop's model is its pool */
    struct queue calls; /* clients that wait for a thread */
};

static bool lend(struct loop *loop, struct client *client)
{
    struct pool *pool = loop->model;
    away_send(client);
    queue_push(&pool->calls, &client->node);
    return false;
}

static void *member_run(void *arg)
{
    const struct member *member = arg;
    struct pool *pool = member->all;
    const struct worker *w = pool->away.loop.worker;
    struct app *app = w->apps[member->number];
    struct queue_node *node;
    beat_use(&w->heartbeat->lines[member->number]);
    while ((node = queue_pop(&pool->calls)))
        away_call(&pool->away, (struct client *)node, app);
    conn_trim();
    return NULL;
}

static size_t states(const struct config *config)
{
    return (size_t)config->pool_size;
}

static int run(struct worker *w)
{
    struct pool pool;
    struct member *members = xcalloc(w->app_count, sizeof *members);
    away_init(&pool.away, w, lend);
    queue_init(&pool.calls);
    size_t n = members_start(members, w->app_count, member_run, &pool);
    if (n)
        away_run(&pool.away);
    queue_close(&pool.calls);
    members_join(members, n);
    queue_fini(&pool.calls);
    away_fini(&pool.away);
    free(members);
    return n ? WORKER_DONE : WORKER_BOOT_FAILED;
}

static const char *const unused[] = {"app_pool", NULL};

const struct model model_reactor_thread_pool = {
    .name = "ReactorThreadPool",
    .flags = MODEL_THREADS | MODEL_BUFFERS_INPUT,
    .summary = "libevent holds the clients, calls run in pool_size threads",
    .unused = unused,
    .states = states,
    .run = run,
};
