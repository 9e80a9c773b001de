/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_INPUT_H
#define RAINBOWS_LUA_INPUT_H

#include <lua.h>

struct call;

/* Makes the metatable of rack.input objects; returns its reference. */
int input_open(lua_State *L);

/* Pushes a rack.input that reads the call's body. NULL: one without bytes. */
void input_push(lua_State *L, struct call *call);

/* The input at idx lets go of its call: reads give nil from then on. */
void input_close(lua_State *L, int idx);

#endif
