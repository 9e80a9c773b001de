/* SPDX-License-Identifier: MIT */
/*
 * ReactorThreadSpawn: an event loop holds the clients, each call has a thread
 * of its own. Lua states are borrowed from a pool of app_pool states.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "concurrency/app_pool.h"
#include "concurrency/away.h"
#include "concurrency/threads.h"
#include "config/config.h"
#include "worker/model.h"

struct spawner {
    struct away away; /* first: a loop's model is its spawner */
    struct app_pool *pool;
    struct queue done; /* of threads that are over */
    int threads;       /* that were not joined yet */
};

struct caller {
    struct queue_node node; /* first: a node is its caller */
    pthread_t id;
    struct spawner *spawner;
    struct client *client;
};

static void *caller_run(void *arg)
{
    struct caller *caller = arg;
    struct spawner *s = caller->spawner;
    struct app *app = app_pool_take(s->pool);
    away_call(&s->away, caller->client, app);
    app_pool_give(s->pool, app);
    conn_trim();
    queue_push(&s->done, &caller->node);
    return NULL;
}

static void bury(struct spawner *s, struct queue_node *node)
{
    struct caller *caller = (struct caller *)node;
    pthread_join(caller->id, NULL);
    free(caller);
    s->threads--;
}

static bool lend(struct loop *loop, struct client *client)
{
    struct spawner *s = loop->model;
    for (struct queue_node *node; (node = queue_try(&s->done));)
        bury(s, node);
    struct caller *caller = xcalloc(1, sizeof *caller);
    caller->spawner = s;
    caller->client = client;
    away_send(client);
    int rc = thread_start(&caller->id, caller_run, caller);
    s->threads += rc == 0;
    if (rc == 0)
        return false;
    log_error("no thread for a call, it runs on the loop: %s", strerror(rc));
    free(caller);
    struct app *app = app_pool_take(s->pool);
    away_call(&s->away, client, app);
    app_pool_give(s->pool, app);
    return false;
}

static size_t states(const struct config *config)
{
    return (size_t)(config->app_pool ? config->app_pool
                                     : config->worker_connections);
}

static int run(struct worker *w)
{
    struct spawner s = {.threads = 0};
    away_init(&s.away, w, lend);
    s.pool = app_pool_new(w);
    queue_init(&s.done);
    away_run(&s.away);
    while (s.threads) /* their clients are gone: they are about to end */
        bury(&s, queue_pop(&s.done));
    queue_fini(&s.done);
    app_pool_free(s.pool);
    away_fini(&s.away);
    return WORKER_DONE;
}

static const char *const unused[] = {"pool_size", NULL};

const struct model model_reactor_thread_spawn = {
    .name = "ReactorThreadSpawn",
    .flags = MODEL_THREADS | MODEL_BUFFERS_INPUT,
    .summary = "libevent holds the clients, each call has a thread",
    .unused = unused,
    .states = states,
    .run = run,
};
