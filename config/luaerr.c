/* SPDX-License-Identifier: MIT */
/*
 * Errors of the config's Lua code, from where they are raised to the text in
 * a struct err. What the table's kinds and the fence find wrong is told in one
 * line, place first; anything else gets a traceback too.
 */
#include "config/luaerr.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>

#include "base/err.h"
#include "config/interrupt.h"

/* Its address is the key, in the registry, of the message that needs no
 * traceback. */
static const char plain;

int luaerr_line(lua_State *L, lua_Debug *ar)
{
    memset(ar, 0, sizeof *ar);
    for (int level = 0; lua_getstack(L, level, ar); level++) {
        lua_getinfo(L, "Sl", ar);
        if (ar->currentline > 0)
            return ar->currentline;
    }
    return 0;
}

static const char *push_place(lua_State *L, lua_Debug *ar)
{
    int line = luaerr_line(L, ar);
    if (!line)
        return lua_pushliteral(L, "");
    /* Not short_src, which cuts long paths. */
    const char *file = ar->source[0] == '@' ? ar->source + 1 : ar->short_src;
    return lua_pushfstring(L, "%s:%d", file, line);
}

const char *luaerr_push_place(lua_State *L)
{
    lua_Debug ar;
    return push_place(L, &ar);
}

void luaerr_raise_plain(lua_State *L)
{
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &plain);
    lua_error(L);
    __builtin_unreachable();
}

void luaerr_raise(lua_State *L, const char *fmt, ...)
{
    luaL_checkstack(L, 8, NULL);
    lua_Debug ar;
    if (*push_place(L, &ar))
        lua_pushliteral(L, ": ");
    else
        lua_pushliteral(L, "");
    va_list ap;
    va_start(ap, fmt);
    lua_pushvfstring(L, fmt, ap);
    va_end(ap);
    lua_concat(L, 3);
    if (ar.what && strcmp(ar.what, "main") == 0)
        luaerr_raise_plain(L);
    lua_error(L);
    __builtin_unreachable();
}

/* The message handler: leaves a text with its traceback. */
static int add_traceback(lua_State *L)
{
    lua_settop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &plain);
    if (lua_rawequal(L, 1, 2) && lua_isstring(L, 1)) {
        lua_settop(L, 1);
        return 1;
    }
    lua_settop(L, 1);
    if (lua_type(L, 1) != LUA_TSTRING) {
        if (!luaL_callmeta(L, 1, "__tostring") ||
            lua_type(L, -1) != LUA_TSTRING)
            lua_pushfstring(L, "the error is not a text but a %s value",
                            luaL_typename(L, 1));
    }
    luaL_traceback(L, L, lua_tostring(L, -1), 1);
    return 1;
}

void luaerr_write_stack(lua_State *L, int fd)
{
    enum {
        LEVELS = 30
    };
    lua_Debug ar;
    for (int i = 0; i < LEVELS && lua_getstack(L, i, &ar); i++) {
        char line[256];
        lua_getinfo(L, "Sl", &ar);
        int n = snprintf(line, sizeof line, "    %s:%d\n", ar.short_src,
                         ar.currentline);
        ssize_t wrote = write(fd, line, (size_t)n);
        (void)wrote;
    }
}

int luaerr_pcall(lua_State *L, lua_CFunction function, void *pointer,
                 struct err *err)
{
    lua_pushcfunction(L, add_traceback);
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, pointer);
    int handler = lua_gettop(L) - 2;
    interrupt_begin(L);
    int status = lua_pcall(L, 1, 0, handler);
    interrupt_end();
    if (status != LUA_OK) {
        bool text = lua_type(L, -1) == LUA_TSTRING;
        err_set(err, "%s", text ? lua_tostring(L, -1) : "unknown error");
    }
    lua_settop(L, handler - 1);
    return status == LUA_OK ? 0 : -1;
}
