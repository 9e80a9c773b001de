/* SPDX-License-Identifier: MIT */
/*
 * Serving one client at a time. While a client is idle between two requests
 * (or has not said a word for a while) the wait also watches the listeners,
 * and a newcomer takes its place, unless another thread is free to take the
 * newcomer; a client that never pauses, or that came with others, is told to
 * close.
 */
#include "concurrency/blocking.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/wait.h"
#include "concurrency/app_pool.h"
#include "concurrency/queue.h"
#include "worker/listener.h"
#include "worker/worker.h"

/* ---- waiting ---- */

int blocking_accept(const struct listener *listener, struct peer *peer)
{
    int fd = listener_accept(listener, peer);
    if (fd < 0 && worker_accept_failed(errno)) {
        struct wait pause = {.fd = -1, .deadline = clock_now() + ACCEPT_PAUSE};
        wait_block(&pause);
    }
    return fd;
}

/* Accepts into *into from the first listener that has somebody. */
static bool accept_one(struct blocking *b, struct conn *into)
{
    struct worker *w = b->worker;
    struct peer peer;
    for (size_t i = 0; i < w->listener_count; i++) {
        int fd = blocking_accept(w->listeners[i], &peer);
        if (fd >= 0) {
            conn_init(into, w, w->listeners[i], fd, &peer);
            return true;
        }
    }
    return false;
}

/* The main thread hears what the master says; another thread is told when the
 * worker leaves and when it stops, and needs to hear neither twice. */
static void take_notices(struct blocking *b)
{
    bool came = false;
    for (size_t i = 0; i < NOTICE_FDS; i++) {
        came = came || b->fds[i].revents;
        if (b->crew && b->fds[i].revents)
            b->fds[i].fd = -1;
    }
    if (!came)
        return;
    if (!b->crew) {
        int fds[NOTICE_FDS];
        worker_notice(b->worker);
        worker_notice_fds(b->worker, fds);
        for (size_t i = 0; i < NOTICE_FDS; i++)
            b->fds[i].fd = fds[i];
    }
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

static bool accepts(const struct blocking *b)
{
    return b->next.fd < 0 && b->client > b->listeners &&
           worker_accepts(b->worker);
}

static bool somebody_is_free(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    bool free = crew->free > 0;
    pthread_mutex_unlock(&crew->lock);
    return free;
}

/* Fills the poll set. Who may be displaced watches the listeners, or, as long
 * as another thread is free to take a newcomer, whether one still is. */
static bool watch(struct blocking *b, bool spare)
{
    const struct conn *c = &b->conn;
    bool leave_it = spare && b->crew && somebody_is_free(b->crew);
    watch_listeners(b, spare && !leave_it);
    b->fds[NOTICE_FDS] = (struct pollfd){
        .fd = leave_it ? b->crew->none_free : -1, .events = POLLIN};
    b->fds[b->client] =
        (struct pollfd){.fd = c->wait.fd, .events = c->wait.events};
    const struct wait *foreign = conn_foreign(c);
    b->fds[b->client + 1] =
        (struct pollfd){.fd = foreign ? foreign->fd : -1,
                        .events = foreign ? foreign->events : 0};
    return spare && !leave_it;
}

/* Waits for what the connection asks. False: a newcomer has taken its
 * place. */
static bool wait_for_client(struct blocking *b)
{
    struct conn *c = &b->conn;
    int64_t now = clock_now();
    int64_t spare = conn_spare_from(c);
    if (conn_lingers(c) && spare <= now && b->next.fd >= 0)
        return false;
    bool watches = watch(b, spare <= now && accepts(b));
    int64_t until = c->wait.deadline;
    if (spare > now && spare < until)
        until = spare;
    if (poll(b->fds, b->client + 2, clock_poll_ms(until, now)) <= 0)
        return true;
    if (b->fds[b->client + 1].revents)
        conn_wake(c);
    c->ready = c->ready || (b->fds[b->client].revents & ~POLLOUT);
    take_notices(b);
    if (!watches || !somebody_knocks(b) || !accept_one(b, &b->next))
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
        b->fds[NOTICE_FDS].fd = -1;
        if (poll(b->fds, b->client, -1) > 0)
            take_notices(b);
    }
    return false;
}

/* The eventfd follows the count, so that threads with idle clients learn when
 * they have to look after newcomers. */
static void count_free(struct crew *crew, int change)
{
    eventfd_t ignored;
    pthread_mutex_lock(&crew->lock);
    bool had = crew->free > 0;
    crew->free += change;
    if (!had && crew->free > 0)
        eventfd_read(crew->none_free, &ignored);
    else if (had && crew->free == 0)
        eventfd_write(crew->none_free, 1);
    pthread_mutex_unlock(&crew->lock);
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
    count_free(b->crew, 1);
    pthread_mutex_lock(&b->crew->turn);
    bool came = wait_for_newcomer(b);
    pthread_mutex_unlock(&b->crew->turn);
    count_free(b->crew, -1);
    return came;
}

/* Does somebody wait whom no other thread will take? Then the client is told
 * with its first answer that it is the last: a connection that seems to go on
 * and is closed for a newcomer may cost the client a request. */
static bool others_wait(struct blocking *b)
{
    if (b->crew && somebody_is_free(b->crew))
        return false;
    watch_listeners(b, true);
    return poll(b->fds + b->listeners, b->client - b->listeners, 0) > 0;
}

void blocking_run(struct blocking *b)
{
    while (next_client(b)) {
        if (others_wait(b))
            conn_last(&b->conn);
        blocking_serve(b);
    }
}

/* ---- setting up ---- */

void crew_init(struct crew *crew)
{
    pthread_mutex_init(&crew->turn, NULL);
    pthread_mutex_init(&crew->lock, NULL);
    crew->free = 0;
    crew->none_free = eventfd_new(1);
    crew->leave[0] = eventfd_new(0);
    crew->leave[1] = eventfd_new(0);
}

void crew_fini(struct crew *crew)
{
    fd_close(&crew->none_free);
    fd_close(&crew->leave[0]);
    fd_close(&crew->leave[1]);
    pthread_mutex_destroy(&crew->lock);
    pthread_mutex_destroy(&crew->turn);
}

void crew_tell(struct crew *crew, const struct worker *worker)
{
    if (worker->quit)
        eventfd_write(crew->leave[0], 1);
    if (worker->quit == QUIT_STOP)
        eventfd_write(crew->leave[1], 1);
}

void blocking_init(struct blocking *b, bool listens)
{
    const struct worker *w = b->worker;
    size_t listeners = listens ? w->listener_count : 0;
    int notices[NOTICE_FDS] = {-1, -1, -1};
    b->listeners = NOTICE_FDS + 1;
    b->client = b->listeners + listeners;
    b->fds = xcalloc(b->client + 2, sizeof *b->fds);
    if (b->crew)
        memcpy(notices, b->crew->leave, sizeof b->crew->leave);
    else
        worker_notice_fds(w, notices);
    for (size_t i = 0; i < NOTICE_FDS; i++)
        b->fds[i] = (struct pollfd){.fd = notices[i], .events = POLLIN};
    b->fds[NOTICE_FDS].fd = -1;
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
