/* SPDX-License-Identifier: MIT */
/*
 * Lending Lua states to threads that come and go. The state that came back
 * last is lent first: it is warm.
 */
#include "concurrency/app_pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "worker/heartbeat.h"
#include "worker/worker.h"

struct app_pool {
    struct worker *worker; /* borrowed */
    pthread_mutex_t lock;  /* guards all below */
    pthread_cond_t freed;
    size_t *free; /* places in worker->apps, a stack */
    size_t count;
};

struct app_pool *app_pool_new(struct worker *worker)
{
    struct app_pool *pool = xcalloc(1, sizeof *pool);
    pool->worker = worker;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->freed, NULL);
    pool->free = xcalloc(worker->app_count, sizeof *pool->free);
    while (pool->count < worker->app_count) {
        pool->free[pool->count] = worker->app_count - pool->count - 1;
        pool->count++;
    }
    return pool;
}

struct app *app_pool_take(struct app_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->count)
        pthread_cond_wait(&pool->freed, &pool->lock);
    size_t i = pool->free[--pool->count];
    pthread_mutex_unlock(&pool->lock);
    beat_use(&pool->worker->heartbeat->lines[i]);
    return pool->worker->apps[i];
}

void app_pool_give(struct app_pool *pool, struct app *app)
{
    size_t i = 0;
    while (pool->worker->apps[i] != app)
        i++;
    pthread_mutex_lock(&pool->lock);
    assert(pool->count < pool->worker->app_count);
    pool->free[pool->count++] = i;
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}

void app_pool_free(struct app_pool *pool)
{
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->free);
    free(pool);
}
