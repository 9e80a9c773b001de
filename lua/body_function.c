/* SPDX-License-Identifier: MIT */
/*
 * A body that is an iterator: called as a generic for would, with the values
 * the app returned behind it, until it gives nil. Each piece goes out before
 * the next is asked for: what the app has said, the client can read.
 */
#include <lauxlib.h>

#include "http/reply.h"
#include "lua/body.h"
#include "lua/coro.h"
#include "lua/state.h"

enum {
    PIECE = BODY_CLOSING + 1
};

static int ask(lua_State *L, int status, lua_KContext ctx);

static bool function_matches(lua_State *L)
{
    return lua_isfunction(L, BODY);
}

static int64_t function_length(lua_State *L, struct call *call)
{
    (void)L;
    (void)call;
    return -1;
}

/* The iterator has returned: its piece is at the top. */
static int got(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    struct call *call = (struct call *)ctx;
    int type = lua_type(L, PIECE);
    if (type == LUA_TNIL)
        return 0;
    if (type != LUA_TSTRING)
        return luaL_error(L,
                          "the app's body iterator gave a %s: expected a "
                          "string, or nil at the end",
                          lua_typename(L, type));
    size_t len;
    const char *bytes = lua_tolstring(L, PIECE, &len);
    bool more = reply_body(call->start.reply, (struct span){bytes, len});
    lua_replace(L, BODY_CONTROL);
    if (!more)
        return 0;
    return coro_yield(L, CALL_FLUSH, ask, ctx);
}

static int ask(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    lua_pushvalue(L, BODY);
    lua_pushvalue(L, BODY_STATE);
    lua_pushvalue(L, BODY_CONTROL);
    lua_callk(L, 2, 1, ctx, got);
    return got(L, LUA_OK, ctx);
}

static int function_send(lua_State *L, struct call *call)
{
    return ask(L, LUA_OK, (lua_KContext)call);
}

const struct body_kind body_function = {
    .name = "function",
    .matches = function_matches,
    .length = function_length,
    .send = function_send,
};
