/* SPDX-License-Identifier: MIT */
/*
 * rack.input: the request's body, read like one of Lua's files. The body has
 * been received before the call (in memory, or in an unlinked file when it is
 * large), so reading never waits and rewind() always works.
 */
#include "lua/input.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <lauxlib.h>

#include "base/spool.h"
#include "lua/state.h"

struct input {
    struct spool body; /* owned */
    int64_t at;        /* where the next read begins */
};

enum {
    LINE_STEP = 4096
};

static struct input *check(lua_State *L)
{
    struct input *in = lua_touserdata(L, 1);
    if (in && lua_getmetatable(L, 1)) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, app_of(L)->input_meta);
        bool ours = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
        if (ours)
            return in;
    }
    luaL_argerror(L, 1, "expected rack.input (call it with \":\")");
    return NULL;
}

static int read_failed(lua_State *L)
{
    return luaL_error(L, "rack.input: the temporary file cannot be read");
}

/* Pushes up to n bytes, or nil at the end (never for n = 0). */
static void push_bytes(lua_State *L, struct input *in, int64_t n)
{
    int64_t left = in->body.size - in->at;
    if (left <= 0 && n > 0) {
        lua_pushnil(L);
        return;
    }
    size_t want = (size_t)(n < left ? n : left);
    luaL_Buffer b;
    char *into = luaL_buffinitsize(L, &b, want);
    size_t have = 0;
    while (have < want) {
        ssize_t got = spool_read(&in->body, in->at, into + have, want - have);
        if (got <= 0) {
            read_failed(L);
            return;
        }
        have += (size_t)got;
        in->at += got;
    }
    luaL_pushresultsize(&b, want);
}

/* Pushes the next line, or nil at the end. */
static void push_line(lua_State *L, struct input *in, bool keep_end)
{
    if (in->at >= in->body.size) {
        lua_pushnil(L);
        return;
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (;;) {
        char *into = luaL_prepbuffsize(&b, LINE_STEP);
        ssize_t got = spool_read(&in->body, in->at, into, LINE_STEP);
        if (got < 0)
            read_failed(L);
        char *end = got > 0 ? memchr(into, '\n', (size_t)got) : NULL;
        size_t used = end ? (size_t)(end - into) + 1 : (size_t)got;
        in->at += (int64_t)used;
        luaL_addsize(&b, end && !keep_end ? used - 1 : used);
        if (end || got == 0)
            break;
    }
    luaL_pushresult(&b);
}

/* One format of Lua's file:read: n, "a", "l", "L", an old "*" ignored. */
static void push_format(lua_State *L, struct input *in, int idx)
{
    if (lua_type(L, idx) == LUA_TNUMBER) {
        lua_Integer n = luaL_checkinteger(L, idx);
        luaL_argcheck(L, n >= 0, idx, "expected 0 bytes or more");
        if (n == 0 && in->at >= in->body.size)
            lua_pushnil(L);
        else
            push_bytes(L, in, n);
        return;
    }
    const char *format = luaL_checkstring(L, idx);
    format += *format == '*';
    if (*format == 'a' && in->at >= in->body.size)
        lua_pushliteral(L, "");
    else if (*format == 'a')
        push_bytes(L, in, in->body.size);
    else if (*format == 'l' || *format == 'L')
        push_line(L, in, *format == 'L');
    else
        luaL_argerror(L, idx, "expected a number, \"a\", \"l\" or \"L\"");
}

/* Formats at first..last; results stop at the first nil. */
static int read_formats(lua_State *L, struct input *in, int first, int last)
{
    luaL_checkstack(L, last - first + 8, "too many formats");
    int n = 0;
    for (int i = first; i <= last; i++) {
        push_format(L, in, i);
        n++;
        if (lua_isnil(L, -1))
            break;
    }
    return n;
}

/* read([format...]): no format reads a line, as Lua's files do. */
static int input_read(lua_State *L)
{
    struct input *in = check(L);
    if (lua_gettop(L) == 1) {
        push_line(L, in, false);
        return 1;
    }
    return read_formats(L, in, 2, lua_gettop(L));
}

static int next_line(lua_State *L)
{
    int n = (int)lua_tointeger(L, lua_upvalueindex(1));
    lua_settop(L, 0);
    luaL_checkstack(L, n + 1, "too many formats");
    lua_pushvalue(L, lua_upvalueindex(2));
    for (int i = 1; i <= n; i++)
        lua_pushvalue(L, lua_upvalueindex(2 + i));
    return read_formats(L, check(L), 2, n + 1);
}

/* lines([format...]) -> an iterator */
static int input_lines(lua_State *L)
{
    check(L);
    if (lua_gettop(L) == 1)
        lua_pushliteral(L, "l");
    int n = lua_gettop(L) - 1;
    luaL_argcheck(L, n <= 200, 202, "too many formats");
    lua_pushinteger(L, n);
    lua_insert(L, 1);
    lua_pushcclosure(L, next_line, n + 2);
    return 1;
}

static int input_rewind(lua_State *L)
{
    check(L)->at = 0;
    lua_pushboolean(L, 1);
    return 1;
}

static int input_close_method(lua_State *L)
{
    check(L);
    input_close(L, 1);
    lua_pushboolean(L, 1);
    return 1;
}

static int input_gc(lua_State *L)
{
    input_close(L, 1);
    return 0;
}

/* input.length is the body's size in bytes; the rest are methods. */
static int input_index(lua_State *L)
{
    const struct input *in = check(L);
    const char *key = lua_tostring(L, 2);
    if (key && strcmp(key, "length") == 0) {
        lua_pushinteger(L, in->body.size);
        return 1;
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    return 1;
}

int input_open(lua_State *L)
{
    static const luaL_Reg methods[] = {{"read", input_read},
                                       {"lines", input_lines},
                                       {"rewind", input_rewind},
                                       {"close", input_close_method},
                                       {NULL, NULL}};
    lua_newtable(L); /* metatable */
    luaL_newlib(L, methods);
    lua_pushcclosure(L, input_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, input_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, "rack.input");
    lua_setfield(L, -2, "__name");
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

void input_push(lua_State *L, struct spool *body)
{
    struct input *in = lua_newuserdatauv(L, sizeof *in, 0);
    *in = (struct input){.body = SPOOL_INIT};
    lua_rawgeti(L, LUA_REGISTRYINDEX, app_of(L)->input_meta);
    lua_setmetatable(L, -2);
    if (body) {
        in->body = *body;
        *body = SPOOL_INIT;
    }
}

void input_close(lua_State *L, int idx)
{
    struct input *in = lua_touserdata(L, idx);
    spool_fini(&in->body);
    in->at = 0;
}
