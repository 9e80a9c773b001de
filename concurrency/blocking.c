/* SPDX-License-Identifier: MIT */
/*
 * Serving one client at a time. While a client is idle between two requests
 * (or has not said a word for a while) the wait also watches the listeners,
 * and a newcomer takes its place, unless another thread is free to take the
 * newcomer; a client that never pauses is told to close when one comes.
 */
#include "concurrency/blocking.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/wait.h"
#include "concurrency/app_pool.h"
#include "worker/listener.h"
#include "worker/worker.h"

/* ---- waiting ---- */

/* Accepts into *into from the first listener that has somebody. */
static bool accept_one(struct blocking *b, struct conn *into)
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

/* The main thread hears what the master says; another thread is only told
 * that the worker leaves, which it needs not hear twice. */
static void take_notices(struct blocking *b)
{
    bool came = false;
    for (size_t i = 0; i < b->listeners; i++)
        came = came || b->fds[i].revents;
    if (!came)
        return;
    int fds[NOTICE_FDS] = {-1, -1};
    if (b->stop < 0) {
        worker_notice(b->worker);
        worker_notice_fds(b->worker, fds);
    }
    for (size_t i = 0; i < b->listeners; i++)
        b->fds[i].fd = fds[i];
    if (b->worker->quit)
        conn_last(&b->conn);
}

static void watch_listeners(struct blocking *b, bool watch)
{
    for (size_t i = b->listeners; i < b->client; i++) {
        b->fds[i].events = watch ? POLLIN : 0;
        b->fds[i].revents = 0;
    }
}

static bool somebody_knocks(const struct blocking *b)
{
    for (size_t i = b->listeners; i < b->client; i++)
        if (b->fds[i].revents)
            return true;
    return false;
}

static bool may_take_another(const struct blocking *b)
{
    return b->next.fd < 0 && b->client > b->listeners &&
           worker_accepts(b->worker) && !(b->crew && b->crew->free);
}

/* Waits for what the connection asks. False: a newcomer has taken its
 * place. */
static bool wait_for_client(struct blocking *b)
{
    struct conn *c = &b->conn;
    if (conn_lingers(c) && b->next.fd >= 0)
        return false;
    int64_t now = clock_now();
    int64_t spare = conn_spare_from(c);
    bool watch = spare <= now && may_take_another(b);
    watch_listeners(b, watch);
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

/* ---- serving ---- */

static void lend(struct blocking *b)
{
    if (!b->app)
        b->lent = app_pool_take(b->pool);
    b->conn.app = b->app ? b->app : b->lent;
}

/* The connection has given back what was lent. */
static void settle(struct blocking *b)
{
    if (!b->lent || b->conn.app)
        return;
    app_pool_give(b->pool, b->lent);
    b->lent = NULL;
}

void blocking_serve(struct blocking *b)
{
    struct conn *c = &b->conn;
    bool over = false;
    while (!over) {
        enum step step = conn_step(c);
        settle(b);
        if (step == STEP_CALL)
            lend(b);
        else
            over = step == STEP_OVER || !wait_for_client(b);
    }
    conn_fini(c);
    settle(b);
}

/* In its turn: waits for a connection. False: there will be none. */
static bool wait_for_newcomer(struct blocking *b)
{
    while (worker_accepts(b->worker)) {
        if (accept_one(b, &b->conn))
            return true;
        if (b->worker->quit)
            return false;
        watch_listeners(b, true);
        if (poll(b->fds, b->client, -1) > 0)
            take_notices(b);
    }
    return false;
}

static bool next_client(struct blocking *b)
{
    if (b->next.fd >= 0) {
        b->conn = b->next;
        b->next.fd = -1;
        return true;
    }
    if (!b->crew)
        return wait_for_newcomer(b);
    b->crew->free++;
    pthread_mutex_lock(&b->crew->turn);
    bool came = wait_for_newcomer(b);
    b->crew->free--;
    pthread_mutex_unlock(&b->crew->turn);
    return came;
}

void blocking_run(struct blocking *b)
{
    while (next_client(b))
        blocking_serve(b);
}

/* ---- setting up ---- */

static void fill_notices(const struct blocking *b, struct pollfd *fds)
{
    int notices[NOTICE_FDS] = {b->stop, -1};
    if (b->stop < 0)
        worker_notice_fds(b->worker, notices);
    for (size_t i = 0; i < NOTICE_FDS; i++)
        fds[i] = (struct pollfd){.fd = notices[i], .events = POLLIN};
}

void blocking_init(struct blocking *b, bool listens)
{
    const struct worker *w = b->worker;
    size_t listeners = listens ? w->listener_count : 0;
    b->listeners = NOTICE_FDS;
    b->client = NOTICE_FDS + listeners;
    b->fds = xcalloc(b->client + 1, sizeof *b->fds);
    fill_notices(b, b->fds);
    for (size_t i = 0; i < listeners; i++)
        b->fds[b->listeners + i].fd = w->listeners[i]->fd;
    b->lent = NULL;
    b->conn.fd = b->next.fd = -1;
    b->conn.exchange = NULL;
}

void blocking_fini(struct blocking *b)
{
    free(b->fds);
}

void blocking_wait_for_quit(struct worker *w)
{
    struct blocking b = {.worker = w, .stop = -1};
    struct pollfd fds[NOTICE_FDS];
    while (!w->quit) {
        fill_notices(&b, fds);
        if (poll(fds, NOTICE_FDS, -1) > 0)
            worker_notice(w);
    }
}
