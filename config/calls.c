/* SPDX-License-Identifier: MIT */
/*
 * The directives with a kind of their own: app, use and the hooks; and
 * config_run_hook(), which calls what the last ones stored. listen() has
 * listen.c.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "config/config.h"
#include "config/kinds.h"
#include "config/luaerr.h"

/* A function cannot be shown; where it stands is told. */
static void print_function(const struct directive *d,
                           const struct config *config, FILE *to)
{
    fprintf(to, "-- %s(function ... end), in ", d->name);
    kind_print_text(config->path, to);
    fputc('\n', to);
}

/* app */

static void expect_app(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size, "the path of an app file (a string) or a function");
}

/* The function itself is dropped: this state never calls it. Each app state
 * runs the config's text again to get its own. */
static void take_app(lua_State *L, int at, const struct directive *d,
                     void *into)
{
    struct config *config = into;
    const char *path = lua_isfunction(L, at) ? NULL : kind_check_text(L, at, d);
    free(config->app);
    config->app = path ? xstrdup(path) : NULL;
}

static void print_app(const struct directive *d, const void *from, FILE *to)
{
    const struct config *config = from;
    if (!config->app) {
        print_function(d, config, to);
        return;
    }
    fprintf(to, "%s(", d->name);
    kind_print_text(config->app, to);
    fputs(")\n", to);
}

const struct kind kind_app = {.args = 1,
                              .calls = true,
                              .expects = expect_app,
                              .take = take_app,
                              .print = print_app};

/* use */

static void expect_use(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size, "the name of a model (a string)");
}

/* The directives that may also be given as options of use(). */
static const char *const model_options[] = {"pool_size", "app_pool", NULL};

static void refuse_option(lua_State *L, int key, const struct directive *d)
{
    if (lua_type(L, key) != LUA_TSTRING)
        luaerr_raise(L, "%s: an option's name is a string, got a %s", d->name,
                     luaL_typename(L, key));
    const char *name = lua_tostring(L, key);
    const char *nearest = config_nearest(name, model_options);
    if (nearest)
        luaerr_raise(L, "%s: %s: no such option; did you mean %s?", d->name,
                     name, nearest);
    nearest = config_nearest(name, config_directive_names());
    if (!nearest)
        luaerr_raise(L, "%s: %s: no such option", d->name, name);
    luaerr_raise(L, "%s: %s: no such option; did you mean to call %s(...)?",
                 d->name, name, nearest);
}

/* The row of the option whose name is at key, or NULL. */
static const struct directive *find_option(lua_State *L, int key)
{
    if (lua_type(L, key) != LUA_TSTRING)
        return NULL;
    for (const char *const *name = model_options; *name; name++)
        if (strcmp(*name, lua_tostring(L, key)) == 0)
            return directive_find(directives, *name);
    return NULL;
}

static void take_options(lua_State *L, int options, const struct directive *d,
                         struct config *config)
{
    lua_pushnil(L);
    while (lua_next(L, options)) {
        int key = lua_gettop(L) - 1;
        const struct directive *option = find_option(L, key);
        if (!option)
            refuse_option(L, key, d);
        option->kind->take(L, key + 1, option, config);
        config->given |= UINT64_C(1) << (option - directives);
        lua_pop(L, 1);
    }
}

static void take_use(lua_State *L, int at, const struct directive *d,
                     void *into)
{
    const char *name = kind_check_text(L, at, d);
    if (!lua_isnoneornil(L, at + 1)) {
        if (!lua_istable(L, at + 1))
            luaerr_raise(L, "%s: options are a table, got a %s", d->name,
                         luaL_typename(L, at + 1));
        take_options(L, at + 1, d, into);
    }
    lua_Debug place;
    struct config *config = into;
    config->use_line = luaerr_line(L, &place);
    free(config->use);
    config->use = xstrdup(name);
}

static void print_use(const struct directive *d, const void *from, FILE *to)
{
    (void)d;
    kind_print_text(((const struct config *)from)->use, to);
}

const struct kind kind_use = {
    .args = 2, .expects = expect_use, .take = take_use, .print = print_use};

/* Hooks */

static void expect_hook(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size, "a function, or nil for none");
}

static void take_hook(lua_State *L, int at, const struct directive *d,
                      void *into)
{
    if (!lua_isfunction(L, at) && !lua_isnil(L, at))
        kind_refuse(L, at, d);
    int *ref = kind_field(d, into);
    lua_pushvalue(L, at);
    *ref = luaL_ref(L, LUA_REGISTRYINDEX); /* LUA_REFNIL, -1, for nil */
}

static void print_hook(const struct directive *d, const void *from, FILE *to)
{
    const struct config *config = from;
    int ref = *(const int *)kind_field_of(d, from);
    if (ref < 0)
        fprintf(to, "%s(nil)\n", d->name);
    else
        print_function(d, config, to);
}

const struct kind kind_hook = {.args = 1,
                               .calls = true,
                               .expects = expect_hook,
                               .take = take_hook,
                               .print = print_hook};

struct hook_call {
    int ref;
    const struct hook_worker *worker;
};

static int call_hook(lua_State *L)
{
    const struct hook_call *call = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->ref);
    lua_createtable(L, 0, 3);
    if (call->worker->number >= 0) {
        lua_pushinteger(L, call->worker->number);
        lua_setfield(L, -2, "number");
    }
    lua_pushinteger(L, call->worker->pid);
    lua_setfield(L, -2, "pid");
    lua_pushinteger(L, call->worker->generation);
    lua_setfield(L, -2, "generation");
    lua_pushstring(L, call->worker->exit); /* nil for NULL */
    lua_call(L, 2, 0);
    return 0;
}

static const char *hook_name(enum config_hook hook)
{
    size_t offset = offsetof(struct config, hooks) + hook * sizeof(int);
    const struct directive *d = directives;
    while (d->name && d->offset != offset)
        d++;
    assert(d->name);
    return d->name;
}

int config_run_hook(struct config *config, enum config_hook hook,
                    const struct hook_worker *worker, struct err *err)
{
    if (!config->lua || config->hooks[hook] < 0)
        return 0;
    struct hook_call call = {config->hooks[hook], worker};
    struct err why;
    if (luaerr_pcall(config->lua, call_hook, &call, &why) == 0)
        return 0;
    /* Both texts have the same room, and why must not push the name out. */
    return err_set(err, "%s: %.4000s", hook_name(hook), why.text);
}
