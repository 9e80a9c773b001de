/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_MODULE_H
#define RAINBOWS_LUA_MODULE_H

#include <lua.h>

/* Makes `require "rainbows"` give the module in this state. */
void module_open(lua_State *L);

#endif
