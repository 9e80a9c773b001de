/* SPDX-License-Identifier: MIT */
/*
 * async.callback and async.close, in Thin's way: an app returns -1 and answers
 * when it has something to say, from whatever code runs then in its Lua state.
 * Exactly one answer is taken; of any other the body is closed.
 */
#include "lua/async.h"

#include <stdbool.h>

#include <lauxlib.h>

#include "lua/result.h"
#include "lua/state.h"

struct async {
    struct call *call; /* NULL: it is over */
    int ref;           /* of this userdata, until then */
    enum async_state state;
    bool closed; /* the functions were run */
};

/* The userdata's user values. */
enum {
    ON_CLOSE = 1, /* an array of functions */
    ANSWER,       /* an array of values with their number n, in state GIVEN */
    VALUES = ANSWER
};

void async_push(lua_State *L, struct call *call)
{
    if (call->async) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, call->async->ref);
        return;
    }
    struct async *a = lua_newuserdatauv(L, sizeof *a, VALUES);
    *a = (struct async){.call = call, .closed = call->client_closed};
    lua_newtable(L);
    lua_setiuservalue(L, -2, ON_CLOSE);
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->app->async_meta);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    a->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    call->async = a;
}

struct call *async_call(lua_State *L, int idx)
{
    const struct async *a = lua_touserdata(L, idx);
    return a->call;
}

enum async_state async_state(const struct call *call)
{
    return call->async ? call->async->state : ASYNC_NONE;
}

/* ---- async.callback ---- */

/* (status, headers, body ...) or ({status, headers, body}) -> true; nil and
 * why when the answer is not wanted. Upvalue: the handle. */
static int answer(lua_State *L)
{
    struct async *a = lua_touserdata(L, lua_upvalueindex(1));
    if (!a->call || a->state != ASYNC_OPEN) {
        result_discard(L);
        lua_pushnil(L);
        if (a->state == ASYNC_OPEN)
            lua_pushliteral(L, "the client has gone");
        else
            lua_pushliteral(L, "the request has its answer");
        return 2;
    }
    int n = lua_gettop(L);
    lua_createtable(L, n, 1);
    lua_insert(L, 1);
    for (int i = n; i >= 1; i--)
        lua_rawseti(L, 1, i);
    lua_pushinteger(L, n);
    lua_setfield(L, 1, "n");
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_setiuservalue(L, 1, ANSWER);
    a->state = ASYNC_GIVEN;
    a->call->start.driver->wake(a->call->start.driver_arg);
    lua_pushboolean(L, 1);
    return 1;
}

static bool offered(lua_State *L, const struct call *call)
{
    if (call && app_of(L)->identity.async)
        return true;
    lua_pushnil(L);
    return false;
}

void async_push_callback(lua_State *L, struct call *call)
{
    if (!offered(L, call))
        return;
    async_push(L, call);
    if (call->async->state == ASYNC_NONE)
        call->async->state = call->answered ? ASYNC_TAKEN : ASYNC_OPEN;
    lua_pushcclosure(L, answer, 1);
}

void async_answered(struct call *call)
{
    if (async_state(call) == ASYNC_OPEN)
        call->async->state = ASYNC_TAKEN;
}

/* Pushes the values of the answer of the handle at the top, which it pops. */
static void push_answer(lua_State *L)
{
    lua_getiuservalue(L, -1, ANSWER);
    lua_pushnil(L);
    lua_setiuservalue(L, -3, ANSWER);
    lua_remove(L, -2); /* [values] */
    int values = lua_gettop(L);
    lua_getfield(L, values, "n");
    lua_Integer n = lua_tointeger(L, -1);
    lua_pop(L, 1);
    luaL_checkstack(L, (int)n, "too many values for async.callback");
    for (lua_Integer i = 1; i <= n; i++)
        lua_rawgeti(L, values, i);
    lua_remove(L, values);
}

void async_take(lua_State *L, struct call *call)
{
    call->async->state = ASYNC_TAKEN;
    async_push(L, call);
    push_answer(L);
}

/* ---- async.close ---- */

static struct async *check(lua_State *L)
{
    struct async *a = lua_touserdata(L, 1);
    if (a && lua_getmetatable(L, 1)) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, app_of(L)->async_meta);
        bool ours = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
        if (ours)
            return a;
    }
    luaL_argerror(L, 1, "expected async.close (call it with \":\")");
    return NULL;
}

/* callback(fn) -> the handle; at once when it has closed already */
static int on_close(lua_State *L)
{
    const struct async *a = check(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    if (a->closed) {
        lua_call(L, 0, 0);
        return 1;
    }
    lua_getiuservalue(L, 1, ON_CLOSE); /* [handle, fn, functions] */
    lua_insert(L, 2);
    lua_rawseti(L, 2, (lua_Integer)lua_rawlen(L, 2) + 1);
    lua_settop(L, 1);
    return 1;
}

/* errback(fn) -> the handle; closing never fails */
static int on_failure(lua_State *L)
{
    check(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 1);
    return 1;
}

int async_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"callback", on_close}, {"errback", on_failure}, {NULL, NULL}};
    lua_newtable(L);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "async.close");
    lua_setfield(L, -2, "__name");
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

void async_push_close(lua_State *L, struct call *call)
{
    if (offered(L, call))
        async_push(L, call);
}

void async_closed(struct call *call)
{
    struct app *app = call->app;
    lua_State *L = app->L;
    struct async *a = call->async;
    call->client_closed = true; /* and whoever asks later is told at once */
    if (!a || a->closed)
        return;
    a->closed = true;
    lua_rawgeti(L, LUA_REGISTRYINDEX, a->ref);
    lua_getiuservalue(L, -1, ON_CLOSE); /* [handle, functions] */
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        app_protected(app, 0, "async.close");
    }
    lua_pop(L, 2);
}

/* (handle) */
static int discard_answer(lua_State *L)
{
    push_answer(L);
    result_discard(L);
    return 0;
}

void async_over(struct call *call)
{
    struct async *a = call->async;
    if (!a)
        return;
    struct app *app = call->app;
    lua_State *L = app->L;
    async_closed(call);
    a->call = NULL;
    call->async = NULL;
    if (a->state == ASYNC_GIVEN) {
        lua_pushcfunction(L, discard_answer);
        lua_rawgeti(L, LUA_REGISTRYINDEX, a->ref);
        app_protected(app, 1, "async.callback");
    }
    luaL_unref(L, LUA_REGISTRYINDEX, a->ref);
}
