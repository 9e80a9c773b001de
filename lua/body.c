/* SPDX-License-Identifier: MIT */
/*
 * Response bodies: which kinds there are, and closing them. A body is pulled:
 * it runs in the call's coroutine and stops there (coro_yield) until the
 * client has taken what it gave, so no client makes the server buffer without
 * bound.
 */
#include "lua/body.h"

#include <lauxlib.h>

#include "lua/state.h"

static bool empty_matches(lua_State *L)
{
    return !lua_toboolean(L, BODY);
}

static int64_t empty_length(lua_State *L, struct call *call)
{
    (void)L;
    (void)call;
    return 0;
}

static int empty_send(lua_State *L, struct call *call)
{
    (void)L;
    (void)call;
    return 0;
}

static const struct body_kind body_empty = {
    .name = "nil",
    .matches = empty_matches,
    .length = empty_length,
    .send = empty_send,
};

static const struct body_kind *const kinds[] = {
    &body_string, &body_empty,      &body_function,
    &body_file,   &body_deferrable, &body_array,
};

const struct body_kind *body_find(lua_State *L)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i]->matches(L))
            return kinds[i];
    luaL_error(L,
               "the app's body is a %s: expected nil, a string, a function, "
               "a file handle, a deferrable or an array of strings",
               luaL_typename(L, BODY));
    return NULL;
}

static bool is_closable(lua_State *L, int idx)
{
    int type = lua_type(L, idx);
    if (type != LUA_TTABLE && type != LUA_TUSERDATA)
        return false;
    if (luaL_getmetafield(L, idx, "__close") != LUA_TNIL) {
        lua_pop(L, 1);
        return true;
    }
    if (type == LUA_TUSERDATA &&
        luaL_getmetafield(L, idx, "__index") == LUA_TNIL)
        return false;
    bool closable = lua_getfield(L, idx, "close") == LUA_TFUNCTION;
    lua_pop(L, type == LUA_TUSERDATA ? 2 : 1);
    return closable;
}

void body_note_closers(lua_State *L, struct call *call)
{
    static const int places[CLOSE_COUNT] = {
        [CLOSE_BODY] = BODY, [CLOSE_VALUE] = BODY_CLOSING};
    for (int i = 0; i < CLOSE_COUNT; i++) {
        if (!is_closable(L, places[i]))
            continue;
        if (i != CLOSE_BODY && lua_rawequal(L, BODY, places[i]))
            continue; /* noted already */
        lua_pushvalue(L, places[i]);
        call->close[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
}

/* (value): its close method, else its __close. A file handle may have been
 * closed by the app, which its __close tolerates and its method does not. */
static int close_value(lua_State *L)
{
    bool file = luaL_testudata(L, 1, LUA_FILEHANDLE) != NULL;
    if (!file && (lua_istable(L, 1) || lua_isuserdata(L, 1)) &&
        (lua_istable(L, 1) || luaL_getmetafield(L, 1, "__index") != LUA_TNIL) &&
        lua_getfield(L, 1, "close") == LUA_TFUNCTION) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 0);
    } else if (luaL_getmetafield(L, 1, "__close") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_pushnil(L);
        lua_call(L, 2, 0);
    }
    return 0;
}

void body_close(struct call *call)
{
    lua_State *L = call->app->L;
    for (int i = 0; i < CLOSE_COUNT; i++) {
        int ref = call->close[i];
        if (ref == LUA_NOREF)
            continue;
        call->close[i] = LUA_NOREF;
        lua_pushcfunction(L, close_value);
        lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
        luaL_unref(L, LUA_REGISTRYINDEX, ref);
        app_protected(call->app, 1, "closing the body failed");
    }
}

void body_discard(lua_State *L)
{
    static const int places[] = {BODY, BODY_CLOSING};
    for (int i = 0; i < 2; i++) {
        if (!is_closable(L, places[i]) ||
            (i && lua_rawequal(L, BODY, BODY_CLOSING)))
            continue;
        lua_pushcfunction(L, close_value);
        lua_pushvalue(L, places[i]);
        lua_call(L, 1, 0);
    }
}
