/* SPDX-License-Identifier: MIT */
/*
 * Our coroutine.resume and wrap beside Lua's own: but for waits they are the
 * same, to the last word of an error.
 */
#include <lauxlib.h>
#include <lualib.h>

#include "tests/support/calls.h"

TestSuite(stock, .timeout = 60);

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
    /* close */
    "local co = create(function() end) return show(coroutine.close(co))",
    "local co = create(error) resume(co, 'x')\n"
    "return show(coroutine.close(co))",
    "local co = wrap(function() return show(pcall(coroutine.close,\n"
    "  (coroutine.running()))) end) return co()",
    "local a a = create(function() return resume(create(function()\n"
    "  return coroutine.close(a) end)) end) return show(resume(a))",
    "local t = {} local co = create(function()\n"
    "  local x <close> = closing(function(e) t[#t + 1] = tostring(e) end)\n"
    "  yield() end) resume(co) return show(coroutine.close(co)) .. t[1]",
    "local co = create(function()\n"
    "  local x <close> = closing(function() error('y', 0) end)\n"
    "  yield() end) resume(co) return show(coroutine.close(co))",
    "return show(pcall(coroutine.close)) .. show(pcall(coroutine.close, 5))",
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
static const char *const ways[] = {
    "local s = dofile('%s') return function() return 200, {}, s end",
    "local f = loadfile('%s')\n"
    "return function() return 200, {}, f() end",
    "local f = loadfile('%s')\n"
    "return function() return 200, {}, (coroutine.wrap(function()\n"
    "  require('rainbows').sleep(0) return f() end)()) end",
};

static void compare(const char *way, const char *path, const char *want)
{
    char text[256];
    struct ask a;
    snprintf(text, sizeof text, way, path);
    struct app *app = app_text(text);
    ask_begin(&a, app, GET, NULL);
    while (ask_step(&a) == CALL_WAITS || a.status == CALL_FLUSH)
        ;
    cr_assert_eq(a.status, CALL_DONE, "%s: %s", want, call_error(a.call));
    cr_expect_str_eq(ask_body(&a), want, "%s: %s", way, ask_body(&a));
    ask_end(&a);
    app_free(app);
}

Test(stock, resume_and_wrap_do_what_luas_do)
{
    for (size_t i = 0; i < sizeof snippets / sizeof *snippets; i++) {
        char path[32];
        char *want = stock_answer(path, snippets[i]);
        for (int way = 0; way < 3; way++)
            compare(ways[way], path, want);
        unlink(path);
        free(want);
    }
}
