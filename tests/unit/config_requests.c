/* SPDX-License-Identifier: MIT */
/*
 * max_requests with its jitter, and the limits on memory.
 */
#include "tests/support/config_text.h"

#define APP "app('app.lua') "

static void reads(const char *text, int64_t count, int64_t jitter)
{
    struct config *config = load_text(text);
    cr_expect_eq(config->max_requests.count, count, "%s", text);
    cr_expect_eq(config->max_requests.jitter, jitter, "%s", text);
    config_free(config);
}

Test(config_requests, reads_the_number_and_its_jitter)
{
    reads(APP, 0, 0);
    reads(APP "max_requests(nil)", 0, 0);
    reads(APP "max_requests(0)", 0, 0);
    reads(APP "max_requests(1000)", 1000, 0);
    reads(APP "max_requests(1000, nil)", 1000, 0);
    reads(APP "max_requests(1000, {})", 1000, 0);
    reads(APP "max_requests(1000.0, { jitter = 50 })", 1000, 50);
}

Test(config_requests, refuses_everything_else)
{
    static const char *const cases[][2] = {
        {"-1", "expected an integer from 0 to 1000000000, or nil for never, "
               "got -1"},
        {"1.5", "expected an integer"},
        {"'5'", "expected an integer"},
        {"false", "expected an integer"},
        {"1e300", "expected an integer"},
        {"5, 5", "options are a table, got a number"},
        {"5, { jiter = 1 }", "jiter: no such option; there is jitter"},
        {"5, { 1 }", "1: no such option; there is jitter"},
        {"5, { jitter = -1 }", "jitter: expected an integer from 0 to "
                               "1000000000, got -1"},
        {"5, { jitter = 'x' }", "jitter: expected an integer"},
        {"5, {}, 5", "expected at most 2 values, got 3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128], words[128];
        snprintf(text, sizeof text, APP "max_requests(%s)", cases[i][0]);
        snprintf(words, sizeof words, ":1: max_requests: %s", cases[i][1]);
        refuse_text(text, words);
    }
}

Test(config_requests, memory_limits_are_bytes_or_none)
{
    struct config *config = load_text(APP "max_memory(1 << 20) "
                                          "lua_memory_limit(65536)");
    cr_expect_eq(config->max_memory, 1 << 20);
    cr_expect_eq(config->lua_memory_limit, 65536);
    config_free(config);
    config = load_text(APP "max_memory(nil) lua_memory_limit(false)");
    cr_expect_eq(config->max_memory, -1);
    cr_expect_eq(config->lua_memory_limit, -1);
    config_free(config);
}

Test(config_requests, memory_limits_in_other_units_are_refused)
{
    refuse_text(APP "max_memory(512)",
                ":1: max_memory: expected bytes (an integer >= 1048576), or "
                "nil for no limit, got 512");
    refuse_text(APP "lua_memory_limit('64M')",
                ":1: lua_memory_limit: expected bytes (an integer >= 65536), "
                "or nil for no limit, got \"64M\"");
}
