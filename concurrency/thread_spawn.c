/* SPDX-License-Identifier: MIT */
/*
 * ThreadSpawn: a thread for each client, up to worker_connections. Lua states
 * are borrowed for each call from a pool of app_pool states.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/wait.h"
#include "concurrency/app_pool.h"
#include "concurrency/blocking.h"
#include "concurrency/queue.h"
#include "concurrency/threads.h"
#include "config/config.h"
#include "worker/listener.h"
#include "worker/model.h"
#include "worker/worker.h"

struct spawner {
    struct worker *worker;
    struct app_pool *pool;
    struct queue done; /* of clients whose threads are over */
    struct crew crew;
    int count;          /* of clients */
    int limit;          /* of them; worker_connections until the end */
    struct pollfd *fds; /* notices, done, listeners */
};

struct client {
    struct queue_node node; /* first: a node is its client */
    pthread_t id;
    struct spawner *spawner;
    struct blocking b;
};

enum {
    DONE = NOTICE_FDS,
    LISTENERS
};

static void *client_run(void *arg)
{
    struct client *client = arg;
    blocking_serve(&client->b);
    blocking_fini(&client->b);
    conn_trim();
    queue_push(&client->spawner->done, &client->node);
    return NULL;
}

static void bury(struct spawner *s)
{
    struct queue_node *node;
    queue_clear_wake(&s->done);
    while ((node = queue_try(&s->done))) {
        struct client *client = (struct client *)node;
        pthread_join(client->id, NULL);
        free(client);
        s->count--;
    }
}

static void spawn(struct spawner *s, const struct listener *listener, int fd,
                  const struct peer *peer)
{
    struct client *client = xcalloc(1, sizeof *client);
    client->spawner = s;
    client->b = (struct blocking){
        .worker = s->worker, .pool = s->pool, .crew = &s->crew};
    blocking_init(&client->b, false);
    conn_init(&client->b.conn, s->worker, listener, fd, peer);
    s->count++;
    int rc = thread_start(&client->id, client_run, client);
    if (rc == 0)
        return;
    log_error("no thread for a client, connection closed: %s", strerror(rc));
    conn_fini(&client->b.conn);
    blocking_fini(&client->b);
    free(client);
    s->count--;
}

static bool has_room(const struct spawner *s)
{
    return s->count < s->limit;
}

/* One from each listener. False: nobody was there. */
static bool accept_some(struct spawner *s)
{
    bool came = false;
    struct peer peer;
    for (size_t i = 0; i < s->worker->listener_count && has_room(s); i++) {
        const struct listener *listener = s->worker->listeners[i];
        int fd = listener_accept(listener, &peer);
        if (fd >= 0) {
            spawn(s, listener, fd, &peer);
            came = true;
        } else if (worker_accept_failed(errno)) {
            struct wait pause = {.fd = -1,
                                 .deadline = clock_now() + ACCEPT_PAUSE};
            wait_block(&pause);
        }
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
    s->fds[DONE] = (struct pollfd){.fd = s->done.wake, .events = POLLIN};
    for (size_t i = 0; i < n; i++)
        s->fds[LISTENERS + i] = (struct pollfd){
            .fd = s->worker->listeners[i]->fd, .events = POLLIN};
    if (poll(s->fds, LISTENERS + (accepting ? n : 0), -1) <= 0)
        return;
    if (s->fds[0].revents || s->fds[1].revents)
        worker_notice(s->worker);
    if (s->fds[DONE].revents)
        bury(s);
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
    while (s->count) {
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
    crew_init(&s.crew);
    queue_init(&s.done);
    s.fds = xcalloc(LISTENERS + w->listener_count, sizeof *s.fds);
    serve(&s);
    free(s.fds);
    queue_fini(&s.done);
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
