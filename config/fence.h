/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONFIG_FENCE_H
#define RAINBOWS_CONFIG_FENCE_H

#include <stddef.h>

struct lua_State;

/*
 * Takes the table at the top, directives by name, and pushes the environment
 * in its place in which a config file runs. Names there are the directives,
 * the globals of the state, and what the file assigns; any other is an error
 * that tells the place and the nearest name. A directive cannot be assigned
 * to: `timeout = 30` would set nothing. Modules loaded by require see plain
 * globals. May raise.
 */
void fence_push(struct lua_State *L);

/* The part of it that any environment of a config's text needs: the table at
 * the top gets a dofile, load and loadfile whose code runs in that table, so
 * that a config can be split into files, and is its own _G. May raise. */
void fence_keep(struct lua_State *L);

/* Loads text (not bytecode) as the chunk of the file path, with the
 * environment at the top, which the chunk replaces. Raises syntax errors. */
void fence_load(struct lua_State *L, const char *text, size_t size,
                const char *path);

#endif
