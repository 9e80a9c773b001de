/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_CALL_H
#define RAINBOWS_LUA_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/spool.h"

struct app;
struct call;
struct peer;
struct reply;
struct request;
struct wait;

/* A request's body while its call reads it: what has come of it so far, and
 * whether more will. */
struct call_body {
    struct spool bytes;  /* owned */
    int64_t length;      /* in all; -1: known at the end only */
    bool complete;       /* all of it is in bytes */
    const char *trouble; /* static; why the rest will never come, or NULL */
};

/* What a call asks of the one who drives it. arg is call_start's. */
struct call_driver {
    /* Blocks until more of the body has come, or will not: for reads where Lua
     * cannot yield. */
    void (*receive)(void *arg);
    /* A call that stopped with CALL_LATER has something to do. May be called
     * while another call of the same app runs: takes note and returns. */
    void (*wake)(void *arg);
    /* The body of a call that stopped with CALL_LATER was appended to, and it
     * has nothing else to do. As wake(). */
    void (*appended)(void *arg);
    /* What the running call has appended so far is an interim answer: it leaves
     * now, as far as it can, and is not of the answer. */
    void (*interim)(void *arg);
    /* The running call wants to have until then (base/clock.h). */
    void (*extend)(void *arg, int64_t deadline);
};

/* What a call is made of. All borrowed. The request and the peers are read in
 * the first call_step() only; the rest must live until call_free(). */
struct call_start {
    const struct request *request;
    const struct peer *client, *server;
    struct call_body *body; /* read by the call, filled by its driver */
    struct reply *reply;
    const struct call_driver *driver;
    void *driver_arg;
    size_t flush_at; /* a string or array body waits for its client after so
                        many bytes of output */
};

enum call_status {
    CALL_DONE,   /* the whole answer was appended to the reply, but for the file
                    that call_file() names */
    CALL_FLUSH,  /* send what was appended, then step again */
    CALL_WAITS,  /* send what was appended; step again when *wait is over */
    CALL_LATER,  /* send what was appended; step again after driver's wake() */
    CALL_INPUT,  /* step again when more of the body has come, or will not */
    CALL_FAILED, /* call_error() says why; what was appended is not whole */
};

/* A range of a file that follows what was appended. */
struct call_file {
    int fd;           /* -1: none */
    int64_t at, left; /* bytes */
};

/*
 * One running call(env) with the sending of its body: a coroutine of the
 * app's state, reused from call to call. Nothing runs before the first step.
 */
struct call *call_new(struct app *app, const struct call_start *start);

/* Method and target of its request, as they came: "GET /notes?page=2". Valid
 * until the next call_step(). */
struct span call_line(const struct call *call);

/* Runs the app, then its body, as far as they go. Fills *wait for CALL_WAITS.
 * Not to be stepped again after DONE or FAILED. */
enum call_status call_step(struct call *call, struct wait *wait);

/* Has the app said what its answer is? From then on its body is sent. */
bool call_answered(const struct call *call);

/* The client has closed its side, or is gone: async.close is told, once. */
void call_client_closed(struct call *call);

/* The request of a call, once it has begun to run; NULL before. It lives as
 * long as the call. */
const struct request *call_request(const struct call *call);

/* Gives up on a call that waits: call_error() says why and where it was. Only
 * call_free() may follow. */
void call_cancel(struct call *call, const char *why);

/* After CALL_DONE: the file to send; the descriptor is the caller's. */
struct call_file call_file(struct call *call);

/* After CALL_FAILED or call_cancel(): the message and traceback; lives until
 * call_free(). */
const char *call_error(const struct call *call);

/* Closes the body (exactly once, in whatever state the call is) and the input,
 * and gives the coroutine back. NULL does nothing. */
void call_free(struct call *call);

#endif
