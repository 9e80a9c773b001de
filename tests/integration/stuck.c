/* SPDX-License-Identifier: MIT */
/*
 * What hangs: workers while they start, calls, and what closes after a call.
 * Each is ended, and the log says where it was and for whom. Waiting for that
 * takes its time, so several servers do it at once.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

enum {
    SERVERS = 8
};

static struct server servers[SERVERS];

static void set_up(void)
{
    for (int i = 0; i < SERVERS; i++)
        servers[i].errors_expected = true;
}

static void stop(void)
{
    for (int i = 0; i < SERVERS; i++)
        server_stop(&servers[i]);
}

/* First in each test in which something is interrupted. */
static void need_signals(void)
{
    if (signals_come_late())
        cr_skip("ThreadSanitizer holds signals back");
}

TestSuite(stuck, .init = set_up, .fini = stop, .timeout = 60);

static bool is(const char *family)
{
    return strncmp(model_under_test(), family, strlen(family)) == 0;
}

static bool has_threads(void)
{
    return is("Thread") || is("ReactorThread");
}

/* ---- the start ---- */

#define SPIN "while true do end"

/* What hangs, and where. */
static const struct {
    const char *file;   /* hang.lua */
    const char *config; /* its first line is the third */
    const char *place;
} starts[] = {
    {"\n" SPIN, "app('hang.lua')", "hang.lua:2: "},
    {"while true do pcall(coroutine.wrap(function()\n" SPIN " end)) end",
     "app('hang.lua')", "hang.lua:2: "},
    {"require 'rainbows'.at_boot(function()\n" SPIN " end)\n"
     "return function() end",
     "app('hang.lua')", "hang.lua:2: "},
    {"require 'rainbows'.at_boot(function()\n"
     "require 'rainbows'.sleep(60) end)\n"
     "return function() end",
     "app('hang.lua') preload_app(true)", "hang.lua:2: "},
    {"",
     "app(function() end) require 'rainbows'.at_boot(function()\n" SPIN " end)",
     "config.lua:4: "},
    {"return function() end",
     "app('hang.lua') after_fork(function()\n" SPIN " end)",
     "after_fork: config.lua:4: "},
    {"return function() end",
     "app('hang.lua') after_worker_ready(function()\n"
     "while true do pcall(coroutine.wrap(function() " SPIN " end)) end end)",
     "after_worker_ready: config.lua:4: "},
};

enum {
    STARTS = sizeof starts / sizeof *starts
};

static void launch(struct server *s, const char *file, const char *config)
{
    char *text = xasprintf("%s boot_timeout(0.4)", config);
    server_prepare(s);
    server_write(s, "hang.lua", file);
    server_launch(s, text);
    free(text);
}

static void assert_not_started(struct server *s, const char *place)
{
    char *why = xasprintf("%sboot_timeout=0.4s has passed", place);
    int status = server_wait(s);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%s", s->log);
    char *at = strstr(s->log, "cannot start: worker=0 ");
    cr_assert(at && strstr(at, why), "no \"%s\" in\n%s", why, s->log);
    cr_assert(strstr(at, "\n    stack traceback:"), "%s", s->log);
    free(why);
}

Test(stuck, starts_end_with_the_place)
{
    need_signals();
    for (int i = 0; i < STARTS; i++)
        launch(&servers[i], starts[i].file, starts[i].config);
    for (int i = 0; i < STARTS; i++)
        assert_not_started(&servers[i], starts[i].place);
}

Test(stuck, starts_end_in_whichever_state_hangs)
{
    need_signals();
    if (!has_threads())
        cr_skip("%s has one state", model_under_test());
    launch(&servers[0],
           "if io.open('second') then\n" SPIN " end\n"
           "io.open('second', 'w'):close()\n"
           "return function() end",
           "pool_size(2) app_pool(2) app('hang.lua')");
    assert_not_started(&servers[0], "hang.lua:2: ");
}

Test(stuck, starts_in_c_code_are_killed_with_their_stack)
{
    need_signals();
    if (!is("Base"))
        cr_skip("a worker starts in the same way under %s", model_under_test());
    launch(&servers[0],
           "local x = ('x'):rep(60)\n"
           "local n = x:find(('x*'):rep(20) .. 'y')\n"
           "return function() end",
           "app('hang.lua')");
    server_await(&servers[0], "cannot be interrupted: boot_timeout=0.4s has "
                              "passed; the Lua stack is:");
    server_await(&servers[0], "    hang.lua:2");
    server_await(&servers[0], "signal=KILL");
    cr_assert_eq(WEXITSTATUS(server_wait(&servers[0])), 1);
}

Test(stuck, starts_that_fail_are_told_in_one_piece)
{
    launch(&servers[0],
           "require 'rainbows'.at_boot(function()\n"
           "error('no database') end)\n"
           "return function() end",
           "app('hang.lua')");
    cr_assert_eq(WEXITSTATUS(server_wait(&servers[0])), 1);
    cr_assert(server_logged(
        &servers[0],
        "cannot load the app: hang.lua:2: no database\n    stack traceback:"));
}

/* ---- calls ---- */

static void serve(struct server *s, const char *more)
{
    char *config =
        xasprintf("worker_processes(1) pool_size(2) app_pool(2) %s", more);
    server_serve(s, "stuck.lua", config);
    free(config);
}

static int request(const struct server *s, const char *target)
{
    int fd = dial(s);
    char *text = xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    send_text(fd, text);
    free(text);
    return fd;
}

/* The stack of the call, which begins at that line of the app. */
static void await_stack(struct server *s, const char *target, const char *line)
{
    char *heading = xasprintf("worker=0 pid=%d cannot be interrupted: GET %s; "
                              "the Lua stack is:",
                              (int)server_worker(s, 0), target);
    server_await(s, heading);
    server_await(s, line);
    free(heading);
}

/* It would be killed anyway. */
static void kill_worker(struct server *s)
{
    kill(server_worker(s, 0), SIGKILL);
    server_await(s, "signal=KILL");
}

Test(stuck, calls_are_named_with_the_stacks_of_all_coroutines)
{
    need_signals();
    for (int i = 0; i < 2; i++)
        serve(&servers[i], "timeout(0.3)");
    request(&servers[0], "/stuck?who=me");
    request(&servers[1], "/inside");
    await_stack(&servers[0], "/stuck?who=me", "/stuck.lua:15");
    await_stack(&servers[1], "/inside", "/stuck.lua:18");
    server_await(&servers[1], "  resumed by:");
    server_await(&servers[1], "/stuck.lua:19");
    kill_worker(&servers[0]);
    kill_worker(&servers[1]);
}

Test(stuck, calls_are_named_each_by_its_own_thread)
{
    struct server *s = &servers[0];
    need_signals();
    if (!has_threads())
        cr_skip("%s has one thread", model_under_test());
    serve(s, "timeout(0.3)");
    request(s, "/stuck?one");
    request(s, "/stuck?two");
    server_await_times(s, "the Lua stack is:", 2);
    server_await_times(s, "/stuck.lua:15", 2);
    cr_assert(server_logged(s, "interrupted: GET /stuck?one; the Lua"));
    cr_assert(server_logged(s, "interrupted: GET /stuck?two; the Lua"));
    kill_worker(s);
}

/* Another one has run since it began. */
Test(stuck, calls_are_named_as_they_go_on)
{
    struct server *s = &servers[0];
    need_signals();
    if (!is("Coroutine"))
        cr_skip("%s runs a call to its end", model_under_test());
    serve(s, "timeout(1)");
    request(s, "/later");
    server_await(s, "later");
    cr_assert_eq(get(s, "/?other").status, 200);
    server_write(s, "go", "");
    await_stack(s, "/later", "/stuck.lua:");
    kill_worker(s);
}

/* ---- after a call ---- */

Test(stuck, closing_is_interrupted)
{
    struct server *s = &servers[0];
    need_signals();
    serve(s, "timeout(0.3)");
    pid_t worker = server_worker(s, 0);
    struct answer a = get(s, "/closes");
    cr_assert_eq(a.status, is("Coroutine") ? 504 : 500);
    server_await(s, "closing the call's variables failed: ");
    cr_assert(server_logged(s, "stuck.lua:32: interrupted: the app stayed"));
    cr_assert_str_eq(get(s, "/").body, "hello");
    cr_assert_eq(server_worker(s, 0), worker);
}

Test(stuck, what_the_app_closes_or_tells_is_interrupted)
{
    static const char *const paths[] = {"/coclose", "/wrapclose", "/tostring"};
    struct server *s = &servers[0];
    need_signals();
    serve(s, "timeout(0.3)");
    pid_t worker = server_worker(s, 0);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(get(s, paths[i]).status, 500, "%s", paths[i]);
        cr_expect_eq(server_worker(s, 0), worker, "%s", paths[i]);
    }
    cr_assert_str_eq(get(s, "/").body, "hello");
}

/* ---- clients that take their time ---- */

/* It takes longer than timeout, though the app does not. */
Test(stuck, is_not_what_a_slow_client_makes_an_app_wait)
{
    static const char *const ways[] = {"pieces", "blocking"};
    int fds[2];
    for (int i = 0; i < 2; i++) {
        serve(&servers[i], "timeout(0.8)");
        fds[i] = dial(&servers[i]);
        char *head = xasprintf("POST /read?%s HTTP/1.1\r\nHost: x\r\n"
                               "Content-Length: 3\r\n\r\nx",
                               ways[i]);
        send_text(fds[i], head);
        free(head);
    }
    cr_assert_not(readable_within(fds[0], 300));
    for (int i = 0; i < 2; i++)
        send_text(fds[i], "x");
    cr_assert_not(readable_within(fds[0], 1000));
    for (int i = 0; i < 2; i++)
        send_text(fds[i], "x");
    for (int i = 0; i < 2; i++)
        cr_assert_str_eq(read_answer(fds[i]).body, "3", "%s", ways[i]);
    for (int i = 0; i < 2; i++)
        cr_assert_not(server_logged(&servers[i], "late"), "%s", ways[i]);
}
