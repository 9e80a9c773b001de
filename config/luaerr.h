/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONFIG_LUAERR_H
#define RAINBOWS_CONFIG_LUAERR_H

#include <stdbool.h>

#include <lua.h>

struct err;

/* The line that runs in the innermost Lua function: 0 and an empty *ar when
 * only C functions run. */
int luaerr_line(lua_State *L, lua_Debug *ar);

/* Pushes that place as "config.lua:7", or "" when there is none. */
const char *luaerr_push_place(lua_State *L);

/* Raises "PLACE: text", the text by lua_pushfstring()'s rules. When the place
 * lies in a file's main part it says all that a traceback would, so none is
 * added. */
void luaerr_raise(lua_State *L, const char *fmt, ...) __attribute__((noreturn));

/* Raises the error at the top, whose text is complete without a traceback. */
void luaerr_raise_plain(lua_State *L) __attribute__((noreturn));

/* Writes the stack of L to the descriptor, a line a level. For handlers of
 * signals: allocates nothing, takes no lock. */
void luaerr_write_stack(lua_State *L, int fd);

/* Calls a C function, protected, with one pointer. Returns 0, or -1 with err
 * set to the error's text and traceback; an error object of any type is made
 * a text. Never raises. */
int luaerr_pcall(lua_State *L, lua_CFunction function, void *pointer,
                 struct err *err);

#endif
