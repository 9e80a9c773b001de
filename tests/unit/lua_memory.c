/* SPDX-License-Identifier: MIT */
/*
 * A state at its limit: whichever allocation is refused, the call that needed
 * it fails, what it had open is closed, and the next call is served.
 */
#include "lua/memory.h"

#include <stdint.h>

#include "lua/state.h"
#include "tests/support/calls.h"
#include "tests/support/logs.h"

TestSuite(memory, .timeout = 120);

/* ---- an allocator that fails ---- */

/* Lets so many growing allocations pass, then refuses so many. Lua asks twice
 * for each object: two are one failure, NEVER_AGAIN is no memory at all. */
static struct {
    int pass, refuse, refused;
    size_t used;
} alloc;

enum {
    NEVER = INT32_MAX,
    TWICE = 2,
    NEVER_AGAIN = INT32_MAX
};

static void *allocate(void *ud, void *old, size_t old_size, size_t size)
{
    (void)ud;
    if (!old)
        old_size = 0;
    if (size > old_size && alloc.pass-- <= 0 && alloc.refuse > 0) {
        alloc.refuse--;
        alloc.refused++;
        return NULL;
    }
    alloc.used += size - old_size;
    if (size)
        return realloc(old, size);
    free(old);
    return NULL;
}

static void let_pass(int pass, int refuse)
{
    alloc.pass = pass;
    alloc.refuse = refuse;
    alloc.refused = 0;
}

/* ---- calls of every kind ---- */

#define MODULE "local rainbows = require 'rainbows'\n"

static const struct {
    const char *name, *text;
} apps[] = {
    {"string", "return 200, {['x-a'] = {'b', 5}}, ('x'):rep(5000)"},
    {"env", "local n = 0 for k in pairs(env) do n = n + 1 end\n"
            "setmetatable(env, {}) return 200, {}, 'keys ' .. n"},
    {"read env", "return 200, {}, {env.PATH_INFO, env.HTTP_X_A,\n"
                 "  env['rack.url_scheme'], env.REMOTE_ADDR}"},
    {"input", "local i = env['rack.input'] local t = {i:read(2), i:read('l'),\n"
              "  i:read('a')} for l in i:lines() do t[#t + 1] = l end\n"
              "i:rewind() return 200, {}, {t[1], t[2], i:read('a')}"},
    {"array", "local t = {} for i = 1, 300 do t[i] = 'piece ' .. i end\n"
              "return 200, {}, t"},
    {"iterator", "local n = 0 return 200, {}, function() n = n + 1\n"
                 "  return n < 4 and 'piece ' .. n or nil end, nil, nil,\n"
                 "  setmetatable({}, {__close = function() opened() end})"},
    {"file", "local f = io.tmpfile() f:write('bytes') f:seek('set')\n"
             "return 200, {['last-modified'] = 'x'}, f"},
    {"error", "error('out of luck ' .. env.PATH_INFO)"},
    {"error object", "error(setmetatable({}, {__tostring = function()\n"
                     "  return 'luck ' .. #env.PATH_INFO end}))"},
    {"recursion", "local function f() return (('a'):gsub('a', f)) end f()"},
    {"wait", "local r <close> = setmetatable({}, {__close = function()\n"
             "  opened() end}) rainbows.sleep(9) return 200, {}, 'slept'"},
    {"wait inside", "local f = coroutine.wrap(function() local t = {}\n"
                    "  for i = 1, 20 do t[i] = {} rainbows.sleep(1)\n"
                    "  coroutine.yield(i) end end)\n"
                    "for i = 1, 5 do f() end return 200, {}, 'slept'"},
    {"resume", "local co = coroutine.create(function(...)\n"
               "  coroutine.yield(table.unpack({}, 1, 200)) error({}) end)\n"
               "local ok, e = coroutine.resume(co, 1, 2, 3)\n"
               "ok = coroutine.resume(co) ok, e = coroutine.resume(co)\n"
               "assert(not ok) return 200, {}, e"},
    {"nested", "local function f() return coroutine.wrap(f)() end f()"},
    {"dead", "local co = coroutine.create(function() end)\n"
             "coroutine.resume(co) local ok, e = coroutine.resume(co)\n"
             "return 200, {}, e"},
    {"handler", "local ok, e = xpcall(error, function() error({}) end)\n"
                "return 200, {}, tostring(e)"},
    {"catch", "for _ = 1, 3 do pcall(function() local t = {}\n"
              "  for i = 1, 20 do t[i] = {i} end end) end\n"
              "return 200, {}, 'in the end'"},
    {"interrupted", "interrupt() while true do pcall(error) end"},
    {"interrupted inside", "coroutine.wrap(function() interrupt()\n"
                           "  while true do pcall(error) end end)()"},
    {"later", "env['async.callback'](200, {}, {'later'}) return -1"},
    {"too late", "later = env['async.callback']\n"
                 "env['async.close']:callback(function() local t = {{}, {}}\n"
                 "  later(200, {}, setmetatable({}, {__close = opened})) end)\n"
                 "return -1"},
    {"deferrable", "local body = {} function body:callback(f) self.f = f end\n"
                   "function body:errback(f) end\n"
                   "function body:each(w) w('one') w('two') self.f() end\n"
                   "return 200, {}, body"},
    {"open deferrable", "local body = {fail = opened}\n"
                        "function body:callback(f) self.f = f end\n"
                        "function body:errback(f) end\n"
                        "function body:each(w) w('one') self.w = w end\n"
                        "return 200, {}, body"},
    {"hints", "env['rack.early_hints']({link = {'a', 'b'}})\n"
              "return 200, {}, 'hinted'"},
    {"status", "return 'two hundred', {}, ''"},
    {"yield", "coroutine.yield(1, 2)"},
    {"log", "env['rack.logger']:debug('a' .. 1) rainbows.worker()\n"
            "env['rack.errors']:flush() return 200, {}, ''"},
};

enum {
    COUNT = sizeof apps / sizeof *apps
};

static const char HEAD[] = "POST /p?a=b HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n"
                           "X-A: 2\r\nContent-Length: 12\r\n\r\n";

/* Drives a call to its end, or to where it waits for something else. */
static void run_to_the_end(struct app *app)
{
    struct ask a;
    ask_begin(&a, app, HEAD, "one\ntwo\n1234");
    do {
        buf_take(&a.out, buf_len(&a.out));
        ask_step(&a);
    } while (a.status == CALL_FLUSH || a.status == CALL_WAITS);
    if (a.status == CALL_LATER) {
        call_client_closed(a.call);
        call_cancel(a.call, "cancelled");
        a.status = CALL_FAILED;
    }
    cr_assert(a.status == CALL_DONE || a.status == CALL_FAILED);
    if (a.status == CALL_FAILED)
        cr_assert_not_null(call_error(a.call));
    struct call_file file = call_file(a.call);
    if (file.fd >= 0)
        close(file.fd);
    ask_end(&a);
}

static int interrupt(lua_State *L)
{
    app_interrupt(app_of(L));
    return 0;
}

static struct app *app_of_kind(size_t kind)
{
    char text[2048];
    struct app_identity identity = app_waiting;
    struct err err;
    identity.early_hints = true;
    snprintf(text, sizeof text,
             MODULE "function opened() local t = {{}} end\n"
                    "return function(env)\n"
                    "  if ok then return 200, {}, 'fine' end\n%s\nend",
             apps[kind].text);
    struct app *app = app_try(text, &err);
    cr_assert_not_null(app, "%s: %s", apps[kind].name, err.text);
    cr_assert_eq(app_boot(app, &identity, &err), 0, "%s", err.text);
    lua_pushcfunction(app->L, interrupt);
    lua_setglobal(app->L, "interrupt");
    alloc.used = (size_t)lua_gc(app->L, LUA_GCCOUNT) * 1024 +
                 (size_t)lua_gc(app->L, LUA_GCCOUNTB);
    lua_setallocf(app->L, allocate, NULL);
    return app;
}

/* The next call is served, with everything it needs. */
static void still_serves(struct app *app, const char *name, int n)
{
    lua_pushboolean(app->L, 1);
    lua_setglobal(app->L, "ok");
    cr_assert_eq(lua_gettop(app->L), 0, "%s: %d", name, n);
    says(app, "fine");
    lua_pushnil(app->L);
    lua_setglobal(app->L, "ok");
}

/* Fails the n-th allocation of a call, then that and those after it. False: it
 * has no n-th. */
static bool fail_at(struct app *app, const char *name, int n, int refuse)
{
    let_pass(n, refuse);
    run_to_the_end(app);
    bool failed = alloc.refused > 0;
    let_pass(NEVER, 0);
    still_serves(app, name, n);
    return failed;
}

static void fail_everywhere(size_t kind, int refuse)
{
    struct app *app = app_of_kind(kind);
    int n = 0;
    while (fail_at(app, apps[kind].name, n, refuse))
        n++;
    cr_expect_gt(n, 5, "%s", apps[kind].name);
    app_free(app);
    cr_expect_eq(alloc.used, 0, "%s: %zu bytes", apps[kind].name, alloc.used);
}

static void fail_all(int refuse)
{
    logs_open();
    for (size_t kind = 0; kind < COUNT; kind++)
        fail_everywhere(kind, refuse);
}

Test(memory, any_one_allocation_of_a_call_may_fail)
{
    fail_all(TWICE);
}

Test(memory, all_allocations_of_a_call_from_any_one_on_may_fail)
{
    fail_all(NEVER_AGAIN);
}

Test(memory, the_first_call_of_a_state_may_fail_anywhere)
{
    for (int refuse = TWICE; refuse; refuse = refuse == TWICE ? NEVER_AGAIN : 0)
        for (int n = 0, more = 1; more; n++) {
            struct app *app = app_of_kind(0);
            more = fail_at(app, "first", n, refuse);
            app_free(app);
            cr_expect(more || n > 5);
        }
}

/* ---- the limit ---- */

enum {
    KIB = 1024,
    MIB = 1024 * KIB
};

/* The app with the text under a limit, booted; or NULL. */
static struct app *limited(const char *text, size_t limit, struct err *err)
{
    char path[32];
    app_file(path, text);
    struct app_source source = {.path = path, .memory_limit = limit};
    struct app *app = app_new(&source, err);
    unlink(path);
    if (app && app_boot(app, &app_waiting, err) == 0)
        return app;
    app_free(app);
    return NULL;
}

static struct app *under(size_t limit, const char *text)
{
    struct err err;
    struct app *app = limited(text, limit, &err);
    cr_assert_not_null(app, "%s", err.text);
    return app;
}

#define BOMBS                                                                  \
    "local fine = function() return 200, {}, 'fine' end\n"                     \
    "local bombs = {\n"                                                        \
    "rep = function() return 200, {}, ('x'):rep(1 << 30) end,\n"               \
    "doubling = function() local s = 'x' while true do s = s .. s end end,\n"  \
    "table = function() local t = {} for i = 1, 1e9 do t[i] = i end end,\n"    \
    "list = function() local t for i = 1, 1e9 do t = {t} end end,\n"           \
    "inside = function() local f = coroutine.wrap(function() local t = {}\n"   \
    "  for i = 1, 1e9 do t[i] = {} end end) f() end,\n"                        \
    "caught = function() local t = {} local ok, e repeat ok, e = \n"           \
    "  pcall(function() for i = 1, 1e9 do t[#t + 1] = {} end end)\n"           \
    "  until not ok error(e, 0) end,\n"                                        \
    "body = function() return 200, {}, function() local t = {}\n"              \
    "  for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end end end}\n"           \
    "return function(env)\n"                                                   \
    "  return (bombs[env.QUERY_STRING] or fine)(env) end"

static void asks(struct app *app, const char *what, struct ask *a)
{
    char head[64];
    snprintf(head, sizeof head, "GET /?%s HTTP/1.0\r\n\r\n", what);
    ask_begin(a, app, head, NULL);
    ask_run(a);
}

Test(memory, bombs_fail_with_the_limit_named_and_the_next_call_is_served)
{
    static const char *const bombs[] = {"rep",    "doubling", "table", "list",
                                        "inside", "caught",   "body"};
    struct app *app = under(2 * MIB, BOMBS);
    size_t used;
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        struct ask a;
        asks(app, bombs[i], &a);
        cr_assert_eq(a.status, CALL_FAILED, "%s", bombs[i]);
        cr_expect(strstr(call_error(a.call), "not enough memory: "
                                             "lua_memory_limit=2097152 reached;"
                                             " raise it, or have the app use "
                                             "less\nstack traceback:\n"),
                  "%s: %s", bombs[i], call_error(a.call));
        ask_end(&a);
        cr_expect(!app_is_full(app, &used));
        cr_expect_lt(used, 300 * KIB, "%s: %zu", bombs[i], used);
        says(app, "fine");
    }
    app_free(app);
}

/* Those two strings and their buffers do not fit in at the same time. */
Test(memory, garbage_of_earlier_calls_fails_no_call)
{
    struct app *app = under(2 * MIB, "return function()\n"
                                     "  local s = ('x'):rep(900 * 1024)\n"
                                     "  return 200, {}, tostring(#s) end");
    for (int i = 0; i < 20; i++)
        says(app, "921600");
    app_free(app);
}

Test(memory, a_state_is_full_before_its_calls_fail)
{
    struct app *app = under(4 * MIB, "local kept = {}\n"
                                     "return function()\n"
                                     "  for i = 1, 10 do\n"
                                     "    kept[#kept + 1] = ('x'):rep(1000)\n"
                                     "      .. #kept end\n"
                                     "  return 200, {}, 'kept' end");
    size_t used;
    int calls = 0;
    while (!app_is_full(app, &used)) {
        says(app, "kept");
        calls++;
    }
    cr_expect_gt(calls, 200, "%d", calls);
    cr_expect(used > 4 * MIB / 10 * 9 && used < 4 * MIB, "%zu", used);
    app_free(app);
}

Test(memory, a_state_that_keeps_what_it_has_is_full_when_a_call_has_failed)
{
    struct app *app = under(MIB, "local kept = {}\n"
                                 "return function()\n"
                                 "  for i = 1, 1e9 do kept[i] = {} end end");
    size_t used;
    fails(app, "GET /: not enough memory: lua_memory_limit=1048576 reached");
    cr_expect(app_is_full(app, &used) || used < MIB / 10 * 9);
    fails(app, "GET /: not enough memory: lua_memory_limit=1048576 reached");
    app_free(app);
}

Test(memory, what_a_failed_call_has_open_is_closed_above_the_limit)
{
    struct app *app =
        under(MIB, "local kept, closed = {}, 0\n"
                   "local function close() local t = {}\n"
                   "  for i = 1, 500 do t[i] = {} end closed = closed + 1 end\n"
                   "return function(env)\n"
                   "  if closed > 0 then kept = {}\n"
                   "    return 200, {}, 'closed ' .. closed end\n"
                   "  local r <close> = setmetatable({}, {__close = close})\n"
                   "  for i = 1, 1e9 do kept = {kept} end end");
    fails(app, "GET /: not enough memory: lua_memory_limit=");
    says(app, "closed 1");
    app_free(app);
}

/* Each of these limits is met by another allocation. */
Test(memory, loading_under_any_limit_succeeds_or_tells_the_limit)
{
    struct err err;
    int failed = 0, loaded = 0;
    for (size_t limit = KIB; limit < 200 * KIB; limit += 128) {
        char words[64];
        snprintf(words, sizeof words, "lua_memory_limit=%zu", limit);
        struct app *app = limited("local t = {} for i = 1, 500 do\n"
                                  "  t[i] = {} end\n"
                                  "return function() return t end",
                                  limit, &err);
        if (!app)
            cr_expect(strstr(err.text, words) && strstr(err.text, "raise it"),
                      "%zu: %s", limit, err.text);
        failed += !app;
        loaded += app != NULL;
        app_free(app);
    }
    cr_expect(failed > 100 && loaded > 100, "%d %d", failed, loaded);
}

Test(memory, errors_while_loading_name_the_file)
{
    struct err err;
    cr_assert_null(
        limited("local t = {} for i = 1, 1e9 do t[i] = i end", MIB, &err));
    cr_expect_eq(strncmp(err.text, "/tmp/app_", 9), 0, "%s", err.text);
    cr_expect(strstr(err.text, ": not enough memory: lua_memory_limit=1048576 "
                               "reached; raise it"),
              "%s", err.text);
}

Test(memory, at_boot_may_reach_the_limit_too)
{
    struct err err;
    cr_assert_null(limited(MODULE "rainbows.at_boot(function() local t = {}\n"
                                  "  for i = 1, 1e9 do t[i] = i end end)\n"
                                  "return print",
                           MIB, &err));
    cr_expect(strstr(err.text, "not enough memory: lua_memory_limit=1048576 "
                               "reached; raise it"),
              "%s", err.text);
}

Test(memory, an_app_that_is_full_when_loaded_is_refused)
{
    struct err err;
    cr_assert_null(limited("local s = ('x'):rep(340000)\n"
                           "local t = {} for i = 1, 2 do t[i] = s .. i end\n"
                           "return function() return s, t end",
                           1100 * KIB, &err));
    cr_expect(strstr(err.text, "bytes when it is loaded, nearly all of "
                               "lua_memory_limit=1126400; raise it"),
              "%s", err.text);
}

Test(memory, errors_of_other_kinds_do_not_name_the_limit)
{
    struct app *app = under(MIB, "return function() error('mine') end");
    struct ask a;
    asks(app, "", &a);
    cr_expect_null(strstr(call_error(a.call), "lua_memory_limit"));
    ask_end(&a);
    app_free(app);
}
