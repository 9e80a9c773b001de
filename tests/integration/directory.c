/* SPDX-License-Identifier: MIT */
/*
 * working_directory: where relative paths start from, at the start and at each
 * reload.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"

#define ANSWERS(text) "return function() return 200, {}, '" text "' end"
#define ALL                                                                    \
    "app('app.lua') pid('pid') stdout_path('out') listen('127.0.0.1:0')\n"

static struct server server;

/* Two directories with an app each, beside the config. */
static void start(void)
{
    server_prepare(&server);
    cr_assert_eq(mkdir(server_path(&server, "one"), 0755), 0);
    cr_assert_eq(mkdir(server_path(&server, "two"), 0755), 0);
    server_write(&server, "app.lua", ANSWERS("beside"));
    server_write(&server, "one/app.lua", ANSWERS("one"));
    server_write(&server, "two/app.lua", ANSWERS("two"));
    server_write(&server, "more.lua", "log_level('debug')");
}

static void empty(const char *name)
{
    static const char *const files[] = {"app.lua", "pid", "out"};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s/%s", server.dir, name, files[i]);
        unlink(path);
    }
    rmdir(server_path(&server, name));
}

static void stop(void)
{
    if (server.pid) {
        server_signal(&server, SIGQUIT);
        cr_assert_eq(server_wait(&server), 0);
    }
    empty("one");
    empty("two");
    server_stop(&server);
}

TestSuite(directory, .init = start, .fini = stop, .timeout = 60);

/* A port of one's own is the same port after a reload. */
static void assert_serves(const char *body)
{
    cr_assert_str_eq(get(&server, "/").body, body);
}

static void reload(const char *config)
{
    server_rewrite(&server, config);
    server_signal(&server, SIGHUP);
    server_await(&server, "reloaded");
    server_await(&server, "exit=0");
}

Test(directory, is_where_relative_paths_begin)
{
    server_start(&server, ALL "working_directory('one')");
    assert_serves("one");
    cr_assert(server_has(&server, "one/pid"));
    cr_assert(server_has(&server, "one/out"));
    server_signal(&server, SIGQUIT);
    cr_assert_eq(server_wait(&server), 0);
    cr_assert_not(server_has(&server, "one/pid"));
}

/* The directory is relative itself, and so is the file that the config runs. */
Test(directory, is_found_again_at_each_reload)
{
    server_start(&server, ALL "dofile('more.lua') working_directory('one')");
    server_write(&server, "one/app.lua", ANSWERS("new"));
    reload(ALL "dofile('more.lua') working_directory('one')");
    assert_serves("new");
    cr_assert(server_has(&server, "one/pid"));
    reload(ALL "dofile('more.lua') working_directory('one')");
    assert_serves("new");
}

Test(directory, may_change_with_a_reload)
{
    server_start(&server, ALL "working_directory('one')");
    reload(ALL "working_directory('two')");
    assert_serves("two");
    cr_assert(server_has(&server, "two/pid"));
}

Test(directory, is_where_the_server_was_started_without_it)
{
    server_start(&server, ALL "working_directory('one')");
    reload(ALL);
    assert_serves("beside");
}

Test(directory, of_the_pid_file_is_remembered)
{
    server_start(&server, ALL);
    cr_assert(server_has(&server, "pid"));
    reload(ALL "working_directory('one')");
    cr_assert_not(server_has(&server, "pid"));
    cr_assert(server_has(&server, "one/pid"));
    server_signal(&server, SIGQUIT);
    cr_assert_eq(server_wait(&server), 0);
    cr_assert_not(server_has(&server, "one/pid"));
}

Test(directory, that_is_not_there_ends_the_start)
{
    server.errors_expected = true;
    server_launch(&server, ALL "\nworking_directory('three')");
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    cr_assert(server_logged(&server, "config.lua:4: working_directory: cannot "
                                     "enter three: No such file or directory"));
}

Test(directory, that_is_not_there_changes_nothing_at_a_reload)
{
    server.errors_expected = true;
    server_start(&server, ALL "working_directory('one')");
    server_rewrite(&server, ALL "working_directory('three')");
    server_signal(&server, SIGHUP);
    server_await(&server, "working_directory: cannot enter three");
    assert_serves("one");
    kill(server_worker(&server, 0), SIGKILL);
    server_await_times(&server, "ready model=", 2);
    assert_serves("one");
}
