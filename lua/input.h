/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_INPUT_H
#define RAINBOWS_LUA_INPUT_H

#include <lua.h>

struct spool;

/* Makes the metatable of rack.input objects; returns its reference. */
int input_open(lua_State *L);

/* Pushes a rack.input that owns what body holds; body is empty then. NULL: an
 * input without bytes. */
void input_push(lua_State *L, struct spool *body);

/* Frees the bytes of the input at idx; reads give nil from then on. */
void input_close(lua_State *L, int idx);

#endif
