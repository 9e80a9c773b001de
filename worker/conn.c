/* SPDX-License-Identifier: MIT */
/*
 * A connection from accept to close: the table of its states and the loop that
 * runs them. There is one protocol path for all models: they only wait, each
 * in its own way, for what conn_step() asks for.
 *
 *   [PROXY] -> HEAD -> [BODY] -> CALL -> [FILE] -> SEND -> [DRAIN]
 *                   -> HEAD, LINGER, CLOSED
 *
 * CALL and FILE go through SEND and come back as often as the answer needs, and
 * CALL through BODY as often as the app reads what has not come yet.
 */
#include "worker/conn.h"

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "http/date.h"
#include "worker/conn_states.h"
#include "worker/exchange.h"
#include "worker/model.h"
#include "worker/transport.h"
#include "worker/worker.h"

#define LINGER_TIME (2 * CLOCK_SECOND)

static enum turn conn_closed(struct conn *c)
{
    (void)c;
    return TURN_OVER;
}

static const struct {
    const char *name;
    enum turn (*run)(struct conn *c);
} states[] = {
    [CONN_PROXY] = {"proxy", conn_proxy},
    [CONN_HEAD] = {"head", conn_head},
    [CONN_BODY] = {"body", conn_body},
    [CONN_CALL] = {"call", conn_call},
    [CONN_FILE] = {"file", conn_file},
    [CONN_DRAIN] = {"drain", conn_drain},
    [CONN_SEND] = {"send", conn_send},
    [CONN_LINGER] = {"linger", conn_linger},
    [CONN_CLOSED] = {"closed", conn_closed},
};

static int64_t patience(const struct conn *c, enum conn_state state)
{
    const struct config *config = c->worker->config;
    switch (state) {
    case CONN_PROXY:
        return config->client_header_timeout;
    case CONN_HEAD: /* perhaps again, to send answers when a head has begun */
        return c->requests && !c->head_begun ? config->keepalive_timeout
                                             : config->client_header_timeout;
    case CONN_BODY:
        return config->client_body_timeout;
    case CONN_DRAIN:
    case CONN_LINGER:
        return LINGER_TIME;
    default:
        return config->send_timeout;
    }
}

enum turn conn_enter(struct conn *c, enum conn_state state)
{
    log_debug("fd=%d %s -> %s", c->fd, states[c->state].name,
              states[state].name);
    c->state = (uint8_t)state;
    c->deadline = c->now + patience(c, state);
    return TURN_AGAIN;
}

enum turn conn_wait(struct conn *c, short events)
{
    c->wait =
        (struct wait){.fd = c->fd, .events = events, .deadline = c->deadline};
    if (c->worker->model->flags & MODEL_YIELDS)
        c->app = NULL;
    return TURN_WAIT;
}

bool conn_had_turn(const struct conn *c)
{
    return clock_now() - c->began > CONN_TURN;
}

enum turn conn_let_others(struct conn *c)
{
    c->wait = (struct wait){.fd = c->fd, .events = POLLIN, .deadline = c->now};
    return TURN_WAIT;
}

bool conn_late(const struct conn *c)
{
    return c->now >= c->deadline;
}

const char *conn_date(void)
{
    static _Thread_local struct {
        time_t when;
        char text[DATE_SIZE + 1];
    } cache;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != cache.when) {
        cache.when = now.tv_sec;
        date_format(now.tv_sec, cache.text);
    }
    return cache.text;
}

void conn_init(struct conn *c, struct worker *worker,
               const struct listener *listener, int fd,
               const struct peer *client)
{
    *c = (struct conn){
        .worker = worker,
        .listener = listener,
        .fd = fd,
        .client = *client,
        .transport = &transport_plain,
        .state = CONN_HEAD,
        .now = clock_now(),
    };
    c->came = c->now;
    conn_enter(c, conn_first_state(c));
    if (c->state == CONN_CLOSED)
        c->deadline = c->now;
    conn_wait(c, POLLIN);
}

enum step conn_step(struct conn *c)
{
    c->began = c->now = clock_now();
    for (;;) {
        switch (states[c->state].run(c)) {
        case TURN_AGAIN:
            if (!c->call_only || c->app)
                break;
            c->wait = (struct wait){.fd = -1, .deadline = c->now};
            return STEP_WAIT;
        case TURN_WAIT:
            return STEP_WAIT;
        case TURN_CALL:
            return STEP_CALL;
        case TURN_OVER:
            return STEP_OVER;
        }
    }
}

const struct wait *conn_foreign(const struct conn *c)
{
    const struct exchange *x = c->exchange;
    bool waits = c->state == CONN_CALL && x->waits && x->wait.fd >= 0;
    return waits ? &x->wait : NULL;
}

void conn_wake(struct conn *c)
{
    if (c->exchange)
        c->exchange->woken = true;
}

bool conn_idle(const struct conn *c)
{
    return c->state == CONN_HEAD && c->requests && !c->head_begun;
}

int64_t conn_spare_from(const struct conn *c)
{
    if (c->state == CONN_LINGER)
        return c->deadline - LINGER_TIME + CONN_SILENCE;
    if (conn_idle(c) ||
        (c->state == CONN_DRAIN && c->worker->quit == QUIT_STOP))
        return 0;
    bool silent = c->state == CONN_PROXY
                      ? !buf_len(&c->in)
                      : c->state == CONN_HEAD && !c->head_begun;
    if (!silent)
        return CLOCK_NEVER;
    return c->came + CONN_SILENCE; /* the deadline may have come nearer */
}

bool conn_lingers(const struct conn *c)
{
    return c->state == CONN_LINGER;
}

void conn_last(struct conn *c)
{
    c->last = true;
    if (c->exchange)
        c->exchange->reply.keep_alive = false;
}

void conn_fini(struct conn *c)
{
    c->now = clock_now();
    conn_end_call(c);
    conn_log_end(c);
    exchange_free(c->exchange);
    c->exchange = NULL;
    buf_drop(&c->in);
    buf_drop(&c->out);
    if (c->fd >= 0)
        c->transport->close(c->fd);
    c->fd = -1;
}

void conn_trim(void)
{
    exchange_trim();
    buf_trim();
}
