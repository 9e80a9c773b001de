/* SPDX-License-Identifier: MIT */
/*
 * Interrupting an app that stays in Lua for too long: a hook that fires at the
 * next instruction and raises an error. It stays armed until the call is over,
 * so an app that catches the error meets it again. A hook belongs to one
 * coroutine; coro.c says which one runs and arms the one that it returns to.
 *
 * The call's own coroutine is stopped by a yield where it can be: nothing
 * catches that, and Lua leaves hooks switched off in a coroutine that dies of a
 * hook's error, so what hangs when its variables are closed could not be
 * interrupted.
 *
 * The first time it fires it notes where that is, through all the coroutines
 * that have resumed each other: what the app makes of the error may tell less.
 */
#include <stdlib.h>
#include <unistd.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "config/luaerr.h"
#include "lua/coro.h"
#include "lua/state.h"

static const char late[] =
    "interrupted: the app stayed here for more than timeout";

/* What the calling thread loads. */
static _Thread_local struct {
    struct app *volatile app; /* NULL: nothing */
    const char *volatile why; /* NULL: it has time */
} loading;

/* -> the message and where L is, with all that have resumed it. */
static int push_place(lua_State *L)
{
    const struct app *app = app_of(L);
    luaL_checkstack(L, 20, NULL); /* luaL_traceback of 5.4.4 forgets to */
    luaL_where(L, 1);
    lua_pushstring(L, app->why);
    lua_concat(L, 2);
    luaL_traceback(L, L, lua_tostring(L, -1), 1);
    lua_remove(L, -2);
    const struct active *a = app->top;
    for (int i = 1; i < COROUTINES_MAX && a && a->below; i++) {
        a = a->below;
        coro_add_traceback(L, a->co);
    }
    return 1;
}

/* The app may have left no memory to tell more than the reason. */
static char *tell_place(lua_State *L, struct app *app)
{
    size_t cap = memory_open_reserve(&app->memory);
    lua_pushcfunction(L, push_place);
    bool told = lua_pcall(L, 0, 1, 0) == LUA_OK;
    app->memory.cap = cap;
    char *text = xstrdup(told ? lua_tostring(L, -1) : app->why);
    lua_pop(L, 1);
    return text;
}

static void on_step(lua_State *L, lua_Debug *ar)
{
    struct app *app = app_of(L);
    (void)ar;
    if (!app->late) { /* left over from a call that is past */
        lua_sethook(L, NULL, 0, 0);
        return;
    }
    if (!app->stuck)
        app->stuck = tell_place(L, app);
    if (app->top && !app->top->below && lua_isyieldable(L))
        lua_yield(L, 0);
    else
        luaL_error(L, "%s", app->why);
}

void interrupt_arm(lua_State *L)
{
    lua_sethook(L, on_step, LUA_MASKCOUNT, 1);
}

void interrupt_over(struct app *app, lua_State *co)
{
    if (!app->late)
        return;
    app->late = 0;
    lua_sethook(co, NULL, 0, 0);
    free(app->stuck);
    app->stuck = NULL;
}

static void interrupt(struct app *app, const char *why)
{
    const struct active *top = app->top;
    if (!top)
        return;
    app->why = why;
    app->late = 1;
    interrupt_arm(top->co);
}

void app_interrupt(struct app *app)
{
    interrupt(app, late);
}

void app_write_stack(const struct app *app, int fd)
{
    static const char between[] = "  resumed by:\n";
    const struct active *a = app->top;
    for (int i = 0; i < COROUTINES_MAX && a; i++, a = a->below) {
        ssize_t wrote = i ? write(fd, between, sizeof between - 1) : 0;
        (void)wrote;
        luaerr_write_stack(a->co, fd);
    }
}

/* ---- while an app is loaded ---- */

void loading_begin(struct app *app, struct active *here)
{
    loading.app = app;
    active_push(app, here, app->L);
    if (loading.why)
        interrupt(app, loading.why);
}

void loading_end(struct app *app, struct active *here)
{
    loading.app = NULL;
    active_pop(app, here);
    interrupt_over(app, app->L);
}

void app_interrupt_loading(const char *why)
{
    loading.why = why;
    if (why && loading.app)
        interrupt(loading.app, why);
}

void app_write_loading_stack(int fd)
{
    if (loading.app)
        app_write_stack(loading.app, fd);
}
