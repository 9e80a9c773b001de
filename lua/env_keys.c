/* SPDX-License-Identifier: MIT */
/*
 * The keys that every env has, each with the function that makes its value.
 */
#include <assert.h>
#include <string.h>

#include <lauxlib.h>

#include "base/buf.h"
#include "base/cidr.h"
#include "base/clock.h"
#include "http/reply.h"
#include "http/request_id.h"
#include "lua/async.h"
#include "lua/coro.h"
#include "lua/env_parts.h"
#include "lua/input.h"
#include "lua/result.h"
#include "lua/state.h"

static void push_method(lua_State *L, struct head *h)
{
    env_push_piece(L, h, h->rq.method);
}

static void push_empty(lua_State *L, struct head *h)
{
    (void)h;
    lua_pushliteral(L, "");
}

static void push_path(lua_State *L, struct head *h)
{
    env_push_piece(L, h, h->rq.path);
}

static void push_query(lua_State *L, struct head *h)
{
    env_push_piece(L, h, h->rq.query);
}

static void push_uri(lua_State *L, struct head *h)
{
    env_push_piece(L, h, h->rq.target);
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

/* The client and its scheme, as trusted proxies tell it; read from the request
 * itself, whatever the app has made of its env. */
static const struct forwarded *origin(lua_State *L, struct head *h)
{
    static const struct cidrs nobody;
    const struct cidrs *trusted = app_of(L)->identity.trusted;
    if (!h->has_origin)
        forwarded_read(&h->rq, trusted ? trusted : &nobody, &h->client,
                       &h->origin);
    h->has_origin = true;
    return &h->origin;
}

static void push_client_ip(lua_State *L, struct head *h)
{
    char text[PEER_TEXT];
    lua_pushstring(L, peer_ip(&origin(L, h)->client, text));
}

static void push_client_port(lua_State *L, struct head *h)
{
    int port = origin(L, h)->client.port;
    if (port)
        lua_pushfstring(L, "%d", port);
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
    else if (origin(L, h)->https)
        lua_pushliteral(L, "443");
    else if (!host.len && h->server.port)
        lua_pushfstring(L, "%d", (int)h->server.port);
    else
        lua_pushliteral(L, "80");
}

static void push_content_type(lua_State *L, struct head *h)
{
    env_push_field(L, h, "content-type");
}

static void push_content_length(lua_State *L, struct head *h)
{
    env_push_field(L, h, "content-length");
}

static void push_http_host(lua_State *L, struct head *h)
{
    if (h->rq.host.len)
        env_push_piece(L, h, h->rq.host);
    else
        env_push_field(L, h, "host");
}

static void push_scheme(lua_State *L, struct head *h)
{
    lua_pushstring(L, origin(L, h)->https ? "https" : "http");
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

static void push_async_callback(lua_State *L, struct head *h)
{
    async_push_callback(L, h->call);
}

static void push_async_close(lua_State *L, struct head *h)
{
    async_push_close(L, h->call);
}

/* (seconds): from now on, for the call that runs */
static int extend(lua_State *L)
{
    int64_t time = seconds_check(L, 1);
    const struct call *call = app_of(L)->running;
    if (!call)
        return luaL_error(L, "rainbows.timeout: no call is running");
    call->start.driver->extend(call->start.driver_arg, clock_now() + time);
    return 0;
}

static void push_timeout(lua_State *L, struct head *h)
{
    (void)h;
    lua_pushcfunction(L, extend);
}

/* (headers, reply) */
static int hint_headers(lua_State *L)
{
    result_headers(L, lua_touserdata(L, 2), 1);
    return 0;
}

/* (headers): a 103 that leaves before the answer; to HTTP/1.0 there is none.
 * Upvalue: the call's handle. */
static int early_hints(lua_State *L)
{
    const struct call *call = async_call(L, lua_upvalueindex(1));
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!call || call != app_of(L)->running || call->answered)
        return luaL_error(L, "rack.early_hints: the answer has been made");
    struct reply *r = call->start.reply;
    if (!r->minor)
        return 0;
    lua_settop(L, 1);
    size_t before = buf_len(r->out);
    struct reply hint = {.out = r->out, .minor = 1};
    buf_puts(r->out, "HTTP/1.1 103 Early Hints\r\n");
    lua_pushcfunction(L, hint_headers);
    lua_insert(L, 1);
    lua_pushlightuserdata(L, &hint);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        buf_cut(r->out, before);
        return lua_error(L);
    }
    buf_puts(r->out, "\r\n");
    call->start.driver->interim(call->start.driver_arg);
    return 0;
}

static void push_early_hints(lua_State *L, struct head *h)
{
    if (!app_of(L)->identity.early_hints || !h->call) {
        lua_pushnil(L);
        return;
    }
    async_push(L, h->call);
    lua_pushcclosure(L, early_hints, 1);
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

static void push_request_id(lua_State *L, struct head *h)
{
    char text[SERIAL_TEXT];
    struct span id =
        request_id(&h->rq, app_of(L)->identity.trusted, &h->client, text);
    lua_pushlstring(L, id.at, id.len);
}

const struct env_key env_keys[ENV_KEY_COUNT] = {
    [ENV_KEY_INPUT] = {"rack.input", push_input},
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
    {"rainbows.timeout", push_timeout},
    {"rainbows.request_id", push_request_id},
    {"rack.early_hints", push_early_hints},
    {"async.callback", push_async_callback},
    {"async.close", push_async_close},
};

static_assert(ENV_KEY_COUNT <= 64, "struct head's given has 64 bits");
