/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_UNIT_LUA_READING_H
#define RAINBOWS_TESTS_UNIT_LUA_READING_H

#include "tests/support/calls.h"

/*
 * Apps that read rack.input, and what they shall read.
 */

/* An app whose answer is what the function body returns, for a string; the
 * input is called i. */
static inline struct app *app_reading(const char *body)
{
    char text[2048];
    snprintf(text, sizeof text,
             "local function shown(...)\n"
             "  local t = table.pack(...)\n"
             "  for n = 1, t.n do t[n] = tostring(t[n]) end\n"
             "  return table.concat(t, '|') end\n"
             "return function(env)\n"
             "  local i = env['rack.input']\n"
             "  return 200, {}, shown((function() %s end)()) end",
             body);
    return app_text(text);
}

#define TEXT "one\ntwo\n\nlast"

static const char *const reading[][2] = {
    {"return i:read()", "one"},
    {"return i:read('l')", "one"},
    {"return i:read('L')", "one\n"},
    {"return i:read('a')", TEXT},
    {"return i:read('*a')", TEXT},
    {"return i:read('*l', '*L')", "one|two\n"},
    {"return i:read('line', 'all')", "one|two\n\nlast"},
    {"return i:read(2)", "on"},
    {"return i:read(0)", ""},
    {"return i:read(4.0)", "one\n"},
    {"return i:read(99)", TEXT},
    {"return i:read(math.maxinteger)", TEXT},
    {"return i:read(2, 'l', 'L', 0, 1, 'a')", "on|e|two\n||\n|last"},
    {"i:read('a') return i:read('a')", ""},
    {"i:read('a') return i:read('l')", "nil"},
    {"i:read('a') return i:read('L')", "nil"},
    {"i:read('a') return i:read(1)", "nil"},
    {"i:read('a') return i:read(0)", "nil"},
    {"return i:read('a', 'a', 'l', 'l')", TEXT "||nil"},
    {"i:read(4) return i:read('l', 'l', 'l', 'l')", "two||last|nil"},
    {"i:read(4) return i:read('L', 'L', 'L', 'L')", "two\n|\n|last|nil"},
};

#endif
