/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_CALL_H
#define RAINBOWS_LUA_CALL_H

#include <stddef.h>
#include <stdint.h>

struct app;
struct call;
struct peer;
struct reply;
struct request;
struct spool;
struct wait;

/* What a call is made of. All borrowed. The request and the peers are read in
 * the first call_step() only; the body is emptied there, its bytes are the
 * call's then. The reply must live until call_free(). */
struct call_start {
    const struct request *request;
    const struct peer *client, *server;
    struct spool *body;
    struct reply *reply;
    size_t flush_at; /* a string or array body waits for its client after so
                        many bytes of output */
};

enum call_status {
    CALL_DONE,   /* the whole answer was appended to the reply, but for the file
                    that call_file() names */
    CALL_FLUSH,  /* send what was appended, then step again */
    CALL_WAITS,  /* send what was appended; step again when *wait is over */
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

/* Runs the app, then its body, as far as they go. Fills *wait for CALL_WAITS.
 * Not to be stepped again after DONE or FAILED. */
enum call_status call_step(struct call *call, struct wait *wait);

/* After CALL_DONE: the file to send; the descriptor is the caller's. */
struct call_file call_file(struct call *call);

/* After CALL_FAILED: the message and traceback; lives until call_free(). */
const char *call_error(const struct call *call);

/* Closes the body (exactly once, in whatever state the call is) and the input,
 * and gives the coroutine back. NULL does nothing. */
void call_free(struct call *call);

#endif
