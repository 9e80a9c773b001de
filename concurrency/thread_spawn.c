/* SPDX-License-Identifier: MIT */
/*
 * ThreadSpawn: a thread for each client, up to worker_connections. Lua states
 * are borrowed for each call from a pool of app_pool states.
 */
#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "concurrency/app_pool.h"
#include "concurrency/blocking.h"
#include "concurrency/shared.h"
#include "concurrency/threads.h"
#include "config/config.h"
#include "worker/listener.h"
#include "worker/model.h"
#include "worker/worker.h"

struct spawner {
    struct worker *worker;
    struct app_pool *pool;
    struct thread_set clients;
    struct crew crew;
    int limit;          /* of clients; worker_connections until the end */
    struct pollfd *fds; /* notices, threads that are over, listeners */
};

struct client {
    struct thread thread; /* first: a thread is its client */
    struct blocking b;
};

enum {
    OVER = NOTICE_FDS,
    LISTENERS
};

static void *client_run(void *arg)
{
    struct client *client = arg;
    blocking_serve(&client->b);
    blocking_fini(&client->b);
    conn_trim();
    thread_over(&client->thread);
    return NULL;
}

static void spawn(struct spawner *s, const struct listener *listener, int fd,
                  const struct peer *peer)
{
    struct client *client = xcalloc(1, sizeof *client);
    client->b = (struct blocking){
        .worker = s->worker, .pool = s->pool, .crew = &s->crew};
    blocking_init(&client->b, false);
    conn_init(&client->b.conn, s->worker, listener, fd, peer);
    if (thread_set_add(&s->clients, &client->thread, client_run))
        return;
    conn_fini(&client->b.conn);
    blocking_fini(&client->b);
    free(client);
}

static bool has_room(const struct spawner *s)
{
    return s->clients.count < s->limit;
}

/* One from each listener. False: nobody was there. */
static bool accept_some(struct spawner *s)
{
    bool came = false;
    struct peer peer;
    for (size_t i = 0; i < s->worker->listener_count && has_room(s); i++) {
        const struct listener *listener = s->worker->listeners[i];
        int fd = blocking_accept(listener, &peer);
        if (fd >= 0)
            spawn(s, listener, fd, &peer);
        came = came || fd >= 0;
    }
    return came;
}

/* Waits for notices, ends of threads and, while there is room, newcomers. */
static void wait_for_news(struct spawner *s, bool accepting)
{
    int notices[NOTICE_FDS];
    size_t n = s->worker->listener_count;
    worker_notice_fds(s->worker, notices);
    for (size_t i = 0; i < NOTICE_FDS; i++)
        s->fds[i] = (struct pollfd){.fd = notices[i], .events = POLLIN};
    s->fds[OVER] =
        (struct pollfd){.fd = s->clients.over.wake, .events = POLLIN};
    for (size_t i = 0; i < n; i++)
        s->fds[LISTENERS + i] = (struct pollfd){
            .fd = s->worker->listeners[i]->fd, .events = POLLIN};
    if (poll(s->fds, LISTENERS + (accepting ? n : 0), -1) <= 0)
        return;
    for (size_t i = 0; i < NOTICE_FDS; i++)
        if (s->fds[i].revents)
            worker_notice(s->worker);
    if (s->fds[OVER].revents)
        thread_set_bury(&s->clients);
}

static void serve(struct spawner *s)
{
    while (!s->worker->quit) {
        if (has_room(s))
            accept_some(s);
        wait_for_news(s, has_room(s));
    }
    s->limit = INT_MAX; /* for who waits in the queue, and for a second */
    while (worker_accepts(s->worker) && accept_some(s))
        ;
    while (s->clients.count) {
        crew_tell(&s->crew, s->worker);
        wait_for_news(s, false);
    }
}

static size_t states(const struct config *config)
{
    return (size_t)(config->app_pool ? config->app_pool
                                     : config->worker_connections);
}

static int thread_spawn_run(struct worker *w)
{
    struct spawner s = {.worker = w,
                        .pool = app_pool_new(w),
                        .limit = w->config->worker_connections};
    shared_open(w);
    crew_init(&s.crew);
    thread_set_init(&s.clients);
    s.fds = xcalloc(LISTENERS + w->listener_count, sizeof *s.fds);
    serve(&s);
    free(s.fds);
    thread_set_fini(&s.clients);
    app_pool_free(s.pool);
    crew_fini(&s.crew);
    return WORKER_DONE;
}

static const char *const unused[] = {"pool_size", NULL};

const struct model model_thread_spawn = {
    .name = "ThreadSpawn",
    .flags = MODEL_THREADS,
    .summary = "a thread for each client, app_pool Lua states",
    .unused = unused,
    .states = states,
    .run = thread_spawn_run,
};
