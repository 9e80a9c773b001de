/* SPDX-License-Identifier: MIT */
/*
 * Bodies: what each kind sends, and that what can be closed is closed exactly
 * once, however the call ends.
 */
#include "lua/body.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "tests/support/calls.h"
#include "tests/support/logs.h"

#define GET_1(x) "GET " x " HTTP/1.0\r\n\r\n"

/* The answer's body, when the app returns this one. */
static void sends(const char *body, const char *want)
{
    char text[1024];
    snprintf(text, sizeof text, "return function(env) return 200, {}, %s end",
             body);
    text_says(text, want);
}

Test(body, empty_ones_send_nothing)
{
    static const char *const bodies[] = {
        "nil", "false", "''", "{}", "{''}", "function() end", "{'', '', ''}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        sends(bodies[i], "");
}

Test(body, arrays_send_their_strings_and_nothing_else)
{
    sends("{'a', '', 'bc'}", "abc");
    sends("{'a', x = 'b'}", "a");
}

Test(body, array_may_be_empty_but_for_its_close_method)
{
    sends("{close = function() end}", "");
    sends("setmetatable({}, {__close = function() end})", "");
}

Test(body, iterators_get_state_and_control_as_for_gives_them)
{
    sends("function(state, control)\n"
          "  if #control < 4 then return state .. control end\n"
          "end, 'x', ''",
          "xxxxxxxxxx");
    sends("string.gmatch('a b c', '%S')", "abc");
    sends("coroutine.wrap(function()\n"
          "  for i = 1, 3 do coroutine.yield('' .. i) end end)",
          "123");
}

Test(body, iterator_pieces_of_no_bytes_do_not_end_it)
{
    sends("coroutine.wrap(function()\n"
          "  coroutine.yield('a') coroutine.yield('') coroutine.yield('b')\n"
          "end)",
          "ab");
}

/* ---- files ---- */

#define FILE_APP                                                               \
    "return function(env)\n"                                                   \
    "  local f = assert(io.tmpfile())\n"                                       \
    "  f:write('0123456789') f:seek('set', 4)\n"                               \
    "  if env.PATH_INFO == '/closed' then f:close() end\n"                     \
    "  return 200, {}, f end"

Test(body, regular_file_is_handed_on_from_its_position)
{
    struct ask a;
    char bytes[16] = "";
    struct app *app = app_text(FILE_APP);
    ask_begin(&a, app, GET, NULL);
    cr_assert_eq(ask_step(&a), CALL_DONE);
    struct call_file file = call_file(a.call);
    cr_assert_geq(file.fd, 0);
    cr_expect_eq(file.at, 4);
    cr_expect_eq(file.left, 6);
    cr_expect_eq(fcntl(file.fd, F_GETFD), FD_CLOEXEC);
    ask_end(&a);
    cr_expect_eq(pread(file.fd, bytes, 16, file.at), 6, "closed with the call");
    cr_expect_str_eq(bytes, "456789");
    close(file.fd);
    app_free(app);
}

/* The next descriptor there is: a higher one later means that one leaked. */
static int next_fd(void)
{
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
    return fd;
}

Test(body, file_is_closed_when_nobody_takes_it)
{
    static const char *const heads[] = {GET, "HEAD / HTTP/1.0\r\n\r\n"};
    struct app *app = app_text(FILE_APP);
    int before = next_fd();
    for (int i = 0; i < 2; i++) {
        struct ask a;
        ask_begin(&a, app, heads[i], NULL);
        cr_assert_eq(ask_step(&a), CALL_DONE);
        ask_end(&a);
        cr_expect_eq(next_fd(), before);
    }
    app_free(app);
}

Test(body, file_that_the_app_has_closed_is_refused)
{
    struct ask a;
    struct app *app = app_text(FILE_APP);
    ask_begin(&a, app, GET_1("/closed"), NULL);
    cr_assert_eq(ask_step(&a), CALL_FAILED);
    cr_expect_not_null(
        strstr(call_error(a.call), "the app's body is a closed file"));
    ask_end(&a);
    app_free(app);
}

Test(body, pipe_is_read_to_its_end)
{
    sends("io.popen('echo one; echo two')", "one\ntwo\n");
    sends("io.popen('head -c 100000 /dev/zero | tr \"\\\\0\" x | wc -c')",
          "100000\n");
}

/* ---- closing ---- */

/* Answers /closed with the number of closings so far. Paths of the others:
 * how the body is made and, with an "x" at the end, fails. */
#define CLOSING                                                                \
    "local rainbows = require 'rainbows'\n"                                    \
    "local closed = 0\n"                                                       \
    "local function close() closed = closed + 1 end\n"                         \
    "local meta = {__close = close}\n"                                         \
    "local function piece() return ('p'):rep(3000) end\n"                      \
    "local bodies = {\n"                                                       \
    "  method = function() return {piece(), close = close} end,\n"             \
    "  meta = function() return setmetatable({piece()}, meta) end,\n"          \
    "  both = function()\n"                                                    \
    "    return setmetatable({piece(), close = close}, meta) end,\n"           \
    "  value = function()\n"                                                   \
    "    return piece, nil, nil, setmetatable({}, meta) end,\n"                \
    "  same = function()\n"                                                    \
    "    local t = setmetatable({piece()}, meta)\n"                            \
    "    return t, nil, nil, t end,\n"                                         \
    "  wait = function() return function() rainbows.sleep(9) end,\n"           \
    "    nil, nil, setmetatable({}, meta) end,\n"                              \
    "  errorx = function() return function() error('x') end,\n"                \
    "    nil, nil, setmetatable({}, meta) end,\n"                              \
    "  headerx = function() return {close = close} end,\n"                     \
    "  wrongx = function() return {5, close = close} end,\n"                   \
    "}\n"                                                                      \
    "return function(env)\n"                                                   \
    "  local path, status = env.PATH_INFO:match('^/(%w+)/?(%d*)')\n"           \
    "  if path == 'closed' then return 200, {}, '' .. closed end\n"            \
    "  return tonumber(status) or 200,\n"                                      \
    "    {a = path == 'headerx' and '\\n' or nil}, bodies[path]() end"

/* Steps the call that often, or to its end, and ends it; its body must have
 * been closed once. */
static void closes_once(const char *head, int steps)
{
    struct ask a;
    struct app *app = app_text(CLOSING);
    ask_begin(&a, app, head, NULL);
    do
        ask_step(&a);
    while (--steps > 0 && (a.status == CALL_FLUSH || a.status == CALL_WAITS));
    ask_end(&a);
    says_to(app, GET_1("/closed"), NULL, "1");
    app_free(app);
}

static const char *const closable[] = {
    GET_1("/method"), GET_1("/meta"), GET_1("/both"),
    GET_1("/value"),  GET_1("/same"), GET_1("/wait"),
};

enum {
    CLOSABLE = sizeof closable / sizeof *closable
};

Test(body, is_closed_once_when_it_was_sent_or_given_up)
{
    for (size_t i = 0; i < CLOSABLE; i++) {
        closes_once(closable[i], 1);
        closes_once(closable[i], 2);
        closes_once(closable[i], 10);
    }
}

Test(body, is_closed_once_when_it_fails)
{
    closes_once(GET_1("/errorx"), 10);
    closes_once(GET_1("/headerx"), 10);
    closes_once(GET_1("/wrongx"), 10);
}

Test(body, is_closed_once_when_it_is_not_to_be_sent)
{
    closes_once(GET_1("/method/204"), 10);
    closes_once(GET_1("/value/304"), 10);
    closes_once("HEAD /method HTTP/1.0\r\n\r\n", 10);
    closes_once("HEAD /value HTTP/1.0\r\n\r\n", 10);
}

Test(body, is_closed_once_when_the_status_is_wrong)
{
    closes_once(GET_1("/method/99"), 10);
}

Test(body, is_not_closed_before_its_call_ends)
{
    struct ask a;
    struct app *app = app_text(CLOSING);
    ask_begin(&a, app, GET_1("/method"), NULL);
    cr_expect_eq(ask_step(&a), CALL_FLUSH);
    says_to(app, GET_1("/closed"), NULL, "0");
    ask_end(&a);
    says_to(app, GET_1("/closed"), NULL, "1");
    app_free(app);
}

Test(body, error_while_closing_is_logged_and_harms_nothing)
{
    struct app *app =
        app_text("return function() return 200, {}, {'x', close = function()\n"
                 "  error('stuck') end} end");
    logs_open();
    says(app, "x");
    cr_expect_not_null(strstr(logs_line(), "ERROR rainbows closing the body "
                                           "failed: "));
    cr_expect_not_null(strstr(logs.text, "stuck"));
    says(app, "x");
    app_free(app);
}

Test(body, lines_of_a_file_are_sent_and_the_file_is_closed)
{
    char path[32], text[256];
    app_file(path, "one\ntwo\n");
    snprintf(text, sizeof text,
             "return function() return 200, {}, io.lines('%s', 'L') end", path);
    struct app *app = app_text(text);
    int before = next_fd();
    for (int i = 0; i < 3; i++)
        says(app, "one\ntwo\n");
    cr_expect_eq(next_fd(), before);
    app_free(app);
    unlink(path);
}
