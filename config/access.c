/* SPDX-License-Identifier: MIT */
/*
 * The directive access_log, and the call of its function. The function runs in
 * the Lua state that ran the config, as hooks do.
 */
#include "config/access.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "config/interrupt.h"
#include "config/kinds.h"
#include "config/luaerr.h"

#define TEXT(member)                                                           \
    {                                                                          \
#member, ACCESS_TEXT, offsetof(struct access_entry, member)            \
    }
#define NUMBER(member)                                                         \
    {                                                                          \
#member, ACCESS_NUMBER, offsetof(struct access_entry, member)          \
    }

const struct access_field access_fields[] = {
    TEXT(time),
    TEXT(remote_addr),
    TEXT(scheme),
    TEXT(host),
    TEXT(method),
    TEXT(uri),
    TEXT(protocol),
    TEXT(request),
    NUMBER(status),
    NUMBER(bytes),
    {"duration", ACCESS_SECONDS, offsetof(struct access_entry, duration)},
    TEXT(referer),
    TEXT(user_agent),
    TEXT(request_id),
    NUMBER(worker),
    NUMBER(pid),
    {0},
};

enum {
    FIELD_COUNT = sizeof access_fields / sizeof *access_fields - 1
};

/* ---- the directive ---- */

static const char *const formats[] = {"common", "combined", "json", NULL};

static void expect_access(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size,
             "a path, \"stdout\" or \"stderr\" and perhaps { format = ... }; "
             "or nil for none");
}

static bool is_off(lua_State *L, int at)
{
    return lua_isnil(L, at) || (lua_isboolean(L, at) && !lua_toboolean(L, at));
}

static void refuse_format(lua_State *L, int at, const struct directive *d)
{
    luaerr_raise(L,
                 "%s: format: expected \"common\", \"combined\", \"json\" or a "
                 "function, got %s",
                 d->name,
                 lua_type(L, at) == LUA_TSTRING
                     ? lua_pushfstring(L, "\"%s\"", lua_tostring(L, at))
                     : lua_pushfstring(L, "a %s", luaL_typename(L, at)));
}

static void take_format(lua_State *L, int at, const struct directive *d,
                        struct config *config)
{
    if (lua_isfunction(L, at)) {
        config->access_format = ACCESS_FUNCTION;
        lua_pushvalue(L, at);
        config->access_function = luaL_ref(L, LUA_REGISTRYINDEX);
        return;
    }
    int format = 0;
    const char *name =
        lua_type(L, at) == LUA_TSTRING ? lua_tostring(L, at) : "";
    while (formats[format] && strcmp(formats[format], name) != 0)
        format++;
    if (!formats[format])
        refuse_format(L, at, d);
    config->access_format = format;
}

static void take_options(lua_State *L, int at, const struct directive *d,
                         struct config *config)
{
    if (lua_isnoneornil(L, at))
        return;
    if (!lua_istable(L, at))
        luaerr_raise(L, "%s: options are a table, got a %s", d->name,
                     luaL_typename(L, at));
    lua_pushnil(L);
    while (lua_next(L, at)) {
        int key = lua_gettop(L) - 1;
        bool known = lua_type(L, key) == LUA_TSTRING &&
                     strcmp(lua_tostring(L, key), "format") == 0;
        if (!known)
            luaerr_raise(L, "%s: %s: no such option; the only one is format",
                         d->name, luaL_tolstring(L, key, NULL));
        take_format(L, key + 1, d, config);
        lua_pop(L, 1);
    }
}

static void take_access(lua_State *L, int at, const struct directive *d,
                        void *into)
{
    struct config *config = into;
    const char *target = is_off(L, at) ? NULL : kind_check_text(L, at, d);
    config->access_format = ACCESS_COMBINED;
    take_options(L, at + 1, d, config);
    free(config->access_log);
    config->access_log = target ? xstrdup(target) : NULL;
}

static void print_access(const struct directive *d, const void *from, FILE *to)
{
    const struct config *config = from;
    if (!config->access_log) {
        fprintf(to, "%s(nil)\n", d->name);
        return;
    }
    fprintf(to, "%s(", d->name);
    kind_print_text(config->access_log, to);
    if (config->access_format != ACCESS_FUNCTION) {
        fprintf(to, ", { format = \"%s\" })\n", formats[config->access_format]);
        return;
    }
    fputs(") -- { format = function(entry) ... end }, in ", to);
    kind_print_text(config->path, to);
    fputc('\n', to);
}

const struct kind kind_access = {.args = 2,
                                 .calls = true,
                                 .expects = expect_access,
                                 .take = take_access,
                                 .print = print_access};

int config_access_standard(const struct config *config)
{
    if (strcmp(config->access_log, "stdout") == 0)
        return STDOUT_FILENO;
    return strcmp(config->access_log, "stderr") == 0 ? STDERR_FILENO : -1;
}

const char *config_access_path(const struct config *config)
{
    bool path = config->access_log && config_access_standard(config) < 0;
    return path ? config->access_log : NULL;
}

/* ---- the function ---- */

struct format_call {
    int ref;
    const struct access_entry *entry;
    struct buf *line;
};

static void push_value(lua_State *L, const struct access_field *field,
                       const struct access_entry *entry)
{
    const void *value = access_value(field, entry);
    const struct span *text = value;
    const int64_t *number = value;
    if (field->kind == ACCESS_TEXT && text->at)
        lua_pushlstring(L, text->at, text->len);
    else if (field->kind == ACCESS_TEXT)
        lua_pushnil(L);
    else if (field->kind == ACCESS_NUMBER)
        lua_pushinteger(L, *number);
    else
        lua_pushnumber(L, (lua_Number)*number / (lua_Number)CLOCK_SECOND);
}

static int call_format(lua_State *L)
{
    const struct format_call *call = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->ref);
    lua_createtable(L, 0, FIELD_COUNT);
    for (const struct access_field *f = access_fields; f->name; f++) {
        push_value(L, f, call->entry);
        lua_setfield(L, -2, f->name);
    }
    lua_call(L, 1, 1);
    size_t len;
    if (is_off(L, -1))
        return 0;
    if (lua_type(L, -1) != LUA_TSTRING)
        return luaL_error(L, "the function returned a %s, not a line or nil",
                          luaL_typename(L, -1));
    const char *text = lua_tolstring(L, -1, &len);
    buf_put(call->line, text, len);
    return 0;
}

/* A format function that runs longer than this is ended. */
#define FORMAT_TIME CLOCK_SECOND

int config_access_line(struct config *config, const struct access_entry *entry,
                       struct buf *line, struct err *err)
{
    struct format_call call = {config->access_function, entry, line};
    interrupt_within(FORMAT_TIME);
    int rc = luaerr_pcall(config->lua, call_format, &call, err);
    interrupt_within(0);
    return rc;
}
