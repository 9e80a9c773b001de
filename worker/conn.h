/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_CONN_H
#define RAINBOWS_WORKER_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/peer.h"
#include "base/wait.h"
#include "http/head.h"

struct app;
struct exchange;
struct listener;
struct transport;
struct worker;

/* The states of a connection; each is one function in conn.c. */
enum conn_state {
    CONN_PROXY,  /* a PROXY header comes in, where the listener wants one */
    CONN_HEAD,   /* a request head comes in, or nothing does */
    CONN_BODY,   /* its body comes in */
    CONN_CALL,   /* the app answers */
    CONN_FILE,   /* a file follows what the app appended */
    CONN_DRAIN,  /* the rest of a body that the app did not read comes in */
    CONN_SEND,   /* output goes out, then the state in `then` */
    CONN_LINGER, /* all is sent; what the client still sends is thrown away */
    CONN_CLOSED,
};

/*
 * One client's connection. A model keeps it in memory of its own, sets ready
 * and app as said at conn_step(), and looks at wait; the rest is conn.c's. An
 * idle connection is this struct and nothing more.
 */
struct conn {
    struct wait wait;  /* after STEP_WAIT: what the connection waits for */
    struct app *app;   /* after STEP_CALL: the model puts a free app here; NULL
                          again when the connection gives it back */
    bool ready;        /* the model saw POLLIN, an error or a hang-up */
    uint8_t state;     /* enum conn_state */
    uint8_t then;      /* the state after CONN_SEND */
    bool skipped;      /* an empty line before the head was */
    bool head_begun;   /* bytes of a request head have come */
    bool call_only;    /* set by models: a step ends when the call is over */
    bool last;         /* the next answer ends the connection */
    bool pipelined;    /* the client sends requests before it has answers */
    uint8_t answers;   /* how many are in answered */
    uint32_t requests; /* answered so far */
    int fd;
    const struct transport *transport; /* shared, static */
    struct worker *worker;             /* borrowed */
    const struct listener *listener;   /* borrowed */
    int64_t came;                      /* when; base/clock.h */
    int64_t now;                       /* of the current step */
    int64_t began;                     /* when the current step did */
    int64_t deadline; /* of the protocol: head, body, idle, write, linger */
    struct exchange *exchange; /* owned; the request in progress, or NULL */
    struct exchange *answered; /* owned; the last of those whose answers are
                                  complete and wait to be sent, for the access
                                  log; its next is the first */
    struct buf in, out;        /* hold no memory while idle */
    struct head_check check;
    struct peer client;
};

enum step {
    STEP_WAIT, /* wait for conn->wait, then step again */
    STEP_CALL, /* put a struct app into conn->app, then step again */
    STEP_OVER, /* conn_fini() it */
};

/* Takes fd. */
void conn_init(struct conn *conn, struct worker *worker,
               const struct listener *listener, int fd,
               const struct peer *client);

/*
 * Runs the protocol as far as it goes and says what it needs next. A model
 * calls it when conn->wait is over: after its events came (with ready set for
 * anything but a plain POLLOUT), or its deadline passed. An early call does no
 * harm.
 */
enum step conn_step(struct conn *conn);

/* What a call waits for besides conn->wait: events on a descriptor of its own.
 * NULL: nothing. */
const struct wait *conn_foreign(const struct conn *conn);

/* That has come. Step then. */
void conn_wake(struct conn *conn);

/* Between two requests, with nothing received: nobody is hurt if it ends. */
bool conn_idle(const struct conn *conn);

/* From when on a newcomer may take the connection's place: at once when it is
 * idle, after CONN_SILENCE when it has not sent a byte yet (browsers open
 * connections in advance), CLOCK_NEVER while a request is in progress. */
#define CONN_SILENCE INT64_C(200000) /* microseconds */
int64_t conn_spare_from(const struct conn *conn);

/* Everything is sent, and the client is only given time to read it. */
bool conn_lingers(const struct conn *conn);

/* Sends what can be sent of earlier answers that were held back: the next call
 * may be long in coming. Before STEP_CALL is answered. */
void conn_flush(struct conn *conn);

/* The answer to the request that comes or runs will be the last, or to the last
 * of those that have come. */
void conn_last(struct conn *conn);

/* Ends the call if there is one: closes its body and gives the app back. Only
 * where the app may be entered. */
void conn_end_call(struct conn *conn);

/* Closes what is open and frees what is owned; a running call is ended. */
void conn_fini(struct conn *conn);

/* Frees what the calling thread keeps for reuse. */
void conn_trim(void);

#endif
