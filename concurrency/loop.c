/* SPDX-License-Identifier: MIT */
/*
 * Clients on an event loop: what Reactor, the Coroutine and the ReactorThread
 * models have in common.
 */
#include "concurrency/loop.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "worker/listener.h"

struct door {
    const struct listener *listener; /* borrowed */
    struct watch *watch;             /* owned */
    struct loop *loop;
};

/* ---- clients ---- */

static void set_doors(struct loop *loop, bool open)
{
    if (loop->open == open)
        return;
    loop->open = open;
    for (size_t i = 0; i < loop->worker->listener_count; i++)
        watch_set(loop->doors[i].watch, open ? POLLIN : 0, CLOCK_NEVER);
}

static bool has_room(const struct loop *loop)
{
    return loop->count < loop->worker->config->worker_connections;
}

/* Has the connection given back what was lent? */
static void settle(struct client *client)
{
    struct loop *loop = client->loop;
    struct app *app = client->lent;
    if (!app || client->conn.app)
        return;
    client->lent = NULL;
    if (loop->returned)
        loop->returned(loop, app);
}

static void client_over(struct client *client)
{
    struct loop *loop = client->loop;
    LIST_REMOVE(client, link);
    conn_end_call(&client->conn); /* its last words may wake it */
    watch_free(client->watch);
    watch_free(client->foreign);
    conn_fini(&client->conn);
    settle(client);
    free(client);
    loop->count--;
    if (!loop->worker->quit)
        set_doors(loop, true);
    else if (loop->count == 0)
        evloop_stop(loop->ev);
}

/* False: the model keeps the client for now. */
static bool lend(struct client *client)
{
    if (!client->loop->lend(client->loop, client)) {
        client->kept = true;
        watch_set(client->watch, 0, CLOCK_NEVER);
        return false;
    }
    client->lent = client->conn.app;
    return true;
}

static void on_foreign(void *arg, short events);

/* Its descriptor may be closed as soon as the call goes on. */
static void forget_foreign(struct client *client)
{
    watch_free(client->foreign);
    client->foreign = NULL;
}

static void watch_client(struct client *client)
{
    struct conn *c = &client->conn;
    const struct wait *foreign = conn_foreign(c);
    watch_set(client->watch, c->wait.fd < 0 ? 0 : c->wait.events,
              c->wait.deadline);
    if (!foreign)
        return;
    client->foreign =
        watch_new(client->loop->ev, foreign->fd, on_foreign, client);
    watch_set(client->foreign, foreign->events, CLOCK_NEVER);
}

static void client_step(struct client *client)
{
    forget_foreign(client);
    for (;;) {
        enum step step = conn_step(&client->conn);
        if (step == STEP_OVER) {
            client_over(client);
            return;
        }
        if (step == STEP_WAIT)
            watch_client(client); /* first: settling may wake it */
        settle(client);
        if (step == STEP_WAIT || !lend(client))
            return;
    }
}

void loop_resume(struct client *client)
{
    client->kept = false;
    client->lent = client->conn.app;
    client_step(client);
}

static void on_client(void *arg, short events)
{
    struct client *client = arg;
    if (events & ~POLLOUT)
        client->conn.ready = true;
    client_step(client);
}

static void on_foreign(void *arg, short events)
{
    (void)events;
    struct client *client = arg;
    conn_wake(&client->conn);
    client_step(client);
}

static void wake(struct conn *c)
{
    struct client *client =
        (struct client *)((char *)c - offsetof(struct client, conn));
    if (!client->kept)
        watch_soon(client->watch);
}

/* ---- doors ---- */

/* One connection for each readiness, so that the workers share them evenly.
 * False: nobody was there. */
static bool accept_one(struct door *door)
{
    struct loop *loop = door->loop;
    struct peer peer;
    int fd = listener_accept(door->listener, &peer);
    if (fd < 0) {
        if (worker_accept_failed(errno)) {
            set_doors(loop, false);
            watch_set(loop->pause, 0, clock_now() + ACCEPT_PAUSE);
        }
        return false;
    }
    struct client *client = xmalloc(sizeof *client);
    conn_init(&client->conn, loop->worker, door->listener, fd, &peer);
    client->loop = loop;
    client->lent = NULL;
    client->kept = false;
    client->foreign = NULL;
    client->watch = watch_new(loop->ev, fd, on_client, client);
    LIST_INSERT_HEAD(&loop->clients, client, link);
    loop->count++;
    watch_set(client->watch, client->conn.wait.events,
              client->conn.wait.deadline);
    if (!has_room(loop))
        set_doors(loop, false);
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
    struct loop *loop = arg;
    watch_set(loop->pause, 0, CLOCK_NEVER);
    if (!loop->worker->quit && has_room(loop))
        set_doors(loop, true);
}

/* ---- leaving ---- */

/* Where it has to be, the queue of this moment still gets served; then nobody
 * is let in. */
static void serve_queue(struct loop *loop)
{
    for (size_t i = 0; i < loop->worker->listener_count; i++)
        while (worker_accepts(loop->worker) && accept_one(&loop->doors[i]))
            ;
}

/* Every connection learns that its next answer is the last, and those in which
 * nothing has begun have their last look: a request that has arrived is still
 * answered. */
static void tell_clients(struct loop *loop)
{
    struct client *client = LIST_FIRST(&loop->clients);
    while (client) {
        struct client *next = LIST_NEXT(client, link);
        if (!client->kept) {
            conn_last(&client->conn);
            if (conn_spare_from(&client->conn) != CLOCK_NEVER) {
                client->conn.ready = true;
                client_step(client);
            }
        }
        client = next;
    }
}

static void on_notice(void *arg, short events)
{
    (void)events;
    struct loop *loop = arg;
    worker_notice(loop->worker);
    if (loop->worker->control < 0) {
        watch_free(loop->notices[0]);
        loop->notices[0] = NULL;
    }
    if (!loop->worker->quit)
        return;
    serve_queue(loop);
    set_doors(loop, false);
    tell_clients(loop);
    if (loop->count == 0)
        evloop_stop(loop->ev);
}

/* ---- life ---- */

void loop_init(struct loop *loop)
{
    struct worker *w = loop->worker;
    int fds[NOTICE_FDS];
    loop->ev = evloop_new();
    w->wake = wake;
    LIST_INIT(&loop->clients);
    worker_notice_fds(w, fds);
    for (int i = 0; i < NOTICE_FDS; i++) {
        loop->notices[i] = watch_new(loop->ev, fds[i], on_notice, loop);
        watch_set(loop->notices[i], fds[i] < 0 ? 0 : POLLIN, CLOCK_NEVER);
    }
    loop->pause = watch_new(loop->ev, -1, on_pause_over, loop);
    loop->doors = xcalloc(w->listener_count, sizeof *loop->doors);
    for (size_t i = 0; i < w->listener_count; i++) {
        struct door *door = &loop->doors[i];
        door->listener = w->listeners[i];
        door->loop = loop;
        door->watch = watch_new(loop->ev, door->listener->fd, on_door, door);
    }
}

void loop_run(struct loop *loop)
{
    set_doors(loop, true);
    evloop_run(loop->ev);
}

void loop_fini(struct loop *loop)
{
    for (int i = 0; i < NOTICE_FDS; i++)
        watch_free(loop->notices[i]);
    watch_free(loop->pause);
    for (size_t i = 0; i < loop->worker->listener_count; i++)
        watch_free(loop->doors[i].watch);
    free(loop->doors);
    evloop_free(loop->ev);
}

static bool lend_the_one(struct loop *loop, struct client *client)
{
    client->conn.app = loop->worker->apps[0];
    return true;
}

int loop_serve(struct worker *w)
{
    struct loop loop = {.worker = w, .lend = lend_the_one};
    loop_init(&loop);
    loop_run(&loop);
    loop_fini(&loop);
    return WORKER_DONE;
}
