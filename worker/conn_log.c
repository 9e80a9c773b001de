/* SPDX-License-Identifier: MIT */
/*
 * What logs learn of a connection: a line in the access log for each request,
 * and a warning for a slow call.
 *
 * A line is made when the kernel has taken the last byte of the answer, or when
 * the connection ends before that. So a request whose answer is complete but
 * not all sent is kept, in the order of the answers in the output. Without an
 * access log nothing is.
 */
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/access.h"
#include "config/config.h"
#include "http/forwarded.h"
#include "http/request_id.h"
#include "worker/access.h"
#include "worker/conn_states.h"
#include "worker/exchange.h"
#include "worker/worker.h"

enum {
    CLIENT_LEFT = 499, /* nothing of an answer was sent; after nginx */
    LINE_SHOWN = 4096, /* of a first line that could not be read */
    TARGET_SHOWN = 200 /* of a slow call's method and target */
};

/* ---- the entry ---- */

static struct span piece_of(const struct request *rq, struct piece piece)
{
    return piece.len ? request_span(rq, piece) : (struct span){0};
}

static void tell_fields(struct access_entry *e, const struct request *rq)
{
    for (uint32_t i = 0; i < rq->field_count; i++) {
        const struct field *field = &rq->fields[i];
        struct span name = request_span(rq, field->name);
        if (name.len == 7 && span_is_nocase(name, "referer"))
            e->referer = piece_of(rq, field->value);
        else if (name.len == 10 && span_is_nocase(name, "user-agent"))
            e->user_agent = piece_of(rq, field->value);
    }
}

/* A head that could not be read has its first line only. */
static void tell_request(struct access_entry *e, const struct exchange *x)
{
    const struct request *rq = &x->request;
    if (!rq->method.len) {
        if (rq->size)
            e->request = (struct span){rq->bytes, rq->size};
        return;
    }
    e->method = piece_of(rq, rq->method);
    e->uri = piece_of(rq, rq->target);
    e->protocol = rq->minor ? SPAN("HTTP/1.1") : SPAN("HTTP/1.0");
    e->host = piece_of(rq, rq->host);
    tell_fields(e, rq);
}

/* The answer, of which so many bytes were not sent. In what was not, the
 * framing counts like the body: rather too few bytes are told than too many. */
static void tell_answer(struct access_entry *e, const struct exchange *x,
                        size_t unsent)
{
    const struct reply *r = &x->reply;
    bool seen = x->sent || (x->complete && !unsent);
    e->status = seen ? r->status : CLIENT_LEFT;
    e->bytes =
        seen && r->sent > (int64_t)unsent ? r->sent - (int64_t)unsent : 0;
}

static void put(struct conn *c, struct exchange *x, size_t unsent)
{
    struct access_entry e = {0};
    struct forwarded origin;
    char ip[PEER_TEXT], id[SERIAL_TEXT];
    const struct cidrs *trusted = &c->worker->config->trusted_proxies;
    forwarded_read(&x->request, trusted, &c->client, &origin);
    const char *address = peer_ip(&origin.client, ip);
    e.remote_addr = (struct span){address, strlen(address)};
    e.scheme = origin.https ? SPAN("https") : SPAN("http");
    e.duration = c->now - x->began;
    tell_request(&e, x);
    tell_answer(&e, x, unsent);
    if (access_tells_all(c->worker->access))
        e.request_id = request_id(&x->request, trusted, &c->client, id);
    access_put(c->worker, &e, c->now);
    x->logged = true;
}

/* ---- answers on their way ---- */

/* How much of the output is not of complete answers that wait to be sent. */
static size_t rest_of_output(const struct conn *c)
{
    size_t n = buf_len(&c->out);
    const struct exchange *last = c->answered, *x = last;
    for (int i = 0; i < c->answers; i++) {
        x = x->next;
        n -= x->unsent;
    }
    return n;
}

static void release(struct conn *c, struct exchange *x, size_t unsent)
{
    put(c, x, unsent);
    exchange_free(x);
}

/* Takes the first of those that wait. */
static struct exchange *take_first(struct conn *c)
{
    struct exchange *last = c->answered, *first = last->next;
    last->next = first->next;
    if (first == last)
        c->answered = NULL;
    c->answers--;
    return first;
}

static void add_last(struct conn *c, struct exchange *x)
{
    struct exchange *last = c->answered;
    x->next = last ? last->next : x;
    if (last)
        last->next = x;
    c->answered = x;
    c->answers++;
}

void conn_log_complete(struct conn *c, struct exchange *x)
{
    if (!c->worker->access)
        return;
    x->unsent = rest_of_output(c);
    x->complete = true;
    if (!x->unsent)
        put(c, x, 0);
}

void conn_log_leave(struct conn *c)
{
    struct exchange *x = c->exchange;
    c->exchange = NULL;
    if (!c->worker->access || x->logged) {
        exchange_free(x);
        return;
    }
    fd_close(&x->file.fd);
    spool_fini(&x->body.bytes);
    add_last(c, x);
}

/* n bytes of the answer left. Did the last one? */
static bool count(struct exchange *x, size_t *n)
{
    size_t of_it = x->unsent < *n ? x->unsent : *n;
    x->unsent -= of_it;
    *n -= of_it;
    x->sent = x->sent || of_it;
    return !x->unsent;
}

void conn_log_sent(struct conn *c, size_t n)
{
    while (n && c->answered) {
        if (count(c->answered->next, &n))
            release(c, take_first(c), 0);
    }
    struct exchange *x = c->exchange;
    if (n && x && x->complete && !x->logged && count(x, &n))
        put(c, x, 0);
}

/* ---- requests without an exchange of their own ---- */

/* Copies what has come of the first line. */
static void take_line(const struct conn *c, struct exchange *x)
{
    size_t n = buf_len(&c->in) < LINE_SHOWN ? buf_len(&c->in) : LINE_SHOWN;
    const char *end = n ? memchr(buf_at(&c->in), '\n', n) : NULL;
    if (end)
        n = (size_t)(end - buf_at(&c->in));
    if (n && buf_at(&c->in)[n - 1] == '\r')
        n--;
    buf_put(&x->kept, buf_at(&c->in), n);
    x->request = (struct request){.fields = x->fields,
                                  .bytes = buf_at(&x->kept),
                                  .size = (uint32_t)n,
                                  .serial = serial_next()};
}

static struct exchange *unread(const struct conn *c)
{
    struct exchange *x = exchange_new(c->worker->limits.headers);
    x->reply = (struct reply){0};
    x->began = c->now;
    take_line(c, x);
    return x;
}

void conn_log_refused(struct conn *c, const struct reply *reply)
{
    struct exchange *x = c->exchange;
    if (!c->worker->access) {
        exchange_free(x);
        c->exchange = NULL;
        return;
    }
    if (!x)
        x = unread(c);
    else if (x->in_place) /* its head could not be read */
        take_line(c, x);
    c->exchange = x;
    x->reply = *reply;
    conn_log_complete(c, x);
    conn_log_leave(c);
}

void conn_log_end(struct conn *c)
{
    if (!c->worker->access)
        return;
    size_t unsent = rest_of_output(c);
    while (c->answered) {
        struct exchange *x = take_first(c);
        release(c, x, x->unsent);
    }
    if (!c->exchange && c->head_begun && buf_len(&c->in))
        c->exchange = unread(c);
    struct exchange *x = c->exchange;
    if (x && !x->logged)
        put(c, x, x->complete ? x->unsent : unsent);
}

/* ---- calls ---- */

/* "request_id=... " of the call's request, for the log. */
static struct span call_id(const struct conn *c, const struct exchange *x,
                           char text[SERIAL_TEXT])
{
    const struct request *rq = call_request(x->call);
    if (rq)
        return request_id(rq, &c->worker->config->trusted_proxies, &c->client,
                          text);
    serial_text(x->request.serial, text);
    return (struct span){text, SERIAL_TEXT};
}

void conn_log_error(const struct conn *c, const struct exchange *x)
{
    char text[SERIAL_TEXT];
    struct span id = call_id(c, x, text);
    log_error("request_id=%.*s app error: %s", (int)id.len, id.at,
              call_error(x->call));
}

void conn_log_slow(const struct conn *c, struct exchange *x)
{
    int64_t limit = c->worker->config->slow_call;
    int64_t took = c->now - x->called;
    if (limit < 0 || x->timed)
        return;
    x->timed = true;
    if (took <= limit)
        return;
    char text[SERIAL_TEXT];
    struct span id = call_id(c, x, text);
    struct span line = call_line(x->call);
    int shown = (int)(line.len < TARGET_SHOWN ? line.len : TARGET_SHOWN);
    log_warn("request_id=%.*s slow call: %.*s%s seconds=%.3f", (int)id.len,
             id.at, shown, line.at, line.len > TARGET_SHOWN ? "..." : "",
             (double)took / (double)CLOCK_SECOND);
}
