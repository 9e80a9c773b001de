/* SPDX-License-Identifier: MIT */
/*
 * Loading configs: defaults, values, and what a person is told who made a
 * mistake.
 */
#include "config/config.h"

#include <inttypes.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "config/cpus.h"
#include "tests/support/config_text.h"

#define APP  "app('app.lua')\n"
#define MiB  1048576
#define MANY "timeout(1) timeout(2)"

static const struct config_overrides one_app = {.app = "cli.lua"};

static struct config *load_nothing(void)
{
    struct err err;
    struct config *config = config_load(NULL, &one_app, &err);
    cr_assert_not_null(config, "%s", err.text);
    return config;
}

/* What is in force. */

Test(config_load, has_rainbows_defaults_without_a_file)
{
    struct config *config = load_nothing();
    cr_expect_eq(config->worker_processes, 1);
    cr_expect_str_eq(config->use, "Base");
    cr_expect_eq(config->worker_connections, 50);
    cr_expect_eq(config->keepalive_timeout, 5 * CLOCK_SECOND);
    cr_expect_eq(config->keepalive_requests, 1000);
    cr_expect_eq(config->timeout, 60 * CLOCK_SECOND);
    cr_expect_eq(config->client_max_body_size, MiB);
    cr_expect_eq(config->client_max_header_size, 114688);
    cr_expect_eq(config->client_body_buffer_size, 114688);
    cr_expect_eq(config->client_header_buffer_size, 1024);
    cr_expect_not(config->preload_app);
    cr_expect_eq(config->log_level, LOG_INFO);
    config_free(config);
}

Test(config_load, has_our_defaults_for_our_own_directives)
{
    struct config *config = load_nothing();
    cr_expect_eq(config->client_header_timeout, 30 * CLOCK_SECOND);
    cr_expect_eq(config->client_body_timeout, 30 * CLOCK_SECOND);
    cr_expect_eq(config->send_timeout, 30 * CLOCK_SECOND);
    cr_expect_eq(config->graceful_timeout, 60 * CLOCK_SECOND);
    cr_expect_eq(config->boot_timeout, 60 * CLOCK_SECOND);
    cr_expect_eq(config->client_max_headers, 100);
    cr_expect_eq(config->client_max_uri_size, 15360);
    cr_expect_eq(config->client_max_header_name, 256);
    cr_expect_eq(config->client_max_chunk_extension, 16384);
    cr_expect_eq(config->output_buffer_size, 65536);
    config_free(config);
}

Test(config_load, leaves_unset_what_has_no_default)
{
    struct config *config = load_nothing();
    cr_expect_null(config->path);
    cr_expect_null(config->text);
    cr_expect_null(config->lua);
    cr_expect_null(config->working_directory);
    cr_expect_null(config->pid);
    cr_expect_null(config->stderr_path);
    cr_expect_null(config->lua_path);
    for (int i = 0; i < HOOK_COUNT; i++)
        cr_expect_eq(config->hooks[i], -1);
    config_free(config);
}

Test(config_load, takes_values_of_every_kind)
{
    struct config *config =
        load_text(APP "worker_processes(3) timeout(0.25) preload_app(true)\n"
                      "log_level('warn') pid('/run/x.pid') use('Reactor')\n"
                      "client_max_headers(7) client_max_uri_size(1e3)");
    cr_expect_eq(config->worker_processes, 3);
    cr_expect_eq(config->timeout, CLOCK_SECOND / 4);
    cr_expect(config->preload_app);
    cr_expect_eq(config->log_level, LOG_WARN);
    cr_expect_str_eq(config->pid, "/run/x.pid");
    cr_expect_str_eq(config->use, "Reactor");
    cr_expect_eq(config->use_line, 3);
    cr_expect_eq(config->client_max_headers, 7);
    cr_expect_eq(config->client_max_uri_size, 1000);
    config_free(config);
}

Test(config_load, keeps_the_bytes_of_the_file)
{
    const char *text = APP "-- a comment\n";
    struct config *config = load_text(text);
    cr_expect_eq(config->text_size, strlen(text));
    cr_expect_str_eq(config->text, text);
    cr_expect_not_null(config->path);
    config_free(config);
}

Test(config_load, knows_app_function_by_a_null_app)
{
    struct config *config = load_text("app(function(env) return 200 end)");
    cr_expect_null(config->app);
    config_free(config);
}

Test(config_load, reads_nil_and_false_as_no_limit)
{
    struct config *config = load_text(APP "client_max_body_size(nil)");
    cr_expect_eq(config->client_max_body_size, -1);
    config_free(config);
    config = load_text(APP "client_max_body_size(false)");
    cr_expect_eq(config->client_max_body_size, -1);
    config_free(config);
}

Test(config_load, reads_nil_as_unset)
{
    struct config *config = load_text(APP "pid(nil) before_fork(nil)");
    cr_expect_null(config->pid);
    cr_expect_eq(config->hooks[HOOK_BEFORE_FORK], -1);
    config_free(config);
}

Test(config_load, turns_keep_alive_off_with_zero)
{
    struct config *config = load_text(APP "keepalive_timeout(0)");
    cr_expect_eq(config->keepalive_timeout, 0);
    config_free(config);
}

Test(config_load, keeps_a_tiny_timeout_above_zero_and_a_huge_one_finite)
{
    struct config *config = load_text(APP "timeout(1e-9) send_timeout(1e300)");
    cr_expect_eq(config->timeout, 1);
    cr_expect_gt(config->send_timeout, 86400 * CLOCK_SECOND);
    cr_expect_lt(config->send_timeout, CLOCK_NEVER / 2);
    config_free(config);
}

Test(config_load, counts_cpus_for_auto)
{
    struct config *config = load_text(APP "worker_processes('auto')");
    cr_expect_eq(config->worker_processes, cpus_granted());
    cr_expect_geq(config->worker_processes, 1);
    config_free(config);
}

/* The command line. */

Test(config_load, lets_the_command_line_win)
{
    const char *listens[] = {"127.0.0.1:9000", "/tmp/x.sock"};
    struct config_overrides over = {listens, 2, 4, "cli.lua"};
    struct err err = {0};
    struct config *config =
        try_text(APP "worker_processes(2) listen(8081)", &over, &err);
    cr_assert_not_null(config, "%s", err.text);
    cr_expect_str_eq(config->app, "cli.lua");
    cr_expect_eq(config->worker_processes, 4);
    cr_assert_eq(config->listen_count, 2);
    cr_expect_str_eq(config->listens[1].address, "/tmp/x.sock");
    cr_expect_eq(config->listens[1].line, 0);
    config_free(config);
}

Test(config_load, needs_no_app_in_the_file_if_the_command_line_has_one)
{
    struct err err = {0};
    struct config *config = try_text("timeout(3)", &one_app, &err);
    cr_assert_not_null(config, "%s", err.text);
    cr_expect_str_eq(config->app, "cli.lua");
    config_free(config);
}

Test(config_load, checks_the_words_of_the_command_line)
{
    const char *listens[] = {"nonsense"};
    struct config_overrides over = {listens, 1, 0, "cli.lua"};
    struct err err = {0};
    cr_expect_null(config_load(NULL, &over, &err));
    cr_expect(strstr(err.text, "listen: \"nonsense\": no port"));
    over = (struct config_overrides){.worker_processes = 5000, .app = "x"};
    cr_expect_null(config_load(NULL, &over, &err));
    cr_expect(strstr(err.text, "from 1 to 512"), "%s", err.text);
}

/* Mistakes. */

Test(config_load, names_the_nearest_directive)
{
    refuse_text("\n\nworker_proceses(3)",
                ":3: worker_proceses: no such directive; did you mean "
                "worker_processes?");
}

Test(config_load, refuses_unknown_names_that_are_only_read)
{
    refuse_text("local x = prnt", ":1: prnt: no such name; did you mean print");
    refuse_text("port = 80 listen(prot)", ":1: prot: no such name; did you "
                                          "mean port?");
    refuse_text("if qqqqqqqq then end", ":1: qqqqqqqq: no such directive; "
                                        "rainbows --help-config lists them");
}

Test(config_load, says_what_was_expected_and_what_it_got)
{
    static const char *const cases[][2] = {
        {"keepalive_timeout('five')", "keepalive_timeout: expected seconds (a "
                                      "number >= 0), got \"five\""},
        {"timeout(0)", "timeout: expected seconds (a number > 0), got 0"},
        {"timeout(1/0)", "timeout: expected seconds (a number > 0), got inf"},
        {"timeout(0/0)", "timeout: expected seconds (a number > 0), got "},
        {"timeout('5')", "timeout: expected seconds (a number > 0), got \"5\""},
        {"timeout()", "timeout: expected seconds (a number > 0), got nothing"},
        {"worker_processes(0)", "worker_processes: expected an integer from 1 "
                                "to 512 or \"auto\", got 0"},
        {"worker_processes(1.5)", "worker_processes: expected an integer from "
                                  "1 to 512 or \"auto\", got 1.5"},
        {"worker_processes('all')", "worker_processes: expected an integer"},
        {"client_max_body_size('1M')", "client_max_body_size: expected bytes "
                                       "(an integer >= 0), or nil for no"},
        {"client_max_header_size(7)", "client_max_header_size: expected bytes "
                                      "(an integer from 8 to"},
        {"preload_app(1)", "preload_app: expected true or false, got 1"},
        {"log_level('loud')", "log_level: expected \"debug\", \"info\", "},
        {"pid({})", "pid: expected a string (not empty) or nil, got a table"},
        {"pid('')", "pid: expected a string (not empty) or nil, got \"\""},
        {"pid('a\\0b')", "pid: expected a string"},
        {"app(3)", "app: expected the path of an app file"},
        {"before_fork('x')", "before_fork: expected a function, or nil"},
        {"timeout(1, 2)", "timeout: expected at most 1 value, got 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, ":1: %s", cases[i][1]);
        refuse_text(cases[i][0], text);
    }
}

Test(config_load, refuses_a_second_call_naming_both_lines)
{
    struct err err = {0};
    cr_assert_null(try_text("timeout(1)\n\ntimeout(2)", NULL, &err));
    cr_expect_eq(strncmp(err.text, ":3: timeout: already set at /tmp/", 33), 0,
                 "%s", err.text);
    cr_expect(strstr(err.text, ":1; keep one of the two"));
}

Test(config_load, refuses_to_assign_to_a_directive)
{
    refuse_text("timeout = 30", ":1: timeout: a directive is called, not "
                                "assigned to: timeout(...)");
    refuse_text("function app(env) end", ":1: app: a directive is called");
}

Test(config_load, says_what_to_write_when_the_app_is_missing)
{
    refuse_text("timeout(3)", ": app is missing: write app(\"app.lua\")");
    struct err err = {0};
    cr_expect_null(config_load(NULL, NULL, &err));
    cr_expect(strstr(err.text, "rainbows app.lua"), "%s", err.text);
}

Test(config_load, names_the_file_that_cannot_be_read)
{
    struct err err = {0};
    cr_expect_null(config_load("/nowhere/config.lua", NULL, &err));
    cr_expect_str_eq(err.text, "cannot read /nowhere/config.lua: No such file "
                               "or directory");
}

Test(config_load, takes_the_options_of_a_model)
{
    struct config *c =
        load_text("app('x') use('ThreadPool', {pool_size=3, app_pool=4})");
    cr_expect_eq(c->pool_size, 3);
    cr_expect_eq(c->app_pool, 4);
    cr_expect(config_sets(c, "pool_size"));
    cr_expect(!config_sets(c, "worker_connections"));
    config_free(c);
}

Test(config_load, refuses_options_that_no_model_has)
{
    refuse_text("use('Base', {pool_sise=3})",
                ":1: use: pool_sise: no such option; did you mean pool_size?");
    refuse_text("use('Base', {worker_conections=3})",
                ":1: use: worker_conections: no such option; did you mean to "
                "call worker_connections(...)?");
    refuse_text("use('Base', {zzzz=3})", ":1: use: zzzz: no such option");
    refuse_text("use('Base', {3})", ":1: use: an option's name is a string");
    refuse_text("use('Base', 3)", ":1: use: options are a table, got a number");
}

Test(config_load, shows_line_and_traceback_of_an_error_in_the_file)
{
    struct err err = {0};
    cr_assert_null(try_text("\nlocal x = {}\nx.y.z = 1", NULL, &err));
    cr_expect_eq(strncmp(err.text, ":3: attempt to index", 20), 0, "%s",
                 err.text);
    cr_expect(strstr(err.text, "stack traceback:"));
}

Test(config_load, shows_who_called_a_directive_from_a_function)
{
    struct err err = {0};
    const char *text = "local function set(x)\n  timeout(x)\nend\nset('y')";
    cr_assert_null(try_text(text, NULL, &err));
    cr_expect_eq(strncmp(err.text, ":2: timeout: expected", 21), 0);
    cr_expect(strstr(err.text, ":4: in main chunk"), "%s", err.text);
}

Test(config_load, adds_no_traceback_to_a_refused_value)
{
    struct err err = {0};
    cr_assert_null(try_text("timeout('x')", NULL, &err));
    cr_expect_null(strchr(err.text, '\n'), "%s", err.text);
}

Test(config_load, shows_the_line_of_a_syntax_error)
{
    refuse_text("\napp('x'", ":2: ')' expected");
}

Test(config_load, survives_errors_that_are_no_text)
{
    refuse_text("error({})", "the error is not a text but a table value");
    refuse_text("error()", "the error is not a text but a nil value");
    refuse_text("error(setmetatable({}, "
                "{__tostring = function() return 'words' end}))",
                "words\nstack traceback:");
    refuse_text("error(setmetatable({}, "
                "{__tostring = function() error('again') end}))",
                "");
}

Test(config_load, refuses_compiled_lua)
{
    char path[32];
    struct err err = {0};
    text_file(path, "\033LuaT", 5);
    cr_expect_null(config_load(path, NULL, &err));
    unlink(path);
    cr_expect(strstr(err.text, ": this is compiled Lua"), "%s", err.text);
}

/* The fence. */

Test(config_load, lets_a_config_be_a_program)
{
    struct config *config =
        load_text(APP "seconds = 2 * 3\n"
                      "local function set(f, x) f(x) end\n"
                      "for _, f in ipairs { timeout, send_timeout } do\n"
                      "  set(f, _G.seconds + tonumber(('0'):rep(2)))\n"
                      "end\n"
                      "assert(rawget(_G, 'nothing') == nil)");
    cr_expect_eq(config->timeout, 6 * CLOCK_SECOND);
    cr_expect_eq(config->send_timeout, 6 * CLOCK_SECOND);
    config_free(config);
}

Test(config_load, keeps_loaded_chunks_inside_the_fence)
{
    struct config *config =
        load_text(APP "load('timeout(7)')() assert(load('x = 1; return x'))()");
    cr_expect_eq(config->timeout, 7 * CLOCK_SECOND);
    config_free(config);
    refuse_text("load('timout(7)')()", "[string \"timout(7)\"]:1: timout: no "
                                       "such directive; did you mean timeout");
}

Test(config_load, keeps_files_run_by_dofile_inside_the_fence)
{
    char part[32], text[128];
    text_file(part, "timeout(8)", 10);
    snprintf(text, sizeof text, APP "dofile('%s')", part);
    struct config *config = load_text(text);
    cr_expect_eq(config->timeout, 8 * CLOCK_SECOND);
    config_free(config);
    snprintf(text, sizeof text, APP "loadfile('%s')()", part);
    config = load_text(text);
    cr_expect_eq(config->timeout, 8 * CLOCK_SECOND);
    config_free(config);
    unlink(part);
}

Test(config_load, gives_required_modules_plain_globals)
{
    struct config *config = load_text(
        APP "package.preload.m = function() return _ENV == nil end\n"
            "package.preload.n = load('return unknown_name == nil and "
            "timeout == nil', 'n', 't', package.loaded._G)\n"
            "assert(require('n') == true)");
    config_free(config);
}

Test(config_load, frees_null)
{
    config_free(NULL);
}
