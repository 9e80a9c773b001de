/* SPDX-License-Identifier: MIT */
/*
 * The environment that config files run in: strict about names, since a
 * directive with a misspelt name must not pass for something harmless. It is a
 * table of its own and not _G made strict, because modules that a config
 * requires may well ask for globals that do not exist.
 */
#include "config/fence.h"

#include <string.h>

#include <lauxlib.h>

#include "config/config.h"
#include "config/luaerr.h"

/* Counts the table's names and, when names is not NULL, stores them there. The
 * strings live as long as the table keeps them. */
static size_t gather(lua_State *L, int table, const char **names)
{
    size_t n = 0;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        if (lua_type(L, -2) == LUA_TSTRING) {
            if (names)
                names[n] = lua_tostring(L, -2);
            n++;
        }
        lua_pop(L, 1);
    }
    return n;
}

/* The table's name that is nearest to word, or NULL. */
static const char *nearest_in(lua_State *L, int table, const char *word)
{
    size_t n = gather(L, table, NULL);
    const char **names = lua_newuserdatauv(L, (n + 1) * sizeof *names, 0);
    gather(L, table, names);
    names[n] = NULL;
    return config_nearest(word, names);
}

/* env, name; upvalues: directives, globals */
static int read_name(lua_State *L)
{
    for (int i = 1; i <= 2; i++) {
        lua_pushvalue(L, 2);
        if (lua_rawget(L, lua_upvalueindex(i)) != LUA_TNIL)
            return 1;
        lua_pop(L, 1);
    }
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0; /* _ENV[1] is nobody's mistake */
    const char *name = lua_tostring(L, 2);
    const char *nearest = nearest_in(L, lua_upvalueindex(1), name);
    if (nearest)
        luaerr_raise(L, "%s: no such directive; did you mean %s?", name,
                     nearest);
    nearest = nearest_in(L, 1, name);
    if (!nearest)
        nearest = nearest_in(L, lua_upvalueindex(2), name);
    if (nearest)
        luaerr_raise(L, "%s: no such name; did you mean %s?", name, nearest);
    luaerr_raise(L, "%s: no such directive; rainbows --help-config lists them",
                 name);
}

/* env, name, value; upvalue: directives */
static int write_name(lua_State *L)
{
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
        const char *name = lua_tostring(L, 2);
        luaerr_raise(L, "%s: a directive is called, not assigned to: %s(...)",
                     name, name);
    }
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
}

static void set_environment(lua_State *L, int function, int env)
{
    lua_pushvalue(L, env);
    if (!lua_setupvalue(L, function, 1))
        lua_pop(L, 1);
}

/* path; upvalue: env */
static int fenced_dofile(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    if (luaL_loadfilex(L, path, "t") != LUA_OK)
        lua_error(L);
    set_environment(L, lua_gettop(L), lua_upvalueindex(1));
    lua_call(L, 0, LUA_MULTRET);
    return lua_gettop(L) - 1;
}

/* load and loadfile: the original with env for the argument left out.
 * Upvalues: env, the original, the argument's position */
static int fenced_load(lua_State *L)
{
    int position = (int)lua_tointeger(L, lua_upvalueindex(3));
    if (lua_gettop(L) < position) {
        lua_settop(L, position - 1);
        lua_pushvalue(L, lua_upvalueindex(1));
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static void set_fenced_load(lua_State *L, int env, const char *name,
                            int position)
{
    lua_pushvalue(L, env);
    lua_getglobal(L, name);
    lua_pushinteger(L, position);
    lua_pushcclosure(L, fenced_load, 3);
    lua_setfield(L, env, name);
}

void fence_keep(lua_State *L)
{
    luaL_checkstack(L, 8, NULL);
    int env = lua_gettop(L);
    lua_pushvalue(L, env);
    lua_setfield(L, env, "_G");
    lua_pushvalue(L, env);
    lua_pushcclosure(L, fenced_dofile, 1);
    lua_setfield(L, env, "dofile");
    set_fenced_load(L, env, "load", 4);
    set_fenced_load(L, env, "loadfile", 3);
}

void fence_push(lua_State *L)
{
    luaL_checkstack(L, 8, NULL);
    int names = lua_gettop(L);
    lua_newtable(L); /* names env */
    int env = names + 1;
    fence_keep(L);
    lua_createtable(L, 0, 2); /* names env meta */
    lua_pushvalue(L, names);
    lua_pushglobaltable(L);
    lua_pushcclosure(L, read_name, 2);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, names);
    lua_pushcclosure(L, write_name, 1);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, env);
    lua_replace(L, names);
}

void fence_load(lua_State *L, const char *text, size_t size, const char *path)
{
    if (size && text[0] == LUA_SIGNATURE[0]) {
        lua_pushfstring(L, "%s: this is compiled Lua; the text is needed",
                        path);
        luaerr_raise_plain(L);
    }
    lua_pushfstring(L, "@%s", path);
    if (luaL_loadbufferx(L, text, size, lua_tostring(L, -1), "t") != LUA_OK)
        luaerr_raise_plain(L);
    set_environment(L, lua_gettop(L), lua_gettop(L) - 2);
    lua_replace(L, -3);
    lua_pop(L, 1);
}
