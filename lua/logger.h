/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_LOGGER_H
#define RAINBOWS_LUA_LOGGER_H

#include <lua.h>

/* Both make one object for the state and return its registry reference:
 * rack.errors with write(...) and flush(), rack.logger with debug, info, warn
 * and error, each called with ":". Everything goes to the server's log. */
int logger_open_errors(lua_State *L);
int logger_open(lua_State *L);

#endif
