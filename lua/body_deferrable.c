/* SPDX-License-Identifier: MIT */
/*
 * A body that is a deferrable, in Thin's way: an object with callback, errback
 * and each. each() is given a function and keeps it; what the app says with
 * it, then or later, goes out; the body ends when the functions given to
 * callback or errback are called. It is failed when the client goes first.
 */
#include <lauxlib.h>

#include "base/buf.h"
#include "http/reply.h"
#include "lua/async.h"
#include "lua/body.h"
#include "lua/coro.h"
#include "lua/state.h"

/* The client may be so many bytes behind; then write() takes nothing. */
enum {
    WRITE_AHEAD = 1 << 20
};

static bool has_function(lua_State *L, int idx, const char *name)
{
    bool has = lua_getfield(L, idx, name) == LUA_TFUNCTION;
    lua_pop(L, 1);
    return has;
}

static bool deferrable_matches(lua_State *L)
{
    int type = lua_type(L, BODY);
    if (type != LUA_TTABLE && type != LUA_TUSERDATA)
        return false;
    if (type == LUA_TUSERDATA) {
        if (luaL_getmetafield(L, BODY, "__index") == LUA_TNIL)
            return false;
        lua_pop(L, 1);
    }
    return has_function(L, BODY, "callback") &&
           has_function(L, BODY, "errback") && has_function(L, BODY, "each");
}

static int64_t deferrable_length(lua_State *L, struct call *call)
{
    (void)L;
    (void)call;
    return -1;
}

/* ---- what the body is given; upvalue: the call's handle ---- */

/* The call, while its body has not ended. */
static struct call *open_call(lua_State *L)
{
    struct call *call = async_call(L, lua_upvalueindex(1));
    return call && call->deferred == DEFERRED_OPEN ? call : NULL;
}

static void wake(struct call *call)
{
    call->start.driver->wake(call->start.driver_arg);
}

/* (piece) -> true; nil and why when it was not taken */
static int write_piece(lua_State *L)
{
    struct span piece;
    piece.at = luaL_checklstring(L, 1, &piece.len);
    struct call *call = open_call(L);
    const char *why = NULL;
    if (!call)
        why = "closed";
    else if (buf_len(call->start.reply->out) > WRITE_AHEAD)
        why = "full";
    if (why) {
        lua_pushnil(L);
        lua_pushstring(L, why);
        return 2;
    }
    if (reply_body(call->start.reply, piece)) {
        call->start.driver->appended(call->start.driver_arg);
    } else {
        call->deferred = DEFERRED_DONE;
        wake(call);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int end(lua_State *L, enum deferred how)
{
    struct call *call = open_call(L);
    if (call) {
        call->deferred = how;
        wake(call);
    }
    return 0;
}

static int succeeded(lua_State *L)
{
    return end(L, DEFERRED_DONE);
}

static int failed(lua_State *L)
{
    return end(L, DEFERRED_FAILED);
}

/* ---- sending ---- */

static int wait_for_end(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    const struct call *call = (struct call *)ctx;
    switch (call->deferred) {
    case DEFERRED_DONE:
        return 0;
    case DEFERRED_FAILED:
        return luaL_error(L, "the app's deferrable body has failed");
    default:
        break;
    }
    if (!call->app->identity.async)
        return luaL_error(L,
                          "the app's deferrable body has not ended in each(), "
                          "and in the model %s nobody can end it later",
                          call->app->identity.model);
    return coro_yield(L, CALL_LATER, wait_for_end, ctx);
}

/* Calls the body's methods one after the other; they may wait. */
static int introduce(lua_State *L, int status, lua_KContext ctx)
{
    static const struct {
        const char *method;
        lua_CFunction give;
    } steps[] = {
        {"callback", succeeded}, {"errback", failed}, {"each", write_piece}};
    (void)status;
    struct call *call = (struct call *)ctx;
    while (call->at < sizeof steps / sizeof *steps) {
        size_t i = call->at++;
        lua_settop(L, BODY_CLOSING);
        lua_getfield(L, BODY, steps[i].method);
        lua_pushvalue(L, BODY);
        async_push(L, call);
        lua_pushcclosure(L, steps[i].give, 1);
        lua_callk(L, 2, 0, ctx, introduce);
    }
    lua_settop(L, BODY_CLOSING);
    return wait_for_end(L, LUA_OK, ctx);
}

static int deferrable_send(lua_State *L, struct call *call)
{
    call->deferred = DEFERRED_OPEN;
    lua_pushvalue(L, BODY);
    call->deferrable = luaL_ref(L, LUA_REGISTRYINDEX);
    return introduce(L, LUA_OK, (lua_KContext)call);
}

/* (body) */
static int fail_body(lua_State *L)
{
    if (has_function(L, 1, "fail")) {
        lua_getfield(L, 1, "fail");
        lua_insert(L, 1);
        lua_call(L, 1, 0);
    }
    return 0;
}

void deferrable_over(struct call *call)
{
    lua_State *L = call->app->L;
    if (call->deferred == DEFERRED_OPEN) {
        lua_pushcfunction(L, fail_body);
        lua_rawgeti(L, LUA_REGISTRYINDEX, call->deferrable);
        app_protected(call->app, 1, "failing the body");
    }
    luaL_unref(L, LUA_REGISTRYINDEX, call->deferrable);
    call->deferrable = LUA_NOREF;
    call->deferred = DEFERRED_NOT;
}

const struct body_kind body_deferrable = {
    .name = "deferrable",
    .matches = deferrable_matches,
    .length = deferrable_length,
    .send = deferrable_send,
};
