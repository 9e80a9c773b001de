/* SPDX-License-Identifier: MIT */
/*
 * lua_memory_limit: an allocator that refuses what is above the limit. Lua
 * collects its garbage and asks again, then raises an error, which ends the
 * call that runs. So all of our own code that allocates runs inside of a
 * protected call: at the limit anything may fail.
 *
 * Lua's string functions build large strings in buffers that they ask the
 * allocator for without collecting before they give up. Garbage near the limit
 * would fail innocent calls; that is why memory_tidy() is there.
 */
#include "lua/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    RESERVE = 256 * 1024
};

static const char words[] = "not enough memory";

static void *refuse(struct memory *m)
{
    m->refused = true;
    m->collect_at = 0;
    return NULL;
}

/* A lua_Alloc. */
static void *allocate(void *ud, void *old, size_t old_size, size_t size)
{
    struct memory *m = ud;
    if (!old)
        old_size = 0; /* it was the kind of object */
    if (size == 0) {
        free(old);
        m->used -= old_size;
        return NULL;
    }
    size_t room = m->used < m->cap ? m->cap - m->used : 0;
    if (size > old_size && size - old_size > room)
        return refuse(m);
    void *new = realloc(old, size);
    if (!new &&size > old_size)
        return NULL;
    m->used += size - old_size;
    return new ? new : old; /* Lua relies on it that shrinking succeeds */
}

/* Most of the limit, so that a worker is replaced before calls fail. */
static size_t nearly_all(const struct memory *m)
{
    return m->limit / 10 * 9;
}

/* A state with garbage only begins a call with half of the limit free at least.
 * One that keeps more is looked at each time that it has grown by an eighth,
 * and once when it passes the mark at which it counts as full. */
static size_t next_collection(const struct memory *m)
{
    size_t next = m->used + m->limit / 8;
    size_t soon = m->used + m->limit / 64;
    size_t mark = nearly_all(m);
    if (next > mark && m->used <= mark)
        next = soon > mark ? soon : mark;
    return next > m->limit / 2 ? next : m->limit / 2;
}

void memory_limit(struct memory *m, lua_State *L, size_t limit)
{
    size_t used =
        (size_t)lua_gc(L, LUA_GCCOUNT) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB);
    *m = (struct memory){.limit = limit, .used = used, .cap = limit};
    m->collect_at = next_collection(m);
    lua_setallocf(L, allocate, m);
}

size_t memory_open_reserve(struct memory *m)
{
    size_t cap = m->cap;
    m->cap = m->limit + RESERVE;
    return cap;
}

bool memory_is_why(const struct memory *m, const char *text)
{
    return m->refused && strstr(text, words);
}

char *memory_explain(const struct memory *m, const char *text)
{
    if (!memory_is_why(m, text))
        return xstrdup(text);
    const char *rest = strstr(text, words) + strlen(words);
    return xasprintf("%.*s: lua_memory_limit=%zu reached; raise it, or have "
                     "the app use less%s",
                     (int)(rest - text), text, m->limit, rest);
}

void memory_collect(struct memory *m, lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT);
    if (m->used > nearly_all(m))
        lua_gc(L, LUA_GCCOLLECT); /* what had a finalizer goes now */
    m->full = m->limit && m->used > nearly_all(m);
    m->collect_at = m->limit ? next_collection(m) : 0;
}
