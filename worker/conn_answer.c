/* SPDX-License-Identifier: MIT */
/*
 * The states in which an answer is made: CALL runs the app and its body as far
 * as they go, FILE sends the file that may follow. Between two pipelined
 * requests output is held back, so that several answers leave with one send,
 * unless they have taken a while.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "worker/conn_states.h"
#include "worker/exchange.h"
#include "worker/heartbeat.h"
#include "worker/listener.h"
#include "worker/worker.h"

/* How much of a string or an array the output takes before it is sent. In a
 * thread that only calls, all of it: sending is not its job. */
static size_t flush_at(const struct conn *c)
{
    if (c->call_only)
        return (size_t)1 << 30;
    return (size_t)c->worker->config->output_buffer_size;
}

static void begin_call(struct conn *c, struct exchange *x)
{
    struct call_start start = {
        .request = &x->request,
        .client = &c->client,
        .server = &c->listener->address,
        .body = &x->body,
        .reply = &x->reply,
        .flush_at = flush_at(c),
    };
    x->reply.date = conn_date(); /* of this thread */
    x->mark = buf_len(&c->out);
    x->sent = false; /* "100 Continue" and earlier answers do not count */
    x->call = call_new(c->app, &start);
}

static enum call_status step_call(struct conn *c, struct exchange *x)
{
    bool first = !x->call;
    if (first)
        begin_call(c, x);
    beat_enter(c->now);
    enum call_status status = call_step(x->call, &x->wait);
    beat_leave();
    c->now = clock_now();
    if (first && !x->kept) /* env has its copy of the head now */
        buf_take(&c->in, x->request.size);
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

/* The connection ends with this answer. Who sends requests ahead may be
 * sending one now, and a close under it would destroy the answer. */
static enum turn close_after(struct conn *c)
{
    bool sending = c->pipelined || buf_len(&c->in) || c->ready;
    return conn_send_then(c, sending ? CONN_LINGER : CONN_CLOSED);
}

static enum turn answer_complete(struct conn *c, struct exchange *x)
{
    reply_end(&x->reply);
    bool keep = x->reply.keep_alive;
    exchange_free(x);
    c->exchange = NULL;
    c->requests++;
    c->skipped = c->head_begun = false;
    c->check = (struct head_check){0};
    bool more = buf_len(&c->in) > 0;
    c->pipelined = c->pipelined || more;
    if (!keep)
        return close_after(c);
    bool quick = c->now - c->began < CONN_TURN;
    if (more && quick &&
        buf_len(&c->out) < (size_t)c->worker->config->output_buffer_size)
        return conn_enter(c, CONN_HEAD);
    conn_send_then(c, CONN_HEAD);
    if (!more || quick)
        return TURN_AGAIN;
    return conn_let_others(c);
}

static enum turn call_failed(struct conn *c, struct exchange *x)
{
    log_error("app error: %s", call_error(x->call));
    conn_end_call(c);
    if (x->sent) /* too late for a 500; a cut answer must not look whole */
        return conn_enter(c, CONN_CLOSED);
    buf_cut(&c->out, x->mark);
    reply_plain(&x->reply, 500);
    return answer_complete(c, x);
}

static enum turn call_done(struct conn *c, struct exchange *x)
{
    x->file = call_file(x->call);
    conn_end_call(c);
    if (x->file.fd >= 0)
        return conn_enter(c, CONN_FILE);
    return answer_complete(c, x);
}

enum turn conn_call(struct conn *c)
{
    struct exchange *x = c->exchange;
    if (!c->app)
        return TURN_CALL;
    if (x->waits && (x->fresh_wait || c->now < x->wait.deadline)) {
        x->fresh_wait = false; /* a sleep of 0 lets others run, too */
        c->wait = x->wait;
        return TURN_WAIT;
    }
    x->waits = false;
    switch (step_call(c, x)) {
    case CALL_DONE:
        return call_done(c, x);
    case CALL_FLUSH:
        return conn_send_then(c, CONN_CALL);
    case CALL_WAITS:
        x->waits = x->fresh_wait = true;
        return conn_send_then(c, CONN_CALL);
    case CALL_FAILED:
        break;
    }
    return call_failed(c, x);
}

enum turn conn_file(struct conn *c)
{
    enum {
        SLICE = 65536
    };
    struct exchange *x = c->exchange;
    if (!x->file.left)
        return answer_complete(c, x);
    char slice[SLICE];
    size_t want = x->file.left < SLICE ? (size_t)x->file.left : SLICE;
    ssize_t n;
    do
        n = pread(x->file.fd, slice, want, x->file.at);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        log_error("a file that is being sent became shorter: connection "
                  "closed");
        return conn_enter(c, CONN_CLOSED);
    }
    x->file.at += n;
    x->file.left -= n;
    if (!reply_body(&x->reply, (struct span){slice, (size_t)n}))
        x->file.left = 0;
    return conn_send_then(c, CONN_FILE);
}
