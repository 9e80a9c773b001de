/* SPDX-License-Identifier: MIT */
/*
 * The command line, by the real binary: what it prints, and its exit status.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define APP(text) "return function() return 200, {}, '" text "' end"

static struct server server;

static void start(void)
{
    server_prepare(&server);
    server_write(&server, "app.lua", APP("hello"));
    server_write(&server, "good.lua", "app('app.lua')");
    server_write(&server, "bad.lua", "app('app.lua')\nkeepalive_timout(5)");
    server_write(&server, "raises.lua",
                 "local function connect()\n  error('no database')\nend\n"
                 "connect()");
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(cli, .init = start, .fini = stop, .timeout = 60);

/* Runs rainbows with these shell words; what it prints is in server.log. */
static void assert_exits(int with, const char *args)
{
    server.args = args;
    server_launch(&server, "");
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), with, "%d from %s:\n%s",
                 WEXITSTATUS(status), args, server.log);
}

static void assert_says(const char *text)
{
    cr_assert_not_null(strstr(server.log, text), "no \"%s\" in:\n%s", text,
                       server.log);
}

/* Exit 1, with the words on standard error and nothing on standard output. */
static void assert_wrong(const char *args, const char *words)
{
    struct stat out;
    server.errors_expected = true;
    char *quiet = xasprintf("%s >out", args);
    assert_exits(1, quiet);
    assert_says(words);
    cr_assert_eq(stat(server_path(&server, "out"), &out), 0);
    cr_assert_eq(out.st_size, 0, "%s prints", args);
    free(quiet);
}

static void assert_serves(const char *args)
{
    server.args = args;
    server_start(&server, "");
    cr_assert_str_eq(get(&server, "/").body, "hello");
}

/* How many lines, none longer than a terminal's. */
static int lines_of_80(const char *text)
{
    int n = 0;
    for (; *text; n++) {
        size_t len = strcspn(text, "\n");
        cr_assert_leq(len, 80, "%.*s", (int)len, text);
        text += len + (text[len] == '\n');
    }
    return n;
}

/* ---- printing ---- */

Test(cli, prints_its_version)
{
    assert_exits(0, "-v");
    cr_assert_str_eq(server.log, "rainbows " RAINBOWS_VERSION "\n");
    assert_exits(0, "--version");
}

Test(cli, prints_help_that_fits_a_terminal)
{
    assert_exits(0, "-h");
    cr_assert_leq(lines_of_80(server.log), 24);
    assert_says("Usage: rainbows [options] [app.lua]\n");
    assert_says("--help-config");
    assert_exits(0, "--help");
}

Test(cli, names_every_option_in_its_help)
{
    static const char *const options[] = {
        "-c, --config-file", "-l, --listen",       "-o, --host",
        "-p, --port",        "-w, --workers",      "-D, --daemonize",
        "-t, --check",       "-T, --print-config", "--help-config",
        "--print-models",    "-v, --version",      "-h, --help"};
    assert_exits(0, "-h");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        assert_says(options[i]);
}

Test(cli, explains_all_directives)
{
    assert_exits(0, "--help-config");
    cr_assert_gt(lines_of_80(server.log), 50);
    assert_says("keepalive_timeout(5)\n");
    assert_says("worker_processes(1)\n");
}

Test(cli, explains_one_directive_with_its_options)
{
    assert_exits(0, "--help-config listen");
    assert_says("listen(\"0.0.0.0:8080\")\n");
    assert_says("backlog = 1024\n");
    cr_assert_null(strstr(server.log, "keepalive_timeout"));
}

Test(cli, guesses_which_directive_was_meant)
{
    assert_wrong("--help-config lisen", "lisen: no such directive; did you "
                                        "mean listen?");
    assert_wrong("--help-config xyzzy", "--help-config lists them");
}

Test(cli, lists_its_models)
{
    assert_exits(0, "--print-models");
    lines_of_80(server.log);
    assert_says("Base ");
    assert_says("Reactor ");
}

Test(cli, prints_a_config_that_gives_the_same_config)
{
    server_write(&server, "full.lua",
                 "app('app.lua') worker_processes(3) keepalive_timeout(0.25)\n"
                 "listen('127.0.0.1:81', { backlog = 5, tries = -1 })\n"
                 "listen('unix:/x \"y\"', { umask = 63 }) log_level('warn')\n"
                 "client_max_body_size(nil) pid('a\\nb') use('Reactor')");
    assert_exits(0, "-T -c full.lua");
    char *first = xstrdup(server.log);
    server_write(&server, "again.lua", first);
    assert_exits(0, "-T -c again.lua");
    cr_assert_str_eq(server.log, first);
    assert_says("worker_processes(3)\n");
    assert_says("keepalive_timeout(0.25)\n");
    assert_says("client_max_body_size(nil)\n");
    assert_says("use(\"Reactor\")\n");
}

Test(cli, prints_the_defaults_without_a_config)
{
    assert_exits(0, "-T app.lua");
    assert_says("app(\"app.lua\")\n");
    assert_says("listen(\"0.0.0.0:8080\"");
    assert_exits(0, "-T -w 7 -l :81 -p 82 -o ::1 app.lua");
    assert_says("worker_processes(7)\n");
    assert_says("listen(\":81\"");
    assert_says("listen(\"[::1]:82\"");
    cr_assert_null(strstr(server.log, "0.0.0.0:8080"));
}

/* ---- checking ---- */

Test(cli, finds_a_good_config_good)
{
    assert_exits(0, "-t -c good.lua");
    cr_assert_str_eq(server.log, "good.lua: ok\n");
    assert_exits(0, "-t app.lua");
    cr_assert_str_eq(server.log, "app.lua: ok\n");
}

Test(cli, finds_the_mistake_of_a_bad_config)
{
    assert_wrong("-t -c bad.lua", "bad.lua:2: keepalive_timout: no such "
                                  "directive; did you mean "
                                  "keepalive_timeout?");
    assert_wrong("-c bad.lua", "bad.lua:2: keepalive_timout");
    assert_wrong("-T -c bad.lua", "bad.lua:2: keepalive_timout");
    assert_wrong("-t -c absent.lua", "absent.lua");
}

Test(cli, finds_the_mistake_of_a_bad_app)
{
    assert_wrong("-t raises.lua", "raises.lua:2: no database");
    assert_exits(1, "-t raises.lua");
    assert_says("stack traceback:");
    assert_says("raises.lua:4: in main chunk");
    server_write(&server, "number.lua", "return 42");
    assert_wrong("-t number.lua", "number.lua: the app is number");
    server_write(&server, "broken.lua", "return function(");
    assert_wrong("-t broken.lua", "broken.lua:1: ");
    assert_wrong("-t absent.lua", "absent.lua");
}

Test(cli, survives_whatever_the_app_does_while_it_is_checked)
{
    server_write(&server, "exits.lua", "os.exit(7)");
    assert_exits(1, "-t exits.lua");
    server_write(&server, "killed.lua", "os.execute('kill -KILL $PPID')");
    assert_exits(1, "-t killed.lua");
    assert_says("ended by signal KILL");
}

Test(cli, checks_without_listening)
{
    server_write(&server, "listens.lua",
                 "app('app.lua') listen('192.0.2.1:1')");
    assert_exits(0, "-t -c listens.lua");
}

/* ---- mistakes ---- */

Test(cli, refuses_what_it_does_not_know)
{
    assert_wrong("--frobnicate", "Try: rainbows --help");
    assert_wrong("-x app.lua", "Try: rainbows --help");
    assert_wrong("app.lua -c", "Try: rainbows --help");
    assert_wrong("app.lua more.lua", "more.lua: one app is enough");
}

Test(cli, refuses_to_serve_nothing)
{
    assert_wrong("", "nothing to serve");
    assert_wrong("-t", "nothing to serve");
    assert_wrong("-w 2 -p 0", "nothing to serve");
}

Test(cli, refuses_wrong_values)
{
    assert_wrong("app.lua -w 0", "-w 0: expected a number from 1");
    assert_wrong("app.lua -w two", "-w two: expected a number");
    assert_wrong("app.lua -w 2x", "-w 2x: expected a number");
    assert_wrong("app.lua -w 99999999999", "expected a number");
    assert_wrong("app.lua -l nowhere", "\"nowhere\": no port");
    assert_wrong("app.lua -p 65536", "a port is a number from 0 to 65535");
}

/* ---- serving ---- */

Test(cli, serves_an_app_without_a_config)
{
    assert_serves("app.lua -l 127.0.0.1:0");
}

Test(cli, serves_as_many_workers_as_were_asked_for)
{
    assert_serves("-w 2 app.lua -l 127.0.0.1:0");
    server_await_times(&server, "ready model=", 2);
    cr_assert_eq(server_children(&server), 2);
}

Test(cli, serves_where_it_was_asked_to)
{
    assert_serves("--host 127.0.0.1 --port=0 app.lua");
    cr_assert(server_logged(&server, "listening on=http://127.0.0.1:"));
}

Test(cli, serves_on_every_address_by_default)
{
    assert_serves("-p 0 app.lua");
    cr_assert(server_logged(&server, "listening on=http://0.0.0.0:"));
}

Test(cli, wins_over_the_config)
{
    server_write(&server, "other.lua",
                 "app('raises.lua') worker_processes(1)\n"
                 "listen('192.0.2.1:1')");
    assert_serves("-c other.lua -w 2 -l 127.0.0.1:0 app.lua");
    server_await_times(&server, "ready model=", 2);
}

Test(cli, serves_on_a_socket_file)
{
    assert_serves("app.lua -l unix:$PWD/socket -l 127.0.0.1:0");
    int fd = dial_unix(server_path(&server, "socket"));
    cr_assert_str_eq(ask(fd, "GET / HTTP/1.0\r\n\r\n").body, "hello");
}
