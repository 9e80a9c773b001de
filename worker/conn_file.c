/* SPDX-License-Identifier: MIT */
/*
 * The state in which a file follows what the call has appended: FILE. Its first
 * piece leaves with the head in one send; the kernel sends the rest, without a
 * copy, where the transport can.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/log.h"
#include "http/reply.h"
#include "worker/conn_states.h"
#include "worker/exchange.h"
#include "worker/transport.h"

enum {
    SLICE = 65536,         /* that is copied */
    KERNEL_SLICE = 1 << 20 /* that the kernel sends in one go */
};

static size_t at_most(int64_t left, int64_t n)
{
    return (size_t)(left < n ? left : n);
}

static enum turn cut(struct conn *c)
{
    log_error("a file that is being sent became shorter: connection closed");
    return conn_enter(c, CONN_CLOSED);
}

/* Appends a piece to the output, which is sent then. */
static enum turn copy(struct conn *c, struct exchange *x)
{
    char slice[SLICE];
    size_t want = at_most(x->file.left, SLICE);
    ssize_t n;
    do
        n = pread(x->file.fd, slice, want, x->file.at);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return cut(c);
    x->file.at += n;
    x->file.left -= n;
    if (!reply_body(&x->reply, (struct span){slice, (size_t)n}))
        x->file.left = 0;
    return conn_send_then(c, CONN_FILE);
}

static enum turn send_rest(struct conn *c, struct exchange *x)
{
    x->file.left = reply_cut(&x->reply, x->file.left);
    size_t want = at_most(x->file.left, KERNEL_SLICE);
    ssize_t n = c->transport->send_file(c->fd, x->file.fd, &x->file.at, want);
    if (n > 0) {
        reply_sent(&x->reply, n);
        x->file.left -= n;
        conn_enter(c, CONN_FILE); /* progress: the time begins anew */
        return conn_had_turn(c) ? conn_let_others(c) : TURN_AGAIN;
    }
    if (n == 0)
        return cut(c);
    if (errno != EAGAIN) /* the client is gone */
        return conn_enter(c, CONN_CLOSED);
    if (!conn_late(c))
        return conn_wait(c, POLLOUT);
    log_info("fd=%d client takes nothing, closed", c->fd);
    return conn_enter(c, CONN_CLOSED);
}

enum turn conn_file(struct conn *c)
{
    struct exchange *x = c->exchange;
    if (!x->file.left)
        return conn_answered(c);
    bool small = x->file.left <= SLICE;
    if (small || buf_len(&c->out) || !c->transport->send_file)
        return copy(c, x);
    return send_rest(c, x);
}
