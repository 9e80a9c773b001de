/* SPDX-License-Identifier: MIT */
/*
 * A body that is one string: sent in slices, so that a large one is not
 * copied as a whole.
 */
#include <lauxlib.h>

#include "http/reply.h"
#include "lua/body.h"
#include "lua/coro.h"
#include "lua/state.h"

static bool string_matches(lua_State *L)
{
    return lua_type(L, BODY) == LUA_TSTRING;
}

static int64_t string_length(lua_State *L, struct call *call)
{
    (void)call;
    return (int64_t)lua_rawlen(L, BODY);
}

static int string_on(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    struct call *call = (struct call *)ctx;
    size_t len;
    const char *bytes = lua_tolstring(L, BODY, &len);
    size_t n = len - call->at;
    if (n > call->start.flush_at)
        n = call->start.flush_at;
    struct span slice = {bytes + call->at, n};
    call->at += n;
    if (!reply_body(call->start.reply, slice) || call->at == len)
        return 0;
    return coro_yield(L, CALL_FLUSH, string_on, ctx);
}

static int string_send(lua_State *L, struct call *call)
{
    return string_on(L, LUA_OK, (lua_KContext)call);
}

const struct body_kind body_string = {
    .name = "string",
    .matches = string_matches,
    .length = string_length,
    .send = string_send,
};
