/* SPDX-License-Identifier: MIT */
/*
 * rack.input: read as Lua reads its files, in memory and in a file alike.
 */
#include "lua/input.h"

#include <fcntl.h>

#include "tests/unit/lua_reading.h"

/* With what is sent as the request's body; it is in a file when in_file. */
static void reads_from(const char *body, const char *sent, int limit,
                       const char *want)
{
    struct ask a;
    struct err err;
    struct app *app = app_reading(body);
    char head[128];
    snprintf(head, sizeof head,
             "POST / HTTP/1.0\r\nContent-Length: %zu\r\n\r\n", strlen(sent));
    ask_begin(&a, app, head, NULL);
    cr_assert_eq(
        spool_put(&a.body.bytes, sent, strlen(sent), (size_t)limit, &err), 0);
    cr_expect_eq(a.body.bytes.fd >= 0, strlen(sent) > (size_t)limit);
    cr_assert_eq(ask_run(&a), CALL_DONE, "%s: %s", body,
                 a.status == CALL_FAILED ? call_error(a.call) : "");
    cr_expect_str_eq(ask_body(&a), want, "%s gave %s, not %s", body,
                     ask_body(&a), want);
    ask_end(&a);
    app_free(app);
}

static void reads(const char *body, const char *sent, const char *want)
{
    reads_from(body, sent, 4096, want);
    reads_from(body, sent, 0, want);
}

Test(input, reads_as_lua_reads_files)
{
    for (size_t i = 0; i < sizeof reading / sizeof *reading; i++)
        reads(reading[i][0], TEXT, reading[i][1]);
}

static const char *const formats[] = {
    "'l'",      "'L'",    "'a'",      "1",
    "0",        "3, 'l'", "'L', 'a'", "'l', 0, 'l', 0",
    "'a', 'a'", "100, 1"};

Test(input, reads_the_same_as_a_file_of_luas_own)
{
    static const char *const texts[] = {"\n",   "a",    "a\n",
                                        "\n\n", "a\nb", "\r\na\r\n"};
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        char body[512];
        snprintf(body, sizeof body,
                 "local f = io.tmpfile() f:write(i:read('a')) f:seek('set')\n"
                 "i:rewind() for _ = 1, 5 do\n"
                 "  local x, y = shown(f:read(%s)), shown(i:read(%s))\n"
                 "  assert(x == y, x .. ' ' .. y) end f:close() return 'same'",
                 formats[f], formats[f]);
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
            reads(body, texts[t], "same");
    }
}

Test(input, lines_iterate_as_lua_does)
{
#define JOIN(lines)                                                            \
    "local t = {} for l in " lines " do t[#t + 1] = l end\n"                   \
    "return table.concat(t, '+')"
    reads(JOIN("i:lines()"), TEXT, "one+two++last");
    reads(JOIN("i:lines('L')"), TEXT, "one\n+two\n+\n+last");
    reads(JOIN("i:lines(5)"), TEXT, "one\nt+wo\n\nl+ast");
    reads("for a, b in i:lines('l', 1) do return a, b end", TEXT, "one|t");
    reads("i:read('a') " JOIN("i:lines()"), TEXT, "");
}

Test(input, lines_take_many_formats_also_on_a_small_stack)
{
    reads("local formats = {} for n = 1, 200 do formats[n] = 1 end\n"
          "local lines, n = i:lines(table.unpack(formats)), 0\n"
          "for _ = 1, 50 do\n"
          "  i:rewind()\n"
          "  n = n + select('#', coroutine.wrap(lines)())\n"
          "end return n",
          TEXT, "700"); /* 13 bytes and a nil, fifty times */
    reads("return pcall(i.lines, i, table.unpack({}, 1, 201))", TEXT,
          "false|bad argument #202 to '?' (too many formats)");
}

Test(input, knows_its_length_from_the_start)
{
    reads("return i.length, math.type(i.length)", TEXT, "13|integer");
    reads("i:read(5) return i.length", TEXT, "13");
}

Test(input, rewinds_to_the_first_byte)
{
    reads("i:read('a') return i:rewind(), i:read('l')", TEXT, "true|one");
    reads("i:read(1) i:rewind() i:rewind() return i:read('a')", TEXT, TEXT);
}

Test(input, is_empty_once_it_is_closed)
{
    reads("return i:close(), i:close()", TEXT, "true|true");
    reads("i:close() return i:read('a'), i:read('l'), i:read(1), i.length",
          TEXT, "|nil|nil|0");
    reads("i:close() i:rewind() return i:read('l')", TEXT, "nil");
}

Test(input, frees_its_file_when_it_is_closed_and_when_the_call_ends)
{
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
    reads_from("i:close() local f <close> = io.open('/dev/null')\n"
               "return tostring(f) and 'x'",
               TEXT, 0, "x");
    reads_from("kept = i return 'x'", TEXT, 0, "x");
    cr_expect_eq(open("/dev/null", O_RDONLY), fd);
}

Test(input, kept_beyond_its_call_is_empty)
{
    struct app *app =
        app_text("local kept\n"
                 "return function(env)\n"
                 "  local before = kept and kept:read('a')\n"
                 "  kept = kept or env['rack.input']\n"
                 "  return 200, {}, before or kept:read('l') end");
#define POST "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n"
    says_to(app, POST, "abc", "abc");
    says_to(app, POST, "abc", "");
    app_free(app);
}

Test(input, lines_may_be_longer_than_a_read_and_end_at_its_edge)
{
    static const int lengths[] = {4094, 4095, 4096, 4097, 8191, 8192, 20000};
    static char sent[32768];
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char want[32];
        memset(sent, 'x', (size_t)lengths[i]);
        strcpy(sent + lengths[i], "\ny\n");
        snprintf(want, sizeof want, "%d|2|nil", lengths[i]);
        reads("local a, b = i:read('l', 'L') return #a, #b, i:read('l')", sent,
              want);
    }
}

static const char *const mistakes[][2] = {
    {"i.read(i, 'n')", "expected a number, \"a\", \"l\" or \"L\""},
    {"i.read(i, '')", "expected a number, \"a\", \"l\" or \"L\""},
    {"i.read(i, -1)", "expected 0 bytes or more"},
    {"i.read(i, 1.5)", "number has no integer representation"},
    {"i.read(i, {})", "string expected, got table"},
    {"i.read('l')", "expected rack.input (call it with \":\")"},
    {"i.read()", "expected rack.input (call it with \":\")"},
    {"i.read(io.stdout)", "expected rack.input (call it with \":\")"},
    {"i.lines()", "expected rack.input (call it with \":\")"},
    {"i.rewind({})", "expected rack.input (call it with \":\")"},
};

Test(input, tells_what_is_wrong_with_a_format)
{
    for (size_t n = 0; n < sizeof mistakes / sizeof *mistakes; n++) {
        char body[256];
        snprintf(body, sizeof body,
                 "local _, e = pcall(function() %s end)\n"
                 "return e:find('%s', 1, true) and 'told' or e",
                 mistakes[n][0], mistakes[n][1]);
        reads(body, TEXT, "told");
    }
}

Test(input, has_no_other_fields)
{
    reads("return i.seek, i[1], i.Length, i[true]", TEXT, "nil|nil|nil|nil");
}
