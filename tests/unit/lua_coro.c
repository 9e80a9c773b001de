/* SPDX-License-Identifier: MIT */
/*
 * Waiting through the app's own coroutines: a wait gets out of whatever can
 * yield and blocks where nothing can. And apart from that our resume and wrap
 * are Lua's own, to the last word of an error.
 */
#include "lua/coro.h"

#include <lauxlib.h>
#include <lualib.h>

#include "base/clock.h"
#include "tests/support/calls.h"
#include "tests/support/logs.h"

TestSuite(coro, .timeout = 60);
TestSuite(stock, .timeout = 60);

/* ---- waiting ---- */

/* An app with this function body, in which nap() waits. */
static struct app *napping(const char *body)
{
    char text[2048];
    snprintf(text, sizeof text,
             "local rainbows = require 'rainbows'\n"
             "local wrap, resume, yield = coroutine.wrap, coroutine.resume,\n"
             "  coroutine.yield\n"
             "local function nap(...) rainbows.sleep(0.001) return ... end\n"
             "return function(env) return 200, {}, tostring(\n"
             "((function() %s end)())) end",
             body);
    return app_text(text);
}

/* A call of it waits so often, without blocking, and answers so. */
static void waits(const char *body, int times, const char *want)
{
    struct ask a;
    struct app *app = napping(body);
    logs_open();
    ask_begin(&a, app, GET, NULL);
    for (int i = 0; i < times; i++)
        cr_expect_eq(ask_step(&a), CALL_WAITS, "%s: wait %d", body, i);
    cr_assert_eq(ask_step(&a), CALL_DONE, "%s: %s", body,
                 a.status == CALL_FAILED ? call_error(a.call) : "");
    cr_expect_str_eq(ask_body(&a), want, "%s: %s", body, ask_body(&a));
    cr_expect_str_eq(logs_next(), "");
    ask_end(&a);
    app_free(app);
}

Test(coro, waits_inside_coroutines_of_the_app)
{
    waits("return wrap(nap)(5)", 1, "5");
    waits("return select(2, resume(coroutine.create(nap), 5))", 1, "5");
    waits("return wrap(function() return wrap(function()\n"
          "  return wrap(nap)(5) end)() end)()",
          1, "5");
    waits("local co = wrap(function(a) nap() local b = yield(a + 1)\n"
          "  nap() return b * 2 end)\n"
          "return co(1) .. ' ' .. co(5)",
          2, "2 10");
    waits("local sum = 0\n"
          "for i in wrap(function() for i = 1, 3 do nap() yield(i) end end)\n"
          "do nap() sum = sum + i end return sum",
          6, "6");
}

Test(coro, waits_through_everything_that_can_yield)
{
    static const char *const cases[] = {
        "return select(2, pcall(nap, 'x'))",
        "return select(2, xpcall(nap, print, 'x'))",
        "return setmetatable({}, {__index = function() return nap('x') end}).a",
        "local v setmetatable({}, {__newindex = function(t, k, x)\n"
        "  v = nap(x) end}).a = 'x' return v",
        "return setmetatable({}, {__add = function() return nap('x') end}) + 1",
        "return 1 .. setmetatable({}, {__concat = function()\n"
        "  return nap('x') end})",
        "return -setmetatable({}, {__unm = function() return nap('x') end})",
        "return #setmetatable({}, {__len = function() return nap('x') end})",
        "return setmetatable({}, {__call = function() return nap('x') end})()",
        "local t = setmetatable({}, {__lt = function() return nap(true) end})\n"
        "return t < t and 'x'",
        "local t = setmetatable({}, {__le = function() return nap(true) end})\n"
        "return t <= t and 'x'",
        "local m = {__eq = function() return nap(true) end}\n"
        "return setmetatable({}, m) == setmetatable({}, m) and 'x'",
        "for v in function(_, old) return not old and nap('x') or nil end do\n"
        "  return v end",
        "local v do local c <close> = setmetatable({}, {__close = function()\n"
        "  v = nap('x') end}) end return v",
        "local t = {} for k in pairs(setmetatable({}, {__pairs = function()\n"
        "  nap() return next, {x = 1} end})) do return k end",
        "return (dofile and pcall and wrap)(function() return\n"
        "  select(2, pcall(wrap(function() return nap('x') end))) end)()",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        waits(cases[i], 1, "x");
}

Test(coro, errors_after_a_wait_are_caught_where_they_should_be)
{
    waits("local ok, e = pcall(function() nap() error('x', 0) end) return e", 1,
          "x");
    waits("return select(2, resume(coroutine.create(function()\n"
          "  nap() error('x', 0) end)))",
          1, "x");
    waits("local ok, e = pcall(wrap(function() nap() error({7}) end))\n"
          "return e[1]",
          1, "7");
    waits("local co = coroutine.create(function() nap() error('x') end)\n"
          "resume(co) local _, e = resume(co)\n"
          "return coroutine.status(co) .. ' ' .. e",
          1, "dead cannot resume dead coroutine");
}

Test(coro, coroutine_that_waits_says_that_it_is_suspended)
{
    struct ask a;
    struct app *app =
        app_text("local rainbows = require 'rainbows'\n"
                 "local co\n"
                 "return function(env)\n"
                 "  if co then return 200, {}, coroutine.status(co) end\n"
                 "  co = coroutine.create(function() rainbows.sleep(9) end)\n"
                 "  coroutine.resume(co)\n"
                 "  return 200, {}, coroutine.status(co) end");
    ask_begin(&a, app, GET, NULL);
    cr_assert_eq(ask_step(&a), CALL_WAITS);
    says(app, "suspended");
    cr_assert_eq(ask_step(&a), CALL_DONE);
    cr_expect_str_eq(ask_body(&a), "dead");
    ask_end(&a);
    app_free(app);
}

Test(coro, two_calls_wait_in_the_same_iterator_without_harm)
{
    struct ask a, b;
    struct app *app =
        app_text("local rainbows = require 'rainbows'\n"
                 "local co = coroutine.wrap(function()\n"
                 "  for i = 1, 9 do rainbows.sleep(9) coroutine.yield('p' .. "
                 "i) end end)\n"
                 "return function(env) return 200, {}, tostring(co()) end");
    ask_begin(&a, app, GET, NULL);
    ask_begin(&b, app, GET, NULL);
    cr_expect_eq(ask_step(&a), CALL_WAITS);
    while (ask_step(&b) == CALL_WAITS)
        ;
    cr_expect_eq(b.status, CALL_DONE);
    while (ask_step(&a) == CALL_WAITS)
        ;
    cr_expect_eq(a.status, CALL_DONE);
    ask_end(&a);
    ask_end(&b);
    app_free(app);
}

/* ---- where nothing can yield ---- */

/* A call of the app blocks, answers, and warns; the next one does not warn. */
static void blocks(const char *body, const char *want)
{
    struct app *app = napping(body);
    logs_open();
    for (int i = 0; i < 2; i++) {
        struct ask a;
        int64_t before = clock_now();
        ask_begin(&a, app, GET, NULL);
        cr_assert_eq(ask_step(&a), CALL_DONE, "%s: %s", body,
                     a.status == CALL_FAILED ? call_error(a.call) : "waits");
        cr_expect_geq(clock_now() - before, 1000);
        cr_expect_str_eq(ask_body(&a), want);
        ask_end(&a);
    }
    cr_expect_eq(strncmp(logs_line(),
                         "WARN  rainbows a wait inside a function "
                         "that cannot yield",
                         52),
                 0, "%s: %s", body, logs.text);
    cr_expect_str_eq(logs_next(), "");
    app_free(app);
}

Test(coro, blocks_and_warns_once_where_nothing_can_yield)
{
    blocks("return (('a'):gsub('a', function() return nap('x') end))", "x");
    blocks("return tostring(setmetatable({}, {__tostring = function()\n"
           "  return nap('x') end}))",
           "x");
    blocks("local t = {2, 1} table.sort(t, function(a, b)\n"
           "  nap() return a < b end) return t[1]",
           "1");
    blocks("package.preload.m = function() return nap('x') end\n"
           "package.loaded.m = nil return require('m')",
           "x");
    blocks("local n = 0 return load(function()\n"
           "  n = n + 1 return nap(n == 1 and \"return 'x'\" or nil) end)()",
           "x");
}

Test(coro, blocks_in_coroutines_below_what_cannot_yield)
{
    blocks("return (('a'):gsub('a', function()\n"
           "  return wrap(function() return nap('x') end)() end))",
           "x");
    blocks("return (('a'):gsub('a', wrap(function()\n"
           "  return wrap(function() return nap('x') end)() end)))",
           "x");
    blocks("local t = {2, 1} table.sort(t, wrap(function(a, b)\n"
           "  while true do nap() a, b = yield(a < b) end end)) return t[1]",
           "1");
}

Test(coro, waits_again_after_it_had_to_block)
{
    struct ask a;
    struct app *app =
        napping("pcall(string.gsub, 'a', 'a', function() nap() error() end)\n"
                "pcall(string.gsub, 'a', 'a', wrap(function() nap() error() "
                "end))\n"
                "nap() wrap(nap)() return 'x'");
    logs_open();
    ask_begin(&a, app, GET, NULL);
    cr_expect_eq(ask_step(&a), CALL_WAITS);
    cr_expect_eq(ask_step(&a), CALL_WAITS);
    cr_expect_eq(ask_step(&a), CALL_DONE);
    ask_end(&a);
    app_free(app);
}

Test(coro, blocks_in_silence_where_there_is_no_call)
{
    logs_open();
    int64_t before = clock_now();
    struct app *app = app_text("local sleep = require('rainbows').sleep\n"
                               "sleep(0.002)\n"
                               "coroutine.wrap(function() sleep(0.002) end)()\n"
                               "return print");
    cr_expect_geq(clock_now() - before, 4000);
    cr_expect_str_eq(logs_next(), "");
    app_free(app);
}

Test(coro, blocks_in_silence_in_calls_of_models_that_do_not_wait)
{
    static const struct app_identity reactor = {.model = "Reactor"};
    struct ask a;
    struct err err;
    struct app *app = napping("nap() wrap(nap)()");
    cr_assert_eq(app_boot(app, &reactor, &err), 0);
    logs_open();
    ask_begin(&a, app, GET, NULL);
    cr_expect_eq(ask_step(&a), CALL_DONE);
    ask_end(&a);
    cr_expect_str_eq(logs_next(), "");
    app_free(app);
}

Test(coro, bodies_wait_in_every_model)
{
    static const struct app_identity reactor = {.model = "Reactor"};
    struct ask a;
    struct err err;
    struct app *app =
        app_text("local sleep = require('rainbows').sleep\n"
                 "return function() return 200, {}, coroutine.wrap(function()\n"
                 "  sleep(9) coroutine.yield('x') end) end");
    cr_assert_eq(app_boot(app, &reactor, &err), 0);
    ask_begin(&a, app, GET, NULL);
    cr_expect_eq(ask_step(&a), CALL_WAITS);
    cr_expect_eq(ask_step(&a), CALL_FLUSH);
    cr_expect_eq(ask_step(&a), CALL_DONE);
    ask_end(&a);
    app_free(app);
}

/* ---- as in stock Lua ---- */

#define HELPERS                                                                \
    "local wrap, resume, yield, create, status = coroutine.wrap,\n"            \
    "  coroutine.resume, coroutine.yield, coroutine.create,\n"                 \
    "  coroutine.status\n"                                                     \
    "local function show(...)\n"                                               \
    "  local t = table.pack(...)\n"                                            \
    "  for i = 1, t.n do t[i] = tostring(t[i]) end\n"                          \
    "  return table.concat(t, '|') end\n"                                      \
    "local function closing(f)\n"                                              \
    "  return setmetatable({}, {__close = function(_, e) f(e) end}) end\n"

/* Each returns a text, on the eleventh line of its chunk. */
static const char *const snippets[] = {
    /* values */
    "local f = wrap(function(...) yield(...) return yield() end)\n"
    "return show(f(1, nil, 3)) .. show(f()) .. show(f(nil, nil))",
    "local co = create(function(a) local b, c = yield(a) return b, c end)\n"
    "return show(resume(co, 1)) .. show(resume(co, 2, 3)) .. show(resume(co))",
    "return show(select('#', resume(create(function() return nil, nil end))))",
    "return show(wrap(function() return table.unpack({}, 1, 250) end)())",
    "return show(#table.pack(wrap(function(...) return ... end)(\n"
    "  table.unpack({}, 1, 5000))))",
    /* status */
    "local co co = create(function() return status(co) end)\n"
    "return status(co) .. show(resume(co)) .. status(co)",
    "local a, b a = create(function() return select(2, resume(b)) end)\n"
    "b = create(function() return status(a) end) return show(resume(a))",
    "local co, main = coroutine.running() return show(type(co))",
    "return show(wrap(coroutine.isyieldable)())",
    "local co co = wrap(function() return select(2, coroutine.running()) end)\n"
    "return show(co())",
    /* what cannot be resumed */
    "local co = create(function() end) resume(co) return show(resume(co))",
    "local co = create(error) resume(co, 'x') return show(resume(co, 1, 2))",
    "local co co = create(function() return resume(co) end)\n"
    "return show(resume(co))",
    "local a a = create(function() return resume(create(function()\n"
    "  return resume(a) end)) end) return show(resume(a))",
    "return show(resume((coroutine.running())))",
    "local f = wrap(function() end) f() return show(pcall(f))",
    "local f = wrap(function() end) f()\n"
    "return show(pcall(function() f() end))",
    "local f f = wrap(function() return f() end) return show(pcall(f))",
    /* wrong arguments */
    "return show(pcall(resume))",
    "return show(pcall(resume, 5))",
    "return show(pcall(function() resume(print) end))",
    "return show(pcall(wrap))",
    "return show(pcall(wrap, {}))",
    "return show(pcall(function() wrap('x') end))",
    /* errors */
    "return show(resume(create(function() error('x') end)))",
    "return show(resume(create(function() error('x', 0) end)))",
    "return show(resume(create(function() error() end)))",
    "return show(resume(create(function() local x = nil + 1 end)))",
    "return show(resume(create(string.rep), 'x'))",
    "return show(pcall(wrap(function() error('x') end)))",
    "return show(pcall(function() wrap(function() error('x') end)() end))",
    "return show(pcall(function()\n"
    "  local f = wrap(function()\n"
    "    local g = wrap(function() error('deep') end)\n"
    "    g()\n"
    "  end)\n"
    "  f()\n"
    "end))",
    "return show(pcall(function() wrap(function() error('x', 2) end)() end))",
    "return show(pcall(function() wrap(function() error(7) end)() end))",
    "return show(pcall(function() wrap(function() error(nil) end)() end))",
    "return select(2, pcall(function() wrap(function()\n"
    "  error({'table'}) end)() end))[1]",
    "return show(pcall(function() for _ in wrap(function()\n"
    "  yield(1) error('in for') end) do end end))",
    "local f = wrap(function() error('x') end) pcall(f)\n"
    "return show(pcall(f))",
    "return show(pcall(string.gsub, 'a', 'a', wrap(function()\n"
    "  error('x') end)))",
    "return show(wrap(function() return pcall(function()\n"
    "  yield() error('x') end) end)())",
    "local f = wrap(function() return show(pcall(function()\n"
    "  yield() error('x') end)) end) f() return f()",
    "return show(pcall(wrap(yield), 1, 2))",
    /* yields through what can yield */
    "local f = wrap(function() return show(pcall(yield, 1)) end)\n"
    "return f() .. f('back')",
    "local f = wrap(function() return show(xpcall(function()\n"
    "  yield() error('x', 0) end, function(e) return 'h' .. e end)) end)\n"
    "f() return f()",
    "local t = setmetatable({}, {__index = function(_, k) return yield(k) "
    "end,\n"
    "  __add = yield, __lt = yield, __concat = yield, __len = yield})\n"
    "local f = wrap(function() return t.x, t + 1, t < 1, t .. 'c', #t end)\n"
    "f() f(1) f(2) f(3) f(4) return show(f(5))",
    "local s = '' for i in wrap(function() for j in wrap(function()\n"
    "  yield('a') yield('b') end) do yield(j .. j) end end)\n"
    "do s = s .. i end return s",
    "return show(pcall(wrap(function() table.sort({2, 1}, yield) end)))",
    "return show(pcall(wrap(function() ('a'):gsub('a', yield) end)))",
    /* closing */
    "local s = '' local f = wrap(function()\n"
    "  local x <close> = closing(function(e) s = s .. show(e) end)\n"
    "  error('x', 0) end) return show(pcall(f)) .. s",
    "local s = '' local co = create(function()\n"
    "  local x <close> = closing(function(e) s = s .. show(e) end)\n"
    "  error('x', 0) end) return show(resume(co)) .. s ..\n"
    "  show(coroutine.close(co)) .. s .. status(co)",
    "local s = '' local co = create(function()\n"
    "  local x <close> = closing(function(e) s = s .. show(e) end) yield(1)\n"
    "end) return show(resume(co)) .. show(coroutine.close(co)) .. s",
    "local f = wrap(function()\n"
    "  local x <close> = closing(function(e) error('second', 0) end)\n"
    "  error('first', 0) end) return show(pcall(f))",
    "local s = '' local f = wrap(function()\n"
    "  local x <close> = closing(function(e) yield('closing') s = 'done' end)\n"
    "end) return show(f()) .. show(f()) .. s",
    /* too much */
    "local function deep() return wrap(deep)() end\n"
    "local _, e = pcall(deep) return e:match('C stack overflow') or e",
    "local function deep() return resume(create(deep)) end\n"
    "return show(deep()):match('C stack overflow') or 'none'",
    "local co = create(function() return table.unpack({}, 1, 600000) end)\n"
    "return show((function(...) return resume(co) end)(\n"
    "  table.unpack({}, 1, 600000)))",
    "local f = wrap(function() return table.unpack({}, 1, 600000) end)\n"
    "return show(pcall(function(...) f() end,\n"
    "  table.unpack({}, 1, 600000)))",
    "local co = create(function(...) yield(table.unpack({}, 1, 600000)) end)\n"
    "local function many(...) return resume(co) end\n"
    "local one = show(many(table.unpack({}, 1, 600000)))\n"
    "return one .. status(co) .. show(resume(co))",
    "local co = create(function(...) yield(1, ...) end)\n"
    "resume(co, table.unpack({}, 1, 499000))\n"
    "return show(resume(co, table.unpack({}, 1, 499000)))",
    "local f = wrap(function(...) yield() local a = ... end)\n"
    "f(table.unpack({}, 1, 600000))\n"
    "return show(pcall(function() f(table.unpack({}, 1, 600000)) end))",
};

/* A file with the snippet; what it gives with Lua's own coroutines. */
static char *stock_answer(char path[32], const char *snippet)
{
    char text[4096];
    snprintf(text, sizeof text, HELPERS "%s\n", snippet);
    app_file(path, text);
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_dofile(L, path))
        cr_assert_fail("%s: %s", snippet, lua_tostring(L, -1));
    char *answer = strdup(lua_tostring(L, -1));
    lua_close(L);
    return answer;
}

/* The same file in an app: while it loads, in a call, and in a coroutine of a
 * call that waited before. */
static void compare(const char *path, const char *want)
{
    static const char *const ways[] = {
        "local s = dofile('%s') return function() return 200, {}, s end",
        "local f = loadfile('%s')\n"
        "return function() return 200, {}, f() end",
        "local f = loadfile('%s')\n"
        "return function() return 200, {}, (coroutine.wrap(function()\n"
        "  require('rainbows').sleep(0) return f() end)()) end",
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char text[256];
        struct ask a;
        snprintf(text, sizeof text, ways[i], path);
        struct app *app = app_text(text);
        ask_begin(&a, app, GET, NULL);
        while (ask_step(&a) == CALL_WAITS || a.status == CALL_FLUSH)
            ;
        cr_assert_eq(a.status, CALL_DONE, "%s: %s", want, call_error(a.call));
        cr_expect_str_eq(ask_body(&a), want, "%zu: %s", i, ask_body(&a));
        ask_end(&a);
        app_free(app);
    }
}

Test(stock, resume_and_wrap_do_what_luas_do)
{
    for (size_t i = 0; i < sizeof snippets / sizeof *snippets; i++) {
        char path[32];
        char *want = stock_answer(path, snippets[i]);
        compare(path, want);
        unlink(path);
        free(want);
    }
}
