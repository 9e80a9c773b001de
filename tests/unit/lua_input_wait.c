/* SPDX-License-Identifier: MIT */
/*
 * rack.input while the body comes: a read waits until there is enough, as long
 * as more may come.
 */
#include "lua/input.h"

#include "tests/unit/lua_reading.h"

#define CHUNKED "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"

/* A call of an app as above, of whose body nothing has come. */
static struct app *streams(struct ask *a, const char *body)
{
    struct app *app = app_reading(body);
    ask_begin(a, app, CHUNKED, NULL);
    a->body.complete = false;
    a->body.length = -1;
    a->rest = "";
    return app;
}

static void comes(struct ask *a, const char *bytes, size_t n)
{
    struct err err;
    cr_assert_eq(spool_put(&a->body.bytes, bytes, n, 4096, &err), 0);
}

static void gives(struct ask *a, struct app *app, const char *body,
                  const char *want)
{
    cr_assert_eq(ask_run(a), CALL_DONE, "%s: %s", body,
                 a->status == CALL_FAILED ? call_error(a->call) : "it waits");
    cr_expect_str_eq(ask_body(a), want, "%s gave %s, not %s", body, ask_body(a),
                     want);
    ask_end(a);
    app_free(app);
}

Test(input_wait, reads_the_same_when_it_comes_byte_by_byte)
{
    for (size_t i = 0; i < sizeof reading / sizeof *reading; i++) {
        struct ask a;
        struct app *app = streams(&a, reading[i][0]);
        const char *at = TEXT;
        while (*at && ask_run(&a) == CALL_INPUT)
            comes(&a, at++, 1);
        if (a.status == CALL_INPUT)
            a.body.complete = true;
        if (a.status != CALL_DONE)
            ask_run(&a);
        cr_assert_eq(a.status, CALL_DONE, "%s", reading[i][0]);
        cr_expect_str_eq(ask_body(&a), reading[i][1], "%s gave %s",
                         reading[i][0], ask_body(&a));
        ask_end(&a);
        app_free(app);
    }
}

/* What is read, all but the last bytes for which it waits, and those. */
static const char *const enough[][4] = {
    {"return i:read('l')", "one", "\n", "one"},
    {"return i:read('L')", "one", "\nt", "one\n"},
    {"return i:read()", "", "\n", ""},
    {"return i:read(4)", "one", "\ntwo", "one\n"},
    {"return i:read(0)", "", "x", ""},
    {"return i:read(2, 'l', 1)", "one\n", "t", "on|e|t"},
    {"return i:read('l', 'l')", "one\ntwo", "\n", "one|two"},
    {"i:read(2) i:rewind() return i:read(3)", "on", "e", "one"},
    {"i:read('l') i:rewind() return i:read('l', 'l')", "one\ntwo", "\n",
     "one|two"},
    {"for a, b in i:lines('l', 1) do return a, b end", "one\n", "t", "one|t"},
    {"return pcall(i.read, i, 'l')", "one", "\n", "true|one"},
    {"return coroutine.wrap(function() return i:read('l') end)()", "one", "\n",
     "one"},
    {"return coroutine.resume(coroutine.create(i.read), i, 2)", "o", "n",
     "true|on"},
    {"return setmetatable({}, {__index = function() return i:read(2) end}).x",
     "o", "n", "on"},
};

Test(input_wait, waits_until_there_is_enough_and_no_longer)
{
    for (size_t i = 0; i < sizeof enough / sizeof *enough; i++) {
        struct ask a;
        struct app *app = streams(&a, enough[i][0]);
        cr_expect_eq(ask_run(&a), CALL_INPUT, "%s", enough[i][0]);
        for (const char *at = enough[i][1]; *at; at++) {
            comes(&a, at, 1);
            cr_expect_eq(ask_run(&a), CALL_INPUT, "%s", enough[i][0]);
        }
        comes(&a, enough[i][2], strlen(enough[i][2]));
        gives(&a, app, enough[i][0], enough[i][3]);
    }
}

static const char *const at_the_end[][3] = {
    {"return i:read('l')", "one", "one"},
    {"return i:read('l')", "", "nil"},
    {"return i:read(9)", "one", "one"},
    {"return i:read(9)", "", "nil"},
    {"return i:read(0)", "", "nil"},
    {"return i:read('a')", "one\ntwo", "one\ntwo"},
    {"return i:read('a')", "", ""},
    {"return i:read('a', 'l')", "one", "one|nil"},
    {"return i.length, i:read('a')", "one", "3|one"},
};

Test(input_wait, waits_no_longer_than_for_the_end)
{
    for (size_t i = 0; i < sizeof at_the_end / sizeof *at_the_end; i++) {
        struct ask a;
        struct app *app = streams(&a, at_the_end[i][0]);
        comes(&a, at_the_end[i][1], strlen(at_the_end[i][1]));
        cr_expect_eq(ask_run(&a), CALL_INPUT, "%s", at_the_end[i][0]);
        a.body.complete = true;
        gives(&a, app, at_the_end[i][0], at_the_end[i][2]);
    }
}

Test(input_wait, waits_for_nothing_that_it_has_read_or_need_not_read)
{
    static const char *const bodies[][2] = {
        {"i:read('l') i:rewind() return i:read('l')", "one"},
        {"i:read(2) return i:read(2)", "e\n"},
        {"i:close() return i:read('a'), i:read('l'), i.length", "|nil|0"},
        {"return i.length", "13"},
        {"return pcall(i.read, i, -1) and 'fine' or 'told'", "told"},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct ask a;
        struct app *app = streams(&a, bodies[i][0]);
        a.body.length = 13;
        comes(&a, "one\n", 4);
        gives(&a, app, bodies[i][0], bodies[i][1]);
    }
}

/* What has come is there all the same. */
Test(input_wait, raises_what_keeps_the_rest_from_coming)
{
    static const char *const bodies[][2] = {
        {"return i:read('l'), i:read(2)", "one|tw"},
        {"return pcall(i.read, i, 'a')", "false|rack.input: no luck"},
        {"return pcall(i.read, i, 9)", "false|rack.input: no luck"},
        {"i:read(4) return pcall(i.read, i)", "false|rack.input: no luck"},
        {"return pcall(i.read, i, 'l', 'l')", "false|rack.input: no luck"},
        {"return pcall(i.lines(i), 2)", "true|one"},
        {"i:read('l') return pcall(i.lines(i))", "false|rack.input: no luck"},
        {"return select(2, pcall(function() return i.length end)):match(' .*')",
         " rack.input: no luck"},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct ask a;
        struct app *app = streams(&a, bodies[i][0]);
        comes(&a, "one\ntwo", 7);
        a.body.trouble = "no luck";
        gives(&a, app, bodies[i][0], bodies[i][1]);
    }
}

Test(input_wait, that_failed_ends_the_call_when_nobody_catches_it)
{
    struct ask a;
    struct app *app = streams(&a, "return i:read('a')");
    cr_expect_eq(ask_run(&a), CALL_INPUT);
    a.body.trouble = "no luck";
    cr_assert_eq(ask_run(&a), CALL_FAILED);
    cr_expect_not_null(strstr(call_error(a.call), "rack.input: no luck"));
    ask_end(&a);
    app_free(app);
}

/* receive() of the driver, see ask_receive(), brings it all. */
Test(input_wait, blocks_where_lua_cannot_yield)
{
    static const char *const bodies[][2] = {
        {"return (('x'):gsub('x', function() return i:read('l') end))", "one"},
        {"return (('x'):gsub('x', function() return i:read('a') end))",
         "one\ntwo"},
        {"return (('x'):gsub('x', function() return i.length end))", "7"},
        {"return (('x'):gsub('x', coroutine.wrap(function()\n"
         "  return i:read('l', 'l') end)))",
         "one"},
        {"return tostring(setmetatable({}, {__tostring = function()\n"
         "  return i:read(5) end}))",
         "one\nt"},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct ask a;
        struct app *app = streams(&a, bodies[i][0]);
        a.rest = "one\ntwo";
        cr_expect_eq(ask_run(&a), CALL_DONE, "%s", bodies[i][0]);
        cr_expect_eq(a.received, 1, "%s: %d", bodies[i][0], a.received);
        cr_expect_str_eq(ask_body(&a), bodies[i][1]);
        ask_end(&a);
        app_free(app);
    }
}

/* The two calls share a state; the second has found the first one's input. */
Test(input_wait, is_not_waited_for_by_another_call)
{
    struct ask a, b;
    struct app *app =
        app_text("local other\n"
                 "return function(env)\n"
                 "  local i = other or env['rack.input'] other = i\n"
                 "  local ok, e = pcall(i.read, i, 'l')\n"
                 "  return 200, {}, e end");
    ask_begin(&a, app, CHUNKED, NULL);
    a.body.complete = false;
    cr_expect_eq(ask_run(&a), CALL_INPUT);
    ask_begin(&b, app, GET, NULL);
    cr_expect_eq(ask_run(&b), CALL_DONE);
    cr_expect_str_eq(ask_body(&b),
                     "rack.input is read by another request's call");
    ask_end(&b);
    comes(&a, "one\n", 4);
    cr_expect_eq(ask_run(&a), CALL_DONE);
    cr_expect_str_eq(ask_body(&a), "one");
    ask_end(&a);
    app_free(app);
}

/* To-be-closed variables between the call and the read are closed. */
Test(input_wait, that_is_given_up_on_closes_what_the_app_holds)
{
    struct ask a;
    struct app *app =
        app_text("closed = 0\n"
                 "local mt = {__close = function() closed = closed + 1 end}\n"
                 "return function(env)\n"
                 "  if env.REQUEST_METHOD == 'GET' then\n"
                 "    return 200, {}, tostring(closed) end\n"
                 "  local _ <close> = setmetatable({}, mt)\n"
                 "  coroutine.wrap(function()\n"
                 "    local _ <close> = setmetatable({}, mt)\n"
                 "    env['rack.input']:read('a') end)() end");
    ask_begin(&a, app, CHUNKED, NULL);
    a.body.complete = false;
    cr_expect_eq(ask_run(&a), CALL_INPUT);
    ask_end(&a);
    says(app, "1"); /* the inner coroutine is the app's, and garbage */
    app_free(app);
}
