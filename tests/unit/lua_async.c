/* SPDX-License-Identifier: MIT */
/*
 * -1, async.callback and async.close without a socket: when a call stops and is
 * woken, which answer it takes, and who is told that the client has left.
 */
#include "lua/async.h"

#include "base/clock.h"
#include "tests/support/calls.h"
#include "tests/support/logs.h"

TestSuite(async, .timeout = 60);

/* What the app keeps of its calls, and says to the second one. */
#define PARKED                                                                 \
    "local cb, log = nil, ''\n"                                                \
    "local function note(s) return function() log = log .. s end end\n"        \
    "local function say(yes, why) return ('%s %s'):format(yes, why) end\n"     \
    "return function(env)\n"                                                   \
    "  if env.PATH_INFO == '/park' then\n"                                     \
    "    cb = env['async.callback']\n"                                         \
    "    env['async.close']:callback(note 'a'):callback(note 'b')\n"           \
    "    return -1 end\n"                                                      \
    "  if env.PATH_INFO == '/log' then return 200, {}, log end\n"              \
    "  return 200, {}, say(cb(200, {}, setmetatable({'late'},\n"               \
    "    {__close = note 'c'})))\n"                                            \
    "end"

#define PARK "GET /park HTTP/1.0\r\n\r\n"
#define LOG  "GET /log HTTP/1.0\r\n\r\n"

static void park(struct ask *a, struct app *app)
{
    ask_begin(a, app, PARK, NULL);
    cr_assert_eq(ask_step(a), CALL_LATER);
    cr_assert_eq(buf_len(&a->out), 0);
    cr_assert_not(call_answered(a->call));
}

Test(async, wakes_the_call_once_and_closes_after_it)
{
    struct ask a;
    struct app *app = app_text(PARKED);
    park(&a, app);
    cr_assert_eq(a.woken, 0);
    says(app, "true nil");
    cr_assert_eq(a.woken, 1);
    says_to(app, LOG, NULL, "");
    cr_assert_eq(ask_run(&a), CALL_DONE);
    cr_assert(call_answered(a.call));
    cr_assert_str_eq(ask_body(&a), "late");
    ask_end(&a);
    says_to(app, LOG, NULL, "abc");
    app_free(app);
}

Test(async, goes_on_waiting_when_it_is_stepped_without_an_answer)
{
    struct ask a;
    struct app *app = app_text(PARKED);
    park(&a, app);
    cr_assert_eq(ask_step(&a), CALL_LATER);
    cr_assert_eq(ask_step(&a), CALL_LATER);
    says(app, "true nil");
    cr_assert_eq(ask_run(&a), CALL_DONE);
    ask_end(&a);
    app_free(app);
}

Test(async, closes_a_second_answer_and_says_why)
{
    struct ask a;
    struct app *app = app_text(PARKED);
    park(&a, app);
    says(app, "true nil");
    says(app, "nil the request has its answer");
    says_to(app, LOG, NULL, "c");
    cr_assert_eq(a.woken, 1);
    ask_run(&a);
    ask_end(&a);
    says(app, "nil the request has its answer");
    app_free(app);
}

Test(async, closes_an_answer_that_nobody_took)
{
    struct ask a;
    struct app *app = app_text(PARKED);
    park(&a, app);
    says(app, "true nil");
    ask_end(&a);
    says_to(app, LOG, NULL, "abc");
    app_free(app);
}

Test(async, knows_that_the_client_has_gone)
{
    struct ask a;
    struct app *app = app_text(PARKED);
    park(&a, app);
    call_client_closed(a.call);
    call_client_closed(a.call);
    says_to(app, LOG, NULL, "ab");
    ask_end(&a);
    says(app, "nil the client has gone");
    says_to(app, LOG, NULL, "abc");
    app_free(app);
}

Test(async, answers_who_has_closed_its_side)
{
    struct ask a;
    struct app *app = app_text(PARKED);
    park(&a, app);
    call_client_closed(a.call);
    says(app, "true nil");
    cr_assert_eq(ask_run(&a), CALL_DONE);
    cr_assert_str_eq(ask_body(&a), "late");
    ask_end(&a);
    app_free(app);
}

Test(async, leaves_nothing_of_calls_that_are_over)
{
    struct ask calls[50];
    struct app *app = app_text(PARKED);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 50; i++)
            park(&calls[i], app);
        for (int i = 0; i < 50; i++)
            ask_end(&calls[i]);
    }
    says(app, "nil the client has gone");
    app_free(app);
}

/* ---- mistakes ---- */

static void text_fails(const char *text, const char *words)
{
    struct app *app = app_text(text);
    fails(app, words);
    app_free(app);
}

#define APP(text) "return function(env) local cb = " text " end"

Test(async, refuses_what_makes_no_sense)
{
    text_fails(APP("1 return -1"),
               "GET /: the app returned -1 (answer later), but has not taken");
    text_fails(APP("env['async.close'] return -1"),
               "GET /: the app returned -1 (answer later), but has not taken");
    text_fails(APP("env['async.callback'] cb(-1) return -1"),
               "GET /: async.callback was called with -1");
    text_fails(APP("env['async.callback'] cb(200) return 200"),
               "GET /: the app answered twice");
    text_fails(APP("env['async.callback'] cb() return -1"),
               "GET /: the app returned nothing");
    text_fails(APP("env['async.callback'] cb('x') return -1"),
               "GET /: the app returned x as its status");
    text_fails(APP("env['async.close'].callback(function() end)"), "GET /: ");
    text_fails(APP("env['async.close']:callback(1)"), "GET /: ");
    text_fails(APP("env['async.close']:errback()"), "GET /: ");
    text_fails(APP("env['async.close'].callback(io.stdout, print)"), "GET /: ");
}

Test(async, takes_tables_and_values_in_any_number)
{
    text_says(APP("env['async.callback'] cb{200, {}, 'x'} return -1"), "x");
    text_says(APP("env['async.callback'] cb(200, {}, 'x', 1, 2, 3, 4, 5)"
                  " return -1"),
              "x");
    text_says(APP("env['async.callback'] cb(200) return -1"), "");
    text_says(APP("env['async.callback'] cb(200, nil, string.gmatch('a b', "
                  "'%w')) return {-1}"),
              "ab");
}

/* ---- async.close ---- */

Test(async, close_is_told_at_once_to_who_asks_late)
{
    struct ask a;
    struct app *app = app_text("local rainbows = require 'rainbows'\n"
                               "return function(env)\n"
                               "  rainbows.sleep(0)\n"
                               "  local log = 'later'\n"
                               "  env['async.close']:callback(function()\n"
                               "    log = 'at once' end)\n"
                               "  return 200, {}, log end");
    ask_begin(&a, app, GET, NULL);
    cr_assert_eq(ask_step(&a), CALL_WAITS);
    call_client_closed(a.call);
    cr_assert_eq(ask_run(&a), CALL_DONE);
    cr_assert_str_eq(ask_body(&a), "at once");
    ask_end(&a);
    ask_begin(&a, app, GET, NULL); /* in the same memory */
    cr_assert_eq(ask_step(&a), CALL_WAITS);
    cr_assert_eq(ask_run(&a), CALL_DONE);
    cr_assert_str_eq(ask_body(&a), "later");
    ask_end(&a);
    app_free(app);
}

Test(async, close_logs_functions_that_fail_and_runs_the_rest)
{
    struct app *app =
        app_text("local log = 'x'\n"
                 "return function(env)\n"
                 "  local close, now = env['async.close'], log\n"
                 "  close:callback(function() error('no') end)\n"
                 "  close:callback(function()\n"
                 "    close:callback(function() log = 'y' end) end)\n"
                 "  return 200, {}, now end");
    logs_open();
    says(app, "x");
    cr_expect_not_null(strstr(logs_line(), "async.close: "));
    says(app, "y");
    app_free(app);
}

/* ---- more time ---- */

Test(async, a_call_may_have_more_time)
{
    struct ask a;
    struct app *app = app_text("return function(env)\n"
                               "  env['rainbows.timeout'](100)\n"
                               "  return 200 end");
    int64_t before = clock_now();
    ask_begin(&a, app, GET, NULL);
    cr_assert_eq(ask_run(&a), CALL_DONE);
    cr_assert_geq(a.extended, before + 100 * CLOCK_SECOND);
    cr_assert_leq(a.extended, clock_now() + 100 * CLOCK_SECOND);
    ask_end(&a);
    app_free(app);
}

Test(async, a_call_that_is_cancelled_says_where_it_was)
{
    struct ask a;
    struct app *app = app_text("local rainbows = require 'rainbows'\n"
                               "local function deep() rainbows.sleep(9) end\n"
                               "return function(env) deep() end");
    ask_begin(&a, app, GET, NULL);
    cr_assert_eq(ask_step(&a), CALL_WAITS);
    call_cancel(a.call, "cancelled: on purpose");
    const char *error = call_error(a.call);
    cr_assert_eq(strncmp(error, "GET /: cancelled: on purpose", 28), 0, "%s",
                 error);
    cr_assert_not_null(strstr(error, ":2: in upvalue 'deep'"), "%s", error);
    ask_end(&a);
    app_free(app);
}
