/* SPDX-License-Identifier: MIT */
/*
 * The pool of Lua states for models that start threads as clients or calls
 * come. Line i of the worker's heartbeat belongs to state i.
 */
#include "concurrency/app_pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "lua/app.h"
#include "worker/heartbeat.h"
#include "worker/worker.h"

struct app_pool {
    struct worker *worker; /* borrowed */
    pthread_mutex_t lock;  /* guards all below */
    pthread_cond_t freed;
    size_t size, made;
    struct app **apps; /* all that were made; NULL: being made, or failed */
    bool *busy;
};

struct app_pool *app_pool_new(struct worker *worker, size_t size)
{
    struct app_pool *pool = xcalloc(1, sizeof *pool);
    pool->worker = worker;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->freed, NULL);
    pool->size = size;
    pool->apps = xcalloc(size, sizeof(struct app *));
    pool->busy = xcalloc(size, sizeof *pool->busy);
    pool->apps[0] = worker->app;
    pool->made = 1;
    return pool;
}

/* With the lock held: the place of a state that is free, or of one that can
 * be made; waits for it. */
static size_t find_place(struct app_pool *pool)
{
    for (;;) {
        for (size_t i = 0; i < pool->made; i++)
            if (pool->apps[i] && !pool->busy[i])
                return i;
        if (pool->made < pool->size)
            return pool->made++;
        pthread_cond_wait(&pool->freed, &pool->lock);
    }
}

/* Makes the state of place i. One that cannot be made (the app file has
 * changed meanwhile) leaves the pool smaller. */
static struct app *make(struct app_pool *pool, size_t i)
{
    struct err err;
    struct app *app = worker_new_app(pool->worker, &err);
    if (!app)
        log_error("cannot load the app once more: %s", err.text);
    pthread_mutex_lock(&pool->lock);
    pool->apps[i] = app;
    pthread_mutex_unlock(&pool->lock);
    return app;
}

struct app *app_pool_take(struct app_pool *pool)
{
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        size_t i = find_place(pool);
        pool->busy[i] = true;
        struct app *app = pool->apps[i];
        pthread_mutex_unlock(&pool->lock);
        beat_use(&pool->worker->heartbeat->lines[i]);
        if (app || (app = make(pool, i)))
            return app;
    }
}

void app_pool_give(struct app_pool *pool, struct app *app)
{
    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < pool->made; i++)
        if (pool->apps[i] == app)
            pool->busy[i] = false;
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}

void app_pool_free(struct app_pool *pool)
{
    for (size_t i = 1; i < pool->made; i++) {
        if (pool->apps[i])
            app_quit(pool->apps[i]);
        app_free(pool->apps[i]);
    }
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->apps);
    free(pool->busy);
    free(pool);
}
