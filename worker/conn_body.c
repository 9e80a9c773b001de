/* SPDX-License-Identifier: MIT */
/*
 * The states in which a request's body comes in: BODY and DRAIN. It is
 * collected before the app is called, or, in models that stream, while the call
 * asks for it. What the call leaves unread is thrown away in DRAIN, up to a
 * bound.
 */
#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"
#include "config/config.h"
#include "worker/conn_states.h"
#include "worker/exchange.h"
#include "worker/heartbeat.h"
#include "worker/model.h"
#include "worker/transport.h"
#include "worker/worker.h"

enum {
    BODY_MORE,
    BODY_COMPLETE,
    BODY_CUT, /* the client has closed before its end */
};            /* else: the status to refuse with */

/* Of a body that is drained nothing is kept but its size. */
static int store(struct conn *c, struct span bytes)
{
    struct err err;
    struct call_body *body = &c->exchange->body;
    size_t in_memory = (size_t)c->worker->config->client_body_buffer_size;
    if (c->state == CONN_DRAIN) {
        body->bytes.size += (int64_t)bytes.len;
        return BODY_MORE;
    }
    if (spool_put(&body->bytes, bytes.at, bytes.len, in_memory, &err) == 0)
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
            x->body.bytes.size + (int64_t)data.len > limits->body_size)
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

/* Takes what the input has of the body. */
static int take(struct conn *c, struct exchange *x)
{
    int rc = x->request.chunked ? take_chunked(c, x) : take_sized(c, x);
    x->body.complete = rc == BODY_COMPLETE;
    return rc;
}

/* The rest will never come: half a request is none. A call that asks for it is
 * told and comes to an end; see conn_call(). */
static enum turn body_failed(struct conn *c, struct exchange *x, int rc)
{
    if (!x->call)
        return rc == BODY_CUT ? conn_enter(c, CONN_CLOSED) : conn_refuse(c, rc);
    x->refusal = rc == BODY_CUT ? 0 : rc;
    switch (rc) {
    case BODY_CUT:
        x->ended = true;
        x->body.trouble = "the client has closed the connection";
        break;
    case 408:
        x->body.trouble = "the client sends nothing (client_body_timeout)";
        break;
    case 413:
        x->body.trouble = "the body is larger than client_max_body_size";
        break;
    case 500:
        x->body.trouble = "the body cannot be stored";
        break;
    default:
        x->body.trouble = "the body is malformed";
    }
    return conn_enter(c, CONN_CALL);
}

/* Whoever will read the body is there: the client may send it. An answer that
 * the call has begun comes behind. */
static void let_continue(struct conn *c, struct exchange *x)
{
    const struct span yes = SPAN("HTTP/1.1 100 Continue\r\n\r\n");
    bool asked = x->request.expect_continue && !x->continued;
    if (!asked || x->sent || x->body.bytes.size || buf_len(&c->in))
        return;
    x->continued = true;
    if (!x->call)
        x->mark = buf_len(&c->out);
    buf_insert(&c->out, x->mark, yes.at, yes.len);
    x->mark += yes.len;
}

/* With what has come the call can begin, or go on. */
static bool is_enough(const struct conn *c, const struct exchange *x,
                      int64_t had)
{
    if (x->body.complete)
        return true;
    return x->call ? x->body.bytes.size > had
                   : !(c->worker->model->flags & MODEL_BUFFERS_INPUT);
}

enum turn conn_body(struct conn *c)
{
    struct exchange *x = c->exchange;
    int64_t had = x->body.bytes.size;
    int rc = take(c, x);
    if (rc != BODY_MORE && rc != BODY_COMPLETE)
        return body_failed(c, x, rc);
    if (is_enough(c, x, had))
        return conn_enter(c, CONN_CALL);
    let_continue(c, x);
    if (buf_len(&c->out)) /* 100 Continue, or answers before this one */
        return conn_send_then(c, CONN_BODY);
    switch (conn_read(c, READ_SIZE)) {
    case CAME_BYTES:
        conn_enter(c, CONN_BODY);
        return conn_had_turn(c) ? conn_let_others(c) : TURN_AGAIN;
    case CAME_NOTHING:
        return conn_late(c) ? body_failed(c, x, 408) : conn_wait(c, POLLIN);
    default:
        return body_failed(c, x, BODY_CUT);
    }
}

/* The clocks that watch the app do not run while the client is waited for. */
static bool wait_for_client(const struct conn *c)
{
    int64_t since = clock_now();
    struct wait wait = {.fd = c->fd,
                        .events = POLLIN,
                        .deadline =
                            since + c->worker->config->client_body_timeout};
    beat_leave();
    bool came = wait_block(&wait);
    int64_t now = clock_now();
    c->exchange->deadline += now - since;
    c->exchange->called += now - since;
    beat_enter(conn_entered(c));
    return came;
}

void conn_receive(struct conn *c)
{
    struct exchange *x = c->exchange;
    int64_t had = x->body.bytes.size;
    int rc = take(c, x);
    while (rc == BODY_MORE && x->body.bytes.size == had) {
        let_continue(c, x);
        conn_flush(c);
        switch (conn_read(c, READ_SIZE)) {
        case CAME_BYTES:
            rc = take(c, x);
            break;
        case CAME_NOTHING:
            c->ready = wait_for_client(c);
            rc = c->ready ? BODY_MORE : 408;
            break;
        default:
            rc = BODY_CUT;
        }
    }
    if (!call_answered(x->call)) /* less is left than when the step began */
        x->reply.keep_alive = conn_goes_on(c);
    if (rc != BODY_MORE && rc != BODY_COMPLETE)
        body_failed(c, x, rc);
}

/* ---- drain ---- */

/* The client has its answer; it may be sending still. */
static enum turn drain_no_more(struct conn *c)
{
    c->transport->shutdown(c->fd);
    return conn_enter(c, CONN_LINGER);
}

enum turn conn_drain(struct conn *c)
{
    struct exchange *x = c->exchange;
    int rc = take(c, x);
    if (rc == BODY_COMPLETE)
        return conn_next(c);
    if (rc != BODY_MORE || x->body.bytes.size > x->drained_to)
        return drain_no_more(c);
    switch (conn_read(c, READ_SIZE)) {
    case CAME_BYTES:
        return TURN_AGAIN;
    case CAME_NOTHING:
        if (c->worker->quit == QUIT_STOP)
            return drain_no_more(c);
        if (!conn_late(c))
            return conn_wait(c, POLLIN);
        return conn_enter(c, CONN_CLOSED);
    default:
        return conn_enter(c, CONN_CLOSED);
    }
}
