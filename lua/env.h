/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_ENV_H
#define RAINBOWS_LUA_ENV_H

#include <lua.h>

#include "base/span.h"

struct call;
struct request;

/* Makes the metatable of env tables, puts a setmetatable of ours into the
 * globals, and returns the metatable's reference. */
int env_open(lua_State *L);

/*
 * Pushes two values: a userdata with a copy of the request's head, and the
 * env of the call, a table that fills itself from it when it is asked. Takes
 * the call's body into rack.input. Nothing of the connection is referred to,
 * so an env that the app keeps stays valid.
 */
void env_push(lua_State *L, struct call *call);

/* Makes the table at idx plain: every key it would give is in it. Tables that
 * are no env are left alone. */
void env_fill(lua_State *L, int idx);

/* The call is over: what the env gives from now on knows of none. */
void env_forget_call(void *head);

/* The request; it lives as long as the head. */
const struct request *env_request(const void *head);

/* Method and target out of the userdata that env_push() made. */
struct span env_method(const void *head);
struct span env_target(const void *head);

#endif
