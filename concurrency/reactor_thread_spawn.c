/* SPDX-License-Identifier: MIT */
/*
 * ReactorThreadSpawn: an event loop holds the clients, each call has a thread
 * of its own. Lua states are borrowed from a pool of app_pool states.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "concurrency/app_pool.h"
#include "concurrency/away.h"
#include "concurrency/threads.h"
#include "config/config.h"
#include "worker/model.h"

struct spawner {
    struct away away; /* first: a loop's model is its spawner */
    struct app_pool *pool;
    struct thread_set callers;
};

struct caller {
    struct thread thread; /* first: a thread is its caller */
    struct spawner *spawner;
    struct client *client;
};

static void call(struct spawner *s, struct client *client)
{
    struct app *app = app_pool_take(s->pool);
    away_call(&s->away, client, app);
    app_pool_give(s->pool, app);
}

static void *caller_run(void *arg)
{
    struct caller *caller = arg;
    call(caller->spawner, caller->client);
    conn_trim();
    thread_over(&caller->thread);
    return NULL;
}

static bool lend(struct loop *loop, struct client *client)
{
    struct spawner *s = loop->model;
    thread_set_bury(&s->callers);
    struct caller *caller = xcalloc(1, sizeof *caller);
    caller->spawner = s;
    caller->client = client;
    away_send(client);
    if (thread_set_add(&s->callers, &caller->thread, caller_run))
        return false;
    free(caller);
    call(s, client); /* then it runs on the loop */
    return false;
}

static size_t states(const struct config *config)
{
    return (size_t)(config->app_pool ? config->app_pool
                                     : config->worker_connections);
}

static int run(struct worker *w)
{
    struct spawner s;
    away_init(&s.away, w, lend);
    s.pool = app_pool_new(w);
    thread_set_init(&s.callers);
    away_run(&s.away);
    thread_set_fini(&s.callers);
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
