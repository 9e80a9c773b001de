/* SPDX-License-Identifier: MIT */
/*
 * ReactorThreadPool: an event loop holds the clients, calls run in pool_size
 * threads, each with its own Lua state.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
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

struct member {
    pthread_t id;
    size_t number;
    struct pool *pool;
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
    struct member *member = arg;
    struct pool *pool = member->pool;
    const struct worker *w = pool->away.loop.worker;
    struct app *app = w->apps[member->number];
    struct queue_node *node;
    beat_use(&w->heartbeat->lines[member->number]);
    while ((node = queue_pop(&pool->calls)))
        away_call(&pool->away, (struct client *)node, app);
    conn_trim();
    return NULL;
}

static size_t start_members(struct member *members, size_t n, struct pool *pool)
{
    for (size_t i = 0; i < n; i++) {
        members[i] = (struct member){.number = i, .pool = pool};
        int rc = thread_start(&members[i].id, member_run, &members[i]);
        if (rc != 0) {
            log_error("only %zu of %zu threads: %s", i, n, strerror(rc));
            return i;
        }
    }
    return n;
}

static size_t states(const struct config *config)
{
    return (size_t)config->pool_size;
}

static int run(struct worker *w)
{
    struct pool pool;
    size_t n = w->app_count;
    struct member *members = xcalloc(n, sizeof *members);
    away_init(&pool.away, w, lend);
    queue_init(&pool.calls);
    n = start_members(members, n, &pool);
    if (n)
        away_run(&pool.away);
    queue_close(&pool.calls);
    for (size_t i = 0; i < n; i++)
        pthread_join(members[i].id, NULL);
    queue_fini(&pool.calls);
    away_fini(&pool.away);
    free(members);
    return n ? WORKER_DONE : WORKER_BOOT_FAILED;
}

static const char *const unused[] = {"app_pool", NULL};

const struct model model_reactor_thread_pool = {
    .name = "ReactorThreadPool",
    .flags = MODEL_THREADS,
    .summary = "libevent holds the clients, calls run in pool_size threads",
    .unused = unused,
    .states = states,
    .run = run,
};
