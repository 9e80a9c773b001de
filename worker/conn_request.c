/* SPDX-License-Identifier: MIT */
/*
 * The state in which a request's head comes in: HEAD. It is judged and read
 * where it lies in the input.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/serial.h"
#include "config/config.h"
#include "http/parser.h"
#include "worker/conn_states.h"
#include "worker/exchange.h"
#include "worker/listener.h"
#include "worker/transport.h"
#include "worker/worker.h"

enum came conn_read(struct conn *c, size_t n)
{
    if (!c->ready)
        return CAME_NOTHING;
    char *into = buf_room(&c->in, n, NULL);
    ssize_t got = c->transport->read(c->fd, into, n);
    c->ready = got == (ssize_t)n;
    if (got > 0)
        buf_added(&c->in, (size_t)got);
    if (got >= 0)
        return got > 0 ? CAME_BYTES : CAME_END;
    return errno == EAGAIN ? CAME_NOTHING : CAME_ERROR;
}

/* ---- head ---- */

/* Takes one empty line off that some clients send between requests, and starts
 * the clock with a head's first byte; behind a PROXY header it runs since the
 * connection began. False: nothing has begun. */
static bool begin_head(struct conn *c)
{
    if (c->head_begun)
        return true;
    if (!c->skipped) {
        size_t empty = head_skip_empty(buf_at(&c->in), buf_len(&c->in));
        buf_take(&c->in, empty);
        c->skipped = empty > 0;
    }
    size_t len = buf_len(&c->in);
    if (!len || (len == 1 && *buf_at(&c->in) == '\r'))
        return false;
    c->head_begun = true;
    if (c->requests || !c->listener->proxies)
        c->deadline = c->now + c->worker->config->client_header_timeout;
    return true;
}

/* Is more of the body to come than would be thrown away? */
static bool much_is_left(const struct exchange *x)
{
    if (x->body.complete)
        return false;
    return x->left > DRAIN_MAX ||
           (x->request.expect_continue && !x->continued && !x->body.bytes.size);
}

/* Another request has come already: it is not lost to a newcomer. */
static bool more_came(const struct conn *c, const struct exchange *x)
{
    return buf_len(&c->in) > (x->in_place ? x->request.size : 0);
}

bool conn_goes_on(const struct conn *c)
{
    const struct config *config = c->worker->config;
    const struct exchange *x = c->exchange;
    return x->request.keep_alive && (!c->last || more_came(c, x)) &&
           !c->worker->quit &&
           c->requests + 1 < (uint32_t)config->keepalive_requests &&
           config->keepalive_timeout > 0 && !much_is_left(x);
}

static void start_reply(struct conn *c, struct exchange *x)
{
    x->reply = (struct reply){
        .out = &c->out,
        .date = conn_date(),
        .minor = x->request.minor,
        .head = x->request.head,
    };
}

/* The head leaves the input: a body comes behind it, or the access log tells of
 * it at the end. */
static void keep_head(struct conn *c, struct exchange *x)
{
    struct request *rq = &x->request;
    if (!x->in_place)
        return;
    x->in_place = false;
    buf_put(&x->kept, rq->bytes, rq->size);
    rq->bytes = buf_at(&x->kept);
    buf_take(&c->in, rq->size);
}

static enum turn begin_body(struct conn *c, struct exchange *x)
{
    const struct request *rq = &x->request;
    keep_head(c, x);
    x->left = rq->content_length;
    x->body.length = rq->content_length;
    x->body.complete = false;
    return conn_enter(c, CONN_BODY);
}

static enum turn head_complete(struct conn *c)
{
    const struct limits *limits = &c->worker->limits;
    struct exchange *x = exchange_new(limits->headers);
    c->exchange = x;
    x->began = c->now;
    int status =
        parser_read(&x->request, buf_at(&c->in), c->check.seen, x->max_fields);
    if (status)
        return conn_refuse(c, status);
    x->request.serial = serial_next();
    if (c->worker->access)
        keep_head(c, x);
    start_reply(c, x);
    if (limits->body_size >= 0 && x->request.content_length > limits->body_size)
        return conn_refuse(c, 413);
    if (request_has_body(&x->request))
        return begin_body(c, x);
    return conn_enter(c, CONN_CALL);
}

/* The server stops: a client that was answered has had its last look, one
 * that came out of the queue has a moment to begin. */
void conn_hurry(struct conn *c)
{
    int64_t until =
        c->requests ? c->now : c->worker->quit_since + STOP_QUEUE_TIME;
    if (until < c->deadline)
        c->deadline = until;
}

/* Nothing more can be read now. Answers that wait for company go out first;
 * an idle connection gives its memory back. */
static enum turn head_wait(struct conn *c)
{
    if (buf_len(&c->out))
        return conn_send_then(c, CONN_HEAD);
    if (c->head_begun && conn_late(c))
        return conn_refuse(c, 408);
    if (c->worker->quit == QUIT_STOP && !c->head_begun)
        conn_hurry(c);
    if (conn_late(c))
        return conn_enter(c, CONN_CLOSED);
    if (!buf_len(&c->in)) {
        buf_drop(&c->in);
        buf_drop(&c->out);
    }
    return conn_wait(c, POLLIN);
}

enum turn conn_head(struct conn *c)
{
    int status = 0;
    if (buf_len(&c->in) && begin_head(c)) {
        switch (head_check(&c->check, buf_at(&c->in), buf_len(&c->in),
                           &c->worker->limits, &status)) {
        case HEAD_MORE:
            break;
        case HEAD_COMPLETE:
            return head_complete(c);
        case HEAD_REFUSED:
            return conn_refuse(c, status);
        }
    }
    size_t first = (size_t)c->worker->config->client_header_buffer_size;
    switch (conn_read(c, buf_len(&c->in) ? READ_SIZE : first)) {
    case CAME_BYTES:
        return TURN_AGAIN;
    case CAME_NOTHING:
        return head_wait(c);
    default:
        return conn_send_then(c, CONN_CLOSED);
    }
}
