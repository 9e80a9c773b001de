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

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <lauxlib.h>

#include "base/peer.h"
#include "http/request.h"
#include "lua/input.h"
#include "lua/state.h"

struct head {
    struct request rq; /* its pointers lead into this userdata */
    struct peer client, server;
    uint64_t given;    /* bit per key of keys[] */
    bool *field_given; /* per field, behind the struct */
};

/* The key under which an env holds its head: only next() and rawget() see it.
 */
static char head_key;

/* ---- the fixed keys ---- */

struct key {
    const char *name;
    void (*push)(lua_State *L, struct head *head); /* may push nil */
};

static void push_piece(lua_State *L, const struct head *h, struct piece p)
{
    lua_pushlstring(L, h->rq.bytes + p.at, p.len);
}

static void push_method(lua_State *L, struct head *h)
{
    push_piece(L, h, h->rq.method);
}

static void push_empty(lua_State *L, struct head *h)
{
    (void)h;
    lua_pushliteral(L, "");
}

static void push_path(lua_State *L, struct head *h)
{
    push_piece(L, h, h->rq.path);
}

static void push_query(lua_State *L, struct head *h)
{
    push_piece(L, h, h->rq.query);
}

static void push_uri(lua_State *L, struct head *h)
{
    push_piece(L, h, h->rq.target);
}

static void push_protocol(lua_State *L, struct head *h)
{
    lua_pushstring(L, h->rq.minor ? "HTTP/1.1" : "HTTP/1.0");
}

static void push_software(lua_State *L, struct head *h)
{
    (void)h;
    lua_pushliteral(L, "rainbows/" RAINBOWS_VERSION);
}

static void push_client_ip(lua_State *L, struct head *h)
{
    char text[PEER_TEXT];
    lua_pushstring(L, peer_ip(&h->client, text));
}

static void push_client_port(lua_State *L, struct head *h)
{
    if (h->client.port)
        lua_pushfstring(L, "%d", (int)h->client.port);
    else
        lua_pushnil(L);
}

/* "example.com:81", "[::1]" -> where the host ends */
static size_t host_length(struct span host)
{
    const char *end = host.at + host.len;
    const char *p =
        host.len && *host.at == '[' ? memchr(host.at, ']', host.len) : host.at;
    const char *colon = p ? memchr(p, ':', (size_t)(end - p)) : NULL;
    return colon ? (size_t)(colon - host.at) : host.len;
}

static void push_server_name(lua_State *L, struct head *h)
{
    struct span host = request_span(&h->rq, h->rq.host);
    size_t n = host_length(host);
    if (n)
        lua_pushlstring(L, host.at, n);
    else
        lua_pushliteral(L, "localhost");
}

static void push_server_port(lua_State *L, struct head *h)
{
    struct span host = request_span(&h->rq, h->rq.host);
    size_t n = host_length(host);
    if (n + 1 < host.len)
        lua_pushlstring(L, host.at + n + 1, host.len - n - 1);
    else if (!host.len && h->server.port)
        lua_pushfstring(L, "%d", (int)h->server.port);
    else
        lua_pushliteral(L, "80");
}

static void push_field(lua_State *L, struct head *h, const char *name);

static void push_content_type(lua_State *L, struct head *h)
{
    push_field(L, h, "content-type");
}

static void push_content_length(lua_State *L, struct head *h)
{
    push_field(L, h, "content-length");
}

static void push_http_host(lua_State *L, struct head *h)
{
    if (h->rq.host.len)
        push_piece(L, h, h->rq.host);
    else
        push_field(L, h, "host");
}

static void push_scheme(lua_State *L, struct head *h)
{
    (void)h;
    lua_pushliteral(L, "http");
}

static void push_input(lua_State *L, struct head *h)
{
    (void)h;
    input_push(L, NULL);
}

static void push_errors(lua_State *L, struct head *h)
{
    (void)h;
    lua_rawgeti(L, LUA_REGISTRYINDEX, app_of(L)->errors);
}

static void push_logger(lua_State *L, struct head *h)
{
    (void)h;
    lua_rawgeti(L, LUA_REGISTRYINDEX, app_of(L)->logger);
}

static void push_multithread(lua_State *L, struct head *h)
{
    (void)h;
    lua_pushboolean(L, app_of(L)->identity.multithread);
}

static void push_true(lua_State *L, struct head *h)
{
    (void)h;
    lua_pushboolean(L, 1);
}

static void push_false(lua_State *L, struct head *h)
{
    (void)h;
    lua_pushboolean(L, 0);
}

static void push_model(lua_State *L, struct head *h)
{
    (void)h;
    lua_pushstring(L, app_of(L)->identity.model);
}

static void push_worker(lua_State *L, struct head *h)
{
    (void)h;
    lua_pushinteger(L, app_of(L)->identity.worker);
}

enum {
    KEY_INPUT = 0
};

static const struct key keys[] = {
    [KEY_INPUT] = {"rack.input", push_input},
    {"REQUEST_METHOD", push_method},
    {"SCRIPT_NAME", push_empty},
    {"PATH_INFO", push_path},
    {"QUERY_STRING", push_query},
    {"REQUEST_URI", push_uri},
    {"SERVER_NAME", push_server_name},
    {"SERVER_PORT", push_server_port},
    {"SERVER_PROTOCOL", push_protocol},
    {"SERVER_SOFTWARE", push_software},
    {"REMOTE_ADDR", push_client_ip},
    {"REMOTE_PORT", push_client_port},
    {"CONTENT_TYPE", push_content_type},
    {"CONTENT_LENGTH", push_content_length},
    {"HTTP_HOST", push_http_host},
    {"rack.url_scheme", push_scheme},
    {"rack.errors", push_errors},
    {"rack.logger", push_logger},
    {"rack.multithread", push_multithread},
    {"rack.multiprocess", push_true},
    {"rack.run_once", push_false},
    {"rack.hijack?", push_false},
    {"rainbows.model", push_model},
    {"rainbows.worker", push_worker},
};

enum {
    KEY_COUNT = sizeof keys / sizeof *keys
};
static_assert(KEY_COUNT <= 64, "struct head's given has 64 bits");

/* ---- header fields ---- */

/* How a field's name reads in env, letter by letter: "Accept-Encoding" is
 * ACCEPT_ENCODING. A name with "_" on the wire is nothing in env: it would
 * pass for one with "-". */
static char env_letter(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return c == '-' ? '_' : c;
}

static bool in_env(struct span name)
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

/* Pushes the values of all fields that field i's name has, joined, and marks
 * them. */
static void push_joined(lua_State *L, struct head *h, uint32_t i)
{
    struct span name = request_span(&h->rq, h->rq.fields[i].name);
    const char *glue = span_is_nocase(name, "cookie") ? "; " : ", ";
    int n = 0;
    for (; i < h->rq.field_count; i++) {
        struct span other = request_span(&h->rq, h->rq.fields[i].name);
        if (other.len != name.len ||
            strncasecmp(other.at, name.at, name.len) != 0)
            continue;
        if (n)
            lua_pushstring(L, glue);
        push_piece(L, h, h->rq.fields[i].value);
        if (n)
            lua_concat(L, 3);
        h->field_given[i] = true;
        n++;
    }
}

/* Pushes the joined value of the fields called name (lower case), or nil. */
static void push_field(lua_State *L, struct head *h, const char *name)
{
    for (uint32_t i = 0; i < h->rq.field_count; i++) {
        if (span_is_nocase(request_span(&h->rq, h->rq.fields[i].name), name)) {
            push_joined(L, h, i);
            return;
        }
    }
    lua_pushnil(L);
}

/* The first field that reads as HTTP_ + key and was not delivered, or -1. */
static int64_t find_field(const struct head *h, const char *key, size_t len)
{
    for (uint32_t i = 0; i < h->rq.field_count; i++) {
        struct span name = request_span(&h->rq, h->rq.fields[i].name);
        if (reads_as(name, key, len) && in_env(name))
            return h->field_given[i] ? -1 : (int64_t)i;
    }
    return -1;
}

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
        keys[k].push(L, h);
        return true;
    }
    lua_pop(L, 1);
    size_t len;
    const char *name = lua_tolstring(L, idx, &len);
    if (len <= 5 || memcmp(name, "HTTP_", 5) != 0)
        return false;
    int64_t i = find_field(h, name + 5, len - 5);
    if (i < 0)
        return false;
    push_joined(L, h, (uint32_t)i);
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
    for (int k = 0; k < KEY_COUNT; k++) {
        if (h->given >> k & 1)
            continue;
        h->given |= UINT64_C(1) << k;
        lua_pushstring(L, keys[k].name);
        keys[k].push(L, h);
        fill_key(L, env);
    }
}

static void fill_fields(lua_State *L, struct head *h, int env)
{
    for (uint32_t i = 0; i < h->rq.field_count; i++) {
        struct span name = request_span(&h->rq, h->rq.fields[i].name);
        if (h->field_given[i] || !in_env(name) || span_is_nocase(name, "host"))
            continue;
        luaL_Buffer b;
        char *into = luaL_buffinitsize(L, &b, name.len + 5);
        memcpy(into, "HTTP_", 5);
        for (size_t c = 0; c < name.len; c++)
            into[5 + c] = env_letter(name.at[c]);
        luaL_pushresultsize(&b, name.len + 5);
        push_joined(L, h, i);
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
    lua_createtable(L, 0, KEY_COUNT);
    for (int k = 0; k < KEY_COUNT; k++) {
        lua_pushinteger(L, k);
        lua_setfield(L, -2, keys[k].name);
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

static void push_head(lua_State *L, const struct call_start *start)
{
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
    h->given = 0;
}

void env_push(lua_State *L, struct call *call)
{
    push_head(L, &call->start);
    lua_createtable(L, 0, 4); /* [head, env] */
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, &head_key);
    if (request_has_body(call->start.request)) {
        input_push(L, call->start.body);
        lua_pushvalue(L, -1);
        call->input = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_setfield(L, -2, "rack.input");
        ((struct head *)lua_touserdata(L, -2))->given |= 1u << KEY_INPUT;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->app->env_meta);
    lua_setmetatable(L, -2);
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
