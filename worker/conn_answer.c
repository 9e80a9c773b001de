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
#include "worker/tired.h"
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

/* Output leaves also while the call goes on waiting. */
static void appended(void *arg)
{
    struct conn *c = arg;
    if (c->worker->model->flags & MODEL_ASYNC)
        c->worker->wake(c);
}

/* In models that have nobody else the call says it to itself: its step has not
 * ended, and looks. A wait for something else goes on; only output leaves. */
static void wake(void *arg)
{
    struct conn *c = arg;
    const struct exchange *x = c->exchange;
    if (!x->waits || x->later)
        conn_wake(c);
    appended(c);
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
    .appended = appended,
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
    x->mark = buf_len(&c->out);
    x->sent = false; /* "100 Continue" and earlier answers do not count */
    x->deadline = c->now + c->worker->config->timeout;
    x->called = c->now;
    x->call = call_new(c->app, &start);
}

/* The clock that watches for a stuck app: until the call has answered, all the
 * time it has had counts, then each piece of its body has as much. */
int64_t conn_entered(const struct conn *c)
{
    const struct exchange *x = c->exchange;
    return call_answered(x->call) ? c->now
                                  : x->deadline - c->worker->config->timeout;
}

/* Control enters Lua on behalf of this call. */
static void enter_call(const struct exchange *x, int64_t since)
{
    beat_name(call_line(x->call));
    beat_enter(since);
}

static enum call_status step_call(struct conn *c, struct exchange *x)
{
    bool first = !x->call;
    if (first)
        begin_call(c, x);
    if (!call_answered(x->call)) {
        x->reply.keep_alive = conn_goes_on(c);
        x->reply.date = conn_date(); /* of this thread, and of this moment */
    }
    if (x->paused) { /* the client's time, not the app's */
        x->deadline += c->now - x->paused;
        x->called += c->now - x->paused;
    }
    x->paused = 0;
    x->waits = x->woken = false;
    enter_call(x, conn_entered(c));
    enum call_status status = call_step(x->call, &x->wait);
    beat_leave();
    c->now = clock_now();
    if (call_answered(x->call))
        conn_log_slow(c, x);
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
    conn_log_slow(c, x);
    enter_call(x, c->now);
    call_free(x->call);
    beat_leave();
    x->call = NULL;
    tired_look(c->worker, c->app, c->now);
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
    conn_log_leave(c);
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
    conn_log_complete(c, x);
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
    if (more && quick && c->answers < ANSWERS_MAX &&
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
    x->reply.date = conn_date();
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
        conn_log_error(c, x);
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

/* Bytes that a client sends ahead while a call waits are taken up to so many;
 * from then on only its end is listened for. */
enum {
    AHEAD_MAX = 16384
};

static bool is_far_ahead(const struct conn *c)
{
    return buf_len(&c->in) >= AHEAD_MAX;
}

static void tell_of_the_end(const struct conn *c, const struct exchange *x)
{
    enter_call(x, c->now);
    call_client_closed(x->call);
    beat_leave();
}

static void hear_end(struct conn *c, struct exchange *x)
{
    x->ended = true;
    tell_of_the_end(c, x);
}

/* What comes from the client meanwhile: what it sends ahead, or its end. */
static void hear_client(struct conn *c, struct exchange *x)
{
    if (x->far && c->ready && !x->ended)
        hear_end(c, x);
    while (c->ready && !x->ended && !is_far_ahead(c)) {
        enum came came = conn_read(c, AHEAD_MAX);
        x->gone = came == CAME_ERROR;
        if (came == CAME_END || came == CAME_ERROR)
            hear_end(c, x);
    }
}

static enum turn call_late(struct conn *c, struct exchange *x)
{
    call_cancel(x->call, "cancelled: the app did not answer within timeout");
    conn_log_error(c, x);
    return answer_plain(c, x, 504);
}

/* Nothing has happened that the call waits for. */
static enum turn call_waits(struct conn *c, struct exchange *x)
{
    int64_t deadline = x->wait.deadline;
    if (!call_answered(x->call) && !x->later && x->deadline < deadline)
        deadline = x->deadline;
    x->far = is_far_ahead(c);
    if (x->far)
        c->ready = false;
    c->wait = (struct wait){.fd = x->ended ? -1 : c->fd,
                            .events = x->far ? POLLRDHUP : POLLIN,
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
    x->far = false;
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
    if (x->ended) /* a read of the body has met it */
        tell_of_the_end(c, x);
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
