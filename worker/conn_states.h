/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_CONN_STATES_H
#define RAINBOWS_WORKER_CONN_STATES_H

#include <stddef.h>

#include "worker/conn.h"

struct reply;

/*
 * The inside of a connection: one function per state, and what they share.
 * A function does what can be done now and says how to go on.
 */
enum turn {
    TURN_AGAIN, /* the state may have changed: run its function */
    TURN_WAIT,  /* conn->wait says for what */
    TURN_CALL,  /* an app is needed */
    TURN_OVER,
};

enum turn conn_proxy(struct conn *c); /* conn_proxy.c */
enum turn conn_head(struct conn *c);  /* conn_request.c */
enum turn conn_body(struct conn *c);  /* conn_body.c */
enum turn conn_drain(struct conn *c);
enum turn conn_call(struct conn *c); /* conn_answer.c */
enum turn conn_file(struct conn *c); /* conn_file.c */
enum turn conn_send(struct conn *c); /* conn_output.c */
enum turn conn_linger(struct conn *c);

/* Changes the state and sets the deadline that goes with it. */
enum turn conn_enter(struct conn *c, enum conn_state state);

/* Output goes out first, then the state is entered. */
enum turn conn_send_then(struct conn *c, enum conn_state then);

/* A connection whose work does not end lets the others have their turn: after
 * so long in one step (base/clock.h) it waits for nothing, once. Answers to
 * pipelined requests are held back no longer, either. */
#define CONN_TURN INT64_C(1000)
bool conn_had_turn(const struct conn *c);
enum turn conn_let_others(struct conn *c);

/* Waits for poll(2) events on the client's socket until conn->deadline. A call
 * that waits so is not running: where calls share an app it gives it back. */
enum turn conn_wait(struct conn *c, short events);

/* Since when the call that runs is in the app, for the heartbeat. */
int64_t conn_entered(const struct conn *c);

/* Will the connection go on after the answer to the request in progress? */
bool conn_goes_on(const struct conn *c);

/* The server stops: shortens the deadline of a connection in which nothing has
 * begun. */
void conn_hurry(struct conn *c);

/* What a connection begins with: a head; where the listener wants one a PROXY
 * header; or its end, as the peer may not connect. */
enum conn_state conn_first_state(const struct conn *c);

/* Blocks until more of the body of the call has come, or will not. */
void conn_receive(struct conn *c);

/* The answer is complete. */
enum turn conn_answered(struct conn *c);

/* The answer and the body of the request are over: on to the next. */
enum turn conn_next(struct conn *c);

/* Bytes of a body that a call left unread are thrown away up to so many; with
 * more to come the connection closes after the answer. */
#define DRAIN_MAX 65536

/* How much a read of a body, or of what a first read did not fit, may take. */
enum {
    READ_SIZE = 65536
};

/* Reads up to n bytes behind the input. Only after the model saw readiness; a
 * short read ends it. */
enum came {
    CAME_BYTES,
    CAME_NOTHING, /* wait */
    CAME_END,     /* the client has closed its side, or is gone */
    CAME_ERROR,   /* it is gone */
};
enum came conn_read(struct conn *c, size_t n);

/* Has conn->deadline passed? */
bool conn_late(const struct conn *c);

/* Answers with an error of the server's own and ends the connection, letting
 * the client read the answer whatever it still sends. */
enum turn conn_refuse(struct conn *c, int status);

/*
 * conn_log.c: the access log. An exchange passes from conn_log_complete(), when
 * its answer is in the output to the last byte, through conn_log_leave(), which
 * takes it from the connection, to conn_log_sent(), or to conn_log_end() when
 * the connection ends. Without an access log the second frees it and the others
 * do nothing.
 */
void conn_log_complete(struct conn *c, struct exchange *x);
void conn_log_leave(struct conn *c);
void conn_log_sent(struct conn *c, size_t n);
void conn_log_end(struct conn *c);

/* The request in progress, or what has come of one, is answered with this. */
void conn_log_refused(struct conn *c, const struct reply *reply);

/* So many answers may wait to be sent together. */
#define ANSWERS_MAX 32

/* The call has failed: its error goes to the log. */
void conn_log_error(const struct conn *c, const struct exchange *x);

/* The call has answered, or is over: if it took longer than slow_call, that
 * goes to the log. */
void conn_log_slow(const struct conn *c, struct exchange *x);

/* The Date header's text for now; of the calling thread. */
const char *conn_date(void);

#endif
