/* SPDX-License-Identifier: MIT */
/*
 * One call(env): a coroutine that builds the env, runs the app, and sends the
 * body, all inside one protected resume. It stops where output must be sent
 * or something is waited for, and is used again for the next call.
 */
#include "lua/call.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/request.h"
#include "lua/async.h"
#include "lua/body.h"
#include "lua/coro.h"
#include "lua/env.h"
#include "lua/input.h"
#include "lua/result.h"
#include "lua/state.h"

/* Lua 5.4.4 as Debian ships it crashes when a __concat metamethod makes the
 * stack grow. Slots reserved in advance make that rarer. */
enum {
    STACK_RESERVE = 1000
};

static int returned(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    return result_send(L, (struct call *)ctx);
}

/* (call): the whole life of a call. */
static int run(lua_State *L)
{
    struct call *call = lua_touserdata(L, 1);
    struct app *app = call->app;
    lua_settop(L, 0);
    env_push(L, call); /* [head, env] */
    call->head = lua_touserdata(L, BODY_HEAD);
    lua_rawgeti(L, LUA_REGISTRYINDEX, app->function);
    lua_insert(L, -2);
    if (app->self == LUA_NOREF) { /* [head, function, env] */
        lua_callk(L, 1, LUA_MULTRET, (lua_KContext)call, returned);
        return returned(L, LUA_OK, (lua_KContext)call);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, app->self);
    lua_insert(L, -2); /* [head, function, self, env] */
    lua_callk(L, 2, LUA_MULTRET, (lua_KContext)call, returned);
    return returned(L, LUA_OK, (lua_KContext)call);
}

/* (call): makes its coroutine. */
static int make_coroutine(lua_State *L)
{
    struct call *call = lua_touserdata(L, 1);
    lua_State *co = lua_newthread(L);
    lua_checkstack(co, STACK_RESERVE);
    call->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    call->co = co;
    return 0;
}

static struct call *call_make(struct app *app)
{
    struct call *call = xcalloc(1, sizeof *call);
    call->app = app;
    lua_pushcfunction(app->L, make_coroutine);
    lua_pushlightuserdata(app->L, call);
    if (lua_pcall(app->L, 1, 0, 0) != LUA_OK)
        lua_pop(app->L, 1);
    call->input = call->deferrable = LUA_NOREF;
    for (int i = 0; i < CLOSE_COUNT; i++)
        call->close[i] = LUA_NOREF;
    return call;
}

struct call *call_new(struct app *app, const struct call_start *start)
{
    struct call *call = app->spare;
    if (call)
        app->spare = call->next;
    else
        call = call_make(app);
    call->start = *start;
    call->head = NULL;
    call->started = call->answered = call->client_closed = false;
    call->deferred = DEFERRED_NOT;
    call->file = (struct call_file){.fd = -1};
    call->at = 0;
    call->item = 0;
    if (call->co) {
        lua_pushcfunction(call->co, run);
        lua_pushlightuserdata(call->co, call);
    }
    return call;
}

const struct request *call_request(const struct call *call)
{
    return call->head ? env_request(call->head) : NULL;
}

struct span call_line(const struct call *call)
{
    const struct request *rq = call->start.request;
    if (call->head)
        rq = env_request(call->head);
    else if (call->started) /* there was no memory for an env */
        return (struct span){"", 0};
    const char *at = rq->bytes + rq->method.at;
    const char *end = rq->bytes + rq->target.at + rq->target.len;
    return (struct span){at, (size_t)(end - at)};
}

/* "GET /notes?page=2", a long target cut. */
static char *request_line(const struct call *call)
{
    enum {
        SHOWN = 200
    };
    if (!call->head)
        return xstrdup("request");
    struct span method = env_method(call->head);
    struct span target = env_target(call->head);
    return xasprintf("%.*s %.*s%s", (int)method.len, method.at,
                     (int)(target.len < SHOWN ? target.len : SHOWN), target.at,
                     target.len > SHOWN ? "..." : "");
}

/* why NULL: the error that the coroutine has raised. */
static enum call_status fail(struct call *call, const char *why)
{
    async_answered(call); /* by a 500, or by nothing */
    char *text = app_traceback(call->app, call->co, why);
    char *line = request_line(call);
    call->error = xasprintf("%s: %s", line, text);
    free(line);
    free(text);
    return CALL_FAILED;
}

/* The coroutine has ended, failed or yielded n values. */
static enum call_status stopped(struct call *call, int status, int n,
                                struct wait *wait)
{
    lua_State *co = call->co;
    if (status == LUA_OK)
        return CALL_DONE;
    if (status != LUA_YIELD)
        return fail(call, NULL);
    if (coro_is_ours(co, n)) {
        lua_pop(co, 1);
        *wait = call->wait;
        return call->why;
    }
    if (call->app->stuck) /* interrupt.c has stopped it */
        return fail(call, NULL);
    lua_pop(co, n);
    return fail(call, "coroutine.yield outside of a coroutine of the app's "
                      "own");
}

enum call_status call_step(struct call *call, struct wait *wait)
{
    struct app *app = call->app;
    lua_State *co = call->co;
    if (!co) {
        call->started = true;
        return fail(call, "not enough memory for a coroutine");
    }
    if (call->started && lua_status(co) != LUA_YIELD)
        return fail(call, "the app has closed or resumed the coroutine of a "
                          "call that waits");
    int args = call->started ? 0 : 1;
    call->started = true;
    int n;
    struct active here;
    app->running = call;
    active_push(app, &here, co);
    int status = lua_resume(co, app->L, args, &n);
    active_pop(app, &here);
    app->running = NULL;
    enum call_status said = stopped(call, status, n, wait);
    interrupt_over(app, co);
    return said;
}

bool call_answered(const struct call *call)
{
    return call->answered;
}

void call_client_closed(struct call *call)
{
    async_closed(call);
}

void call_cancel(struct call *call, const char *why)
{
    fail(call, why);
}

struct call_file call_file(struct call *call)
{
    struct call_file file = call->file;
    call->file.fd = -1;
    return file;
}

const char *call_error(const struct call *call)
{
    return call->error;
}

static void drop_input(struct call *call)
{
    lua_State *L = call->app->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->input);
    input_close(L, -1);
    lua_pop(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, call->input);
    call->input = LUA_NOREF;
}

/* A coroutine that died of an error is not used again: an interrupt's hook that
 * raised it would have left it deaf to the next one. */
static void keep_or_free(struct call *call, bool dead)
{
    struct app *app = call->app;
    if (dead) {
        if (call->co)
            luaL_unref(app->L, LUA_REGISTRYINDEX, call->ref);
        lua_pushnil(app->L);
        lua_rawsetp(app->L, LUA_REGISTRYINDEX, call);
        free(call);
        return;
    }
    call->next = app->spare;
    app->spare = call;
}

/* What is closed there runs the app's code. */
static void reset(struct call *call, int status)
{
    struct active here;
    struct app *app = call->app;
    lua_State *co = call->co;
    active_push(app, &here, co);
    bool failed = lua_resetthread(co) != LUA_OK && status == LUA_YIELD;
    active_pop(app, &here);
    if (failed || app->stuck) {
        char *text = app_traceback(app, co, NULL);
        log_error("closing the call's variables failed: %s", text);
        free(text);
    }
    interrupt_over(app, co);
    lua_settop(co, 0);
    lua_checkstack(co, STACK_RESERVE);
}

/* Closes what is open in the coroutine. False: it is not to be used again. */
static bool end_coroutine(struct call *call)
{
    if (!call->co)
        return false;
    int status = lua_status(call->co);
    if (status != LUA_OK)
        reset(call, status);
    lua_settop(call->co, 0);
    return status == LUA_OK || status == LUA_YIELD;
}

void call_free(struct call *call)
{
    if (!call)
        return;
    struct app *app = call->app;
    size_t cap = memory_open_reserve(&app->memory);
    if (call->head)
        env_forget_call(call->head);
    bool alive = end_coroutine(call);
    async_over(call);
    if (call->deferrable != LUA_NOREF)
        deferrable_over(call);
    body_close(call);
    if (call->input != LUA_NOREF)
        drop_input(call);
    if (call->file.fd >= 0)
        close(call->file.fd);
    free(call->info);
    call->info = NULL;
    free(call->error);
    call->error = NULL;
    keep_or_free(call, !alive);
    app->memory.cap = cap;
    memory_tidy(&app->memory, app->L);
}
