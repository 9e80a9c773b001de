/* SPDX-License-Identifier: MIT */
/*
 * The env table, filled on demand. Most apps look at a few of its thirty-odd
 * keys, so a request costs one copy of the head and an empty table; a key is
 * made into a string when it is first asked for, and kept.
 *
 * Each key is delivered at most once: reading, writing or deleting marks it.
 * What the app deletes stays deleted, so that a middleware which strips a
 * spoofed header wins over the wire. pairs() fills everything first and
 * leaves a plain table; so does replacing the metatable.
 */
#include "lua/env.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <lauxlib.h>

#include "base/peer.h"
#include "http/request.h"
#include "lua/env_parts.h"
#include "lua/input.h"
#include "lua/state.h"

/* The key under which an env holds its head: only next() and rawget() see it.
 */
static char head_key;

/* ---- delivery ---- */

/* Pushes what the env has for the key at idx and marks it delivered; pushes
 * nothing and returns false when it has nothing (left). */
static bool deliver(lua_State *L, struct head *h, int idx)
{
    if (lua_type(L, idx) != LUA_TSTRING)
        return false;
    lua_pushvalue(L, idx);
    if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNUMBER) {
        lua_Integer k = lua_tointeger(L, -1);
        lua_pop(L, 1);
        if (h->given >> k & 1)
            return false;
        h->given |= UINT64_C(1) << k;
        env_keys[k].push(L, h);
        return true;
    }
    lua_pop(L, 1);
    size_t len;
    const char *name = lua_tolstring(L, idx, &len);
    if (len <= 5 || memcmp(name, "HTTP_", 5) != 0)
        return false;
    int64_t i = env_find_field(h, name + 5, len - 5);
    if (i < 0)
        return false;
    env_push_joined(L, h, (uint32_t)i);
    return true;
}

static struct head *head_of(lua_State *L, int idx)
{
    lua_rawgetp(L, idx, &head_key);
    struct head *h = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return h;
}

static int env_index(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    struct head *h = head_of(L, 1);
    if (!h || !deliver(L, h, 2))
        return 0;
    if (!lua_isnil(L, -1)) { /* [env, key, value] */
        lua_pushvalue(L, 2);
        lua_pushvalue(L, -2);
        lua_rawset(L, 1);
    }
    return 1;
}

static int env_newindex(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    struct head *h = head_of(L, 1);
    if (h && deliver(L, h, 2))
        lua_pop(L, 1);
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
}

/* [..., key, value]: sets them, unless the app has with rawset() or there is no
 * value. */
static void fill_key(lua_State *L, int env)
{
    lua_pushvalue(L, -2);
    if (lua_rawget(L, env) == LUA_TNIL && !lua_isnil(L, -2)) {
        lua_pop(L, 1);
        lua_rawset(L, env);
    } else {
        lua_pop(L, 3);
    }
}

static void fill_fixed(lua_State *L, struct head *h, int env)
{
    for (int k = 0; k < ENV_KEY_COUNT; k++) {
        if (h->given >> k & 1)
            continue;
        h->given |= UINT64_C(1) << k;
        lua_pushstring(L, env_keys[k].name);
        env_keys[k].push(L, h);
        fill_key(L, env);
    }
}

static void fill_fields(lua_State *L, struct head *h, int env)
{
    for (uint32_t i = 0; i < h->rq.field_count; i++) {
        struct span name = request_span(&h->rq, h->rq.fields[i].name);
        if (h->field_given[i] || !env_has_field(name) ||
            span_is_nocase(name, "host"))
            continue;
        luaL_Buffer b;
        char *into = luaL_buffinitsize(L, &b, name.len + 5);
        memcpy(into, "HTTP_", 5);
        for (size_t c = 0; c < name.len; c++)
            into[5 + c] = env_letter(name.at[c]);
        luaL_pushresultsize(&b, name.len + 5);
        env_push_joined(L, h, i);
        fill_key(L, env);
    }
}

void env_fill(lua_State *L, int idx)
{
    int env = lua_absindex(L, idx);
    struct head *h = head_of(L, env);
    if (!h)
        return;
    lua_pushnil(L); /* before it is filled: no __newindex any more */
    lua_setmetatable(L, env);
    fill_fixed(L, h, env);
    fill_fields(L, h, env);
    lua_pushnil(L);
    lua_rawsetp(L, env, &head_key);
}

/* Upvalue: next */
static int env_pairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    env_fill(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* setmetatable() of app states: an env gives all it has before the metatable
 * that fills it is replaced. */
static int set_metatable(lua_State *L)
{
    if (lua_istable(L, 1))
        env_fill(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

int env_open(lua_State *L)
{
    lua_getglobal(L, "setmetatable");
    lua_pushcclosure(L, set_metatable, 1);
    lua_setglobal(L, "setmetatable");
    lua_newtable(L); /* metatable */
    lua_createtable(L, 0, ENV_KEY_COUNT);
    for (int k = 0; k < ENV_KEY_COUNT; k++) {
        lua_pushinteger(L, k);
        lua_setfield(L, -2, env_keys[k].name);
    }
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, env_index, 1);
    lua_setfield(L, -3, "__index");
    lua_pushcclosure(L, env_newindex, 1);
    lua_setfield(L, -2, "__newindex");
    lua_getglobal(L, "next");
    lua_pushcclosure(L, env_pairs, 1);
    lua_setfield(L, -2, "__pairs");
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* ---- making one ---- */

static void push_head(lua_State *L, struct call *call)
{
    const struct call_start *start = &call->start;
    const struct request *rq = start->request;
    size_t fields = rq->field_count * sizeof *rq->fields;
    struct head *h = lua_newuserdatauv(
        L, sizeof *h + fields + rq->field_count + rq->size, 0);
    char *behind = (char *)(h + 1);
    h->rq = *rq;
    h->rq.fields = memcpy(behind, rq->fields, fields);
    h->field_given = memset(behind + fields, 0, rq->field_count);
    h->rq.bytes =
        memcpy(behind + fields + rq->field_count, rq->bytes, rq->size);
    h->client = *start->client;
    h->server = *start->server;
    h->has_origin = false;
    h->call = call;
    h->given = 0;
}

void env_push(lua_State *L, struct call *call)
{
    push_head(L, call);
    lua_pushvalue(L, -1); /* the app may do away with the coroutine's stack */
    lua_rawsetp(L, LUA_REGISTRYINDEX, call);
    lua_createtable(L, 0, 4); /* [head, env] */
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, &head_key);
    if (request_has_body(call->start.request)) {
        input_push(L, call);
        lua_pushvalue(L, -1);
        call->input = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_setfield(L, -2, "rack.input");
        ((struct head *)lua_touserdata(L, -2))->given |= 1u << ENV_KEY_INPUT;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->app->env_meta);
    lua_setmetatable(L, -2);
}

void env_forget_call(void *head)
{
    ((struct head *)head)->call = NULL;
}

const struct request *env_request(const void *head)
{
    return &((const struct head *)head)->rq;
}

struct span env_method(const void *head)
{
    const struct head *h = head;
    return request_span(&h->rq, h->rq.method);
}

struct span env_target(const void *head)
{
    const struct head *h = head;
    return request_span(&h->rq, h->rq.target);
}
