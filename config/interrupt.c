/* SPDX-License-Identifier: MIT */
/*
 * Ending a config file or a hook that hangs. A hook of Lua's looks every so
 * many instructions whether that is wanted. It is there from the start, as a
 * coroutine has the hooks of the one that made it: so nobody needs to know
 * which of them runs, and a signal's handler only stores the reason.
 *
 * It looks at the clock, too, for what may only take so long.
 *
 * The first time it fires it notes where that is; the config may catch the
 * error, and meets it again at its next step.
 */
#include "config/interrupt.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "config/luaerr.h"

enum {
    INSTRUCTIONS = 1000
};

static const char *volatile overdue; /* why; NULL: it has time */
static lua_State *volatile running;
static char *stuck; /* owned; the reason and the place, or NULL */
static int64_t deadline = CLOCK_NEVER; /* base/clock.h */

static const char *reason(void)
{
    return overdue ? overdue : "it takes too long";
}

/* Pushes the reason and where L is. */
static void push_place(lua_State *L)
{
    luaL_checkstack(L, 20, NULL); /* luaL_traceback of 5.4.4 forgets to */
    lua_pushfstring(L, "%s: %s", luaerr_push_place(L), reason());
    luaL_traceback(L, L, lua_tostring(L, -1), 0);
}

static void on_steps(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    if (!overdue && clock_now() < deadline)
        return;
    lua_sethook(L, on_steps, LUA_MASKCOUNT, 1);
    if (!stuck) {
        push_place(L);
        stuck = xstrdup(lua_tostring(L, -1));
    }
    lua_pushstring(L, stuck);
    luaerr_raise_plain(L);
}

void interrupt_begin(lua_State *L)
{
    free(stuck);
    stuck = NULL;
    lua_sethook(L, on_steps, LUA_MASKCOUNT, overdue ? 1 : INSTRUCTIONS);
    running = L;
}

void interrupt_end(void)
{
    running = NULL;
}

void interrupt_within(int64_t time)
{
    deadline = time ? clock_now() + time : CLOCK_NEVER;
}

void config_interrupt(const char *why)
{
    overdue = why;
}

void config_write_stack(int fd)
{
    if (running)
        luaerr_write_stack(running, fd);
}
