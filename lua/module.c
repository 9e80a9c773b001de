/* SPDX-License-Identifier: MIT */
/*
 * The module "rainbows": what the server offers apps besides env.
 */
#include "lua/module.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <unistd.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "lua/coro.h"
#include "lua/env.h"
#include "lua/state.h"

/* sleep(seconds) */
static int module_sleep(lua_State *L)
{
    struct wait wait = {.fd = -1,
                        .deadline = clock_now() + seconds_check(L, 1)};
    return coro_wait(L, &wait, NULL, 0);
}

/* After the wait, with the deadline at the top: was it the descriptor, or the
 * clock, or has another taken what came? */
static int waited(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    struct pollfd p = {.fd = (int)lua_tointeger(L, 1), .events = (short)ctx};
    if (poll(&p, 1, 0) == 0) {
        struct wait wait = {
            .fd = p.fd, .events = p.events, .deadline = lua_tointeger(L, 2)};
        if (clock_now() < wait.deadline && !app_of(L)->late)
            return coro_wait(L, &wait, waited, ctx);
        lua_pushnil(L);
        lua_pushliteral(L, "timeout");
        return 2;
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* wait(fd, "r" | "w" | "rw"[, seconds]) -> true; nil, "timeout" */
static int module_wait(lua_State *L)
{
    static const char *const names[] = {"r", "w", "rw", NULL};
    static const short events[] = {POLLIN, POLLOUT, POLLIN | POLLOUT};
    lua_Integer fd = luaL_checkinteger(L, 1);
    luaL_argcheck(L, fd >= 0 && fd <= INT_MAX && fcntl((int)fd, F_GETFD) >= 0,
                  1, "expected an open file descriptor");
    short what = events[luaL_checkoption(L, 2, "r", names)];
    struct wait wait = {.fd = (int)fd, .events = what, .deadline = CLOCK_NEVER};
    if (!lua_isnoneornil(L, 3))
        wait.deadline = clock_now() + seconds_check(L, 3);
    lua_settop(L, 1);
    lua_pushinteger(L, wait.deadline);
    return coro_wait(L, &wait, waited, what);
}

/* env(env) -> the same table, filled and plain */
static int module_env(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    env_fill(L, 1);
    return 1;
}

static int add_function(lua_State *L, int list)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_rawgeti(L, LUA_REGISTRYINDEX, list);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return 0;
}

/* at_boot(fn): when the state is about to serve; at once when it does. */
static int module_at_boot(lua_State *L)
{
    if (!app_of(L)->booted)
        return add_function(L, app_of(L)->at_boot);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_call(L, 0, 0);
    return 0;
}

static int module_at_quit(lua_State *L)
{
    return add_function(L, app_of(L)->at_quit);
}

/* worker() -> {number, pid, model, generation}, nil before the fork */
static int module_worker(lua_State *L)
{
    const struct app *app = app_of(L);
    if (!app->booted)
        return 0;
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, app->identity.worker);
    lua_setfield(L, -2, "number");
    lua_pushinteger(L, getpid());
    lua_setfield(L, -2, "pid");
    lua_pushstring(L, app->identity.model);
    lua_setfield(L, -2, "model");
    lua_pushinteger(L, app->identity.generation);
    lua_setfield(L, -2, "generation");
    return 1;
}

/* log(level, message) */
static int module_log(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    enum log_level level;
    if (!log_level_parse(name, &level))
        return luaL_argerror(L, 1, "expected debug, info, warn or error");
    size_t len;
    const char *text = luaL_tolstring(L, 2, &len);
    log_text(level, text, len);
    return 0;
}

static int open_module(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"sleep", module_sleep},     {"wait", module_wait},
        {"env", module_env},         {"at_boot", module_at_boot},
        {"at_quit", module_at_quit}, {"worker", module_worker},
        {"log", module_log},         {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_pushliteral(L, RAINBOWS_VERSION);
    lua_setfield(L, -2, "version");
    return 1;
}

void module_open(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open_module);
    lua_setfield(L, -2, "rainbows");
    lua_pop(L, 1);
}
