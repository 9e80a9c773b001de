/* SPDX-License-Identifier: MIT */
/*
 * What all kinds share, and the kinds that hold a switch, a string or a log
 * level. Checks are strict, as a config is read by people in a hurry: 1 is no
 * true, "5" no number. Numbers are in numbers.c; app, use and the hooks in
 * calls.c; listen in listen.c;
 * networks in networks.c.
 */
#include "config/kinds.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/luaerr.h"

/* Complaints. */

static const char *push_got(lua_State *L, int at)
{
    switch (lua_type(L, at)) {
    case LUA_TNONE:
        return lua_pushliteral(L, "nothing");
    case LUA_TNIL:
        return lua_pushliteral(L, "nil");
    case LUA_TBOOLEAN:
        return lua_pushstring(L, lua_toboolean(L, at) ? "true" : "false");
    case LUA_TNUMBER:
        return luaL_tolstring(L, at, NULL);
    case LUA_TSTRING:
        return lua_pushfstring(L, "\"%s\"", lua_tostring(L, at));
    default:
        return lua_pushfstring(L, "a %s", luaL_typename(L, at));
    }
}

const char *kind_push_name(lua_State *L, const struct directive *d)
{
    if (!d->of)
        return lua_pushstring(L, d->name);
    return lua_pushfstring(L, "%s: %s", d->of, d->name);
}

void kind_refuse(lua_State *L, int at, const struct directive *d)
{
    char expected[128];
    d->kind->expects(d, expected, sizeof expected);
    const char *got = push_got(L, at);
    luaerr_raise(L, "%s: expected %s, got %s", kind_push_name(L, d), expected,
                 got);
}

void kind_take_default(lua_State *L, const struct directive *d, void *into)
{
    int top = lua_gettop(L);
    lua_pushfstring(L, "return %s", d->value);
    if (luaL_loadstring(L, lua_tostring(L, -1)) != LUA_OK)
        lua_error(L);
    lua_call(L, 0, 1);
    d->kind->take(L, lua_gettop(L), d, into);
    lua_settop(L, top);
}

/* Switches. */

static void expect_bool(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size, "true or false");
}

static bool check_bool(lua_State *L, int at, const struct directive *d)
{
    if (!lua_isboolean(L, at))
        kind_refuse(L, at, d);
    return lua_toboolean(L, at);
}

static void take_bool(lua_State *L, int at, const struct directive *d,
                      void *into)
{
    *(bool *)kind_field(d, into) = check_bool(L, at, d);
}

static void print_bool(const struct directive *d, const void *from, FILE *to)
{
    fputs(*(const bool *)kind_field_of(d, from) ? "true" : "false", to);
}

static void take_flag(lua_State *L, int at, const struct directive *d,
                      void *into)
{
    *(int *)kind_field(d, into) = check_bool(L, at, d);
}

static void print_flag(const struct directive *d, const void *from, FILE *to)
{
    fputs(*(const int *)kind_field_of(d, from) ? "true" : "false", to);
}

const struct kind kind_bool = {
    .args = 1, .expects = expect_bool, .take = take_bool, .print = print_bool};

const struct kind kind_flag = {
    .args = 1, .expects = expect_bool, .take = take_flag, .print = print_flag};

/* Strings. */

const char *kind_check_text(lua_State *L, int at, const struct directive *d)
{
    if (lua_type(L, at) != LUA_TSTRING)
        kind_refuse(L, at, d);
    size_t len;
    const char *text = lua_tolstring(L, at, &len);
    if (len < (size_t)d->min || strlen(text) != len)
        kind_refuse(L, at, d);
    return text;
}

void kind_print_text(const char *text, FILE *to)
{
    fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(to, "\\%c", *p);
        else if (*p < ' ' || *p == 127)
            fprintf(to, "\\%03d", *p);
        else
            fputc(*p, to);
    }
    fputc('"', to);
}

static void expect_string(const struct directive *d, char *text, size_t size)
{
    snprintf(text, size, "a string%s or nil", d->min ? " (not empty)" : "");
}

static void take_string(lua_State *L, int at, const struct directive *d,
                        void *into)
{
    char **string = kind_field(d, into);
    const char *text = lua_isnil(L, at) ? NULL : kind_check_text(L, at, d);
    free(*string);
    *string = text ? xstrdup(text) : NULL;
}

static void print_string(const struct directive *d, const void *from, FILE *to)
{
    const char *text = *(char *const *)kind_field_of(d, from);
    if (text)
        kind_print_text(text, to);
    else
        fputs("nil", to);
}

const struct kind kind_string = {.args = 1,
                                 .expects = expect_string,
                                 .take = take_string,
                                 .print = print_string};

/* Log levels. */

static void expect_level(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size, "\"debug\", \"info\", \"warn\" or \"error\"");
}

static void take_level(lua_State *L, int at, const struct directive *d,
                       void *into)
{
    enum log_level level;
    if (!log_level_parse(kind_check_text(L, at, d), &level))
        kind_refuse(L, at, d);
    *(int *)kind_field(d, into) = (int)level;
}

static void print_level(const struct directive *d, const void *from, FILE *to)
{
    int level = *(const int *)kind_field_of(d, from);
    fprintf(to, "\"%s\"", log_level_name((enum log_level)level));
}

const struct kind kind_level = {.args = 1,
                                .expects = expect_level,
                                .take = take_level,
                                .print = print_level};
