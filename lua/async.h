/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_ASYNC_H
#define RAINBOWS_LUA_ASYNC_H

#include <lua.h>

struct call;

/*
 * Answering later: what the app holds of a call that goes on after its
 * function has returned. A call has at most one of these handles, made when
 * it is asked for. It outlives the call and knows then that it is over.
 */

/* Makes the metatable of handles; returns its reference. */
int async_open(lua_State *L);

/* Pushes the call's handle. */
void async_push(lua_State *L, struct call *call);

/* The call of the handle at idx; NULL: it is over. */
struct call *async_call(lua_State *L, int idx);

/* Pushes env["async.callback"] and env["async.close"] of a call, nil where the
 * model does not have them. A call of NULL is over. */
void async_push_callback(lua_State *L, struct call *call);
void async_push_close(lua_State *L, struct call *call);

/* What has become of async.callback. */
enum async_state {
    ASYNC_NONE,  /* the app did not ask for it */
    ASYNC_OPEN,  /* it may be called */
    ASYNC_GIVEN, /* it was */
    ASYNC_TAKEN, /* and async_take() has its answer, or another was made */
};
enum async_state async_state(const struct call *call);

/* The call has an answer from elsewhere: async.callback is too late. */
void async_answered(struct call *call);

/* In state GIVEN: pushes the values that async.callback was called with. */
void async_take(lua_State *L, struct call *call);

/* The client has closed: runs the functions given to async.close, once. Raises
 * nothing. */
void async_closed(struct call *call);

/* The call is over: the same, and an answer that was not taken is closed. */
void async_over(struct call *call);

#endif
