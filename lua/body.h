/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_BODY_H
#define RAINBOWS_LUA_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

struct call;

/*
 * The kinds of response body, in the order in which they are tried; each is a
 * file body_<kind>.c and a row in body.c. All run in the call's coroutine,
 * whose stack holds the answer at these places; errors are the app's.
 */
enum {
    BODY_HEAD = 1, /* env.h's userdata */
    BODY_STATUS,
    BODY_HEADERS,
    BODY,       /* the body itself, */
    BODY_STATE, /* and the generic-for values that may follow it */
    BODY_CONTROL,
    BODY_CLOSING,
};

struct body_kind {
    const char *name; /* for messages */
    bool (*matches)(lua_State *L);
    /* Looks at the answer before its head is made and returns its status, which
     * may be another one. NULL: nothing to look at. */
    int (*prepare)(lua_State *L, struct call *call, int status);
    /* Adds header fields behind the app's. NULL: none. */
    void (*fields)(struct call *call);
    /* How many bytes it will send; -1: not known before it is sent. */
    int64_t (*length)(lua_State *L, struct call *call);
    /* Appends it to the reply, with coro_yield(CALL_FLUSH) in between.
     * Returns 0 when all of it is there. */
    int (*send)(lua_State *L, struct call *call);
};

extern const struct body_kind body_string, body_function, body_file,
    body_deferrable, body_array;

/* The kind of the body on the stack; an error of the app when there is none. */
const struct body_kind *body_find(lua_State *L);

/* Remembers what of the answer must be closed, in call->close. */
void body_note_closers(lua_State *L, struct call *call);

/* Closes what was noted, each exactly once; errors are logged. */
void body_close(struct call *call);

/* Closes an answer's body and closing value, at their places on the stack, that
 * nobody will send. */
void body_discard(lua_State *L);

/* The call of a deferrable body is over: fails it if it has not ended. */
void deferrable_over(struct call *call);

#endif
