/* SPDX-License-Identifier: MIT */
/*
 * What an app does wrong is a 500 and a log line that says what, and harms
 * neither the connection nor the next request.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static struct server server;
static int client;

static void start(void)
{
    server.errors_expected = true;
    /* Few states, so that what it does to one shows in the next. */
    server_serve(&server, "errors.lua",
                 "worker_processes(1) pool_size(2) app_pool(2)");
    client = dial(&server);
}

static void stop(void)
{
    close(client);
    server_stop(&server);
}

TestSuite(errors, .init = start, .fini = stop, .timeout = 60);

static struct answer request(const char *path)
{
    char *text = xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    struct answer a = ask(client, text);
    free(text);
    return a;
}

/* A 500 that says nothing of why and keeps the connection; the log has the
 * request and the reason. */
static void assert_fails(const char *path, const char *why)
{
    struct answer a = request(path);
    cr_assert_eq(a.status, 500, "%s: %d", path, a.status);
    cr_assert_str_eq(a.body, "500 Internal Server Error\n");
    cr_assert_null(field(&a, "connection"), "%s: %s", path, a.head);
    cr_assert_null(field(&a, "x-also"), "%s: %s", path, a.head);
    char *want = xasprintf("app error: GET %s: ", path);
    const char *line = server_await(&server, want);
    cr_assert_not_null(strstr(line, why), "no \"%s\" in: %s", why, line);
    free(want);
    cr_assert_str_eq(request("/").body, "fine");
}

static void assert_error(const char *name, const char *why)
{
    assert_fails(xasprintf("/errors/%s", name), why);
}

static void assert_refused(const char *name, const char *why)
{
    assert_fails(xasprintf("/results/%s", name), why);
}

/* ---- errors ---- */

Test(errors, have_their_request_line_and_traceback_in_the_log)
{
    assert_error("string", "errors.lua:10: on purpose");
    server_await(&server, "    stack traceback:");
    server_await(&server, "in function 'error'");
    server_await(&server, "errors.lua:10:");
}

Test(errors, may_be_any_value)
{
    assert_error("level", "without a place");
    assert_error("table", "error object is a table");
    assert_error("nil", "nil");
    assert_error("false", "false");
    assert_error("tostring", "I am told");
    assert_error("bad_tostring", "");
    assert_error("no_tostring", "");
    assert_error("name", "my.error");
}

Test(errors, may_come_from_anywhere)
{
    assert_error("runtime", "attempt to index a nil value (local 'absent')");
    assert_error("wrapped", "from within");
    assert_error("closing", "first");
    assert_error("handler_recursion", "");
}

Test(errors, include_a_yield_outside_of_a_coroutine)
{
    assert_error("yield", "coroutine.yield outside of a coroutine");
    assert_error("yield_protected", "coroutine.yield outside of a coroutine");
}

Test(errors, include_recursion_without_end)
{
    assert_error("recursion", "stack overflow");
    assert_error("c_recursion", "stack overflow");
    assert_error("meta_recursion", "stack overflow");
    assert_error("coroutine_recursion", "stack overflow");
}

Test(errors, do_not_come_from_deep_pcalls)
{
    cr_assert_str_eq(request("/pcall").body, "deep");
    cr_assert_str_eq(request("/").body, "fine");
}

Test(errors, hurt_no_neighbour)
{
    int other = client;
    if (strcmp(model_under_test(), "Base") == 0 ||
        strcmp(model_under_test(), "ThreadPool") == 0)
        cr_skip_test("an idle client may have to make way for a newcomer");
    cr_assert_str_eq(request("/").body, "fine");
    client = dial(&server);
    for (int i = 0; i < 10; i++)
        assert_error("string", "on purpose");
    close(client);
    client = other;
    cr_assert_str_eq(request("/").body, "fine");
}

/* ---- results ---- */

Test(errors, include_an_answer_without_a_status)
{
    assert_refused("nothing", "returned nothing");
    assert_refused("status_string", "returned 200 as its status");
    assert_refused("status_float", "returned 200.0 as its status");
    assert_refused("status_table", "returned 200 as its status");
}

Test(errors, include_a_status_that_is_none)
{
    assert_refused("status_0", "returned 0 as its status");
    assert_refused("status_99", "returned 99 as its status");
    assert_refused("status_1000", "returned 1000 as its status");
    assert_refused("status_-1", model_is_async()
                                    ? "has not taken env[\"async.callback\"]"
                                    : "has no async.callback");
}

Test(errors, include_an_interim_status)
{
    assert_refused("status_100", "returned 100 as its status");
    assert_refused("status_101", "returned 101 as its status");
    assert_refused("status_199", "from 200 to 999");
}

Test(errors, include_headers_that_are_no_table)
{
    assert_refused("headers_string", "returned a string as its headers");
}

Test(errors, include_header_names_that_are_no_token)
{
    assert_refused("name_space", "no token: \"x y\"");
    assert_refused("name_empty", "no token: \"\"");
    assert_refused("name_colon", "no token: \"x:y\"");
    assert_refused("name_crlf", "no token: \"x: y\\x0d");
    assert_refused("name_utf8", "no token");
    assert_refused("name_number", "name is a number");
    assert_refused("name_boolean", "name is a boolean");
}

Test(errors, include_header_values_that_would_split_the_answer)
{
    assert_refused("value_crlf", "control byte");
    assert_refused("value_cr", "control byte");
    assert_refused("value_lf", "control byte");
    assert_refused("value_nul", "control byte");
    assert_refused("value_delete", "control byte");
    assert_refused("value_list", "control byte");
}

Test(errors, include_header_values_of_another_type)
{
    assert_refused("value_boolean", "returned a boolean as the value of "
                                    "header x");
    assert_refused("value_float", "returned a number as the value");
    assert_refused("value_function", "returned a function as the value");
    assert_refused("value_nested", "returned a table as the value");
}

Test(errors, include_a_content_length_that_is_none)
{
    assert_refused("length_word", "wrong content-length: \"many\"");
    assert_refused("length_negative", "wrong content-length: \"-1\"");
    assert_refused("length_twice", "wrong content-length");
}

Test(errors, include_bodies_of_another_kind)
{
    assert_refused("body_number", "body is a number");
    assert_refused("body_true", "body is a boolean");
    assert_refused("body_thread", "body is a thread");
    assert_refused("body_map", "body is a table");
    assert_refused("body_mixed", "body[2] is a number");
    assert_refused("body_number_in_array", "body[2] is a number");
    assert_refused("body_closed_file", "closed file");
}

/* ---- worse ---- */

Test(errors, include_an_exit_and_the_worker_is_replaced)
{
    pid_t worker = server_worker(&server, 0);
    send_text(client, "GET /exit HTTP/1.1\r\nHost: x\r\n\r\n");
    await_close(client);
    server_await(&server, "exit=3");
    server_await(&server, "ready model=");
    cr_assert_neq(server_worker(&server, 0), worker);
    client = dial(&server);
    cr_assert_str_eq(request("/").body, "fine");
}

Test(errors, do_not_come_from_large_strings_which_are_freed_later)
{
    pid_t worker = server_worker(&server, 0);
    for (int i = 0; i < 32; i++)
        cr_assert_str_eq(request("/memory").body, "8388608");
    cr_assert(SANITIZED || server_peak(worker) < 128 * 1024);
    cr_assert_str_eq(request("/").body, "fine");
}

Test(errors, include_memory_that_there_is_not)
{
    if (SANITIZED)
        cr_skip_test("a sanitizer ends the process");
    assert_fails("/impossible", "not enough memory");
}
