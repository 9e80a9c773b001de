/* SPDX-License-Identifier: MIT */
/*
 * env: what each key says, delivered at most once, and no difference between
 * a table that fills itself and one that is full.
 */
#include "lua/env.h"

#include "tests/support/calls.h"

/* A request with a bit of everything. */
#define HEAD                                                                   \
    "POST /a%20b?c=d&e HTTP/1.1\r\n"                                           \
    "hOST: example.com:8443\r\n"                                               \
    "Content-Type: text/plain\r\n"                                             \
    "Content-Length: 3\r\n"                                                    \
    "Accept: a\r\n"                                                            \
    "X-Real-IP: 192.0.2.9\r\n"                                                 \
    "accept: b\r\n"                                                            \
    "Cookie: c=1\r\n"                                                          \
    "COOKIE: d=2\r\n"                                                          \
    "X_Under: spoofed\r\n"                                                     \
    "Empty:\r\n"                                                               \
    "ACCEPT: c\r\n\r\n"

/* The Lua expression, in an app that is given this request, gives the text. */
static void gives_for(const char *head, const char *body,
                      const char *expression, const char *want)
{
    char text[2048];
    snprintf(text, sizeof text,
             "local rainbows = require 'rainbows'\n"
             "return function(env) return 200, {}, tostring(%s) end",
             expression);
    struct app *app = app_text(text);
    says_to(app, head, body, want);
    app_free(app);
}

static void gives(const char *expression, const char *want)
{
    gives_for(HEAD, "abc", expression, want);
}

/* ---- the keys ---- */

static const char *const keys[][2] = {
    {"REQUEST_METHOD", "POST"},
    {"SCRIPT_NAME", ""},
    {"PATH_INFO", "/a%20b"},
    {"QUERY_STRING", "c=d&e"},
    {"REQUEST_URI", "/a%20b?c=d&e"},
    {"SERVER_NAME", "example.com"},
    {"SERVER_PORT", "8443"},
    {"SERVER_PROTOCOL", "HTTP/1.1"},
    {"SERVER_SOFTWARE", "rainbows/" RAINBOWS_VERSION},
    {"REMOTE_ADDR", "192.0.2.7"},
    {"REMOTE_PORT", "4711"},
    {"CONTENT_TYPE", "text/plain"},
    {"CONTENT_LENGTH", "3"},
    {"HTTP_HOST", "example.com:8443"},
    {"HTTP_ACCEPT", "a, b, c"},
    {"HTTP_COOKIE", "c=1; d=2"},
    {"HTTP_X_REAL_IP", "192.0.2.9"},
    {"HTTP_EMPTY", ""},
    {"rack.url_scheme", "http"},
    {"rack.multithread", "false"},
    {"rack.multiprocess", "true"},
    {"rack.run_once", "false"},
    {"rack.hijack?", "false"},
    {"rainbows.model", "Test"},
    {"rainbows.worker", "3"},
};

static const char *const absent[] = {
    "HTTP_CONTENT_TYPE",
    "HTTP_CONTENT_LENGTH",
    "HTTP_X_UNDER",
    "HTTP_X-UNDER",
    "HTTP_ABSENT",
    "HTTP_",
    "HTTP_accept",
    "HTTP_Accept",
    "HTTP_X-REAL-IP",
    "http_accept",
    "Accept",
    "rack",
    "rack.hijack",
    "HTTPS",
    "",
};

enum {
    KEYS = sizeof keys / sizeof *keys,
    ABSENT = sizeof absent / sizeof *absent
};

Test(env, says_what_the_request_said)
{
    char text[128];
    for (size_t i = 0; i < KEYS; i++) {
        snprintf(text, sizeof text, "env['%s']", keys[i][0]);
        gives(text, keys[i][1]);
    }
}

Test(env, says_the_same_once_it_is_filled)
{
    char text[128];
    for (size_t i = 0; i < KEYS; i++) {
        snprintf(text, sizeof text, "rawget(rainbows.env(env), '%s')",
                 keys[i][0]);
        gives(text, keys[i][1]);
    }
}

Test(env, has_nil_for_everything_else_filled_or_not)
{
    char text[128];
    for (size_t i = 0; i < ABSENT; i++) {
        snprintf(text, sizeof text, "env['%s']", absent[i]);
        gives(text, "nil");
        snprintf(text, sizeof text, "rainbows.env(env)['%s']", absent[i]);
        gives(text, "nil");
    }
    gives("env[1]", "nil");
    gives("env[1.5]", "nil");
    gives("env[true]", "nil");
    gives("env[env]", "nil");
    gives("env[nil]", "nil");
}

Test(env, has_objects_for_input_errors_and_logger)
{
    gives("env['rack.input']:read('a')", "abc");
    gives("type(env['rack.errors'].write)", "function");
    gives("type(env['rack.logger'].info)", "function");
    gives("env['rack.input'] == env['rack.input']", "true");
}

Test(env, gives_the_least_that_is_promised_to_the_least_request)
{
#define LEAST(expression, want) gives_for(GET, NULL, expression, want)
    LEAST("env.QUERY_STRING .. env.SCRIPT_NAME", "");
    LEAST("env.PATH_INFO", "/");
    LEAST("env.SERVER_PROTOCOL", "HTTP/1.0");
    LEAST("env.HTTP_HOST", "nil");
    LEAST("env.CONTENT_TYPE", "nil");
    LEAST("env.CONTENT_LENGTH", "nil");
    LEAST("env.SERVER_NAME", "localhost");
    LEAST("env.SERVER_PORT", "8080");
    LEAST("env['rack.input']:read('a')", "");
    LEAST("env['rack.input'].length", "0");
    LEAST("rainbows.env(env)['rack.input'].length", "0");
}

static const char *const hosts[][3] = {
    {"a", "a", "80"},
    {"a:81", "a", "81"},
    {"a:", "a", "80"},
    {"[::1]", "[::1]", "80"},
    {"[::1]:81", "[::1]", "81"},
    {"192.0.2.1:8", "192.0.2.1", "8"},
    {"", "localhost", "8080"},
};

Test(env, splits_the_host_into_name_and_port)
{
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        char head[128];
        snprintf(head, sizeof head, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n",
                 hosts[i][0]);
        gives_for(head, NULL, "env.SERVER_NAME", hosts[i][1]);
        gives_for(head, NULL, "env.SERVER_PORT", hosts[i][2]);
        gives_for(head, NULL, "env.HTTP_HOST", hosts[i][0]);
    }
}

Test(env, takes_the_host_of_an_absolute_target)
{
#define ABSOLUTE "GET http://a:1/p?q HTTP/1.1\r\nHost: b:2\r\n\r\n"
    gives_for(ABSOLUTE, NULL, "env.HTTP_HOST", "a:1");
    gives_for(ABSOLUTE, NULL, "rainbows.env(env).HTTP_HOST", "a:1");
    gives_for(ABSOLUTE, NULL, "env.SERVER_NAME .. env.SERVER_PORT", "a1");
    gives_for(ABSOLUTE, NULL, "env.PATH_INFO .. env.QUERY_STRING", "/pq");
    gives_for(ABSOLUTE, NULL, "env.REQUEST_URI", "http://a:1/p?q");
}

/* ---- delivered at most once ---- */

/* A function of this body, called with env, gives the text. */
static void runs(const char *body, const char *want)
{
    char text[1024];
    snprintf(text, sizeof text, "((function() %s end)())", body);
    gives(text, want);
}

#define EACH(key)                                                              \
    "for _, k in ipairs{'HTTP_ACCEPT', 'HTTP_X_REAL_IP', 'HTTP_HOST',\n"       \
    "  'REQUEST_METHOD', 'CONTENT_LENGTH', 'rack.input', 'rack.errors'} "      \
    "do " key

Test(env, what_is_deleted_stays_deleted)
{
    runs(EACH("env[k] = nil assert(env[k] == nil)") "end", "nil");
    runs(EACH("assert(env[k]) env[k] = nil assert(env[k] == nil)") "end",
         "nil");
    runs(EACH("env[k] = nil end rainbows.env(env)\n" EACH(
             "assert(env[k] == nil)")) "end",
         "nil");
    runs(EACH("env[k] = nil end for k in pairs(env) do\n" EACH(
             "assert(env[k] == nil)")) "end end",
         "nil");
}

Test(env, what_is_set_stays_set)
{
    runs(EACH("env[k] = 'mine' assert(env[k] == 'mine')") "end", "nil");
    runs(EACH("env[k] = false assert(env[k] == false)") "end", "nil");
    runs(EACH("env[k] = 'mine' end rainbows.env(env)\n" EACH(
             "assert(env[k] == 'mine')")) "end",
         "nil");
    runs("env['x.mine'] = 1 env[1] = 2 rainbows.env(env)\n"
         "return env['x.mine'] + env[1]",
         "3");
}

Test(env, what_is_set_by_rawset_stays_set)
{
    runs("rawset(env, 'PATH_INFO', 'x') rawset(env, 'HTTP_ACCEPT', 'y')\n"
         "return env.PATH_INFO .. env.HTTP_ACCEPT",
         "xy");
    runs("rawset(env, 'PATH_INFO', 'x') rawset(env, 'HTTP_ACCEPT', 'y')\n"
         "rainbows.env(env) return env.PATH_INFO .. env.HTTP_ACCEPT",
         "xy");
}

Test(env, is_not_fooled_by_spoofed_headers_that_are_stripped)
{
    gives_for("GET / HTTP/1.1\r\nHost: a\r\nX-User: evil\r\nx-user: eve\r\n"
              "X_User: e\r\n\r\n",
              NULL,
              "(function() env.HTTP_X_USER = nil for k in pairs(env) do\n"
              "  assert(not k:find('USER')) end return env.HTTP_X_USER end)()",
              "nil");
}

/* ---- all at once ---- */

#define COUNT_BY(iterator)                                                     \
    "local n = 0 for k, v in " iterator                                        \
    " do assert(type(k) == 'string' and v ~= nil) n = n + 1 end return n"

Test(env, pairs_gives_every_key_once)
{
    runs(COUNT_BY("pairs(env)"), "32");
    runs("assert(env.PATH_INFO and env.HTTP_ACCEPT)\n" COUNT_BY("pairs(env)"),
         "32");
    runs(COUNT_BY("next, rainbows.env(env)"), "32");
    runs("rainbows.env(rainbows.env(env)) " COUNT_BY("next, env"), "32");
}

Test(env, pairs_does_not_need_the_global_next)
{
    runs("local old = next next = nil local n = 0\n"
         "for _ in pairs(env) do n = n + 1 end next = old return n",
         "32");
}

Test(env, is_plain_once_it_is_filled)
{
    runs("return getmetatable(rainbows.env(env))", "nil");
    runs("for _ in pairs(env) do end return getmetatable(env)", "nil");
    runs("rainbows.env(env) env.PATH_INFO = nil return env.PATH_INFO", "nil");
}

Test(env, gives_all_before_its_metatable_is_replaced)
{
    runs("setmetatable(env, {__index = function() return 'new' end})\n"
         "return rawget(env, 'PATH_INFO') .. rawget(env, 'HTTP_ACCEPT') ..\n"
         "  env.other",
         "/a%20ba, b, cnew");
    runs("setmetatable(env, nil) " COUNT_BY("next, env"), "32");
}

Test(env, setmetatable_is_otherwise_luas_own)
{
    runs("local t = {} local m = {} assert(setmetatable(t, m) == t)\n"
         "assert(getmetatable(t) == m)\n"
         "assert(not pcall(setmetatable, t))\n"
         "assert(not pcall(setmetatable, 1, m))\n"
         "m.__metatable = 1 return select(2, pcall(setmetatable, t, {}))",
         "cannot change a protected metatable");
}

/* ---- what apps should not do ---- */

Test(env, outlives_its_call)
{
    struct app *app =
        app_text("local kept\n"
                 "return function(env)\n"
                 "  if not kept then kept = env return 200, {}, '' end\n"
                 "  return 200, {}, kept.PATH_INFO .. kept.HTTP_ACCEPT ..\n"
                 "    tostring(kept['rack.input']:read('a')) end");
    says_to(app, HEAD, "abc", "");
    for (int i = 0; i < 100; i++)
        says_to(app, HEAD, "abc", "/a%20ba, b, c");
    app_free(app);
}

/* Nothing of Lua's holds the request's bytes any more: the env is plain, and
 * the stack on which they lay is gone. What is allocated then would take their
 * place. */
static const char losing[] =
    "local rainbows = require 'rainbows'\n"
    "local kept\n"
    "return function(env)\n"
    "  if not kept then\n"
    "    kept = coroutine.running()\n"
    "    for _ in pairs(env) do end\n"
    "    env = nil\n"
    "    rainbows.sleep(9)\n"
    "  end\n"
    "  coroutine.close(kept) collectgarbage() collectgarbage()\n"
    "  local words = {}\n"
    "  for i = 1, 3000 do words[i] = ('\\1'):rep(i // 3) .. i end\n"
    "  return 200, {}, 'closed' end";

Test(env, bytes_of_the_request_live_as_long_as_the_call)
{
    struct ask a;
    struct app *app = app_text(losing);
    ask_begin(&a, app, "GET /lost HTTP/1.0\r\n\r\n", NULL);
    cr_assert_eq(ask_step(&a), CALL_WAITS);
    says(app, "closed");
    struct span line = call_line(a.call);
    cr_expect(span_is(line, "GET /lost"), "%.*s", (int)line.len, line.at);
    cr_assert_eq(ask_step(&a), CALL_FAILED);
    cr_expect_not_null(strstr(call_error(a.call), "GET /lost: the app has "
                                                  "closed"),
                       "%s", call_error(a.call));
    ask_end(&a);
    app_free(app);
}

Test(env, metamethods_raise_errors_for_what_is_no_env)
{
    runs("local m = getmetatable(env)\n"
         "for _, f in ipairs{m.__index, m.__newindex, m.__pairs} do\n"
         "  for _, t in ipairs{1, 'x', true, print, io.stdout} do\n"
         "    assert(not pcall(f, t, 'PATH_INFO', 1))\n"
         "  end assert(not pcall(f)) end",
         "nil");
    runs("local m = getmetatable(env)\n"
         "local t = setmetatable({}, m) t.PATH_INFO = 1\n"
         "assert(t.REQUEST_METHOD == nil) return t.PATH_INFO",
         "1");
}

Test(env, keys_that_no_table_takes_are_errors_as_in_any)
{
    runs("return pcall(function() env[nil] = 1 end)", "false");
    runs("return pcall(function() env[0/0] = 1 end)", "false");
}
