/* SPDX-License-Identifier: MIT */
/*
 * Waiting through the app's own coroutines: a wait gets out of whatever can
 * yield and blocks where nothing can.
 */
#include "lua/coro.h"

#include "base/clock.h"
#include "tests/support/calls.h"
#include "tests/support/logs.h"

TestSuite(coro, .timeout = 60);

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

static const char *const can_yield[] = {
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

Test(coro, waits_through_everything_that_can_yield)
{
    for (size_t i = 0; i < sizeof can_yield / sizeof *can_yield; i++)
        waits(can_yield[i], 1, "x");
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

static const char status_app[] =
    "local rainbows = require 'rainbows'\n"
    "local co\n"
    "return function(env)\n"
    "  if co then return 200, {}, coroutine.status(co) end\n"
    "  co = coroutine.create(function() rainbows.sleep(9) end)\n"
    "  coroutine.resume(co)\n"
    "  return 200, {}, coroutine.status(co) end";

Test(coro, coroutine_that_waits_says_that_it_is_suspended)
{
    struct ask a;
    struct app *app = app_text(status_app);
    ask_begin(&a, app, GET, NULL);
    cr_assert_eq(ask_step(&a), CALL_WAITS);
    says(app, "suspended");
    cr_assert_eq(ask_step(&a), CALL_DONE);
    cr_expect_str_eq(ask_body(&a), "dead");
    ask_end(&a);
    app_free(app);
}

static const char shared_app[] =
    "local rainbows = require 'rainbows'\n"
    "local co = coroutine.wrap(function()\n"
    "  for i = 1, 9 do rainbows.sleep(9) coroutine.yield('p' .. "
    "i) end end)\n"
    "return function(env) return 200, {}, tostring(co()) end";

Test(coro, two_calls_wait_in_the_same_iterator_without_harm)
{
    struct ask a, b;
    struct app *app = app_text(shared_app);
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

static const char cancelled_app[] =
    "local rainbows = require 'rainbows'\n"
    "local function nap()\n"
    "  rainbows.sleep(9)\n"
    "end\n"
    "local function inner()\n"
    "  coroutine.wrap(nap)()\n"
    "end\n"
    "return function()\n"
    "  coroutine.resume(coroutine.create(inner))\n"
    "  return 200, {}, ''\n"
    "end";

Test(coro, cancelled_wait_is_told_through_all_coroutines)
{
    static const char *const places[] = {"cancelled\nstack traceback:",
                                         ":3: in ",
                                         "resumed by:",
                                         ":6: in ",
                                         "resumed by:",
                                         ":9: in "};
    struct ask a;
    struct app *app = app_text(cancelled_app);
    ask_begin(&a, app, GET, NULL);
    cr_assert_eq(ask_step(&a), CALL_WAITS);
    call_cancel(a.call, "cancelled");
    const char *at = call_error(a.call);
    for (int i = 0; i < 6; i++) {
        at = strstr(at, places[i]);
        cr_assert_not_null(at, "%s: %s", places[i], call_error(a.call));
        at++;
    }
    ask_end(&a);
    app_free(app);
}

/* ---- where nothing can yield ---- */

static void blocks_once(struct app *app, const char *want)
{
    struct ask a;
    int64_t before = clock_now();
    ask_begin(&a, app, GET, NULL);
    cr_assert_eq(ask_step(&a), CALL_DONE, "%s: %s", want,
                 a.status == CALL_FAILED ? call_error(a.call) : "waits");
    cr_expect_geq(clock_now() - before, 1000);
    cr_expect_str_eq(ask_body(&a), want);
    ask_end(&a);
}

/* A call of the app blocks, answers, and warns; the next one does not warn. */
static void blocks(const char *body, const char *want)
{
    struct app *app = napping(body);
    logs_open();
    blocks_once(app, want);
    blocks_once(app, want);
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
