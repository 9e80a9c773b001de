/* SPDX-License-Identifier: MIT */
/*
 * A module that a test's app loads (package.loadlib) to look at the malloc of
 * the worker it runs in. Not the process's resident memory: free memory counts
 * there, and each thread's arena keeps some.
 */
#include <malloc.h>

#include <lauxlib.h>
#include <lua.h>

int heap_used(lua_State *L);

/* heap_used(): bytes that malloc has lent out, in all arenas. */
int heap_used(lua_State *L)
{
    struct mallinfo2 now = mallinfo2();
    lua_pushinteger(L, (lua_Integer)(now.uordblks + now.hblkhd));
    return 1;
}
