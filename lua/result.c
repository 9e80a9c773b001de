/* SPDX-License-Identifier: MIT */
/*
 * From the app's triple to the reply. Everything the app may have got wrong is
 * raised as an error that says what came and what was expected; it becomes a
 * 500, and no byte of a wrong head is sent.
 */
#include "lua/result.h"

#include <string.h>
#include <unistd.h>

#include <lauxlib.h>

#include "http/reply.h"
#include "lua/async.h"
#include "lua/body.h"
#include "lua/coro.h"
#include "lua/state.h"

/* The places of body.h are filled: from three to six results, or from one
 * table {status, headers, body}. */
static void arrange(lua_State *L)
{
    int results = lua_gettop(L) - BODY_HEAD;
    if (results == 1 && lua_istable(L, BODY_STATUS)) {
        lua_geti(L, BODY_STATUS, 2);
        lua_geti(L, BODY_STATUS, 3);
        lua_geti(L, BODY_STATUS, 1);
        lua_replace(L, BODY_STATUS);
    }
    lua_settop(L, BODY_CLOSING);
}

/* The status; 0 when it is no integer, or out of range. */
static int status_of(lua_State *L)
{
    lua_Integer status =
        lua_isinteger(L, BODY_STATUS) ? lua_tointeger(L, BODY_STATUS) : 0;
    return status >= -1 && status <= 999 ? (int)status : 0;
}

static int refuse_status(lua_State *L)
{
    if (lua_isnil(L, BODY_STATUS))
        return luaL_error(L, "the app returned nothing: expected status, "
                             "headers, body");
    return luaL_error(L,
                      "the app returned %s as its status: expected an integer "
                      "from 200 to 999",
                      luaL_tolstring(L, BODY_STATUS, NULL));
}

/* name and value are strings at those places of the stack. */
static void send_field(lua_State *L, struct reply *r, int name, int value)
{
    struct span n, v;
    n.at = lua_tolstring(L, name, &n.len);
    v.at = lua_tolstring(L, value, &v.len);
    switch (reply_field(r, n, v)) {
    case REPLY_OK:
        return;
    case REPLY_BAD_NAME:
        luaL_error(L,
                   "the app returned a header whose name is no token: "
                   "\"%s\"",
                   n.at);
        return;
    case REPLY_BAD_VALUE:
        luaL_error(L,
                   "the app returned a header with a control byte (CR, LF, "
                   "NUL ...) in its value: %s",
                   n.at);
        return;
    case REPLY_BAD_LENGTH:
        luaL_error(L, "the app returned a wrong content-length: \"%s\"", v.at);
        return;
    }
}

/* One value of the header whose name is at the place: string or integer. */
static void send_value(lua_State *L, struct reply *r, int name)
{
    if (lua_isinteger(L, -1)) {
        luaL_tolstring(L, -1, NULL);
        lua_replace(L, -2);
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L,
                   "the app returned a %s as the value of header %s: "
                   "expected a string, an integer or an array of them",
                   luaL_typename(L, -1), lua_tostring(L, name));
    send_field(L, r, name, lua_gettop(L));
}

void result_headers(lua_State *L, struct reply *r, int idx)
{
    if (lua_isnil(L, idx))
        return;
    if (!lua_istable(L, idx))
        luaL_error(L, "the app returned a %s as its headers: expected a table",
                   luaL_typename(L, idx));
    lua_pushnil(L);
    while (lua_next(L, idx)) { /* [..., name, value] */
        int name = lua_gettop(L) - 1;
        if (lua_type(L, name) != LUA_TSTRING)
            luaL_error(L,
                       "the app returned a header whose name is a %s: "
                       "expected a string",
                       luaL_typename(L, name));
        if (strncmp(lua_tostring(L, name), "rack.", 5) == 0) {
            lua_pop(L, 1); /* for servers and middleware, not for clients */
            continue;
        }
        if (lua_istable(L, -1)) {
            lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
            for (lua_Integer i = 1; i <= n; i++) {
                lua_rawgeti(L, name + 1, i);
                send_value(L, r, name);
                lua_pop(L, 1);
            }
        } else {
            send_value(L, r, name);
        }
        lua_pop(L, 1);
    }
}

/* ---- -1 ---- */

/* Waits for what async.callback is given: that is the answer then. */
static int wait_for_answer(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    struct call *call = (struct call *)ctx;
    if (async_state(call) == ASYNC_OPEN)
        return coro_yield(L, CALL_LATER, wait_for_answer, ctx);
    lua_settop(L, BODY_HEAD);
    async_take(L, call);
    return result_send(L, call);
}

static int answer_later(lua_State *L, struct call *call)
{
    const struct app *app = call->app;
    if (!app->identity.async)
        return luaL_error(L,
                          "the app returned -1 (answer later), and the "
                          "model %s has no async.callback",
                          app->identity.model);
    switch (async_state(call)) {
    case ASYNC_NONE:
        return luaL_error(L, "the app returned -1 (answer later), but has not "
                             "taken env[\"async.callback\"] to do so");
    case ASYNC_TAKEN:
        return luaL_error(L, "async.callback was called with -1 as the status: "
                             "expected the answer");
    default:
        return wait_for_answer(L, LUA_OK, (lua_KContext)call);
    }
}

int result_send(lua_State *L, struct call *call)
{
    struct reply *r = call->start.reply;
    arrange(L);
    int status = status_of(L);
    if (status == -1)
        return answer_later(L, call);
    body_note_closers(L, call);
    if (status < 200)
        return refuse_status(L);
    if (async_state(call) == ASYNC_GIVEN)
        return luaL_error(L, "the app answered twice: through async.callback "
                             "and by what it returned");
    const struct body_kind *kind = body_find(L);
    if (kind->prepare)
        status = kind->prepare(L, call, status);
    reply_start(r, status);
    result_headers(L, r, BODY_HEADERS);
    if (kind->fields)
        kind->fields(call);
    reply_finish(r, kind->length(L, call));
    call->answered = true;
    async_answered(call);
    if (r->framing != REPLY_NO_BODY)
        return kind->send(L, call);
    if (call->file.fd >= 0)
        close(call->file.fd);
    call->file = (struct call_file){.fd = -1};
    return 0;
}

void result_discard(lua_State *L)
{
    lua_pushnil(L);
    lua_insert(L, BODY_HEAD);
    arrange(L);
    body_discard(L);
    lua_settop(L, 0);
}
