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

#define NESTED                                                                 \
    "local function spin()\n"                                                  \
    "  while true do end\n"                                                    \
    "end\n"                                                                    \
    "local function inner()\n"                                                 \
    "  coroutine.wrap(spin)()\n"                                               \
    "end\n"                                                                    \
    "return function()\n"                                                      \
    "  coroutine.resume(coroutine.create(inner))\n"                            \
    "  return 200, {}, 'swallowed'\n"                                          \
    "end"

/* From the innermost to the call's own. */
static void tells_all_three(const char *text)
{
    const char *at[3];
    at[0] = strstr(text, ":2:");
    cr_assert_not_null(at[0], "%s", text);
    at[1] = strstr(at[0], ":5:");
    cr_assert_not_null(at[1], "%s", text);
    at[2] = strstr(at[1], ":8:");
    cr_assert_not_null(at[2], "%s", text);
}

Test(interrupt, tells_where_it_was_through_all_coroutines)
{
    struct ask a;
    app = app_text(NESTED);
    ask_begin(&a, app, GET, NULL);
    set_alarm(5);
    cr_assert_eq(ask_step(&a), CALL_FAILED);
    set_alarm(0);
    tells_all_three(call_error(a.call));
    ask_end(&a);
}

static const char hanging[] =
    "local rainbows = require 'rainbows'\n"
    "local hangs = setmetatable({}, {__close = function()\n"
    "  while true do end end})\n"
    "return function(env)\n"
    "  local x <close> = hangs\n"
    "  while env.PATH_INFO == '/spin' do end\n"
    "  rainbows.sleep(9) end";

/* The end of the call hangs, is interrupted and says so. */
static void closes(struct ask *a)
{
    set_alarm(5);
    ask_end(a);
    set_alarm(0);
    cr_expect_not_null(strstr(logs_line(), ":3: interrupted: "), "%s",
                       logs.text);
    cr_expect_not_null(strstr(logs.text, "stack traceback:"));
}

Test(interrupt, ends_what_hangs_when_a_call_that_waits_is_closed)
{
    struct ask a;
    logs_open();
    app = app_text(hanging);
    ask_begin(&a, app, GET, NULL);
    cr_assert_eq(ask_step(&a), CALL_WAITS);
    call_cancel(a.call, "cancelled");
    closes(&a);
}

Test(interrupt, ends_what_hangs_when_an_interrupted_call_is_closed)
{
    struct ask a;
    logs_open();
    app = app_text(hanging);
    ask_begin(&a, app, "GET /spin HTTP/1.0\r\n\r\n", NULL);
    set_alarm(5);
    cr_assert_eq(ask_step(&a), CALL_FAILED);
    closes(&a);
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

Test(interrupt, stacks_are_written_of_all_coroutines)
{
    char text[4096] = "";
    struct sigaction act = {.sa_handler = on_alarm_write};
    sigaction(SIGALRM, &act, NULL);
    cr_assert_eq(pipe(stack), 0);
    app = app_text(NESTED);
    is_interrupted("");
    cr_assert_gt(read(stack[0], text, sizeof text - 1), 0);
    const char *inner = strstr(text, "  resumed by:\n");
    cr_assert_not_null(inner, "%s", text);
    cr_expect_not_null(strstr(inner, ":5\n"), "%s", text);
    const char *outer = strstr(inner + 1, "  resumed by:\n");
    cr_assert_not_null(outer, "%s", text);
    cr_expect_not_null(strstr(outer, ":8\n"), "%s", text);
}

/* ---- while an app is loaded ---- */

static void on_alarm_loading(int signo)
{
    (void)signo;
    app_interrupt_loading("boot_timeout=1s has passed");
}

static void assert_tells(const struct err *err, const char *line)
{
    cr_expect_not_null(strstr(err->text, line), "%s", err->text);
    cr_expect_not_null(strstr(err->text, ": boot_timeout=1s has passed\n"),
                       "%s", err->text);
    cr_expect_not_null(strstr(err->text, "stack traceback:"));
}

static void handle_loading(void)
{
    struct sigaction act = {.sa_handler = on_alarm_loading};
    sigaction(SIGALRM, &act, NULL);
}

TestSuite(interrupt_loading, .init = handle_loading, .fini = free_app,
          .timeout = 20);

/* The text hangs, and is ended at that line. */
static void is_ended(const char *text, const char *line)
{
    struct err err;
    app_interrupt_loading(NULL);
    set_alarm(5);
    cr_assert_null(app_try(text, &err), "%s", text);
    set_alarm(0);
    assert_tells(&err, line);
}

static const char *const hung[] = {
    "local a = 1\nwhile true do end",
    "\nwhile true do pcall(function() while true do end end) end",
    "\ncoroutine.wrap(function() while true do end end)()",
    "local f = function()\n while true do end end\n"
    "while true do coroutine.resume(coroutine.create(f)) end",
    "local r = require 'rainbows'\nr.sleep(3600)",
    "local r = require 'rainbows'\n"
    "coroutine.wrap(function() r.sleep(3600) end)()",
    "return setmetatable({}, {__index = function()\n while true do end end})",
};

Test(interrupt_loading, ends_it_with_the_place)
{
    for (size_t i = 0; i < sizeof hung / sizeof *hung; i++)
        is_ended(hung[i], ":2: ");
}

Test(interrupt_loading, ends_functions_given_to_at_boot)
{
    struct err err;
    app = app_try("require 'rainbows'.at_boot(function()\n"
                  "  while true do end end)\n"
                  "return function() end",
                  &err);
    cr_assert_not_null(app, "%s", err.text);
    set_alarm(5);
    cr_assert_eq(app_boot(app, &app_waiting, &err), -1);
    assert_tells(&err, ":2: ");
}

Test(interrupt_loading, ends_all_that_are_loaded_until_it_is_taken_back)
{
    struct err err;
    app_interrupt_loading("boot_timeout=1s has passed");
    for (int i = 0; i < 2; i++) {
        cr_assert_null(app_try("return function() end", &err));
        assert_tells(&err, ":1: ");
    }
    app_interrupt_loading(NULL);
    app = app_text("return function() return 200, {}, 'fine' end");
    says(app, "fine");
}

static void on_alarm_stack(int signo)
{
    (void)signo;
    app_write_loading_stack(stack[1]);
    if (++dumps >= 2)
        app_interrupt_loading("boot_timeout=1s has passed");
}

Test(interrupt_loading, stack_is_written)
{
    char text[4096] = "";
    struct sigaction act = {.sa_handler = on_alarm_stack};
    cr_assert_eq(pipe(stack), 0);
    sigaction(SIGALRM, &act, NULL);
    app_write_loading_stack(stack[1]); /* nothing is loaded */
    is_ended("local function spin() while true do end end\n\nspin()", ":1: ");
    cr_assert_gt(read(stack[0], text, sizeof text - 1), 0);
    cr_expect_eq(strncmp(text, "    ", 4), 0, "%s", text);
    cr_expect_not_null(strstr(text, ":3\n"), "%s", text);
}
