/* SPDX-License-Identifier: MIT */
/*
 * access_log and slow_call in a config: what is taken, what is refused with
 * which words, and the calls of the function.
 */
#include "config/access.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/config_text.h"

#define APP "app('app.lua') "

static void has(const char *text, const char *target, int format)
{
    struct config *config = load_text(text);
    cr_expect_str_eq(config->access_log, target);
    cr_expect_eq(config->access_format, format);
    config_free(config);
}

Test(config_access, takes_targets_and_formats)
{
    has(APP "access_log('a.log')", "a.log", ACCESS_COMBINED);
    has(APP "access_log('a.log', {})", "a.log", ACCESS_COMBINED);
    has(APP "access_log('stdout', {format='common'})", "stdout", ACCESS_COMMON);
    has(APP "access_log('stderr', {format='json'})", "stderr", ACCESS_JSON);
    has(APP "access_log('a', {format=function() end})", "a", ACCESS_FUNCTION);
}

Test(config_access, is_off_by_default_with_nil_and_with_false)
{
    static const char *const texts[] = {APP, APP "access_log(nil)",
                                        APP "access_log(false)"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config *config = load_text(texts[i]);
        cr_expect_null(config->access_log);
        cr_expect_null(config_access_path(config));
        config_free(config);
    }
}

Test(config_access, knows_paths_from_standard_output)
{
    struct config *config = load_text(APP "access_log('./stdout')");
    cr_expect_str_eq(config_access_path(config), "./stdout");
    config_free(config);
    config = load_text(APP "access_log('stdout')");
    cr_expect_null(config_access_path(config));
    cr_expect_eq(config_access_standard(config), 1);
    config_free(config);
}

Test(config_access, refuses_what_is_neither_with_its_line)
{
    refuse_text(APP "access_log(5)", ":1: access_log: expected a path, ");
    refuse_text(APP "access_log('')", ":1: access_log: expected a path, ");
    refuse_text(APP "access_log('a', 'json')",
                ":1: access_log: options are a table, got a string");
    refuse_text(APP "access_log('a', {format='xml'})",
                ":1: access_log: format: expected \"common\", \"combined\", "
                "\"json\" or a function, got \"xml\"");
    refuse_text(APP "access_log('a', {format=true})",
                ":1: access_log: format: expected \"common\", \"combined\", "
                "\"json\" or a function, got a boolean");
    refuse_text(APP "access_log('a', {fromat='json'})",
                ":1: access_log: fromat: no such option; the only one is "
                "format");
}

Test(config_access, is_printed_as_it_is_loaded)
{
    char *text = NULL;
    size_t size;
    struct config *config =
        load_text(APP "access_log('a\"b', {format='json'}) slow_call(2.5)");
    FILE *to = open_memstream(&text, &size);
    config_print(config, to);
    fclose(to);
    cr_expect_not_null(
        strstr(text, "access_log(\"a\\\"b\", { format = \"json\" })\n"));
    cr_expect_not_null(strstr(text, "slow_call(2.5)\n"));
    free(text);
    config_free(config);
}

Test(config_access, slow_call_is_seconds_or_off)
{
    struct config *config = load_text(APP "slow_call(0.25)");
    cr_expect_eq(config->slow_call, CLOCK_SECOND / 4);
    config_free(config);
    config = load_text(APP "slow_call(false)");
    cr_expect_eq(config->slow_call, -1);
    config_free(config);
    config = load_text(APP);
    cr_expect_eq(config->slow_call, -1);
    config_free(config);
    refuse_text(APP "slow_call('1')", ":1: slow_call: expected seconds (a "
                                      "number >= 0), or nil for none");
}

/* ---- the function ---- */

/* What the function makes of a request for /a; NULL: an error, in err. */
static const char *calls(const char *function, struct err *err)
{
    static char line[256];
    struct buf into = {0};
    struct access_entry e = {.method = SPAN("GET"),
                             .uri = SPAN("/a\xff"),
                             .status = 200,
                             .bytes = 5,
                             .duration = 1500000,
                             .worker = 3};
    char *text = xasprintf(APP "access_log('a', {format=function(e)\n%s\nend})",
                           function);
    struct config *config = load_text(text);
    int rc = config_access_line(config, &e, &into, err);
    snprintf(line, sizeof line, "%.*s", (int)buf_len(&into),
             into.data ? buf_at(&into) : "");
    buf_drop(&into);
    config_free(config);
    free(text);
    return rc == 0 ? line : NULL;
}

Test(config_access, function_gets_the_fields_and_gives_the_line)
{
    struct err err;
    cr_expect_str_eq(calls("return e.method .. ' ' .. e.uri .. ' ' .. "
                           "e.status .. ' ' .. e.bytes .. ' ' .. e.worker",
                           &err),
                     "GET /a\xff 200 5 3");
    cr_expect_str_eq(calls("return tostring(e.duration)", &err), "1.5");
    cr_expect_str_eq(calls("return math.type(e.status)", &err), "integer");
    cr_expect_str_eq(calls("assert(e.referer == nil) return 'x'", &err), "x");
}

Test(config_access, function_may_give_nothing)
{
    struct err err;
    cr_expect_str_eq(calls("return nil", &err), "");
    cr_expect_str_eq(calls("return false", &err), "");
    cr_expect_str_eq(calls("", &err), "");
}

Test(config_access, function_that_fails_says_where)
{
    struct err err;
    cr_expect_null(calls("error('out of luck')", &err));
    cr_expect_not_null(strstr(err.text, ":2: out of luck"), "%s", err.text);
    cr_expect_null(calls("return {}", &err));
    cr_expect_not_null(strstr(err.text, "returned a table, not a line or nil"),
                       "%s", err.text);
}
