/* SPDX-License-Identifier: MIT */
/*
 * Interrupting an app that stays in Lua for too long: a hook that fires at the
 * next instruction and raises an error. It stays armed until the call is over,
 * so an app that catches the error meets it again. A hook belongs to one
 * coroutine; coro.c says which one runs and arms the one that it returns to.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>

#include "lua/state.h"

static void on_step(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    if (!app_of(L)->late) { /* left over from a call that is past */
        lua_sethook(L, NULL, 0, 0);
        return;
    }
    luaL_error(L, "interrupted: the app stayed here for more than timeout");
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
}

void app_interrupt(struct app *app)
{
    lua_State *co = app->co;
    if (!co)
        return;
    app->late = 1;
    interrupt_arm(co);
}

/* No allocation and no lock: it runs inside a signal handler. */
void app_write_stack(const struct app *app, int fd)
{
    enum {
        LEVELS = 30
    };
    lua_Debug ar;
    lua_State *co = app->co;
    for (int i = 0; co && i < LEVELS && lua_getstack(co, i, &ar); i++) {
        char line[256];
        lua_getinfo(co, "Sl", &ar);
        int n = snprintf(line, sizeof line, "    %s:%d\n", ar.short_src,
                         ar.currentline);
        ssize_t wrote = write(fd, line, (size_t)n);
        (void)wrote;
    }
}
