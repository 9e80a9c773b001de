/* SPDX-License-Identifier: MIT */
/*
 * What an app may return, and what is said about the rest: a failure, and not
 * a byte of a wrong head.
 */
#include "lua/result.h"

#include "tests/support/calls.h"

/* An app that returns what the expressions say. */
static struct app *app_returning(const char *expressions)
{
    char text[1024];
    snprintf(text, sizeof text, "return function(env) return %s end",
             expressions);
    return app_text(text);
}

/* Status line and headers of its answer begin so; the Date is left out. */
static void answers(const char *expressions, const char *want)
{
    static const char date[] = "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT";
    struct ask a;
    char got[4096];
    struct app *app = app_returning(expressions);
    ask_begin(&a, app, GET, NULL);
    cr_assert_eq(ask_run(&a), CALL_DONE, "%s: %s", expressions,
                 a.status == CALL_FAILED ? call_error(a.call) : "");
    strcpy(got, ask_output(&a));
    char *at = strstr(got, date);
    cr_assert_not_null(at);
    memmove(at, at + strlen(date), strlen(at + strlen(date)) + 1);
    cr_expect_eq(strncmp(got, want, strlen(want)), 0, "%s: %s", expressions,
                 got);
    ask_end(&a);
    app_free(app);
}

static void refuses(const char *expressions, const char *words)
{
    char want[512];
    struct app *app = app_returning(expressions);
    snprintf(want, sizeof want, "GET /: %s", words);
    fails(app, want);
    app_free(app);
}

#define OK  "HTTP/1.1 200 OK\r\n"
#define END "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n"

Test(result, may_be_three_values_or_one_table)
{
    answers("200, {a = 'b'}, 'x'", OK "a: b\r\nContent-Length: 1\r\n");
    answers("{200, {a = 'b'}, 'x'}", OK "a: b\r\nContent-Length: 1\r\n");
    answers("200", OK END);
    answers("200, nil, nil", OK END);
    answers("{200}", OK END);
    answers("200, {}, 'x', 1, 2, 3, 4, 5", OK "Content-Length: 1\r\n");
    answers("table.unpack({200, {}, 'x'}, 1, 250)", OK "Content-Length: 1\r\n");
}

Test(result, status_is_an_integer_from_200_to_999)
{
    answers("404", "HTTP/1.1 404 Not Found\r\n");
    answers("999", "HTTP/1.1 999 Unknown\r\n");
    answers("200 // 1", OK);
}

static const char *const wrong_statuses[][2] = {
    {"nil", "the app returned nothing"},
    {"", "the app returned nothing"},
    {"{}", "the app returned nothing"},
    {"{nil, {}, 'x'}", "the app returned nothing"},
    {"'200'", "the app returned 200 as its status: expected an integer"},
    {"200.0", "the app returned 200.0 as its status"},
    {"true", "the app returned true as its status"},
    {"{}, 200", "the app returned table: 0x"},
    {"199", "the app returned 199 as its status"},
    {"1000", "the app returned 1000 as its status"},
    {"0", "the app returned 0 as its status"},
    {"-2", "the app returned -2 as its status"},
    {"math.mininteger", "the app returned -9223372036854775808 as"},
    {"-1", "the app returned -1 (answer later), but has not taken"},
};

Test(result, other_statuses_are_refused)
{
    for (size_t i = 0; i < sizeof wrong_statuses / sizeof *wrong_statuses; i++)
        refuses(wrong_statuses[i][0], wrong_statuses[i][1]);
}

Test(result, header_values_are_strings_integers_or_arrays_of_them)
{
    answers("200, {a = 'text'}", OK "a: text\r\n" END);
    answers("200, {a = ''}", OK "a: \r\n" END);
    answers("200, {a = 42}", OK "a: 42\r\n" END);
    answers("200, {a = {'x', 1, 'y'}}", OK "a: x\r\na: 1\r\na: y\r\n" END);
    answers("200, {a = {}}", OK END);
    answers("200, {['rack.after'] = print}", OK END);
}

static const char *const wrong_headers[][2] = {
    {"'x'", "the app returned a string as its headers: expected a table"},
    {"true", "the app returned a boolean as its headers"},
    {"{'x'}", "the app returned a header whose name is a number"},
    {"{[true] = 'x'}", "the app returned a header whose name is a boolean"},
    {"{a = 1.5}", "the app returned a number as the value of header a"},
    {"{a = true}", "the app returned a boolean as the value of header a"},
    {"{a = {{}}}", "the app returned a table as the value of header a"},
    {"{a = {'x', 1.5}}", "the app returned a number as the value of"},
    {"{['a b'] = 'x'}", "the app returned a header whose name is no token"},
    {"{[''] = 'x'}", "the app returned a header whose name is no token"},
    {"{['a\\r\\nb'] = 'x'}", "the app returned a header whose name is no"},
    {"{a = 'x\\r\\nb: c'}", "the app returned a header with a control"},
    {"{a = 'x\\ny'}", "the app returned a header with a control byte"},
    {"{a = 'x\\0y'}", "the app returned a header with a control byte"},
    {"{a = {'x', 'y\\r'}}", "the app returned a header with a control"},
    {"{['content-length'] = 'x'}", "the app returned a wrong content-"},
    {"{['content-length'] = -1}", "the app returned a wrong content-"},
    {"{['content-length'] = {1, 1}}", "the app returned a wrong content-"},
};

Test(result, other_headers_are_refused)
{
    for (size_t i = 0; i < sizeof wrong_headers / sizeof *wrong_headers; i++) {
        char text[128];
        snprintf(text, sizeof text, "200, %s, 'x'", wrong_headers[i][0]);
        refuses(text, wrong_headers[i][1]);
    }
}

Test(result, length_that_the_app_gives_is_kept)
{
    answers("200, {['content-length'] = 3}, 'abcdef'",
            OK "Content-Length: 3\r\nConnection: keep-alive\r\n\r\nabc");
    answers("200, {['Content-Length'] = '3'}, {'ab', 'cdef', 'g'}",
            OK "Content-Length: 3\r\nConnection: keep-alive\r\n\r\nabc");
}

static const char *const wrong_bodies[][2] = {
    {"5", "the app's body is a number: expected nil, a string, a func"},
    {"true", "the app's body is a boolean"},
    {"{a = 'x'}", "the app's body is a table"},
    {"coroutine.create(print)", "the app's body is a thread"},
    {"env['rack.input']", "the app's body is a userdata"},
    {"{'x', 5}", "the app's body[2] is a number: expected a string"},
    {"{'x', {}}", "the app's body[2] is a table"},
    {"function() return 5 end", "the app's body iterator gave a number"},
    {"function() return true end", "the app's body iterator gave a bool"},
};

Test(result, bodies_of_other_kinds_are_refused)
{
    for (size_t i = 0; i < sizeof wrong_bodies / sizeof *wrong_bodies; i++) {
        char text[128];
        snprintf(text, sizeof text, "200, {}, %s", wrong_bodies[i][0]);
        refuses(text, wrong_bodies[i][1]);
    }
}
