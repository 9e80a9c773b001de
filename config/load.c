/* SPDX-License-Identifier: MIT */
/*
 * config_load() and config_free(). The file runs once, in a fresh Lua state,
 * under one protected call; each directive stores its value straight into the
 * struct config, which the caller of that protected call owns, so an error may
 * be raised anywhere without a loss. Then come the command line's words, then
 * the defaults of all that was left out.
 */
#include <stdlib.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"
#include "config/config.h"
#include "config/fence.h"
#include "config/kinds.h"
#include "config/listen.h"
#include "config/luaerr.h"
#include "config/run_as.h"

struct load {
    struct config *config;
    const struct config_overrides *overrides;
};

/* Its address is the key, in the registry, of the config being loaded; nil
 * afterwards, so that a hook cannot change what is in force. */
static const char loading;

/* Upvalues of a directive's function: its row, and the table that holds the
 * place of each directive's call. */
enum {
    UP_ROW = 1,
    UP_PLACES
};

static void refuse_second_call(lua_State *L, const struct directive *d)
{
    lua_getfield(L, lua_upvalueindex(UP_PLACES), d->name);
    if (!lua_isnil(L, -1) && !d->kind->repeats)
        luaerr_raise(L, "%s: already set at %s; keep one of the two", d->name,
                     lua_tostring(L, -1));
    lua_pop(L, 1);
}

static int call_directive(lua_State *L)
{
    const struct directive *d = lua_touserdata(L, lua_upvalueindex(UP_ROW));
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loading);
    struct config *config = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (!config)
        luaerr_raise(L, "%s: only while the config is loaded, not in a hook",
                     d->name);
    refuse_second_call(L, d);
    if (lua_gettop(L) > d->kind->args)
        luaerr_raise(L, "%s: expected at most %d value%s, got %d", d->name,
                     d->kind->args, d->kind->args > 1 ? "s" : "",
                     lua_gettop(L));
    d->kind->take(L, 1, d, config);
    config->places[d - directives] = luaerr_push_place(L);
    lua_setfield(L, lua_upvalueindex(UP_PLACES), d->name);
    return 0;
}

/* Pushes the directives' functions by name; places is a table's index. */
static void push_directives(lua_State *L, int places)
{
    lua_newtable(L);
    for (const struct directive *d = directives; d->name; d++) {
        lua_pushlightuserdata(L, (void *)d);
        lua_pushvalue(L, places);
        lua_pushcclosure(L, call_directive, 2);
        lua_setfield(L, -2, d->name);
    }
}

/* Takes the value at the top for a directive, in the file's stead. */
static void take_instead(lua_State *L, int places, const char *name,
                         struct config *config)
{
    const struct directive *d = directive_find(directives, name);
    d->kind->take(L, lua_gettop(L), d, config);
    lua_pop(L, 1);
    lua_pushliteral(L, "the command line");
    lua_setfield(L, places, name);
}

static void take_overrides(lua_State *L, int places, const struct load *load)
{
    const struct config_overrides *over = load->overrides;
    if (over->worker_processes) {
        lua_pushinteger(L, over->worker_processes);
        take_instead(L, places, "worker_processes", load->config);
    }
    if (over->app) {
        lua_pushstring(L, over->app);
        take_instead(L, places, "app", load->config);
    }
    if (over->listen_count)
        listen_clear(load->config);
    for (size_t i = 0; i < over->listen_count; i++) {
        lua_pushstring(L, over->listens[i]);
        take_instead(L, places, "listen", load->config);
    }
}

bool config_sets(const struct config *config, const char *name)
{
    const struct directive *d = directive_find(directives, name);
    return d && config->given >> (d - directives) & 1;
}

const char *config_place(const struct config *config, const char *name)
{
    const struct directive *d = directive_find(directives, name);
    if (d && config->places[d - directives])
        return config->places[d - directives];
    return config->path ? config->path : "the command line";
}

static void refuse_missing(lua_State *L, const struct directive *d,
                           const struct config *config)
{
    if (config->path)
        lua_pushfstring(L,
                        "%s: %s is missing: write %s(\"app.lua\") there, or "
                        "rainbows -c %s app.lua",
                        config->path, d->name, d->name, config->path);
    else
        lua_pushfstring(L,
                        "no %s: name its file, as in rainbows app.lua, or a "
                        "config, as in rainbows -c config.lua",
                        d->name);
    luaerr_raise_plain(L);
}

static void take_defaults(lua_State *L, int places, struct config *config)
{
    for (const struct directive *d = directives; d->name; d++) {
        bool option = config->given >> (d - directives) & 1; /* of use() */
        if (lua_getfield(L, places, d->name) == LUA_TNIL && !option) {
            if (!d->value)
                refuse_missing(L, d, config);
            kind_take_default(L, d, config);
        } else {
            config->given |= UINT64_C(1) << (d - directives);
        }
        lua_pop(L, 1);
    }
}

/* In the background nobody reads standard output and standard error. */
static void be_silent(struct config *config)
{
    if (!config->stdout_path)
        config->stdout_path = xstrdup("/dev/null");
    if (!config->stderr_path)
        config->stderr_path = xstrdup("/dev/null");
}

static int nothing(lua_State *L)
{
    (void)L;
    return 0;
}

static int any_function(lua_State *L)
{
    lua_pushcfunction(L, nothing);
    return 1;
}

/* What require "rainbows" gives here: functions that do nothing. The config's
 * text may hold an app; where that runs, in app states, the module is real. */
static int open_module(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, RAINBOWS_VERSION);
    lua_setfield(L, -2, "version");
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, any_function);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    return 1;
}

static void preload_module(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open_module);
    lua_setfield(L, -2, "rainbows");
    lua_pop(L, 1);
}

/* It would end the master, at once and with the workers left alone. */
static int refuse_exit(lua_State *L)
{
    luaerr_raise(L, "os.exit: not in a config; error(...) says that something "
                    "is wrong");
}

static void take_exit(lua_State *L)
{
    lua_getglobal(L, "os");
    lua_pushcfunction(L, refuse_exit);
    lua_setfield(L, -2, "exit");
    lua_pop(L, 1);
}

static int load_protected(lua_State *L)
{
    const struct load *load = lua_touserdata(L, 1);
    struct config *config = load->config;
    luaL_openlibs(L);
    take_exit(L);
    preload_module(L);
    lua_newtable(L);
    int places = lua_gettop(L);
    lua_pushvalue(L, places); /* its texts are config->places */
    lua_rawsetp(L, LUA_REGISTRYINDEX, config->places);
    if (config->path) {
        lua_pushlightuserdata(L, config);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &loading);
        push_directives(L, places);
        fence_push(L);
        fence_load(L, config->text, config->text_size, config->path);
        lua_call(L, 0, 0);
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &loading);
    }
    if (load->overrides)
        take_overrides(L, places, load);
    take_defaults(L, places, config);
    if (load->overrides && load->overrides->daemonize)
        be_silent(config);
    return 0;
}

static struct config *config_new(void)
{
    struct config *config = xcalloc(1, sizeof *config);
    for (int i = 0; i < HOOK_COUNT; i++)
        config->hooks[i] = LUA_REFNIL;
    run_as_init(&config->run_as);
    return config;
}

/* Takes config, and frees it if it fails. */
static struct config *run(struct config *config,
                          const struct config_overrides *overrides,
                          struct err *err)
{
    config->lua = luaL_newstate();
    if (!config->lua) {
        err_set(err, "no memory for a Lua state");
        goto fail;
    }
    struct load load = {config, overrides};
    if (luaerr_pcall(config->lua, load_protected, &load, err) < 0)
        goto fail;
    if (!config->path) {
        lua_close(config->lua);
        config->lua = NULL;
    }
    return config;
fail:
    config_free(config);
    return NULL;
}

struct config *config_load(const char *path,
                           const struct config_overrides *overrides,
                           struct err *err)
{
    struct config *config = config_new();
    if (path) {
        config->path = xstrdup(path);
        config->text = fd_read_file(path, &config->text_size, err);
        if (!config->text) {
            config_free(config);
            return NULL;
        }
    }
    return run(config, overrides, err);
}

struct config *config_load_text(const struct config_text *text,
                                const struct config_overrides *overrides,
                                struct err *err)
{
    struct config *config = config_new();
    config->path = xstrdup(text->path);
    config->text = xmemdup(text->bytes, text->size + 1);
    config->text_size = text->size;
    return run(config, overrides, err);
}

void config_free(struct config *config)
{
    if (!config)
        return;
    if (config->lua)
        lua_close(config->lua);
    for (const struct directive *d = directives; d->name; d++)
        if (d->kind == &kind_string)
            free(*(char **)kind_field(d, config));
    listen_clear(config);
    run_as_fini(&config->run_as);
    free(config->access_log);
    free(config->use);
    free(config->app);
    free(config->text);
    free(config->path);
    free(config);
}
