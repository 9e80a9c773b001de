/* SPDX-License-Identifier: MIT */
/*
 * Apps: what can be one, what is wrong with the others, and the life of a Lua
 * state from loading to quitting.
 */
#include "lua/app.h"

#include <stdio.h>
#include <sys/wait.h>

#include "tests/support/calls.h"
#include "tests/support/logs.h"

/* The app with this text cannot be loaded, for a reason that has the words. */
static void refuses(const char *text, const char *words)
{
    struct err err = {0};
    struct app *app = app_try(text, &err);
    cr_assert_null(app, "was loaded: %s", text);
    cr_expect_not_null(strstr(err.text, words), "%s\n  got: %s", text,
                       err.text);
}

/* ---- what is an app ---- */

Test(app, is_a_function)
{
    text_says("return function(env) return 200, {}, 'hello' end", "hello");
}

Test(app, is_a_table_with_a_call_method)
{
    text_says("local a = {name = 'me'}\n"
              "function a:call(env) return 200, {}, self.name end\n"
              "return a",
              "me");
}

Test(app, is_an_object_whose_class_has_the_call_method)
{
    text_says("local class = {} class.__index = class\n"
              "function class:call(env) return 200, {}, self.name end\n"
              "return setmetatable({name = 'me'}, class)",
              "me");
}

Test(app, is_a_table_that_can_be_called)
{
    text_says("return setmetatable({}, {__call = function(self, env)\n"
              "  return 200, {}, env.PATH_INFO end})",
              "/");
}

Test(app, is_a_userdata_that_can_be_called)
{
    text_says("local meta = getmetatable(io.stdout)\n"
              "meta.__call = function(self, env) return 200, {}, 'file' end\n"
              "return io.stdout",
              "file");
}

Test(app, prefers_the_call_method_to_being_callable)
{
    text_says("return setmetatable(\n"
              "  {call = function() return 200, {}, 'method' end},\n"
              "  {__call = function() return 200, {}, 'called' end})",
              "method");
}

Test(app, is_nothing_else)
{
    static const char *const cases[][2] = {
        {"", ": the app is nothing; an app file must return a function"},
        {"return nil", ": the app is nothing"},
        {"return 5", ": the app is number"},
        {"return 'app'", ": the app is string"},
        {"return {}", ": the app is table"},
        {"return {call = false}", ": the app is table"},
        {"return {call = 5}", ": the app is table"},
        {"return setmetatable({}, {})", ": the app is table"},
        {"return io.stdout", ": the app is userdata"},
        {"return coroutine.create(print)", ": the app is thread"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses(cases[i][0], cases[i][1]);
}

Test(app, errors_of_a_table_that_is_strict_about_fields_are_told)
{
    refuses("return setmetatable({}, {__index = function(_, name)\n"
            "  error('no field ' .. name) end})",
            ":2: no field call");
}

/* ---- errors while loading ---- */

Test(app, syntax_errors_come_with_file_and_line)
{
    struct err err = {0};
    cr_assert_null(app_try("local x = 1\nretrun x\n", &err));
    cr_expect_eq(strncmp(err.text, ":2: syntax error near 'x'", 25), 0, "%s",
                 err.text);
}

Test(app, runtime_errors_come_with_line_and_traceback)
{
    struct err err = {0};
    cr_assert_null(app_try("local function deep()\n  error('no luck')\nend\n"
                           "deep()\n",
                           &err));
    cr_expect_eq(strncmp(err.text, ":2: no luck\nstack traceback:\n", 28), 0);
    cr_expect_not_null(strstr(err.text, "in upvalue 'deep'") ||
                               strstr(err.text, "in local 'deep'")
                           ? err.text
                           : NULL,
                       "%s", err.text);
}

Test(app, errors_of_any_kind_are_told)
{
    refuses("error({})", "table: 0x");
    refuses("error()", "nil");
    refuses("error(setmetatable({}, {__tostring = function()\n"
            "  return 'mine' end}))",
            "mine");
    refuses("error(setmetatable({}, {__tostring = function()\n"
            "  error('again') end}))",
            "again");
    refuses("local function f() return f() + 1 end f()", "stack overflow");
    refuses("\033Lua", "attempt to load a binary chunk");
}

Test(app, file_that_is_missing_is_named)
{
    struct err err = {0};
    struct app_source source = {.path = "/nonexistent/app.lua"};
    cr_assert_null(app_new(&source, &err));
    cr_expect_not_null(strstr(err.text, "/nonexistent/app.lua"), "%s",
                       err.text);
}

Test(app, file_gets_its_own_path)
{
    text_says("local path = ...\n"
              "return function() return 200, {}, path:match('^/tmp/app_') end",
              "/tmp/app_");
}

/* ---- app(function) in the config's text ---- */

static struct app *try_config(const char *text, struct err *err)
{
    struct app_source source = {.config_path = "config.lua",
                                .config_text = text,
                                .config_size = strlen(text),
                                .directives = config_directive_names()};
    return app_new(&source, err);
}

static struct app *config_app(const char *text)
{
    struct err err;
    struct app *app = try_config(text, &err);
    cr_assert_not_null(app, "%s", err.text);
    cr_assert_eq(app_boot(app, &app_waiting, &err), 0, "%s", err.text);
    return app;
}

Test(app_in_config, is_what_app_was_given)
{
    struct app *app =
        config_app("app(function(env) return 200, {}, 'first' end)\n"
                   "app(function(env) return 200, {}, 'last' end)");
    says(app, "last");
    app_free(app);
}

Test(app_in_config, makes_nothing_of_the_other_directives)
{
    char text[8192] = "";
    const char *const *names = config_directive_names();
    for (; *names; names++)
        if (strcmp(*names, "app") != 0)
            snprintf(text + strlen(text), sizeof text - strlen(text),
                     "assert(select('#', %s('x', {})) == 0)\n", *names);
    strcat(text, "app(function() return 200, {}, 'fine' end)");
    struct app *app = config_app(text);
    says(app, "fine");
    app_free(app);
}

Test(app_in_config, runs_what_dofile_and_load_bring_in_alike)
{
    char path[32], text[256];
    app_file(path, "timeout(3) answer = 'from the file'");
    snprintf(text, sizeof text,
             "dofile('%s') load('timeout(4) more = \"!\"')()\n"
             "app(function() return 200, {}, answer .. more end)",
             path);
    struct app *app = config_app(text);
    unlink(path);
    says(app, "from the file!");
    app_free(app);
}

Test(app_in_config, has_the_globals_of_an_app)
{
    struct app *app = config_app(
        "local rainbows = require 'rainbows'\n"
        "shared = 'kept'\n"
        "app(function() return 200, {}, _G.shared .. type(rainbows.sleep) ..\n"
        "  tostring(package.loaded._G.shared) end)");
    says(app, "keptfunctionnil");
    app_free(app);
}

Test(app_in_config, must_be_an_app)
{
    static const char *const cases[][2] = {
        {"", "config.lua: the app is nothing"},
        {"app()", "config.lua: the app is nothing"},
        {"app({})", "config.lua: the app is table"},
        {"app(1", "config.lua:1: ')' expected near <eof>"},
        {"\n\nerror('x')", "config.lua:3: x\nstack traceback:"},
        {"\033Lua", "config.lua: this is compiled Lua"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        const char *want = cases[i][1];
        cr_assert_null(try_config(cases[i][0], &err));
        cr_expect_eq(strncmp(err.text, want, strlen(want)), 0, "%s", err.text);
    }
}

/* ---- boot and quit ---- */

/* Text for an app file: the lines run with the module at hand. */
#define MODULE "local rainbows = require 'rainbows'\n"

Test(app_life, at_boot_runs_in_order_when_the_state_serves)
{
    text_says(MODULE "local order = ''\n"
                     "for i = 1, 3 do\n"
                     "  rainbows.at_boot(function() order = order .. i end)\n"
                     "end\n"
                     "assert(order == '')\n"
                     "return function() return 200, {}, order end",
              "123");
}

Test(app_life, at_boot_sees_the_worker_and_loading_does_not)
{
    text_says(MODULE
              "assert(rainbows.worker() == nil)\n"
              "local w\n"
              "rainbows.at_boot(function() w = rainbows.worker() end)\n"
              "return function() return 200, {}, w.number .. w.generation ..\n"
              "  w.model .. type(w.pid) end",
              "32Testnumber");
}

Test(app_life, at_boot_runs_at_once_when_the_state_serves_already)
{
    text_says(MODULE "return function()\n"
                     "  local ran = 'no'\n"
                     "  rainbows.at_boot(function() ran = 'yes' end)\n"
                     "  return 200, {}, ran end",
              "yes");
}

Test(app_life, first_at_boot_that_fails_ends_the_boot)
{
    struct err err = {0};
    struct app *app = app_try(
        MODULE "rainbows.at_boot(function() rainbows.log('info', '1') end)\n"
               "rainbows.at_boot(function() error('no database') end)\n"
               "rainbows.at_boot(function() rainbows.log('info', '3') end)\n"
               "return print",
        &err);
    logs_open();
    cr_assert_eq(app_boot(app, &app_waiting, &err), -1);
    cr_expect_not_null(strstr(err.text, ":3: no database\nstack traceback:"));
    cr_expect_str_eq(logs_line(), "INFO  rainbows 1\n");
    cr_expect_str_eq(logs_next(), "");
    app_free(app);
}

Test(app_life, at_quit_runs_the_last_one_first)
{
    struct app *app = app_text(
        MODULE "for i = 1, 3 do\n"
               "  rainbows.at_quit(function() rainbows.log('info', i) end)\n"
               "end return print");
    logs_open();
    app_quit(app);
    cr_expect_str_eq(logs_line(), "INFO  rainbows 3\n");
    cr_expect_str_eq(logs_line(), "INFO  rainbows 2\n");
    cr_expect_str_eq(logs_line(), "INFO  rainbows 1\n");
    cr_expect_str_eq(logs_next(), "");
    app_free(app);
}

Test(app_life, at_quit_goes_on_after_an_error)
{
    struct app *app = app_text(
        MODULE "rainbows.at_quit(function() rainbows.log('info', 'x') end)\n"
               "rainbows.at_quit(function() error('no') end)\n"
               "return print");
    logs_open();
    app_quit(app);
    cr_expect_not_null(strstr(logs_line(), "ERROR rainbows at_quit: "));
    cr_expect_not_null(strstr(logs.text, ":3: no\n    stack traceback:"));
    cr_expect_str_eq(logs_line(), "INFO  rainbows x\n");
    app_free(app);
}

Test(app_life, only_functions_are_taken)
{
    refuses(MODULE "rainbows.at_boot(5)", "bad argument #1 to 'at_boot'");
    refuses(MODULE "rainbows.at_quit()", "bad argument #1 to 'at_quit'");
}

Test(app_life, free_takes_nothing_and_what_never_booted)
{
    struct err err = {0};
    app_free(NULL);
    app_free(app_try("return print", &err));
}

/* ---- random numbers ---- */

/* One number of a child that boots the app, from its log line. */
static unsigned long long number_of_a_child(struct app *app)
{
    struct err err;
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(app_boot(app, &app_waiting, &err) == 0 ? 0 : 1);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    return strtoull(strrchr(logs_next(), ' '), NULL, 16);
}

Test(app_life, workers_of_one_preloaded_app_draw_different_numbers)
{
    struct err err = {0};
    struct app *app =
        app_try(MODULE "rainbows.at_boot(function()\n"
                       "  rainbows.log('info', ('%x'):format(math.random(0)))\n"
                       "end) return print",
                &err);
    logs_open();
    unsigned long long one = number_of_a_child(app);
    cr_expect_neq(one, number_of_a_child(app));
    app_free(app);
}

Test(app_life, boots_without_the_standard_library)
{
    text_says("math = nil\n"
              "setmetatable(_G, {__index = function(_, name)\n"
              "  error('no global ' .. name) end})\n"
              "return function() return 200, {}, 'fine' end",
              "fine");
}
