/* SPDX-License-Identifier: MIT */
/*
 * A Lua state with an app in it: made by a worker after the fork (or before,
 * with preload_app), one for each place where calls run. Opens the standard
 * library with our changes, loads the app file or the config's function, and
 * keeps what calls need at hand as references.
 */
#include "lua/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/fence.h"
#include "lua/async.h"
#include "lua/coro.h"
#include "lua/env.h"
#include "lua/input.h"
#include "lua/logger.h"
#include "lua/module.h"
#include "lua/state.h"

/* ---- paths ---- */

static bool has_modules(const char *dir)
{
    char probe[4200];
    snprintf(probe, sizeof probe, "%s/rack/utils.lua", dir);
    return access(probe, R_OK) == 0;
}

/* The directory of our own Lua modules: beside the binary's directory, in the
 * source tree or the installation, wherever that was moved to; else the source
 * tree that it was built from. */
static const char *module_dir(char dir[4096])
{
    static const char *const places[] = {"/../lua", "/../share/lua/5.4"};
    char exe[2048];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(dir, 4096, "%s%s", exe, places[i]);
        if (has_modules(dir))
            return dir;
    }
    return has_modules(SOURCE_LUA) ? SOURCE_LUA : NULL;
}

static void add_dir(lua_State *L, const char *dir)
{
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;", dir, dir);
}

/* package.path: the app's own directory, the server's modules, Lua's default.
 * lua_path in place of it, its ";;" standing for all that. */
static void set_path(lua_State *L, const struct app_source *source)
{
    char dir[4096];
    lua_getglobal(L, "package");
    const char *slash = source->path ? strrchr(source->path, '/') : NULL;
    if (slash) {
        lua_pushlstring(L, source->path, (size_t)(slash - source->path));
        add_dir(L, lua_tostring(L, -1));
        lua_remove(L, -2);
    } else {
        lua_pushliteral(L, "./?.lua;./?/init.lua;");
    }
    const char *modules = module_dir(dir);
    if (modules)
        add_dir(L, modules);
    else
        lua_pushliteral(L, "");
    lua_getfield(L, -3, "path");
    lua_concat(L, 3); /* [package, path] */
    if (source->lua_path) {
        lua_pushfstring(L, ";%s;", lua_tostring(L, -1));
        luaL_gsub(L, source->lua_path, ";;", lua_tostring(L, -1));
        lua_replace(L, -3);
        lua_pop(L, 1);
    }
    lua_setfield(L, -2, "path");
    if (source->lua_cpath) {
        lua_getfield(L, -1, "cpath");
        lua_pushfstring(L, ";%s;", lua_tostring(L, -1));
        luaL_gsub(L, source->lua_cpath, ";;", lua_tostring(L, -1));
        lua_setfield(L, -4, "cpath");
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

/* ---- loading ---- */

static int nothing(lua_State *L)
{
    (void)L;
    return 0;
}

/* app(function) of the config's text: remembered in the registry. */
static int take_app(lua_State *L)
{
    lua_settop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "rainbows.app");
    return 0;
}

/* The globals of the config's text: app keeps its argument, every other
 * directive does nothing, the rest is the app state's own. */
static void push_config_env(lua_State *L, const char *const *directives)
{
    lua_newtable(L);
    for (; *directives; directives++) {
        lua_pushcfunction(L, nothing);
        lua_setfield(L, -2, *directives);
    }
    lua_pushcfunction(L, take_app);
    lua_setfield(L, -2, "app");
    lua_newtable(L);
    lua_pushglobaltable(L);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

/* (source) -> what the file returned, or what the text gave to app() */
static int load_source(lua_State *L)
{
    const struct app_source *s = lua_touserdata(L, 1);
    if (s->path) {
        if (luaL_loadfilex(L, s->path, "t") != LUA_OK)
            return lua_error(L);
        lua_pushstring(L, s->path);
        lua_call(L, 1, 1);
        return 1;
    }
    push_config_env(L, s->directives);
    fence_keep(L);
    fence_load(L, s->config_text, s->config_size, s->config_path);
    lua_call(L, 0, 0);
    lua_getfield(L, LUA_REGISTRYINDEX, "rainbows.app");
    return 1;
}

static bool is_callable(lua_State *L, int idx)
{
    if (lua_isfunction(L, idx))
        return true;
    if (luaL_getmetafield(L, idx, "__call") == LUA_TNIL)
        return false;
    lua_pop(L, 1);
    return true;
}

/* (app, value) -> has the value become the app's function and self? */
static int adopt(lua_State *L)
{
    struct app *app = lua_touserdata(L, 1);
    if (lua_istable(L, 2)) {
        lua_getfield(L, 2, "call");
        if (is_callable(L, 3)) { /* [app, self, function] */
            app->function = luaL_ref(L, LUA_REGISTRYINDEX);
            app->self = luaL_ref(L, LUA_REGISTRYINDEX);
            lua_pushboolean(L, 1);
            return 1;
        }
        lua_settop(L, 2);
    }
    bool callable = is_callable(L, 2);
    if (callable)
        app->function = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushboolean(L, callable);
    return 1;
}

/* The value at the top becomes what calls call, if it can. */
static int adopt_protected(struct app *app, const struct app_source *s,
                           struct err *err)
{
    lua_State *L = app->L;
    lua_pushcfunction(L, adopt);
    lua_pushlightuserdata(L, app);
    lua_pushvalue(L, -3);
    if (protect_call(L, 2, 1, err) < 0)
        return -1;
    if (lua_toboolean(L, -1)) /* [value, adopted] */
        return 0;
    return err_set(err,
                   "%s: the app is %s; an app file must return a function "
                   "(`return function(env) ... end`), or a table with a call "
                   "method",
                   s->path ? s->path : s->config_path,
                   lua_isnil(L, -2) ? "nothing" : luaL_typename(L, -2));
}

/* (app, source): everything before the app's own code runs. */
static int prepare(lua_State *L)
{
    struct app *app = lua_touserdata(L, 1);
    const struct app_source *source = lua_touserdata(L, 2);
    luaL_openlibs(L);
    protect_open(L);
    coro_open(L);
    app->env_meta = env_open(L);
    app->input_meta = input_open(L);
    app->async_meta = async_open(L);
    app->errors = logger_open_errors(L);
    app->logger = logger_open(L);
    lua_getglobal(L, "math");
    lua_getfield(L, -1, "randomseed");
    app->randomseed = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    app->at_boot = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    app->at_quit = luaL_ref(L, LUA_REGISTRYINDEX);
    module_open(L);
    set_path(L, source);
    return 0;
}

/* An error for want of memory comes without a place. */
static void name_source(const struct app *app, const struct app_source *source,
                        struct err *err)
{
    struct err why = *err;
    if (memory_is_why(&app->memory, why.text))
        err_set(err, "%s: %.3900s",
                source->path ? source->path : source->config_path, why.text);
}

/* The app's own code, from its first line to the value that it is. */
static int load(struct app *app, const struct app_source *source,
                struct err *err)
{
    struct active here;
    loading_begin(app, &here);
    lua_pushcfunction(app->L, load_source);
    lua_pushlightuserdata(app->L, (void *)source);
    int rc = protect_call(app->L, 1, 1, err);
    rc = rc == 0 ? adopt_protected(app, source, err) : rc;
    if (rc < 0)
        name_source(app, source, err);
    loading_end(app, &here);
    return rc;
}

struct app *app_new(const struct app_source *source, struct err *err)
{
    struct app *app = xcalloc(1, sizeof *app);
    app->function = app->self = LUA_NOREF;
    app->L = luaL_newstate();
    if (!app->L) {
        err_set(err, "no memory for a Lua state");
        goto fail;
    }
    *(struct app **)lua_getextraspace(app->L) = app;
    if (source->memory_limit)
        memory_limit(&app->memory, app->L, source->memory_limit);
    lua_pushcfunction(app->L, prepare);
    lua_pushlightuserdata(app->L, app);
    lua_pushlightuserdata(app->L, (void *)source);
    if (protect_call(app->L, 2, 0, err) < 0 || load(app, source, err) < 0)
        goto fail;
    lua_settop(app->L, 0);
    return app;
fail:
    app_free(app);
    return NULL;
}

/* ---- life ---- */

/* math.random() of a preloaded state must not give the same numbers in every
 * worker. The app may have done away with math, so it is not looked up. */
static void seed_random(struct app *app)
{
    lua_Integer seed[2];
    if (getrandom(seed, sizeof seed, 0) != sizeof seed)
        return;
    lua_rawgeti(app->L, LUA_REGISTRYINDEX, app->randomseed);
    lua_pushinteger(app->L, seed[0]);
    lua_pushinteger(app->L, seed[1]);
    lua_pcall(app->L, 2, 0, 0);
    lua_settop(app->L, 0);
}

/* Every worker would ask to be replaced at once. */
static int check_room(struct app *app, struct err *err)
{
    struct memory *memory = &app->memory;
    memory_tidy(memory, app->L);
    if (!memory->full)
        return 0;
    return err_set(err,
                   "the app uses %zu bytes when it is loaded, nearly all of "
                   "lua_memory_limit=%zu; raise it, or have the app use less",
                   memory->used, memory->limit);
}

int app_boot(struct app *app, const struct app_identity *identity,
             struct err *err)
{
    lua_State *L = app->L;
    struct active here;
    app->identity = *identity;
    app->booted = true;
    seed_random(app);
    loading_begin(app, &here);
    lua_rawgeti(L, LUA_REGISTRYINDEX, app->at_boot);
    int rc = 0;
    for (lua_Integer i = 1; rc == 0 && lua_rawgeti(L, -1, i) == LUA_TFUNCTION;
         i++)
        rc = protect_call(L, 0, 0, err);
    lua_settop(L, 0);
    loading_end(app, &here);
    return rc < 0 ? rc : check_room(app, err);
}

bool app_is_full(const struct app *app, size_t *used)
{
    *used = app->memory.used;
    return app->memory.full;
}

void app_quit(struct app *app)
{
    lua_State *L = app->L;
    struct err err;
    lua_rawgeti(L, LUA_REGISTRYINDEX, app->at_quit);
    for (lua_Integer i = (lua_Integer)lua_rawlen(L, 1); i >= 1; i--) {
        lua_rawgeti(L, 1, i);
        if (protect_call(L, 0, 0, &err) < 0)
            log_error("at_quit: %s", err.text);
    }
    lua_settop(L, 0);
}

void app_free(struct app *app)
{
    if (!app)
        return;
    while (app->spare) {
        struct call *call = app->spare;
        app->spare = call->next;
        free(call);
    }
    if (app->L)
        lua_close(app->L);
    free(app);
}
