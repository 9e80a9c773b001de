/* SPDX-License-Identifier: MIT */
/*
 * Clients on their way between the event loop and threads. A client belongs
 * to one of them at a time; the queue between is the only thing they share.
 */
#include "concurrency/away.h"

#include <poll.h>

#include "base/clock.h"
#include "base/wait.h"
#include "concurrency/shared.h"

static void on_back(void *arg, short events)
{
    (void)events;
    struct away *away = arg;
    struct queue_node *node;
    queue_clear_wake(&away->back);
    while ((node = queue_try(&away->back))) {
        struct client *client = (struct client *)node;
        loop_resume(client);
    }
}

void away_init(struct away *away, struct worker *worker,
               bool (*lend)(struct loop *loop, struct client *client))
{
    *away =
        (struct away){.loop = {.worker = worker, .lend = lend, .model = away}};
    shared_open(worker);
    queue_init(&away->back);
    loop_init(&away->loop);
    away->watch = watch_new(away->loop.ev, away->back.wake, on_back, away);
    watch_set(away->watch, POLLIN, CLOCK_NEVER);
}

void away_run(struct away *away)
{
    loop_run(&away->loop);
}

void away_fini(struct away *away)
{
    watch_free(away->watch);
    loop_fini(&away->loop);
    queue_fini(&away->back);
}

void away_send(struct client *client)
{
    conn_flush(&client->conn);
    client->conn.call_only = true;
}

void away_call(struct away *away, struct client *client, struct app *app)
{
    struct conn *c = &client->conn;
    c->app = app;
    while (conn_step(c) == STEP_WAIT && c->app) {
        bool foreign_came = false;
        short events = wait_either(&c->wait, conn_foreign(c), &foreign_came);
        c->ready = c->ready || (events & ~POLLOUT);
        if (foreign_came)
            conn_wake(c);
    }
    conn_end_call(c);
    c->call_only = false;
    queue_push(&away->back, &client->node);
}
