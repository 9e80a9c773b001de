/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_CORO_H
#define RAINBOWS_LUA_CORO_H

#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

#include "lua/call.h"

struct wait;

/* Puts resume and wrap of ours into the coroutine library of the state. */
void coro_open(lua_State *L);

/* The seconds at arg, as base/clock.h's microseconds; an error when they are
 * none. */
int64_t seconds_check(lua_State *L, int arg);

/* Can the code that runs in L be stopped here? */
bool coro_can_yield(lua_State *L);

/* Says, once for each state, that something had to block. */
void coro_warn(lua_State *L);

/*
 * Waits from inside app code; `return coro_wait(...)` in a lua_CFunction. Lets
 * other clients run where that is possible, else blocks the thread. The
 * function k, or nothing when it is NULL, runs after the wait.
 */
int coro_wait(lua_State *L, const struct wait *wait, lua_KFunction k,
              lua_KContext ctx);

/* Stops the call's coroutine so that call_step() returns why. k goes on. */
int coro_yield(lua_State *L, enum call_status why, lua_KFunction k,
               lua_KContext ctx);

/* Tracebacks tell of so many coroutines, the innermost ones. */
enum {
    COROUTINES_MAX = 8
};

/* Pushes the text with the traceback of from; when that waits inside coroutines
 * of the app's own, with theirs first. */
void coro_traceback(lua_State *L, lua_State *from, const char *text);

/* (text) -> the text with the traceback of co, which has resumed what it tells
 * of. */
void coro_add_traceback(lua_State *L, lua_State *co);

/* Is the yield that lua_resume() reported, with n values on co, ours? */
bool coro_is_ours(lua_State *co, int n);

#endif
