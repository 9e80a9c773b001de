/* SPDX-License-Identifier: MIT */
/*
 * -D, and the pid file by which such a server is found. The test adopts the
 * orphans that -D makes of a server, and so can wait for its end as for that of
 * a child.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"

#define APP    "app('app.lua') pid('pid') worker_processes(1)\n"
#define LOGGED APP "stderr_path('log')\n"
/* Loads when the file "go" is there, or nobody needs it any more. */
#define WAITS                                                                  \
    "local f, last = nil, os.time() + 30\n"                                    \
    "repeat f = io.open('go') until f or os.time() > last\n"                   \
    "return function() return 200, {}, 'waited' end"

static struct server server;

static void start(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    server_prepare(&server);
    server_write(&server, "app.lua",
                 "return function() return 200, {}, 'hello' end");
    server.args = "-D -c config.lua";
}

/* The process that the pid file names; 0: there is none. */
static pid_t pid_in_file(void)
{
    int pid = 0;
    FILE *f = fopen(server_path(&server, "pid"), "r");
    if (f && fscanf(f, "%d", &pid) != 1)
        pid = 0;
    if (f)
        fclose(f);
    return pid;
}

static void stop(void)
{
    if (!server.pid) /* the test has failed before it found it */
        server.pid = pid_in_file();
    server_stop(&server);
}

TestSuite(daemon, .init = start, .fini = stop, .timeout = 60);

/* What the process that was called says with its exit status. */
static int outcome(void)
{
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status), "%s", server.log);
    return WEXITSTATUS(status);
}

static void assert_says(const char *text)
{
    cr_assert(server_logged(&server, text), "no \"%s\" in:\n%s", text,
              server.log);
}

/* The server serves in the background. */
static void assert_started(const char *config)
{
    server_launch(&server, config);
    cr_assert_eq(outcome(), 0, "%s", server.log);
    server.pid = pid_in_file();
    cr_assert_gt(server.pid, 0);
    cr_assert_eq(kill(server.pid, 0), 0);
}

static void assert_fails(const char *config, const char *why)
{
    server.errors_expected = true;
    server_launch(&server, config);
    cr_assert_eq(outcome(), 1, "%s", server.log);
    assert_says(why);
    cr_assert_not(server_has(&server, "pid"));
}

/* ---- it starts ---- */

Test(daemon, serves_when_its_caller_says_so)
{
    assert_started(LOGGED);
    server_await_serving(&server);
    cr_assert_str_eq(get(&server, "/").body, "hello");
}

Test(daemon, is_in_a_session_of_its_own_without_leading_it)
{
    assert_started(LOGGED);
    cr_assert_neq(getsid(server.pid), getsid(0));
    cr_assert_neq(getsid(server.pid), server.pid);
}

static void assert_opened(pid_t pid, int fd, const char *path)
{
    char link[64], target[256] = "";
    snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
    cr_assert_gt(readlink(link, target, sizeof target - 1), 0);
    cr_assert_str_eq(target, path);
}

Test(daemon, has_no_part_in_its_callers_streams)
{
    assert_started(LOGGED);
    server_await_serving(&server);
    pid_t pids[] = {server.pid, server_worker(&server, 0)};
    server_await(&server, "logs reopened");
    for (int i = 0; i < 2; i++) {
        assert_opened(pids[i], 0, "/dev/null");
        assert_opened(pids[i], 2, server_path(&server, "log"));
    }
    assert_opened(pids[0], 1, "/dev/null");
}

Test(daemon, is_silent_without_a_log)
{
    assert_started(APP);
    assert_opened(server.pid, 1, "/dev/null");
    assert_opened(server.pid, 2, "/dev/null");
    cr_assert_str_eq(server.log, "");
}

/* A caller's own caller, ssh for one, waits for the end of its output. */
Test(daemon, keeps_no_pipe_of_its_caller_open)
{
    server.args = "-D -c config.lua 2>&1 | cat";
    assert_started(APP);
}

Test(daemon, stays_in_its_directory_with_its_umask)
{
    char link[64], target[256] = "";
    umask(027);
    assert_started(LOGGED);
    snprintf(link, sizeof link, "/proc/%d/cwd", (int)server.pid);
    cr_assert_gt(readlink(link, target, sizeof target - 1), 0);
    cr_assert_str_eq(target, server.dir);
    struct stat st;
    cr_assert_eq(stat(server_path(&server, "pid"), &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0640);
}

Test(daemon, waits_for_a_worker_to_be_ready)
{
    server_write(&server, "app.lua", WAITS);
    server_launch(&server, LOGGED);
    server_await(&server, "listening on=");
    int status;
    cr_assert_eq(waitpid(server.pid, &status, WNOHANG), 0);
    server_write(&server, "go", "");
    cr_assert_eq(outcome(), 0);
    server.pid = pid_in_file();
    server_await(&server, " serving");
}

/* ---- it fails ---- */

Test(daemon, tells_a_broken_config)
{
    assert_fails("app('app.lua')\nworker_proceses(2)",
                 "config.lua:4: worker_proceses: no such directive");
}

Test(daemon, tells_a_broken_app)
{
    server_write(&server, "app.lua", "error('no database')");
    assert_fails(APP, "app.lua:1: no database");
    assert_says("stack traceback");
    assert_says("rainbows: not started: the server ended before");
}

Test(daemon, tells_what_a_dying_app_wrote)
{
    server_write(&server, "app.lua",
                 "io.stderr:write('DB is not set\\n') os.exit(3)");
    assert_fails(APP, "DB is not set\n");
}

Test(daemon, tells_where_its_log_is)
{
    server_write(&server, "app.lua", "error('no database')");
    assert_fails(APP "stderr_path('err')", "the log is in err");
    cr_assert(server_has(&server, "err"));
}

Test(daemon, tells_that_the_app_hangs)
{
    server_write(&server, "app.lua", "while true do end");
    assert_fails(APP "boot_timeout(0.3)", "boot_timeout=0.3s has passed");
}

Test(daemon, tells_that_it_was_killed_while_starting)
{
    server.errors_expected = true;
    server_write(&server, "app.lua", WAITS);
    server_launch(&server, LOGGED);
    server_await(&server, "listening on=");
    cr_assert_eq(kill(pid_in_file(), SIGKILL), 0);
    cr_assert_eq(outcome(), 1);
    assert_says("rainbows: not started: the server ended");
    server_write(&server, "go", "");
    while (waitpid(-1, NULL, 0) > 0) /* the worker finds itself alone */
        ;
    unlink(server_path(&server, "pid"));
}

Test(daemon, only_checks_with_t)
{
    server.args = "-D -t -c config.lua";
    server_launch(&server, APP);
    cr_assert_eq(outcome(), 0);
    assert_says("config.lua: ok\n");
    cr_assert_not(server_has(&server, "pid"));
}

Test(daemon, that_replaces_itself_does_not_go_to_the_background_again)
{
    cr_assert_eq(setenv("RAINBOWS_UPGRADE", "1", 1), 0);
    server_launch(&server, LOGGED);
    server_await_serving(&server);
    cr_assert_eq(pid_in_file(), server.pid);
}

/* ---- the pid file ---- */

Test(daemon, is_not_started_twice)
{
    assert_started(LOGGED);
    pid_t first = server.pid;
    struct stat before, after;
    stat(server_path(&server, "pid"), &before);
    server_launch(&server, APP);
    cr_assert_eq(outcome(), 1);
    assert_says("already running: pid file ");
    assert_says("(rainbows master)");
    stat(server_path(&server, "pid"), &after);
    cr_assert_eq(before.st_ino, after.st_ino);
    cr_assert_eq(pid_in_file(), first);
    server.pid = first;
    server.errors_expected = true;
}

Test(daemon, that_could_not_start_leaves_no_pid_file)
{
    server_write(&server, "pid", "99999999\n");
    server_write(&server, "app.lua", "error('x')");
    assert_fails(LOGGED, "names process 99999999, which is gone: replaced");
}

Test(daemon, replaces_a_pid_file_without_a_process)
{
    server_write(&server, "pid", "rubbish");
    assert_started(LOGGED);
    assert_says("/pid names process 0, which is none: replaced");
}

Test(daemon, removes_its_pid_file_and_no_other)
{
    assert_started(LOGGED);
    server_write(&server, "pid", "1\n");
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    cr_assert(server_has(&server, "pid"));
    unlink(server_path(&server, "pid"));
    assert_started(LOGGED);
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    cr_assert_not(server_has(&server, "pid"));
}
