/* SPDX-License-Identifier: MIT */
/*
 * The header fields of a request as keys of an env.
 */
#include <string.h>

#include <lua.h>

#include "lua/env_parts.h"

void env_push_piece(lua_State *L, const struct head *h, struct piece piece)
{
    lua_pushlstring(L, h->rq.bytes + piece.at, piece.len);
}

char env_letter(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return c == '-' ? '_' : c;
}

/* A name with "_" on the wire is nothing in env: it would pass for one with
 * "-". */
bool env_has_field(struct span name)
{
    return !memchr(name.at, '_', name.len) &&
           !span_is_nocase(name, "content-type") &&
           !span_is_nocase(name, "content-length");
}

/* Is name (as on the wire) the one that reads as key in env? */
static bool reads_as(struct span name, const char *key, size_t len)
{
    if (name.len != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (env_letter(name.at[i]) != key[i])
            return false;
    return !memchr(name.at, '_', len);
}

void env_push_joined(lua_State *L, struct head *h, uint32_t i)
{
    struct span name = request_span(&h->rq, h->rq.fields[i].name);
    const char *glue = span_is_nocase(name, "cookie") ? "; " : ", ";
    int n = 0;
    for (; i < h->rq.field_count; i++) {
        struct span other = request_span(&h->rq, h->rq.fields[i].name);
        if (!span_same_nocase(other, name))
            continue;
        if (n)
            lua_pushstring(L, glue);
        env_push_piece(L, h, h->rq.fields[i].value);
        if (n)
            lua_concat(L, 3);
        h->field_given[i] = true;
        n++;
    }
}

void env_push_field(lua_State *L, struct head *h, const char *name)
{
    for (uint32_t i = 0; i < h->rq.field_count; i++) {
        if (span_is_nocase(request_span(&h->rq, h->rq.fields[i].name), name)) {
            env_push_joined(L, h, i);
            return;
        }
    }
    lua_pushnil(L);
}

int64_t env_find_field(const struct head *h, const char *key, size_t len)
{
    for (uint32_t i = 0; i < h->rq.field_count; i++) {
        struct span name = request_span(&h->rq, h->rq.fields[i].name);
        if (reads_as(name, key, len) && env_has_field(name))
            return h->field_given[i] ? -1 : (int64_t)i;
    }
    return -1;
}
