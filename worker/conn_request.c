/* SPDX-License-Identifier: MIT */
/*
 * The states in which a request comes in: HEAD and BODY. The head is judged
 * and read where it lies in the input; the body is collected before the app
 * is called.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "http/parser.h"
#include "worker/conn_states.h"
#include "worker/exchange.h"
#include "worker/transport.h"
#include "worker/worker.h"

/* How much a read of a body, or of what a first read did not fit, may take. */
enum {
    READ_SIZE = 65536
};

/* Reads up to n bytes behind the input. Only after the model saw readiness; a
 * short read ends it. 1: bytes came; 0: wait; -1: the client closed or is
 * gone. */
static int read_some(struct conn *c, size_t n)
{
    if (!c->ready)
        return 0;
    char *into = buf_room(&c->in, n, NULL);
    ssize_t got = c->transport->read(c->fd, into, n);
    c->ready = got == (ssize_t)n;
    if (got > 0)
        buf_added(&c->in, (size_t)got);
    if (got > 0)
        return 1;
    return got < 0 && errno == EAGAIN ? 0 : -1;
}

/* ---- head ---- */

/* Takes one empty line off that some clients send between requests, and starts
 * the clock with a head's first byte. False: nothing has begun. */
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
    c->deadline = c->now + c->worker->config->client_header_timeout;
    return true;
}

static bool goes_on(const struct conn *c, const struct request *rq)
{
    const struct config *config = c->worker->config;
    return rq->keep_alive && !c->last && !c->worker->quit &&
           c->requests + 1 < (uint32_t)config->keepalive_requests &&
           config->keepalive_timeout > 0;
}

static void start_reply(struct conn *c, struct exchange *x)
{
    x->reply = (struct reply){
        .out = &c->out,
        .date = conn_date(),
        .minor = x->request.minor,
        .head = x->request.head,
        .keep_alive = goes_on(c, &x->request),
    };
}

/* The head leaves the input, because the body comes behind it. */
static enum turn begin_body(struct conn *c, struct exchange *x)
{
    struct request *rq = &x->request;
    x->kept = xmemdup(rq->bytes, rq->size);
    rq->bytes = x->kept;
    buf_take(&c->in, rq->size);
    x->left = rq->content_length;
    if (rq->expect_continue && !buf_len(&c->in))
        buf_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    return conn_enter(c, CONN_BODY);
}

static enum turn head_complete(struct conn *c)
{
    const struct limits *limits = &c->worker->limits;
    struct exchange *x = exchange_new(limits->headers);
    c->exchange = x;
    int status =
        parser_read(&x->request, buf_at(&c->in), c->check.seen, x->max_fields);
    if (status)
        return conn_refuse(c, status);
    start_reply(c, x);
    if (limits->body_size >= 0 && x->request.content_length > limits->body_size)
        return conn_refuse(c, 413);
    if (request_has_body(&x->request))
        return begin_body(c, x);
    return conn_enter(c, CONN_CALL);
}

/* The server stops: a client that was answered has had its last look, one
 * that came out of the queue has a moment to begin. */
static void hurry(struct conn *c)
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
        hurry(c);
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
    switch (read_some(c, buf_len(&c->in) ? READ_SIZE : first)) {
    case 1:
        return TURN_AGAIN;
    case 0:
        return head_wait(c);
    default:
        return conn_send_then(c, CONN_CLOSED);
    }
}

/* ---- body ---- */

enum {
    BODY_MORE = 0,
    BODY_COMPLETE = 1
}; /* else: the status to refuse with */

static int store(struct conn *c, struct span bytes)
{
    struct err err;
    size_t in_memory = (size_t)c->worker->config->client_body_buffer_size;
    if (spool_put(&c->exchange->body, bytes.at, bytes.len, in_memory, &err) ==
        0)
        return BODY_MORE;
    log_error("request body: %s", err.text);
    return 500;
}

static int take_sized(struct conn *c, struct exchange *x)
{
    size_t n = buf_len(&c->in);
    if ((int64_t)n > x->left)
        n = (size_t)x->left;
    int rc = n ? store(c, (struct span){buf_at(&c->in), n}) : BODY_MORE;
    if (rc != BODY_MORE)
        return rc;
    buf_take(&c->in, n);
    x->left -= (int64_t)n;
    return x->left ? BODY_MORE : BODY_COMPLETE;
}

/* Decodes one piece; *in is moved past it. */
static int take_chunk(struct conn *c, struct exchange *x, struct span *in,
                      bool *more)
{
    const struct limits *limits = &c->worker->limits;
    struct span data;
    int status = 0;
    *more = false;
    switch (chunked_step(&x->chunked, in, &data, limits, &status)) {
    case CHUNKED_DATA:
        if (limits->body_size >= 0 &&
            x->body.size + (int64_t)data.len > limits->body_size)
            return 413;
        *more = true;
        return store(c, data);
    case CHUNKED_MORE:
        return BODY_MORE;
    case CHUNKED_END:
        return BODY_COMPLETE;
    case CHUNKED_REFUSED:
        break;
    }
    return status;
}

static int take_chunked(struct conn *c, struct exchange *x)
{
    struct span in = {buf_at(&c->in), buf_len(&c->in)};
    bool more = true;
    int rc = BODY_MORE;
    while (more && rc == BODY_MORE)
        rc = take_chunk(c, x, &in, &more);
    buf_take(&c->in, buf_len(&c->in) - in.len);
    return rc;
}

enum turn conn_body(struct conn *c)
{
    struct exchange *x = c->exchange;
    int rc = x->request.chunked ? take_chunked(c, x) : take_sized(c, x);
    if (rc == BODY_COMPLETE)
        return conn_enter(c, CONN_CALL);
    if (rc != BODY_MORE)
        return conn_refuse(c, rc);
    if (buf_len(&c->out)) /* 100 Continue, or answers before this one */
        return conn_send_then(c, CONN_BODY);
    switch (read_some(c, READ_SIZE)) {
    case 1:
        conn_enter(c, CONN_BODY);
        return conn_had_turn(c) ? conn_let_others(c) : TURN_AGAIN;
    case 0:
        return conn_late(c) ? conn_refuse(c, 408) : conn_wait(c, POLLIN);
    default: /* half a request is none */
        return conn_enter(c, CONN_CLOSED);
    }
}
