/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_MEMORY_H
#define RAINBOWS_LUA_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include <lua.h>

/*
 * What one Lua state may use under lua_memory_limit. All zero: there is no
 * limit, and nothing here does anything.
 */
struct memory {
    size_t limit; /* bytes; 0: none */
    size_t used;
    size_t cap;        /* of now: the limit, or with the reserve above it */
    size_t collect_at; /* memory_tidy() collects when more is used */
    bool refused;      /* an allocation was, once */
    bool full; /* after the last full collection hardly anything was free */
};

/* From now on the state's allocations are counted and bounded. m must live as
 * long as the state. */
void memory_limit(struct memory *m, lua_State *L, size_t limit);

/* Opens the reserve, for the handling of an error and for closing what a call
 * has left open. Returns the cap to put back. */
size_t memory_open_reserve(struct memory *m);

/* Is an error with this text the limit's doing? */
bool memory_is_why(const struct memory *m, const char *text);

/* The text with the limit named where Lua only says that memory is not enough.
 * Owned by the caller. */
char *memory_explain(const struct memory *m, const char *text);

/* A full collection; then m->full is of now. */
void memory_collect(struct memory *m, lua_State *L);

/* Between two calls: keeps garbage away from the limit. */
static inline void memory_tidy(struct memory *m, lua_State *L)
{
    if (m->used > m->collect_at)
        memory_collect(m, L);
}

#endif
