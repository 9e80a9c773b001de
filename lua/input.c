/* SPDX-License-Identifier: MIT */
/*
 * rack.input: the request's body, read like one of Lua's files. What has been
 * received is kept (in memory, or in an unlinked file when it is large), so
 * rewind() always works. In models that stream the rest may still be on its
 * way: a read that needs more of it waits. A body that will never be whole is
 * an error, so that a cut upload cannot pass for a small one.
 */
#include "lua/input.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <lauxlib.h>

#include "base/spool.h"
#include "lua/coro.h"
#include "lua/state.h"

struct input {
    struct call *call;      /* borrowed, like the next; NULL when it is over */
    struct call_body *body; /* NULL: there is none, or no more */
    int64_t at;             /* where the next read begins */
    int64_t searched;       /* no line ends between at and this */
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

static int64_t received(const struct input *in)
{
    return in->body ? in->body->bytes.size : 0;
}

/* ---- waiting for more ---- */

static bool has_line(lua_State *L, struct input *in)
{
    char bytes[LINE_STEP];
    if (in->searched < in->at)
        in->searched = in->at;
    for (;;) {
        ssize_t got =
            spool_read(&in->body->bytes, in->searched, bytes, sizeof bytes);
        if (got < 0)
            read_failed(L);
        if (got <= 0)
            return false;
        if (memchr(bytes, '\n', (size_t)got))
            return true;
        in->searched += got;
    }
}

/* Is there enough to read the format at idx? */
static bool has_format(lua_State *L, struct input *in, int idx)
{
    if (lua_type(L, idx) == LUA_TNUMBER) {
        lua_Integer n = luaL_checkinteger(L, idx);
        return received(in) - in->at >= (n ? n : 1); /* 0 asks: any more? */
    }
    const char *format = luaL_checkstring(L, idx);
    format += *format == '*';
    if (*format == 'l' || *format == 'L')
        return has_line(L, in);
    return *format != 'a'; /* it is refused at once */
}

static bool must_wait(lua_State *L, struct input *in, int idx)
{
    if (!in->body || in->body->complete || has_format(L, in, idx))
        return false;
    if (in->body->trouble)
        luaL_error(L, "rack.input: %s", in->body->trouble);
    return true;
}

/* More is to come. False: only after a coro_yield(CALL_INPUT). True: it has
 * been waited for, here. */
static bool wait_here(lua_State *L, const struct input *in)
{
    struct call *call = in->call;
    if (app_of(L)->running != call)
        luaL_error(L, "rack.input is read by another request's call");
    if (coro_can_yield(L))
        return false;
    if (call->app->identity.waits_in_call)
        coro_warn(L);
    call->start.driver->receive(call->start.driver_arg);
    return true;
}

/* ---- reading ---- */

/* Pushes up to n bytes, or nil at the end (never for n = 0). */
static void push_bytes(lua_State *L, struct input *in, int64_t n)
{
    int64_t left = received(in) - in->at;
    if (left <= 0 && n > 0) {
        lua_pushnil(L);
        return;
    }
    size_t want = (size_t)(n < left ? n : left);
    luaL_Buffer b;
    char *into = luaL_buffinitsize(L, &b, want);
    size_t have = 0;
    while (have < want) {
        ssize_t got =
            spool_read(&in->body->bytes, in->at, into + have, want - have);
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
    if (in->at >= received(in)) {
        lua_pushnil(L);
        return;
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (;;) {
        char *into = luaL_prepbuffsize(&b, LINE_STEP);
        ssize_t got = spool_read(&in->body->bytes, in->at, into, LINE_STEP);
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
        if (n == 0 && in->at >= received(in))
            lua_pushnil(L);
        else
            push_bytes(L, in, n);
        return;
    }
    const char *format = luaL_checkstring(L, idx);
    format += *format == '*';
    if (*format == 'a' && in->at >= received(in))
        lua_pushliteral(L, "");
    else if (*format == 'a')
        push_bytes(L, in, received(in));
    else if (*format == 'l' || *format == 'L')
        push_line(L, in, *format == 'L');
    else
        luaL_argerror(L, idx, "expected a number, \"a\", \"l\" or \"L\"");
}

/* The stack holds the input, formats up to place ctx, and behind them what
 * was read; goes on with the next format. Results stop at the first nil. */
static int read_on(lua_State *L, int status, lua_KContext last)
{
    (void)status;
    struct input *in = check(L);
    luaL_checkstack(L, (int)last + 8, "too many formats");
    for (int i = lua_gettop(L) - (int)last + 2; i <= last; i++) {
        while (must_wait(L, in, i))
            if (!wait_here(L, in))
                return coro_yield(L, CALL_INPUT, read_on, last);
        push_format(L, in, i);
        if (lua_isnil(L, -1))
            break;
    }
    return lua_gettop(L) - (int)last;
}

/* read([format...]): no format reads a line, as Lua's files do. */
static int input_read(lua_State *L)
{
    check(L);
    if (lua_gettop(L) == 1)
        lua_pushliteral(L, "l");
    return read_on(L, LUA_OK, lua_gettop(L));
}

static int next_line(lua_State *L)
{
    int n = (int)lua_tointeger(L, lua_upvalueindex(1));
    lua_settop(L, 0);
    luaL_checkstack(L, n + 1, "too many formats");
    lua_pushvalue(L, lua_upvalueindex(2));
    for (int i = 1; i <= n; i++)
        lua_pushvalue(L, lua_upvalueindex(2 + i));
    return read_on(L, LUA_OK, n + 1);
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
    struct input *in = check(L);
    in->at = in->searched = 0;
    lua_pushboolean(L, 1);
    return 1;
}

/* Nothing more will be read: what has come is let go of. */
static int input_close_method(lua_State *L)
{
    struct input *in = check(L);
    if (in->body && in->body->complete)
        spool_fini(&in->body->bytes);
    input_close(L, 1);
    lua_pushboolean(L, 1);
    return 1;
}

/* input.length: the body's size in bytes. When nobody knows it yet, it is when
 * all has come. */
static int push_length(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    const struct input *in = check(L);
    const struct call_body *body = in->body;
    while (body && !body->complete && body->length < 0) {
        if (body->trouble)
            return luaL_error(L, "rack.input: %s", body->trouble);
        if (!wait_here(L, in))
            return coro_yield(L, CALL_INPUT, push_length, ctx);
    }
    bool whole = !body || body->complete;
    lua_pushinteger(L, whole ? received(in) : body->length);
    return 1;
}

static int input_index(lua_State *L)
{
    check(L);
    const char *key = lua_tostring(L, 2);
    if (key && strcmp(key, "length") == 0)
        return push_length(L, LUA_OK, 0);
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
    lua_pushliteral(L, "rack.input");
    lua_setfield(L, -2, "__name");
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

void input_push(lua_State *L, struct call *call)
{
    struct input *in = lua_newuserdatauv(L, sizeof *in, 0);
    *in = (struct input){.call = call};
    if (call)
        in->body = call->start.body;
    lua_rawgeti(L, LUA_REGISTRYINDEX, app_of(L)->input_meta);
    lua_setmetatable(L, -2);
}

void input_close(lua_State *L, int idx)
{
    struct input *in = lua_touserdata(L, idx);
    *in = (struct input){0};
}
