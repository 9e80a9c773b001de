/* SPDX-License-Identifier: MIT */
/*
 * Interrupting what stays in Lua for too long. A timer's signal plays the
 * master's part.
 */
#include <signal.h>
#include <sys/time.h>

#include "tests/support/calls.h"
#include "tests/support/logs.h"

static struct app *volatile app;

static void on_alarm(int signo)
{
    (void)signo;
    if (app)
        app_interrupt(app);
}

static void handle_alarm(void)
{
    struct sigaction act = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &act, NULL);
}

/* An alarm may still be on its way. */
static void free_app(void)
{
    struct app *old = app;
    app = NULL;
    app_free(old);
}

TestSuite(interrupt, .init = handle_alarm, .fini = free_app, .timeout = 20);

/* The alarm goes off every so often; 0: no more. The first may come before the
 * call has begun. */
static void set_alarm(int milliseconds)
{
    struct timeval often = {0, milliseconds * 1000};
    struct itimerval timer = {often, often};
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* A call to that path is interrupted, and says so. */
static void is_interrupted(const char *path)
{
    struct ask a;
    char head[64];
    snprintf(head, sizeof head, "GET /%s HTTP/1.0\r\n\r\n", path);
    ask_begin(&a, app, head, NULL);
    set_alarm(5);
    ask_run(&a);
    set_alarm(0);
    cr_assert_eq(a.status, CALL_FAILED, "%s: %d", path, (int)a.status);
    const char *error = call_error(a.call);
    cr_expect_not_null(strstr(error, "interrupted: the app stayed here for "
                                     "more than timeout"),
                       "%s", error);
    cr_expect_not_null(strstr(error, "stack traceback:"));
    ask_end(&a);
}

static const char source[] =
    "local rainbows = require 'rainbows'\n"
    "local function spin() while true do end end\n"
    "local apps = {spin = spin}\n"
    "function apps.fine() return 200, {}, 'fine' end\n"
    "function apps.catches() while true do pcall(spin) end end\n"
    "function apps.wraps() coroutine.wrap(spin)() end\n"
    "function apps.resumes()\n"
    "  coroutine.resume(coroutine.create(spin)) spin() end\n"
    "function apps.returns()\n"
    "  while true do coroutine.wrap(function() end)() end end\n"
    "function apps.sorts() table.sort({1, 2, 3}, function() spin() end) end\n"
    "function apps.body() return 200, {}, spin end\n"
    "function apps.blocks() ('a'):gsub('a', function()\n"
    "  rainbows.sleep(3600) end) end\n"
    "return function(env) return apps[env.PATH_INFO:match('%w+')](env) end";

static const char *const paths[] = {"spin",    "catches", "wraps", "resumes",
                                    "returns", "sorts",   "body",  "blocks"};

enum {
    PATHS = sizeof paths / sizeof *paths
};

Test(interrupt, ends_a_call_wherever_it_is_in_lua)
{
    app = app_text(source);
    for (int i = 0; i < PATHS; i++) {
        logs_open();
        is_interrupted(paths[i]);
        says_to(app, "GET /fine HTTP/1.0\r\n\r\n", NULL, "fine");
    }
}

Test(interrupt, ends_the_next_call_as_well)
{
    app = app_text(source);
    logs_open();
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < PATHS; i++)
            is_interrupted(paths[i]);
}

Test(interrupt, is_nothing_when_no_call_runs)
{
    app = app_text(source);
    app_interrupt(app);
    says_to(app, "GET /fine HTTP/1.0\r\n\r\n", NULL, "fine");
}

Test(interrupt, of_one_call_is_not_for_those_that_wait_beside_it)
{
    struct ask a;
    app = app_text("local rainbows = require 'rainbows'\n"
                   "return function(env)\n"
                   "  while env.PATH_INFO == '/spin' do end\n"
                   "  rainbows.sleep(9)\n"
                   "  for i = 1, 1000 do end\n"
                   "  return 200, {}, 'woke' end");
    ask_begin(&a, app, GET, NULL);
    cr_expect_eq(ask_step(&a), CALL_WAITS);
    is_interrupted("spin");
    cr_expect_eq(ask_step(&a), CALL_DONE);
    cr_expect_str_eq(ask_body(&a), "woke");
    ask_end(&a);
}

static int stack[2];
static volatile sig_atomic_t dumps;

static void on_alarm_write(int signo)
{
    (void)signo;
    app_write_stack(app, stack[1]);
    if (++dumps >= 5)
        app_interrupt(app);
}

Test(interrupt, stack_is_written_a_line_a_level)
{
    char text[4096] = "";
    struct sigaction act = {.sa_handler = on_alarm_write};
    sigaction(SIGALRM, &act, NULL);
    cr_assert_eq(pipe(stack), 0);
    app = app_text("local function deep()\n"
                   "  while true do end\n"
                   "end\n"
                   "return function()\n"
                   "  deep()\n"
                   "end");
    app_write_stack(app, stack[1]); /* nothing runs: nothing to write */
    is_interrupted("");
    cr_assert_gt(read(stack[0], text, sizeof text - 1), 0);
    cr_expect_eq(strncmp(text, "    ", 4), 0, "%s", text);
    cr_expect_not_null(strstr(text, ":5\n"), "%s", text);
}
