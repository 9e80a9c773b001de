/* SPDX-License-Identifier: MIT */
/*
 * Reactor: one thread and one event loop hold all clients. Requests are
 * collected before the app is called; a call runs to its return on the loop;
 * a body may wait and let others run.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/mem.h"
#include "concurrency/evloop.h"
#include "config/config.h"
#include "worker/conn.h"
#include "worker/listener.h"
#include "worker/model.h"
#include "worker/worker.h"

struct reactor;

struct client {
    struct conn conn;
    struct watch *watch; /* owned */
    struct reactor *reactor;
    LIST_ENTRY(client) link;
};

struct door {
    const struct listener *listener; /* borrowed */
    struct watch *watch;             /* owned */
    struct reactor *reactor;
};

struct reactor {
    struct worker *worker;
    struct evloop *loop;
    struct watch *notices[NOTICE_FDS];
    struct watch *pause; /* accepting goes on when it fires */
    struct door *doors;  /* one for each listener */
    LIST_HEAD(, client) clients;
    int count; /* of clients */
    bool open; /* the doors are watched */
};

static void set_doors(struct reactor *r, bool open)
{
    if (r->open == open)
        return;
    r->open = open;
    for (size_t i = 0; i < r->worker->listener_count; i++)
        watch_set(r->doors[i].watch, open ? POLLIN : 0, CLOCK_NEVER);
}

static bool has_room(const struct reactor *r)
{
    return r->count < r->worker->config->worker_connections;
}

static void client_over(struct client *client)
{
    struct reactor *r = client->reactor;
    LIST_REMOVE(client, link);
    watch_free(client->watch);
    conn_fini(&client->conn);
    free(client);
    r->count--;
    if (!r->worker->quit)
        set_doors(r, true);
    else if (r->count == 0)
        evloop_stop(r->loop);
}

static void client_step(struct client *client)
{
    struct conn *c = &client->conn;
    for (;;) {
        switch (conn_step(c)) {
        case STEP_CALL:
            c->app = client->reactor->worker->app;
            break;
        case STEP_WAIT:
            watch_set(client->watch, c->wait.fd < 0 ? 0 : c->wait.events,
                      c->wait.deadline);
            return;
        case STEP_OVER:
            client_over(client);
            return;
        }
    }
}

static void on_client(void *arg, short events)
{
    struct client *client = arg;
    if (events & POLLIN)
        client->conn.ready = true;
    client_step(client);
}

/* One connection for each readiness, so that the workers share them evenly.
 * False: nobody was there. */
static bool accept_one(struct door *door)
{
    struct reactor *r = door->reactor;
    struct peer peer;
    int fd = listener_accept(door->listener, &peer);
    if (fd < 0) {
        if (worker_accept_failed(errno)) {
            set_doors(r, false);
            watch_set(r->pause, 0, clock_now() + ACCEPT_PAUSE);
        }
        return false;
    }
    struct client *client = xmalloc(sizeof *client);
    conn_init(&client->conn, r->worker, door->listener, fd, &peer);
    client->reactor = r;
    client->watch = watch_new(r->loop, fd, on_client, client);
    LIST_INSERT_HEAD(&r->clients, client, link);
    r->count++;
    watch_set(client->watch, client->conn.wait.events,
              client->conn.wait.deadline);
    if (!has_room(r))
        set_doors(r, false);
    return true;
}

static void on_door(void *arg, short events)
{
    (void)events;
    accept_one(arg);
}

static void on_pause_over(void *arg, short events)
{
    (void)events;
    struct reactor *r = arg;
    watch_set(r->pause, 0, CLOCK_NEVER);
    if (!r->worker->quit && has_room(r))
        set_doors(r, true);
}

/* The queue of this moment still gets served; then nobody is let in. */
static void serve_queue(struct reactor *r)
{
    for (size_t i = 0; i < r->worker->listener_count; i++)
        while (worker_accepts(r->worker) && accept_one(&r->doors[i]))
            ;
}

/* Every connection learns that its next answer is the last, and idle ones
 * have their last look: a request that has arrived is still answered. */
static void tell_clients(struct reactor *r)
{
    struct client *client = LIST_FIRST(&r->clients);
    while (client) {
        struct client *next = LIST_NEXT(client, link);
        conn_last(&client->conn);
        if (conn_idle(&client->conn)) {
            client->conn.ready = true;
            client_step(client);
        }
        client = next;
    }
}

static void on_notice(void *arg, short events)
{
    (void)events;
    struct reactor *r = arg;
    worker_notice(r->worker);
    if (r->worker->control < 0) {
        watch_free(r->notices[0]);
        r->notices[0] = NULL;
    }
    if (!r->worker->quit)
        return;
    if (r->worker->quit == QUIT_STOP)
        serve_queue(r);
    set_doors(r, false);
    tell_clients(r);
    if (r->count == 0)
        evloop_stop(r->loop);
}

static void open_all(struct reactor *r)
{
    struct worker *w = r->worker;
    int fds[NOTICE_FDS];
    worker_notice_fds(w, fds);
    for (int i = 0; i < NOTICE_FDS; i++) {
        r->notices[i] = watch_new(r->loop, fds[i], on_notice, r);
        watch_set(r->notices[i], POLLIN, CLOCK_NEVER);
    }
    r->pause = watch_new(r->loop, -1, on_pause_over, r);
    r->doors = xcalloc(w->listener_count, sizeof *r->doors);
    for (size_t i = 0; i < w->listener_count; i++) {
        struct door *door = &r->doors[i];
        door->listener = w->listeners[i];
        door->reactor = r;
        door->watch = watch_new(r->loop, door->listener->fd, on_door, door);
    }
}

static void close_all(struct reactor *r)
{
    for (int i = 0; i < NOTICE_FDS; i++)
        watch_free(r->notices[i]);
    watch_free(r->pause);
    for (size_t i = 0; i < r->worker->listener_count; i++)
        watch_free(r->doors[i].watch);
    free(r->doors);
}

static int reactor_run(struct worker *w)
{
    struct reactor r = {.worker = w, .loop = evloop_new()};
    LIST_INIT(&r.clients);
    open_all(&r);
    set_doors(&r, true);
    evloop_run(r.loop);
    close_all(&r);
    evloop_free(r.loop);
    return WORKER_DONE;
}

static const char *const unused[] = {NULL};

const struct model model_reactor = {
    .name = "Reactor",
    .summary = "libevent; requests are collected, calls run on the loop",
    .unused = unused,
    .run = reactor_run,
};
