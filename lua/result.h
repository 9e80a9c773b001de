/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_RESULT_H
#define RAINBOWS_LUA_RESULT_H

#include <lua.h>

struct call;
struct reply;

/*
 * Turns what the app returned (on L, the call's coroutine, above BODY_HEAD)
 * into the reply: status, headers, framing, and the body as far as it goes
 * without waiting. Errors of the app are raised. Returns 0 at the end.
 */
int result_send(lua_State *L, struct call *call);

/* Appends the header table at idx to the reply. Errors of the app are raised.
 */
void result_headers(lua_State *L, struct reply *r, int idx);

/* Closes the body of an answer that nobody will send: all that lies on the
 * stack, as the app gave it. Leaves nothing there. */
void result_discard(lua_State *L);

#endif
