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
#include "lua/body.h"
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

static int check_status(lua_State *L)
{
    if (!lua_isinteger(L, BODY_STATUS)) {
        if (lua_isnil(L, BODY_STATUS))
            return luaL_error(L, "the app returned nothing: expected status, "
                                 "headers, body");
        return luaL_error(L,
                          "the app returned %s as its status: expected an "
                          "integer from 200 to 999",
                          luaL_tolstring(L, BODY_STATUS, NULL));
    }
    lua_Integer status = lua_tointeger(L, BODY_STATUS);
    if (status == -1)
        return luaL_error(L,
                          "the app returned -1 (answer later), and the "
                          "model %s has no async.callback",
                          app_of(L)->identity.model);
    if (status < 200 || status > 999)
        return luaL_error(L,
                          "the app returned %I as its status: expected an "
                          "integer from 200 to 999",
                          (LUAI_UACINT)status);
    return (int)status;
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

static void send_headers(lua_State *L, struct reply *r)
{
    if (lua_isnil(L, BODY_HEADERS))
        return;
    if (!lua_istable(L, BODY_HEADERS))
        luaL_error(L, "the app returned a %s as its headers: expected a table",
                   luaL_typename(L, BODY_HEADERS));
    lua_pushnil(L);
    while (lua_next(L, BODY_HEADERS)) { /* [..., name, value] */
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

int result_send(lua_State *L, struct call *call)
{
    struct reply *r = call->start.reply;
    arrange(L);
    body_note_closers(L, call);
    reply_start(r, check_status(L));
    send_headers(L, r);
    const struct body_kind *kind = body_find(L);
    reply_finish(r, kind->length(L, call));
    call->answered = true;
    if (r->framing != REPLY_NO_BODY)
        return kind->send(L, call);
    if (call->file.fd >= 0)
        close(call->file.fd);
    call->file = (struct call_file){.fd = -1};
    return 0;
}
