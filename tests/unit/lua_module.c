/* SPDX-License-Identifier: MIT */
/*
 * What a Lua state offers apps besides env: where modules are found, and the
 * module rainbows.
 */
#include "lua/app.h"

#include "base/clock.h"
#include "tests/support/calls.h"
#include "tests/support/logs.h"

/* ---- package.path ---- */

/* package.path and cpath of an app file /tmp/app_x with these directives. */
static void paths_are(const char *lua_path, const char *lua_cpath,
                      const char *want)
{
    struct err err;
    char file[32];
    app_file(file, "return function()\n"
                   "  return 200, {}, package.path .. '|' .. package.cpath\n"
                   "end");
    struct app_source source = {
        .path = file, .lua_path = lua_path, .lua_cpath = lua_cpath};
    struct app *app = app_new(&source, &err);
    unlink(file);
    cr_assert_not_null(app, "%s", err.text);
    says(app, want);
    app_free(app);
}

/* The app's directory, then the server's own modules: those of the source tree,
 * since nothing lies beside the test. */
#define APP_DIR                                                                \
    "/tmp/?.lua;/tmp/?/init.lua;" SOURCE_DIR "/lua/?.lua;" SOURCE_DIR          \
    "/lua/?/init.lua;"
#define DEFAULT  "LUA"
#define CDEFAULT "LUAC"

static void set_defaults(void)
{
    unsetenv("LUA_PATH_5_4");
    unsetenv("LUA_CPATH_5_4");
    setenv("LUA_PATH", DEFAULT, 1);
    setenv("LUA_CPATH", CDEFAULT, 1);
}

TestSuite(app_path, .init = set_defaults);

Test(app_path, looks_beside_the_app_and_then_where_lua_does)
{
    paths_are(NULL, NULL, APP_DIR DEFAULT "|" CDEFAULT);
}

Test(app_path, is_replaced_by_lua_path)
{
    paths_are("/a/?.lua", "/c/?.so", "/a/?.lua|/c/?.so");
    paths_are("", "", "|");
}

Test(app_path, stands_where_lua_path_has_two_semicolons)
{
    paths_are("/a/?.lua;;", ";;/c/?.so",
              "/a/?.lua;" APP_DIR DEFAULT ";|;" CDEFAULT ";/c/?.so");
    paths_are("/a;;/b", "/c;;/d",
              "/a;" APP_DIR DEFAULT ";/b|/c;" CDEFAULT ";/d");
}

Test(app_path, lets_an_app_require_its_neighbour)
{
    char path[32], text[128];
    app_file(path, "");
    char module[64];
    snprintf(module, sizeof module, "%s.lua", path);
    cr_assert_eq(rename(path, module), 0);
    snprintf(text, sizeof text,
             "local t = require '%s'\n"
             "return function() return 200, {}, type(t) end",
             path + strlen("/tmp/"));
    text_says(text, "boolean");
    unlink(module);
}

/* ---- the module ---- */

#define MODULE "local rainbows = require 'rainbows'\n"
#define CALL   MODULE "return function(env) return 200, {}, "

Test(module, has_what_the_documents_say_and_nothing_else)
{
    text_says(MODULE "local names = {}\n"
                     "for k, v in pairs(rainbows) do\n"
                     "  names[#names + 1] = k .. ':' .. type(v)\n"
                     "end\n"
                     "table.sort(names)\n"
                     "return function()\n"
                     "  return 200, {}, table.concat(names, ' ') end",
              "at_boot:function at_quit:function env:function log:function "
              "sleep:function version:string wait:function worker:function");
}

Test(module, knows_the_version)
{
    text_says(CALL "rainbows.version end", RAINBOWS_VERSION);
}

Test(module, is_the_same_wherever_it_is_required)
{
    text_says(CALL "tostring(rainbows == require 'rainbows') end", "true");
}

Test(module, log_writes_at_each_level)
{
    struct app *app = app_text(MODULE "return function()\n"
                                      "  rainbows.log('warn', 'text')\n"
                                      "  rainbows.log('ERROR', 5)\n"
                                      "  rainbows.log('debug', 'unseen')\n"
                                      "  rainbows.log('info', nil)\n"
                                      "  return 200, {}, '' end");
    logs_open();
    says(app, "");
    cr_expect_str_eq(logs_line(), "WARN  rainbows text\n");
    cr_expect_str_eq(logs_line(), "ERROR rainbows 5\n");
    cr_expect_str_eq(logs_line(), "INFO  rainbows nil\n");
    cr_expect_str_eq(logs_next(), "");
    app_free(app);
}

static const char *const mistakes[] = {
    "rainbows.log('warning', 'x')",
    "rainbows.log()",
    "rainbows.sleep()",
    "rainbows.sleep('x')",
    "rainbows.sleep(-1)",
    "rainbows.sleep(0 / 0)",
    "rainbows.sleep(math.huge)",
    "rainbows.env()",
    "rainbows.env('env')",
};

Test(module, refuses_wrong_arguments)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char text[256];
        snprintf(text, sizeof text, CALL "tostring(pcall(function() %s end))%s",
                 mistakes[i], " end");
        text_says(text, "false");
    }
}

Test(module, env_leaves_tables_alone_that_are_no_env)
{
    text_says(CALL "tostring(rainbows.env({1, 2})[2]) end", "2");
}

/* ---- waits where no call runs ---- */

/* An app with nap(), which waits in every way; it answers with how often. */
#define NAP                                                                    \
    MODULE "local naps = 0\n"                                                  \
           "local function nap()\n"                                            \
           "  rainbows.sleep(0.01)\n"                                          \
           "  coroutine.wrap(rainbows.sleep)(0.01)\n"                          \
           "  assert(select(2, rainbows.wait(%d, 'r', 0.01)) == 'timeout')\n"  \
           "  naps = naps + 1\n"                                               \
           "end\n"

/* That app, with the rest of its text. */
static struct app *app_napping(const char *rest)
{
    int silent[2];
    char text[1024];
    cr_assert_eq(pipe(silent), 0);
    int n = snprintf(text, sizeof text, NAP, silent[0]);
    snprintf(text + n, sizeof text - (size_t)n, "%s", rest);
    return app_text(text);
}

/* It was there, and so long: nap() has blocked. */
static void has_blocked(int64_t since)
{
    cr_expect_geq(clock_now() - since, 30000);
    cr_expect_str_eq(logs_next(), "");
}

#define ANSWER "return function() return 200, {}, tostring(naps) end"

Test(module, waits_block_while_the_app_is_loaded_and_booted)
{
    logs_open();
    int64_t since = clock_now();
    struct app *app = app_napping("nap() " ANSWER);
    has_blocked(since);
    says(app, "1");
    app_free(app);
    since = clock_now();
    app = app_napping("rainbows.at_boot(nap) " ANSWER);
    has_blocked(since);
    says(app, "1");
    app_free(app);
}

Test(module, waits_block_when_the_app_ends)
{
    logs_open();
    struct app *app = app_napping("rainbows.at_quit(nap) " ANSWER);
    int64_t since = clock_now();
    app_quit(app);
    has_blocked(since);
    says(app, "1");
    app_free(app);
}

Test(module, waits_block_in_what_is_called_between_calls)
{
    struct ask a;
    logs_open();
    struct app *app =
        app_napping("local first = true\n"
                    "return function(env)\n"
                    "  if not first then return 200, {}, tostring(naps) end\n"
                    "  first = false\n"
                    "  env['async.close']:callback(nap)\n"
                    "  rainbows.sleep(9)\n"
                    "  return 200, {}, setmetatable({}, {__close = nap})\n"
                    "end");
    ask_begin(&a, app, GET, NULL);
    cr_assert_eq(ask_step(&a), CALL_WAITS);
    int64_t since = clock_now();
    call_client_closed(a.call);
    has_blocked(since);
    cr_assert_eq(ask_run(&a), CALL_DONE);
    since = clock_now();
    ask_end(&a);
    has_blocked(since);
    says(app, "2");
    app_free(app);
}

/* ---- rack.errors and rack.logger ---- */

Test(logger, errors_are_one_line_for_each_write)
{
    struct app *app =
        app_text("return function(env)\n"
                 "  local errors = env['rack.errors']\n"
                 "  errors:write('a', 1, nil, true, 'b'):flush():write('c')\n"
                 "  errors:write()\n"
                 "  return 200, {}, '' end");
    logs_open();
    says(app, "");
    cr_expect_str_eq(logs_line(), "ERROR rainbows rack.errors: a1niltrueb\n");
    cr_expect_str_eq(logs_line(), "ERROR rainbows rack.errors: c\n");
    cr_expect_str_eq(logs_line(), "ERROR rainbows rack.errors: \n");
    app_free(app);
}

Test(logger, has_a_method_for_each_level)
{
    struct app *app =
        app_text("return function(env)\n"
                 "  for _, level in ipairs{'info', 'warn', 'error'} do\n"
                 "    env['rack.logger'][level](env['rack.logger'], 'x')\n"
                 "  end return 200, {}, '' end");
    logs_open();
    says(app, "");
    cr_expect_str_eq(logs_line(), "INFO  rainbows x\n");
    cr_expect_str_eq(logs_line(), "WARN  rainbows x\n");
    cr_expect_str_eq(logs_line(), "ERROR rainbows x\n");
    app_free(app);
}

Test(logger, shows_a_text_whole_that_has_a_nul_in_it)
{
    struct app *app = app_text(MODULE "return function(env)\n"
                                      "  env['rack.errors']:write('a\\0b')\n"
                                      "  env['rack.logger']:warn('a\\0b')\n"
                                      "  rainbows.log('info', 'a\\0b')\n"
                                      "  return 200, {}, '' end");
    logs_open();
    says(app, "");
    cr_expect_str_eq(logs_line(), "ERROR rainbows rack.errors: a\\x00b\n");
    cr_expect_str_eq(logs_line(), "WARN  rainbows a\\x00b\n");
    cr_expect_str_eq(logs_line(), "INFO  rainbows a\\x00b\n");
    app_free(app);
}
