/* SPDX-License-Identifier: MIT */
/*
 * ThreadPool: pool_size threads, each with its own Lua state, each serving one
 * client at a time. The main thread only listens to the master.
 */
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "concurrency/blocking.h"
#include "concurrency/queue.h"
#include "concurrency/shared.h"
#include "concurrency/threads.h"
#include "config/config.h"
#include "worker/heartbeat.h"
#include "worker/model.h"
#include "worker/worker.h"

struct pool {
    struct worker *worker; /* borrowed */
    struct crew crew;
    int ended; /* eventfd that counts the threads that have */
};

static void *member_run(void *arg)
{
    const struct member *member = arg;
    struct pool *pool = member->all;
    struct worker *w = pool->worker;
    struct blocking b = {
        .worker = w, .app = w->apps[member->number], .crew = &pool->crew};
    beat_use(&w->heartbeat->lines[member->number]);
    blocking_init(&b, true);
    blocking_run(&b);
    blocking_fini(&b);
    conn_trim();
    eventfd_write(pool->ended, 1);
    return NULL;
}

static size_t states(const struct config *config)
{
    return (size_t)config->pool_size;
}

/* The main thread: hears what the master says and passes it on, until all n
 * threads have ended. */
static void listen_to_master(struct pool *pool, size_t n)
{
    eventfd_t count;
    while (n) {
        int notices[NOTICE_FDS];
        struct pollfd fds[NOTICE_FDS + 1];
        worker_notice_fds(pool->worker, notices);
        for (size_t i = 0; i < NOTICE_FDS; i++)
            fds[i] = (struct pollfd){.fd = notices[i], .events = POLLIN};
        fds[NOTICE_FDS] = (struct pollfd){.fd = pool->ended, .events = POLLIN};
        if (poll(fds, NOTICE_FDS + 1, -1) <= 0)
            continue;
        worker_notice(pool->worker);
        crew_tell(&pool->crew, pool->worker);
        if (eventfd_read(pool->ended, &count) == 0)
            n -= count;
    }
}

static int thread_pool_run(struct worker *w)
{
    struct pool pool = {.worker = w};
    struct member *members = xcalloc(w->app_count, sizeof *members);
    shared_open(w);
    crew_init(&pool.crew);
    pool.ended = eventfd_new(0);
    size_t n = members_start(members, w->app_count, member_run, &pool);
    listen_to_master(&pool, n);
    members_join(members, n);
    fd_close(&pool.ended);
    crew_fini(&pool.crew);
    free(members);
    return n ? WORKER_DONE : WORKER_BOOT_FAILED;
}

static const char *const unused[] = {"worker_connections", "app_pool", NULL};

const struct model model_thread_pool = {
    .name = "ThreadPool",
    .flags = MODEL_THREADS,
    .summary = "pool_size threads, each serving one client at a time",
    .unused = unused,
    .states = states,
    .run = thread_pool_run,
};
