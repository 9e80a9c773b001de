/* SPDX-License-Identifier: MIT */
/*
 * rack.errors and rack.logger: the app's words in the server's log.
 */
#include "lua/logger.h"

#include <lauxlib.h>

#include "base/log.h"

/* errors:write(...): one log line of all arguments; returns the object. */
static int errors_write(lua_State *L)
{
    int n = lua_gettop(L);
    size_t len;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addstring(&b, "rack.errors: ");
    for (int i = 2; i <= n; i++) {
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    const char *text = lua_tolstring(L, -1, &len);
    log_text(LOG_ERROR, text, len);
    lua_settop(L, 1);
    return 1;
}

static int errors_flush(lua_State *L)
{
    lua_settop(L, 1);
    return 1;
}

static int log_at(lua_State *L)
{
    lua_Integer level = lua_tointeger(L, lua_upvalueindex(1));
    size_t len;
    const char *text = luaL_tolstring(L, 2, &len);
    log_text((enum log_level)level, text, len);
    return 0;
}

int logger_open_errors(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"write", errors_write}, {"flush", errors_flush}, {NULL, NULL}};
    luaL_newlib(L, methods);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

int logger_open(lua_State *L)
{
    lua_newtable(L);
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        lua_pushinteger(L, level);
        lua_pushcclosure(L, log_at, 1);
        lua_setfield(L, -2, log_level_name((enum log_level)level));
    }
    return luaL_ref(L, LUA_REGISTRYINDEX);
}
