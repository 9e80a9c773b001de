/* SPDX-License-Identifier: MIT */
/*
 * Errors of an app, from where they are raised to the text for the log.
 *
 * An allocation that fails where nothing is protected ends the process, and
 * under lua_memory_limit any allocation may fail. So what is done to a state
 * from outside of a call either does not allocate (pushing numbers, C functions
 * without upvalues and what references refer to; resuming; unreferencing) or
 * is a function that is called from here.
 */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "lua/coro.h"
#include "lua/state.h"

void protect_open(lua_State *L)
{
    static const char *const words[] = {"error in error handling",
                                        "C stack overflow",
                                        "cannot resume non-suspended coroutine",
                                        "cannot resume dead coroutine"};
    enum {
        COUNT = sizeof words / sizeof *words
    };
    lua_createtable(L, COUNT, 0);
    for (int i = 0; i < COUNT; i++) {
        lua_pushstring(L, words[i]);
        lua_rawseti(L, -2, i + 1);
    }
    luaL_ref(L, LUA_REGISTRYINDEX);
}

/* ---- calling ---- */

static int message_handler(lua_State *L)
{
    if (app_of(L)->stuck) /* that is what is told */
        return 1;
    memory_open_reserve(&app_of(L)->memory);
    const char *text = luaL_tolstring(L, 1, NULL);
    luaL_traceback(L, L, text, 1);
    return 1;
}

/* What lies at the top, which message_handler() has made. */
static const char *error_text(lua_State *L)
{
    if (app_of(L)->stuck)
        return app_of(L)->stuck;
    if (lua_type(L, -1) == LUA_TSTRING)
        return lua_tostring(L, -1);
    return "(error in the error handler)";
}

int protect_call(lua_State *L, int n, int results, struct err *err)
{
    struct memory *memory = &app_of(L)->memory;
    size_t cap = memory->cap;
    int base = lua_gettop(L) - n;
    lua_pushcfunction(L, message_handler);
    lua_insert(L, base);
    int status = lua_pcall(L, n, results, base);
    lua_remove(L, base);
    memory->cap = cap;
    if (status == LUA_OK)
        return 0;
    char *text = memory_explain(memory, error_text(L));
    err_set(err, "%s", text);
    free(text);
    lua_pop(L, 1);
    return -1;
}

void app_protected(struct app *app, int n, const char *words)
{
    struct err err;
    struct active here;
    active_push(app, &here, app->L);
    int rc = protect_call(app->L, n, 0, &err);
    active_pop(app, &here);
    interrupt_over(app, app->L);
    if (rc < 0)
        log_error("%s: %s", words, err.text);
}

/* ---- what a coroutine has died of ---- */

struct death {
    lua_State *of;   /* NULL: there is no coroutine */
    const char *why; /* NULL: what lies at its top */
};

/* (death) -> text */
static int build_traceback(lua_State *L)
{
    const struct death *death = lua_touserdata(L, 1);
    lua_State *from = death->of;
    lua_checkstack(L, 20); /* luaL_traceback of 5.4.4 forgets to */
    lua_settop(L, 0);
    if (death->why) {
        lua_pushstring(L, death->why);
    } else if (lua_gettop(from) > 0 && lua_checkstack(from, 1)) {
        lua_pushvalue(from, -1);
        lua_xmove(from, L, 1);
    } else {
        lua_pushnil(L);
    }
    const char *text = luaL_tolstring(L, 1, NULL);
    if (lua_type(L, 1) == LUA_TTABLE && strncmp(text, "table: ", 7) == 0)
        text = "(error object is a table without __tostring)";
    if (from)
        coro_traceback(L, from, text);
    return 1;
}

/* When that has raised what lies at the top of L: the error as it was, if it is
 * a text. */
static const char *bare_text(lua_State *L, const struct death *death)
{
    if (death->why)
        return death->why;
    if (lua_gettop(death->of) > 0 && lua_type(death->of, -1) == LUA_TSTRING)
        return lua_tostring(death->of, -1);
    if (lua_type(L, -1) == LUA_TSTRING)
        return lua_tostring(L, -1);
    return "(error while making the traceback)";
}

char *app_traceback(struct app *app, lua_State *from, const char *why)
{
    lua_State *L = app->L;
    if (app->stuck) /* interrupt.c has told all */
        return xstrdup(app->stuck);
    struct death death = {.of = from, .why = why};
    size_t cap = memory_open_reserve(&app->memory);
    lua_pushcfunction(L, build_traceback);
    lua_pushlightuserdata(L, &death);
    struct active here; /* a __tostring is the app's code */
    active_push(app, &here, L);
    bool made = lua_pcall(L, 1, 1, 0) == LUA_OK;
    active_pop(app, &here);
    app->memory.cap = cap;
    const char *text = made ? lua_tostring(L, -1) : bare_text(L, &death);
    char *explained = memory_explain(&app->memory, text);
    lua_pop(L, 1);
    return explained;
}
