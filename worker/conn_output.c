/* SPDX-License-Identifier: MIT */
/*
 * The states in which output leaves: SEND, and LINGER, which lets a client
 * read the answer to a request that it is still sending. Closing a socket
 * with unread bytes in it would reset the connection and may destroy the
 * answer on its way (RFC 9112 9.6).
 */
#include <errno.h>
#include <poll.h>

#include "base/log.h"
#include "http/reply.h"
#include "worker/conn_states.h"
#include "worker/exchange.h"
#include "worker/transport.h"

enum turn conn_send_then(struct conn *c, enum conn_state then)
{
    c->then = (uint8_t)then;
    return conn_enter(c, CONN_SEND);
}

/* n bytes left: is some of the current answer among them? */
static void count_sent(struct conn *c, size_t n)
{
    struct exchange *x = c->exchange;
    buf_take(&c->out, n);
    conn_log_sent(c, n);
    if (!x)
        return;
    if (n > x->mark)
        x->sent = true;
    x->mark -= n < x->mark ? n : x->mark;
}

void conn_flush(struct conn *c)
{
    if (!buf_len(&c->out))
        return;
    ssize_t n = c->transport->write(c->fd, buf_at(&c->out), buf_len(&c->out));
    if (n <= 0) /* CONN_SEND will see why not */
        return;
    count_sent(c, (size_t)n);
}

enum turn conn_send(struct conn *c)
{
    while (buf_len(&c->out)) {
        ssize_t n =
            c->transport->write(c->fd, buf_at(&c->out), buf_len(&c->out));
        if (n < 0 && errno == EAGAIN) {
            if (!conn_late(c))
                return conn_wait(c, POLLOUT);
            log_info("fd=%d client takes nothing, closed", c->fd);
            return conn_enter(c, CONN_CLOSED);
        }
        if (n < 0) /* the client is gone */
            return conn_enter(c, CONN_CLOSED);
        count_sent(c, (size_t)n);
        if (buf_len(&c->out))
            conn_enter(c, CONN_SEND); /* progress: the time begins anew */
    }
    if (c->then == CONN_LINGER)
        c->transport->shutdown(c->fd);
    conn_enter(c, (enum conn_state)c->then);
    bool endless = c->then == CONN_CALL || c->then == CONN_FILE;
    return endless && conn_had_turn(c) ? conn_let_others(c) : TURN_AGAIN;
}

enum turn conn_linger(struct conn *c)
{
    enum {
        ROUNDS = 16
    };
    char trash[16384];
    for (int i = 0; c->ready && i < ROUNDS; i++) {
        ssize_t n = c->transport->read(c->fd, trash, sizeof trash);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return conn_enter(c, CONN_CLOSED);
        c->ready = n == (ssize_t)sizeof trash;
    }
    if (conn_late(c))
        return conn_enter(c, CONN_CLOSED);
    return conn_wait(c, POLLIN);
}

enum turn conn_refuse(struct conn *c, int status)
{
    log_debug("fd=%d refused status=%d", c->fd, status);
    bool head = c->exchange && c->exchange->request.head;
    struct reply r = {
        .out = &c->out, .date = conn_date(), .minor = 1, .head = head};
    reply_plain(&r, status);
    conn_log_refused(c, &r);
    buf_drop(&c->in);
    return conn_send_then(c, CONN_LINGER);
}
