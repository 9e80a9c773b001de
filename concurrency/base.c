/* SPDX-License-Identifier: MIT */
/*
 * Base: one client at a time, blocking. While a client is idle between two
 * requests its wait also watches the listeners, and a newcomer takes its
 * place; a client that never pauses is told to close when a newcomer comes.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/wait.h"
#include "worker/conn.h"
#include "worker/listener.h"
#include "worker/model.h"
#include "worker/worker.h"

/* Places in the poll set: notices, listeners, and the client last. */
struct base {
    struct worker *worker;
    struct pollfd *fds;
    size_t listeners; /* place of the first */
    size_t client;
    struct conn conn; /* the client served */
    struct conn next; /* one that was accepted meanwhile; fd -1: none */
};

/* Accepts into *into from the first listener that has somebody. */
static bool accept_one(struct base *b, struct conn *into)
{
    struct worker *w = b->worker;
    struct peer peer;
    for (size_t i = 0; i < w->listener_count; i++) {
        int fd = listener_accept(w->listeners[i], &peer);
        if (fd >= 0) {
            conn_init(into, w, w->listeners[i], fd, &peer);
            return true;
        }
        if (worker_accept_failed(errno)) {
            struct wait pause = {.fd = -1,
                                 .deadline = clock_now() + ACCEPT_PAUSE};
            wait_block(&pause);
        }
    }
    return false;
}

static void take_notices(struct base *b)
{
    bool came = false;
    for (size_t i = 0; i < b->listeners; i++)
        came = came || b->fds[i].revents;
    if (!came)
        return;
    int fds[NOTICE_FDS];
    worker_notice(b->worker);
    worker_notice_fds(b->worker, fds);
    for (size_t i = 0; i < b->listeners; i++)
        b->fds[i].fd = fds[i];
    if (b->worker->quit)
        conn_last(&b->conn);
}

static bool somebody_knocks(const struct base *b)
{
    for (size_t i = b->listeners; i < b->client; i++)
        if (b->fds[i].revents)
            return true;
    return false;
}

/* Waits for what the connection asks. While a newcomer may take its place,
 * listeners are watched too. False: one has. */
static bool wait_for_client(struct base *b)
{
    struct conn *c = &b->conn;
    if (conn_lingers(c) && b->next.fd >= 0)
        return false;
    int64_t now = clock_now();
    int64_t spare = conn_spare_from(c);
    bool watch = spare <= now && b->next.fd < 0 && worker_accepts(b->worker);
    for (size_t i = b->listeners; i < b->client; i++) {
        b->fds[i].events = watch ? POLLIN : 0;
        b->fds[i].revents = 0;
    }
    b->fds[b->client] =
        (struct pollfd){.fd = c->wait.fd, .events = c->wait.events};
    int64_t until = c->wait.deadline;
    if (spare > now && spare < until)
        until = spare;
    if (poll(b->fds, b->client + 1, clock_poll_ms(until, now)) <= 0)
        return true;
    c->ready = c->ready || (b->fds[b->client].revents & ~POLLOUT);
    take_notices(b);
    if (!watch || !somebody_knocks(b) || !accept_one(b, &b->next))
        return true;
    conn_last(c);
    return c->ready;
}

static void serve(struct base *b, struct app *app)
{
    struct conn *c = &b->conn;
    bool over = false;
    while (!over) {
        switch (conn_step(c)) {
        case STEP_WAIT:
            over = !wait_for_client(b);
            break;
        case STEP_CALL:
            c->app = app;
            break;
        case STEP_OVER:
            over = true;
            break;
        }
    }
    conn_fini(c);
}

/* Waits for a connection. False: there will be none, the worker leaves. */
static bool next_client(struct base *b)
{
    if (b->next.fd >= 0) {
        b->conn = b->next;
        b->next.fd = -1;
        return true;
    }
    while (worker_accepts(b->worker)) {
        if (accept_one(b, &b->conn))
            return true;
        if (b->worker->quit)
            return false;
        for (size_t i = b->listeners; i < b->client; i++)
            b->fds[i].events = POLLIN;
        if (poll(b->fds, b->client, -1) > 0)
            take_notices(b);
    }
    return false;
}

static int base_run(struct worker *w)
{
    int notices[NOTICE_FDS];
    worker_notice_fds(w, notices);
    struct base b = {.worker = w,
                     .listeners = NOTICE_FDS,
                     .client = NOTICE_FDS + w->listener_count,
                     .conn.fd = -1,
                     .next.fd = -1};
    b.fds = xcalloc(b.client + 1, sizeof *b.fds);
    for (size_t i = 0; i < NOTICE_FDS; i++)
        b.fds[i] = (struct pollfd){.fd = notices[i], .events = POLLIN};
    for (size_t i = 0; i < w->listener_count; i++)
        b.fds[b.listeners + i].fd = w->listeners[i]->fd;
    while (next_client(&b))
        serve(&b, w->app);
    free(b.fds);
    return WORKER_DONE;
}

static const char *const unused[] = {"worker_connections", NULL};

const struct model model_base = {
    .name = "Base",
    .summary = "blocking, one client at a time",
    .unused = unused,
    .run = base_run,
};
