/* SPDX-License-Identifier: MIT */
/*
 * A body that is an array of strings. All of it is there, so its length is
 * known and the strings share the output's slices.
 */
#include <string.h>

#include <lauxlib.h>

#include "base/buf.h"
#include "http/reply.h"
#include "lua/body.h"
#include "lua/coro.h"
#include "lua/state.h"

/* A table without strings is an empty array if nothing else is in it, but for
 * a close method. */
static bool array_matches(lua_State *L)
{
    if (!lua_istable(L, BODY))
        return false;
    if (lua_rawlen(L, BODY) > 0)
        return true;
    lua_pushnil(L);
    while (lua_next(L, BODY)) { /* [..., key, value] */
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING ||
            strcmp(lua_tostring(L, -1), "close") != 0) {
            lua_pop(L, 1);
            return false;
        }
    }
    return true;
}

static int64_t array_length(lua_State *L, struct call *call)
{
    (void)call;
    lua_Integer n = (lua_Integer)lua_rawlen(L, BODY);
    int64_t total = 0;
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_rawgeti(L, BODY, i) != LUA_TSTRING)
            return luaL_error(L,
                              "the app's body[%I] is a %s: expected a "
                              "string",
                              (LUAI_UACINT)i, luaL_typename(L, -1));
        total += (int64_t)lua_rawlen(L, -1);
        lua_pop(L, 1);
    }
    return total;
}

/* Appends from the place reached until the output is full. False: all sent. */
static bool fill(lua_State *L, struct call *call)
{
    struct reply *r = call->start.reply;
    while (buf_len(r->out) < call->start.flush_at) {
        if (lua_rawgeti(L, BODY, call->item + 1) != LUA_TSTRING)
            return false;
        size_t len;
        const char *bytes = lua_tolstring(L, -1, &len);
        size_t n = len - call->at;
        if (n > call->start.flush_at)
            n = call->start.flush_at;
        bool more = reply_body(r, (struct span){bytes + call->at, n});
        lua_pop(L, 1);
        if (!more)
            return false;
        call->at += n;
        if (call->at == len) {
            call->item++;
            call->at = 0;
        }
    }
    return true;
}

static int array_on(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    struct call *call = (struct call *)ctx;
    if (!fill(L, call))
        return 0;
    return coro_yield(L, CALL_FLUSH, array_on, ctx);
}

static int array_send(lua_State *L, struct call *call)
{
    return array_on(L, LUA_OK, (lua_KContext)call);
}

const struct body_kind body_array = {
    .name = "array",
    .matches = array_matches,
    .length = array_length,
    .send = array_send,
};
