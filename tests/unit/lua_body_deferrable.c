/* SPDX-License-Identifier: MIT */
/*
 * Deferrable bodies without a socket: what is written when, how they end, and
 * who is told.
 */
#include "lua/body.h"

#include "tests/support/calls.h"

TestSuite(deferrable, .timeout = 60);

/* A first call has a deferrable body whose each() does what EACH says; what
 * later calls say in their query is done with it. */
#define DEFER(each)                                                            \
    "local rainbows = require 'rainbows'\n"                                    \
    "local body, log = {}, ''\n"                                               \
    "function body:callback(f) self.done = f end\n"                            \
    "function body:errback(f) self.break_off = f end\n"                        \
    "function body:fail() log = log .. 'failed ' end\n"                        \
    "function body:close() log = log .. 'closed ' end\n"                       \
    "function body:each(write) self.write = write " each " end\n"              \
    "return function(env)\n"                                                   \
    "  local path = env.PATH_INFO\n"                                           \
    "  if path == '/defer' then return 200, {}, body end\n"                    \
    "  if path == '/done' then body.done() end\n"                              \
    "  if path == '/break' then body.break_off() end\n"                        \
    "  if path == '/log' then return 200, {}, log end\n"                       \
    "  local yes, why = true\n"                                                \
    "  if path == '/write' then yes, why = body.write('piece ') end\n"         \
    "  if path == '/fill' then repeat\n"                                       \
    "    yes, why = body.write(('x'):rep(65536)) until not yes end\n"          \
    "  return 200, {}, tostring(why or yes) end"

#define TO(path) "GET " path " HTTP/1.0\r\n\r\n"

static struct app *app;
static struct ask a;

static void begin(const char *text)
{
    app = app_text(text);
    ask_begin(&a, app, TO("/defer"), NULL);
}

static void finish(void)
{
    ask_end(&a);
    app_free(app);
}

Test(deferrable, sends_what_is_written_later)
{
    begin(DEFER(""));
    cr_assert_eq(ask_step(&a), CALL_LATER);
    cr_assert(call_answered(a.call));
    says_to(app, TO("/write"), NULL, "true");
    cr_assert(a.appended == 1 && !a.woken);
    cr_assert_str_eq(ask_body(&a), "piece ");
    cr_assert_eq(ask_step(&a), CALL_LATER);
    says_to(app, TO("/write"), NULL, "true");
    says_to(app, TO("/done"), NULL, "true");
    says_to(app, TO("/write"), NULL, "closed");
    cr_assert(a.appended == 2 && a.woken == 1);
    cr_assert_eq(ask_step(&a), CALL_DONE);
    cr_assert_str_eq(ask_body(&a), "piece piece ");
    ask_end(&a);
    says_to(app, TO("/log"), NULL, "closed ");
    says_to(app, TO("/write"), NULL, "closed");
    says_to(app, TO("/done"), NULL, "true");
    app_free(app);
}

Test(deferrable, may_end_in_each)
{
    begin(DEFER("write('all ') write('of it') self.done()"));
    cr_assert_eq(ask_step(&a), CALL_DONE);
    cr_assert_str_eq(ask_body(&a), "all of it");
    ask_end(&a);
    says_to(app, TO("/log"), NULL, "closed ");
    app_free(app);
}

Test(deferrable, may_wait_in_each)
{
    begin(DEFER("write('one ') rainbows.sleep(0) write('two') self.done()"));
    cr_assert_eq(ask_step(&a), CALL_WAITS);
    cr_assert_str_eq(ask_body(&a), "one ");
    cr_assert_eq(ask_step(&a), CALL_DONE);
    cr_assert_str_eq(ask_body(&a), "one two");
    finish();
}

static void breaks(const char *words)
{
    cr_assert_eq(ask_step(&a), CALL_FAILED);
    const char *error = call_error(a.call);
    cr_assert_not_null(strstr(error, words), "%s", error);
    ask_end(&a);
}

Test(deferrable, that_fails_fails_the_call)
{
    begin(DEFER(""));
    cr_assert_eq(ask_step(&a), CALL_LATER);
    says_to(app, TO("/break"), NULL, "true");
    says_to(app, TO("/done"), NULL, "true");
    breaks("the app's deferrable body has failed");
    says_to(app, TO("/log"), NULL, "closed ");
    app_free(app);
}

Test(deferrable, whose_each_fails_is_told)
{
    begin(DEFER("error('on purpose')"));
    breaks("on purpose");
    says_to(app, TO("/log"), NULL, "failed closed ");
    app_free(app);
}

Test(deferrable, is_told_when_the_call_ends_before_it)
{
    begin(DEFER(""));
    cr_assert_eq(ask_step(&a), CALL_LATER);
    ask_end(&a);
    says_to(app, TO("/log"), NULL, "failed closed ");
    says_to(app, TO("/write"), NULL, "closed");
    app_free(app);
}

Test(deferrable, is_full_when_the_output_is)
{
    begin(DEFER(""));
    cr_assert_eq(ask_step(&a), CALL_LATER);
    says_to(app, TO("/fill"), NULL, "full");
    cr_assert_gt(buf_len(&a.out), 1 << 20);
    cr_assert_lt(buf_len(&a.out), (1 << 20) + 2 * 65536);
    buf_take(&a.out, buf_len(&a.out) - 1000);
    says_to(app, TO("/write"), NULL, "true");
    finish();
}

Test(deferrable, is_not_begun_for_head)
{
    app = app_text(DEFER("log = 'each '"));
    ask_begin(&a, app, "HEAD /defer HTTP/1.0\r\n\r\n", NULL);
    cr_assert_eq(ask_step(&a), CALL_DONE);
    ask_end(&a);
    says_to(app, TO("/log"), NULL, "closed ");
    app_free(app);
}

Test(deferrable, has_to_end_in_each_where_nobody_else_is)
{
    struct err err;
    struct app_identity alone = app_waiting;
    alone.async = false;
    app = app_try(DEFER("write('x')"), &err);
    cr_assert_not_null(app, "%s", err.text);
    cr_assert_eq(app_boot(app, &alone, &err), 0);
    ask_begin(&a, app, TO("/defer"), NULL);
    breaks("has not ended in each(), and in the model Test nobody can end it");
    says_to(app, TO("/log"), NULL, "failed closed ");
    app_free(app);
}

/* Three methods make a deferrable; a table without them is an array. */
Test(deferrable, is_known_by_its_methods)
{
    text_says("return function() return 200, {}, {'x', each = print,\n"
              "  callback = print} end",
              "x");
    text_says("local methods = {callback = function() end}\n"
              "function methods:errback(f) self.f = f end\n"
              "function methods:callback(f) self.done = f end\n"
              "function methods:each(write) write 'y' self.done() end\n"
              "return function() return 200, {}, setmetatable({},\n"
              "  {__index = methods}) end",
              "y");
}
