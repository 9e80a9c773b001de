/* SPDX-License-Identifier: MIT */
/*
 * Waiting inside app code. A wait is a yield that carries a tag. The app has
 * coroutines of its own, and a plain coroutine.wrap would take our yield for
 * one of its values; so resume and wrap are replaced by functions that know
 * the tag: they leave the inner coroutine as it is, pass the tag up to their
 * own caller, and resume the inner one when the wait is over.
 *
 * coroutine.status() of a coroutine that waits so says "suspended".
 */
#include "lua/coro.h"

#include <math.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wait.h"
#include "lua/state.h"

static char tag;

enum {
    AS_RESUME,
    AS_WRAP
};

static int drive(lua_State *L, lua_State *co, int args, int as);

bool coro_is_ours(lua_State *co, int n)
{
    return n == 1 && lua_touserdata(co, -1) == &tag;
}

int coro_yield(lua_State *L, enum call_status why, lua_KFunction k,
               lua_KContext ctx)
{
    if (!app_of(L)->running)
        return luaL_error(L, "this waits, and no call is running");
    app_of(L)->running->why = why;
    lua_pushlightuserdata(L, &tag);
    return lua_yieldk(L, 1, ctx, k);
}

int64_t seconds_check(lua_State *L, int arg)
{
    lua_Number seconds = luaL_checknumber(L, arg);
    luaL_argcheck(L, seconds >= 0 && isfinite(seconds), arg,
                  "expected seconds, 0 or more");
    if (seconds > 1e9)
        seconds = 1e9;
    return (int64_t)(seconds * (lua_Number)CLOCK_SECOND);
}

bool coro_can_yield(lua_State *L)
{
    return lua_isyieldable(L) && !app_of(L)->no_wait;
}

void coro_warn(lua_State *L)
{
    struct app *app = app_of(L);
    if (!app->warned)
        log_warn("a wait inside a function that cannot yield (require, "
                 "table.sort, string.gsub, __tostring) blocks every client "
                 "of this thread; this is said once");
    app->warned = true;
}

/* In a model that does not wait inside calls only the body's time is shared,
 * and only where Lua can yield. */
static bool can_wait(lua_State *L, struct app *app)
{
    struct call *call = app->running;
    if (!call || !(call->answered || app->identity.waits_in_call))
        return false;
    if (coro_can_yield(L))
        return true;
    coro_warn(L);
    return false;
}

int coro_wait(lua_State *L, const struct wait *wait, lua_KFunction k,
              lua_KContext ctx)
{
    struct app *app = app_of(L);
    if (can_wait(L, app)) {
        app->running->wait = *wait;
        return coro_yield(L, CALL_WAITS, k, ctx);
    }
    wait_block_unless(wait, &app->late);
    return k ? k(L, LUA_OK, ctx) : 0;
}

/* The wait that was passed up is over: the inner coroutine goes on. */
static int drive_on(lua_State *L, int status, lua_KContext as)
{
    (void)status;
    lua_State *co = lua_tothread(L, as == AS_WRAP ? lua_upvalueindex(1) : 1);
    return drive(L, co, 0, (int)as);
}

/* What is closed there runs the app's code. */
static int reset(lua_State *L, lua_State *co)
{
    struct app *app = app_of(L);
    struct active inner;
    active_push(app, &inner, co);
    int status = lua_resetthread(co);
    active_pop(app, &inner);
    if (app->late)
        interrupt_arm(L);
    return status;
}

static int drive_failed(lua_State *L, lua_State *co, int as)
{
    if (as == AS_RESUME) {
        lua_xmove(co, L, 1); /* nothing, when L tried to resume itself */
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
    }
    int status = lua_status(co);
    if (status != LUA_OK && status != LUA_YIELD) {
        status = reset(L, co);
        lua_xmove(co, L, 1);
    } else {
        lua_xmove(co, L, 1);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int drive(lua_State *L, lua_State *co, int args, int as)
{
    struct app *app = app_of(L);
    int blind = lua_isyieldable(L) ? 0 : 1;
    app->no_wait += blind;
    int n;
    struct active inner;
    active_push(app, &inner, co);
    int status = lua_resume(co, L, args, &n);
    active_pop(app, &inner);
    if (app->top)
        app->top->co = L; /* who resumed L may be C code that we do not know */
    app->no_wait -= blind;
    if (app->late)
        interrupt_arm(L);
    if (status == LUA_YIELD && coro_is_ours(co, n)) {
        lua_xmove(co, L, n);
        return lua_yieldk(L, n, as, drive_on);
    }
    if (status != LUA_OK && status != LUA_YIELD)
        return drive_failed(L, co, as);
    if (!lua_checkstack(L, n + 1)) {
        lua_pop(co, n);
        lua_pushliteral(L, "too many results to resume");
        lua_xmove(L, co, 1); /* nothing is protected in co: it has stopped */
        return drive_failed(L, co, as);
    }
    if (as == AS_RESUME)
        lua_pushboolean(L, 1);
    lua_xmove(co, L, n);
    return as == AS_RESUME ? n + 1 : n;
}

static int resume(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTHREAD);
    lua_State *co = lua_tothread(L, 1);
    int args = lua_gettop(L) - 1;
    if (!lua_checkstack(co, args)) {
        lua_pushboolean(L, 0);
        lua_pushliteral(L, "too many arguments to resume");
        return 2;
    }
    lua_xmove(L, co, args);
    return drive(L, co, args, AS_RESUME);
}

static int wrapped(lua_State *L)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int args = lua_gettop(L);
    if (!lua_checkstack(co, args))
        return luaL_error(L, "too many arguments to resume");
    lua_xmove(L, co, args);
    return drive(L, co, args, AS_WRAP);
}

static int close_coroutine(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTHREAD);
    lua_State *co = lua_tothread(L, 1);
    lua_Debug ar;
    if (co == L)
        return luaL_error(L, "cannot close a running coroutine");
    if (lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar))
        return luaL_error(L, "cannot close a normal coroutine");
    if (reset(L, co) == LUA_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushboolean(L, 0);
    lua_xmove(co, L, 1);
    return 2;
}

static int wrap(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L); /* [f, co] */
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, wrapped, 1);
    return 1;
}

/* ---- tracebacks ---- */

/* The coroutine in which L waits, having resumed it, or NULL. */
static lua_State *inner_of(lua_State *L)
{
    lua_Debug ar;
    lua_State *inner = NULL;
    if (lua_status(L) != LUA_YIELD || !lua_getstack(L, 0, &ar) ||
        !lua_checkstack(L, 2))
        return NULL;
    int top = lua_gettop(L);
    lua_getinfo(L, "f", &ar);
    lua_CFunction function = lua_tocfunction(L, -1);
    if ((function == resume && lua_getlocal(L, &ar, 1)) ||
        (function == wrapped && lua_getupvalue(L, -1, 1)))
        inner = lua_tothread(L, -1);
    lua_settop(L, top);
    return inner;
}

void coro_add_traceback(lua_State *L, lua_State *co)
{
    luaL_traceback(L, co, NULL, 0); /* [text, traceback] */
    const char *levels = strchr(lua_tostring(L, -1), '\n');
    lua_pushfstring(L, "%s\nresumed by:%s", lua_tostring(L, -2),
                    levels ? levels : "");
    lua_replace(L, -3);
    lua_pop(L, 1);
}

void coro_traceback(lua_State *L, lua_State *from, const char *text)
{
    lua_State *chain[COROUTINES_MAX] = {from};
    int n = 1;
    while (n < COROUTINES_MAX && (chain[n] = inner_of(chain[n - 1])))
        n++;
    luaL_traceback(L, chain[--n], text, 0);
    while (n > 0)
        coro_add_traceback(L, chain[--n]);
}

void coro_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"close", close_coroutine},
                                         {"resume", resume},
                                         {"wrap", wrap},
                                         {NULL, NULL}};
    lua_getglobal(L, "coroutine");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
