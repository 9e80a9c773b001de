/* SPDX-License-Identifier: MIT */
/*
 * One call(env), driven step by step without a socket: where it stops, why it
 * fails, and that nothing of it is left when it is over.
 */
#include "lua/call.h"

#include "base/clock.h"
#include "tests/support/calls.h"
#include "tests/support/logs.h"

TestSuite(call, .timeout = 60);

#define MODULE   "local rainbows = require 'rainbows'\n"
#define GET_1(x) "GET " x " HTTP/1.0\r\n\r\n"

/* ---- steps ---- */

Test(call, appends_the_whole_answer)
{
    struct ask a;
    struct app *app =
        app_text("return function() return 201, {['x-a'] = 'b'}, 'hello' end");
    ask_begin(&a, app, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
    cr_assert_eq(ask_step(&a), CALL_DONE);
    cr_expect_str_eq(ask_output(&a),
                     "HTTP/1.1 201 Created\r\n"
                     "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                     "x-a: b\r\nContent-Length: 5\r\n\r\nhello");
    cr_expect_eq(call_file(a.call).fd, -1);
    ask_end(&a);
    app_free(app);
}

Test(call, runs_nothing_before_the_first_step)
{
    struct ask a;
    struct app *app = app_text("local calls = 0\n"
                               "return function()\n"
                               "  calls = calls + 1\n"
                               "  return 200, {}, tostring(calls) end");
    ask_begin(&a, app, GET, NULL);
    ask_end(&a);
    call_free(NULL);
    says(app, "1");
    app_free(app);
}

/* Steps to the end, taking the output away; no step may have appended more
 * than FLUSH_AT of a body. Returns how many steps it took. */
static int count_steps(struct app *app, size_t *bytes)
{
    struct ask a;
    int steps = 1;
    ask_begin(&a, app, GET, NULL);
    for (*bytes = 0; ask_step(&a) == CALL_FLUSH; steps++) {
        cr_assert_leq(buf_len(&a.out), (steps == 1 ? 256 : 0) + FLUSH_AT);
        *bytes += strlen(steps == 1 ? ask_body(&a) : ask_output(&a));
        buf_take(&a.out, buf_len(&a.out));
    }
    cr_assert_eq(a.status, CALL_DONE);
    *bytes += strlen(steps == 1 ? ask_body(&a) : ask_output(&a));
    ask_end(&a);
    return steps;
}

Test(call, slices_a_large_string)
{
    static const struct {
        int size, steps;
    } cases[] = {{0, 1},    {1, 1},    {1023, 1}, {1024, 1},
                 {1025, 2}, {2048, 2}, {2049, 3}, {100000, 98}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        size_t bytes;
        snprintf(text, sizeof text,
                 "return function() return 200, {}, ('x'):rep(%d) end",
                 cases[i].size);
        struct app *app = app_text(text);
        cr_expect_eq(count_steps(app, &bytes), cases[i].steps, "case %zu", i);
        cr_expect_eq(bytes, cases[i].size);
        app_free(app);
    }
}

Test(call, slices_an_array_as_a_whole)
{
    size_t bytes;
    struct app *app = app_text("local t = {('x'):rep(5000)}\n"
                               "for i = 1, 5000 do t[#t + 1] = 'y' end\n"
                               "t[#t + 1] = ''\n"
                               "return function() return 200, {}, t end");
    int steps = count_steps(app, &bytes);
    cr_expect_eq(bytes, 10000);
    cr_expect(steps >= 10 && steps <= 12, "%d", steps);
    app_free(app);
}

static const char pieces_app[] = "return function()\n"
                                 "  local n = 0\n"
                                 "  return 200, {}, function()\n"
                                 "    n = n + 1\n"
                                 "    return n < 4 and 'p' .. n or nil\n"
                                 "  end end";

Test(call, stops_after_each_piece_of_an_iterator)
{
    struct ask a;
    struct app *app = app_text(pieces_app);
    static const char *const want[] = {"p1", "p1p2", "p1p2p3"};
    ask_begin(&a, app, GET, NULL);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(ask_step(&a), CALL_FLUSH);
        cr_expect_str_eq(ask_body(&a), want[i]);
    }
    cr_expect_eq(ask_step(&a), CALL_DONE);
    cr_expect_str_eq(ask_body(&a), "p1p2p3");
    ask_end(&a);
    app_free(app);
}

Test(call, says_how_long_it_waits)
{
    struct ask a;
    struct app *app = app_text(MODULE "return function()\n"
                                      "  rainbows.sleep(3.5)\n"
                                      "  return 200, {}, 'awake' end");
    ask_begin(&a, app, GET, NULL);
    int64_t now = clock_now();
    cr_assert_eq(ask_step(&a), CALL_WAITS);
    cr_expect_eq(a.wait.fd, -1);
    cr_expect_geq(a.wait.deadline, now + 3500000);
    cr_expect_leq(a.wait.deadline, clock_now() + 3500000);
    cr_expect_eq(buf_len(&a.out), 0);
    cr_expect_eq(ask_step(&a), CALL_DONE);
    cr_expect_str_eq(ask_body(&a), "awake");
    ask_end(&a);
    app_free(app);
}

static const char sleepy_app[] = MODULE "return function()\n"
                                        "  local n = 0\n"
                                        "  return 200, {}, function()\n"
                                        "    rainbows.sleep(9)\n"
                                        "    n = n + 1\n"
                                        "    return n < 3 and 'x' or nil\n"
                                        "  end end";

Test(call, body_may_wait_between_its_pieces)
{
    static const enum call_status want[] = {CALL_WAITS, CALL_FLUSH, CALL_WAITS,
                                            CALL_FLUSH, CALL_WAITS, CALL_DONE};
    struct ask a;
    struct app *app = app_text(sleepy_app);
    ask_begin(&a, app, GET, NULL);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        cr_expect_eq(ask_step(&a), want[i], "step %zu", i);
    cr_expect_str_eq(ask_body(&a), "xx");
    ask_end(&a);
    app_free(app);
}

Test(call, several_go_on_beside_each_other)
{
    struct app *app = app_text(MODULE "return function(env)\n"
                                      "  rainbows.sleep(9)\n"
                                      "  return 200, {}, env.PATH_INFO end");
    static struct ask a[3];
    static const char *const heads[] = {GET_1("/0"), GET_1("/1"), GET_1("/2")};
    for (int i = 0; i < 3; i++)
        ask_begin(&a[i], app, heads[i], NULL);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(ask_step(&a[i]), CALL_WAITS);
    for (int i = 2; i >= 0; i--) {
        cr_expect_eq(ask_step(&a[i]), CALL_DONE);
        cr_expect_eq(ask_body(&a[i])[1], '0' + i);
        ask_end(&a[i]);
    }
    app_free(app);
}

/* ---- failures ---- */

Test(call, failure_tells_request_message_and_traceback)
{
    struct ask a;
    struct app *app = app_text("local function deep() error('no luck') end\n"
                               "return function(env)\n"
                               "  deep()\n"
                               "end");
    ask_begin(&a, app, GET_1("/notes?page=2"), NULL);
    cr_assert_eq(ask_step(&a), CALL_FAILED);
    const char *error = call_error(a.call);
    cr_expect_eq(strncmp(error, "GET /notes?page=2: /tmp/app_", 28), 0);
    cr_expect_not_null(strstr(error, ":1: no luck\nstack traceback:"));
    cr_expect_not_null(strstr(error, ":3: in function <"), "%s", error);
    ask_end(&a);
    app_free(app);
}

Test(call, failure_shows_the_beginning_of_a_long_target)
{
    char head[400] = "GET /", want[300] = "GET /";
    memset(head + 5, 'x', 300);
    strcpy(head + 305, " HTTP/1.0\r\n\r\n");
    memset(want + 5, 'x', 199);
    strcpy(want + 204, "...: ");
    struct ask a;
    struct app *app = app_text("return function() error('x', 0) end");
    ask_begin(&a, app, head, NULL);
    cr_assert_eq(ask_step(&a), CALL_FAILED);
    cr_expect_eq(strncmp(call_error(a.call), want, strlen(want)), 0);
    ask_end(&a);
    app_free(app);
}

/* The app with this function body fails with an error that begins so. */
static void body_fails(const char *body, const char *words)
{
    char text[1024];
    snprintf(text, sizeof text, "return function(env) %s end", body);
    struct app *app = app_text(text);
    fails(app, words);
    app_free(app);
}

Test(call, error_may_be_any_value)
{
    body_fails("error()", "GET /: nil\nstack traceback:");
    body_fails("error(5)", "GET /: 5\n");
    body_fails("error({})", "GET /: (error object is a table");
    body_fails("error(setmetatable({}, {__tostring = function()\n"
               "  return 'mine' end}))",
               "GET /: mine\nstack traceback:");
    body_fails("error(setmetatable({}, {__tostring = function()\n"
               "  error('x', 0) end}))",
               "GET /: x");
    body_fails("error(setmetatable({}, {__tostring = function()\n"
               "  return {} end}))",
               "GET /: '__tostring' must return a string");
    body_fails("error(setmetatable({}, {__tostring = function()\n"
               "  error({}) end}))",
               "GET /: (error while making the traceback)");
}

Test(call, runaway_recursion_is_a_failure_like_others)
{
    struct app *app = app_text(
        "local function down() return down() + 1 end\n"
        "local function concat(n) return n .. setmetatable({}, {__concat =\n"
        "  function() return concat(n) end}) end\n"
        "return function(env)\n"
        "  if env.PATH_INFO == '/fine' then return 200, {}, 'fine' end\n"
        "  down() end");
    for (int i = 0; i < 3; i++) {
        fails(app, "GET /: ");
        says_to(app, GET_1("/fine"), NULL, "fine");
    }
    app_free(app);
}

Test(call, yield_outside_of_the_apps_own_coroutines_is_a_failure)
{
    static const char *const cases[] = {
        "coroutine.yield()",
        "coroutine.yield(1, 2, 3)",
        "coroutine.yield(table.unpack({}, 1, 200))",
        "pcall(coroutine.yield, env)",
        "return 200, {}, function() coroutine.yield('x') end",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        body_fails(cases[i], "GET /: coroutine.yield outside of a coroutine of "
                             "the app's own\nstack traceback:");
}

Test(call, failure_leaves_the_next_call_unharmed)
{
    struct app *app = app_text("local n = 0\n"
                               "return function()\n"
                               "  n = n + 1\n"
                               "  if n == 1 then error('x') end\n"
                               "  if n == 2 then coroutine.yield() end\n"
                               "  if n == 3 then return 5 end\n"
                               "  return 200, {}, 'fine' end");
    for (int i = 0; i < 3; i++)
        fails(app, "GET /: ");
    says(app, "fine");
    app_free(app);
}

/* ---- what is left ---- */

static const char threads_app[] =
    MODULE "local all, n = {}, 0\n"
           "return function()\n"
           "  all[coroutine.running()] = true\n"
           "  n = n + 1\n"
           "  if n == 1 then coroutine.yield() end\n"
           "  if n == 2 then rainbows.sleep(9) end\n"
           "  local first = next(all)\n"
           "  return 200, {}, tostring(next(all, first)) end";

/* Not after an error; see call.c. */
Test(call, uses_the_coroutine_again_when_the_last_call_was_given_up)
{
    struct app *app = app_text(threads_app);
    struct ask a;
    for (int i = 0; i < 3; i++) {
        ask_begin(&a, app, GET, NULL);
        ask_run(&a);
        ask_end(&a);
    }
    says(app, "nil");
    app_free(app);
}

Test(call, ended_while_it_waits_closes_its_variables)
{
    struct app *app = app_text(
        MODULE "local closed = 0\n"
               "return function(env)\n"
               "  if env.PATH_INFO == '/closed' then\n"
               "    return 200, {}, tostring(closed) end\n"
               "  local x <close> = setmetatable({}, {__close = function()\n"
               "    closed = closed + 1 end})\n"
               "  rainbows.sleep(9) end");
    struct ask a;
    ask_begin(&a, app, GET, NULL);
    cr_expect_eq(ask_step(&a), CALL_WAITS);
    ask_end(&a);
    says_to(app, GET_1("/closed"), NULL, "1");
    app_free(app);
}

/* A call that waits is ended; its variable's __close has this body. */
static void ends_with(const char *closing)
{
    char text[512];
    struct ask a;
    snprintf(text, sizeof text,
             MODULE "return function(env)\n"
                    "  if env.PATH_INFO ~= '/' then\n"
                    "    return 200, {}, 'fine' end\n"
                    "  local x <close> = setmetatable({}, {__close =\n"
                    "    function() %s end})\n"
                    "  rainbows.sleep(9) end",
             closing);
    struct app *app = app_text(text);
    ask_begin(&a, app, GET, NULL);
    cr_expect_eq(ask_step(&a), CALL_WAITS);
    ask_end(&a);
    for (int n = 0; n < 3; n++)
        says_to(app, GET_1("/fine"), NULL, "fine");
    app_free(app);
}

Test(call, ended_call_may_not_yield_and_does_no_harm_when_it_tries)
{
    ends_with("coroutine.yield()");
    ends_with("error('x')");
    ends_with("rainbows.sleep(0.001)");
    ends_with("coroutine.wrap(error)()");
}

/* The state's memory after n more calls, in KiB. */
static double memory_after(struct app *app, int n)
{
    struct ask a;
    for (int i = 0; i < n; i++) {
        ask_begin(&a, app, "POST /x HTTP/1.0\r\nContent-Length: 3\r\n\r\n",
                  "abc");
        ask_run(&a);
        ask_end(&a);
    }
    ask_begin(&a, app, GET_1("/memory"), NULL);
    cr_assert_eq(ask_run(&a), CALL_DONE);
    double memory = strtod(ask_body(&a), NULL);
    ask_end(&a);
    return memory;
}

static const char busy_app[] =
    MODULE "local n = 0\n"
           "return function(env)\n"
           "  if env.PATH_INFO == '/memory' then\n"
           "    collectgarbage() collectgarbage()\n"
           "    return 200, {}, tostring(collectgarbage'count')\n"
           "  end\n"
           "  n = n + 1\n"
           "  if n % 7 == 0 then error('x') end\n"
           "  if n % 5 == 0 then rainbows.sleep(1) end\n"
           "  local body = {env['rack.input']:read('a')}\n"
           "  function body:close() end\n"
           "  return 200, {}, body end";

Test(call, ten_thousand_leave_no_memory_behind)
{
    struct app *app = app_text(busy_app);
    double before = memory_after(app, 100);
    double after = memory_after(app, 10000);
    cr_expect_lt(after, before + 4, "%f KiB, then %f", before, after);
    app_free(app);
}
