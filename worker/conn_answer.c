/* SPDX-License-Identifier: MIT */
/*
 * The state in which an answer is made: CALL runs the app and its body as far
 * as they go. Between two pipelined requests output is held back, so that
 * several answers leave with one send, unless they have taken a while.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "worker/conn_states.h"
#include "worker/exchange.h"
#include "worker/heartbeat.h"
#include "worker/listener.h"
#include "worker/model.h"
#include "worker/worker.h"

/* How much of a string or an array the output takes before it is sent. In a
 * thread that only calls, all of it: sending is not its job. */
static size_t flush_at(const struct conn *c)
{
    if (c->call_only)
        return (size_t)1 << 30;
    return (size_t)c->worker->config->output_buffer_size;
}

/* ---- what the call asks of us ---- */

static void receive(void *arg)
{
    conn_receive(arg);
}

/* In models that have nobody else the call says it to itself: its step has not
 * ended, and looks. A wait for something else goes on; only output leaves. */
static void wake(void *arg)
{
    struct conn *c = arg;
    const struct exchange *x = c->exchange;
    if (!x->waits || x->later)
        conn_wake(c);
    if (c->worker->model->flags & MODEL_ASYNC)
        c->worker->wake(c);
}

static void interim(void *arg)
{
    struct conn *c = arg;
    c->exchange->mark = buf_len(&c->out);
    conn_flush(c);
}

/* The clock that watches for a stuck app begins timeout before the deadline. */
static void extend(void *arg, int64_t deadline)
{
    struct conn *c = arg;
    c->exchange->deadline = deadline;
    beat_enter(deadline - c->worker->config->timeout);
}

static const struct call_driver driver = {
    .receive = receive,
    .wake = wake,
    .interim = interim,
    .extend = extend,
};

/* ---- the call ---- */

static void begin_call(struct conn *c, struct exchange *x)
{
    struct call_start start = {
        .request = &x->request,
        .client = &c->client,
        .server = &c->listener->address,
        .body = &x->body,
        .reply = &x->reply,
        .driver = &driver,
        .driver_arg = c,
        .flush_at = flush_at(c),
    };
    x->reply.date = conn_date(); /* of this thread */
    x->mark = buf_len(&c->out);
    x->sent = false; /* "100 Continue" and earlier answers do not count */
    x->deadline = c->now + c->worker->config->timeout;
    x->call = call_new(c->app, &start);
}

/* A call that was given more time is stuck that much later. */
static int64_t entered(const struct conn *c, const struct exchange *x)
{
    int64_t extended = x->deadline - c->worker->config->timeout;
    return !call_answered(x->call) && extended > c->now ? extended : c->now;
}

static enum call_status step_call(struct conn *c, struct exchange *x)
{
    bool first = !x->call;
    if (first)
        begin_call(c, x);
    if (!call_answered(x->call))
        x->reply.keep_alive = conn_goes_on(c);
    if (x->paused) /* the client's time, not the app's */
        x->deadline += c->now - x->paused;
    x->paused = 0;
    x->waits = x->woken = false;
    beat_enter(entered(c, x));
    enum call_status status = call_step(x->call, &x->wait);
    beat_leave();
    c->now = clock_now();
    if (x->in_place) /* env has its copy of the head now */
        buf_take(&c->in, x->request.size);
    x->in_place = false;
    return status;
}

void conn_end_call(struct conn *c)
{
    struct exchange *x = c->exchange;
    if (!x || !x->call)
        return;
    beat_enter(c->now);
    call_free(x->call);
    beat_leave();
    x->call = NULL;
    c->app = NULL;
}

/* ---- the end of an answer ---- */

/* The connection ends with this answer. Who sends requests ahead may be
 * sending one now, and a close under it would destroy the answer. */
static enum turn close_after(struct conn *c, bool sending)
{
    sending = sending || c->pipelined || buf_len(&c->in) || c->ready;
    return conn_send_then(c, sending ? CONN_LINGER : CONN_CLOSED);
}

/* The exchange is over. Is more in the input already? */
static bool end_exchange(struct conn *c)
{
    exchange_free(c->exchange);
    c->exchange = NULL;
    c->requests++;
    c->skipped = c->head_begun = false;
    c->check = (struct head_check){0};
    bool more = buf_len(&c->in) > 0;
    c->pipelined = c->pipelined || more;
    return more;
}

enum turn conn_next(struct conn *c)
{
    end_exchange(c);
    return conn_enter(c, CONN_HEAD);
}

enum turn conn_answered(struct conn *c)
{
    struct exchange *x = c->exchange;
    reply_end(&x->reply);
    bool keep = x->reply.keep_alive;
    bool complete = x->body.complete;
    if (keep && !complete) {
        x->drained_to = x->body.bytes.size + DRAIN_MAX;
        return conn_send_then(c, CONN_DRAIN);
    }
    bool more = end_exchange(c);
    if (!keep)
        return close_after(c, !complete);
    bool quick = c->now - c->began < CONN_TURN;
    if (more && quick &&
        buf_len(&c->out) < (size_t)c->worker->config->output_buffer_size)
        return conn_enter(c, CONN_HEAD);
    conn_send_then(c, CONN_HEAD);
    if (!more || quick)
        return TURN_AGAIN;
    return conn_let_others(c);
}

/* An answer of our own takes the place of what the call has appended. */
static enum turn answer_plain(struct conn *c, struct exchange *x, int status)
{
    conn_end_call(c);
    if (x->sent) /* too late for it; a cut answer must not look whole */
        return conn_enter(c, CONN_CLOSED);
    buf_cut(&c->out, x->mark);
    reply_plain(&x->reply, status);
    return conn_answered(c);
}

/* Is the error the one that a read of the body has raised? That is the client's
 * fault. */
static bool client_failed(const struct exchange *x)
{
    const char *trouble = x->body.trouble;
    return trouble && strstr(call_error(x->call), trouble);
}

static void log_failure(const struct conn *c, const struct exchange *x)
{
    if (client_failed(x))
        log_info("fd=%d a call failed: %s", c->fd, x->body.trouble);
    else
        log_error("app error: %s", call_error(x->call));
}

static enum turn call_failed(struct conn *c, struct exchange *x)
{
    log_failure(c, x);
    if (!client_failed(x))
        return answer_plain(c, x, 500);
    conn_end_call(c);
    return conn_enter(c, CONN_CLOSED);
}

static enum turn call_done(struct conn *c, struct exchange *x)
{
    x->file = call_file(x->call);
    conn_end_call(c);
    if (x->file.fd >= 0)
        return conn_enter(c, CONN_FILE);
    return conn_answered(c);
}

/* The request's body has earned a refusal; the call was given the chance to
 * end by itself. */
static enum turn call_refused(struct conn *c, struct exchange *x, bool failed)
{
    if (failed)
        log_failure(c, x);
    else
        log_info("fd=%d a call failed: %s", c->fd, x->body.trouble);
    conn_end_call(c);
    if (x->sent)
        return conn_enter(c, CONN_CLOSED);
    buf_cut(&c->out, x->mark);
    return conn_refuse(c, x->refusal);
}

/* ---- calls that wait ---- */

/* Bytes that a client sends ahead while a call waits are taken up to so many,
 * so that its end can be seen behind them. */
enum {
    AHEAD_MAX = 16384
};

/* What comes from the client meanwhile: requests sent ahead, or its end. */
static void hear_client(struct conn *c, struct exchange *x)
{
    while (c->ready && !x->deaf) {
        switch (conn_read(c, AHEAD_MAX)) {
        case CAME_BYTES:
            x->deaf = buf_len(&c->in) >= AHEAD_MAX;
            break;
        case CAME_NOTHING:
            break;
        case CAME_ERROR:
            x->gone = true;
            /* fall through */
        case CAME_END:
            x->deaf = true;
            beat_enter(c->now);
            call_client_closed(x->call);
            beat_leave();
        }
    }
}

static enum turn call_late(struct conn *c, struct exchange *x)
{
    call_cancel(x->call, "cancelled: the app did not answer within timeout");
    log_error("app error: %s", call_error(x->call));
    return answer_plain(c, x, 504);
}

/* Nothing has happened that the call waits for. */
static enum turn call_waits(struct conn *c, struct exchange *x)
{
    int64_t deadline = x->wait.deadline;
    if (!call_answered(x->call) && !x->later && x->deadline < deadline)
        deadline = x->deadline;
    c->wait = (struct wait){.fd = x->deaf ? -1 : c->fd,
                            .events = x->deaf ? 0 : POLLIN,
                            .deadline = deadline};
    return TURN_WAIT;
}

static bool wait_is_over(struct conn *c, struct exchange *x)
{
    bool fresh = x->fresh_wait; /* a sleep of 0 lets others run, too */
    x->fresh_wait = false;
    return x->woken || (!fresh && c->now >= x->wait.deadline);
}

/* A call has said what it waits for. */
static enum turn call_waiting(struct conn *c, struct exchange *x)
{
    bool answering = call_answered(x->call) || x->later;
    hear_client(c, x);
    if (x->gone && answering) {
        log_debug("fd=%d the client is gone", c->fd);
        conn_end_call(c);
        return conn_enter(c, CONN_CLOSED);
    }
    if (buf_len(&c->out))
        return conn_send_then(c, CONN_CALL);
    if (wait_is_over(c, x)) {
        x->waits = false;
        return TURN_AGAIN;
    }
    if (!answering && c->now >= x->deadline)
        return call_late(c, x);
    return call_waits(c, x);
}

static enum turn begin_wait(struct conn *c, struct exchange *x, bool later)
{
    x->waits = x->fresh_wait = true;
    x->later = later;
    x->woken = x->woken && later;
    if (later) {
        x->wait = (struct wait){.fd = -1, .deadline = CLOCK_NEVER};
        c->app = NULL; /* it does not run */
    }
    return conn_send_then(c, CONN_CALL);
}

enum turn conn_call(struct conn *c)
{
    struct exchange *x = c->exchange;
    if (x->waits)
        return call_waiting(c, x);
    if (!c->app)
        return TURN_CALL;
    enum call_status status = step_call(c, x);
    bool over = status == CALL_DONE || status == CALL_FAILED;
    if (x->refusal && (over || call_answered(x->call)))
        return call_refused(c, x, status == CALL_FAILED);
    switch (status) {
    case CALL_DONE:
        return call_done(c, x);
    case CALL_FLUSH:
        return conn_send_then(c, CONN_CALL);
    case CALL_WAITS:
        return begin_wait(c, x, false);
    case CALL_LATER:
        return begin_wait(c, x, true);
    case CALL_INPUT:
        x->paused = c->now;
        return conn_enter(c, CONN_BODY);
    case CALL_FAILED:
        break;
    }
    return call_failed(c, x);
}
