/* SPDX-License-Identifier: MIT */
/*
 * 103: hints that leave before the answer.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"

#define ASK(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define HINTS                                                                  \
    "HTTP/1.1 103 Early Hints\r\n"                                             \
    "link: </a.css>; rel=preload\r\nlink: </b.js>; rel=preload\r\n\r\n"

static struct server server;

static void serve(const char *more)
{
    server_serve(&server, "hints.lua", more);
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(hints, .fini = stop, .timeout = 60);

Test(hints, leave_before_the_answer_is_made)
{
    serve("early_hints(true) worker_processes(1)");
    int fd = dial(&server);
    send_text(fd, ASK("/"));
    cr_assert_str_eq(read_until(fd, "\r\n\r\n"), HINTS);
    server_write(&server, "go", "");
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, 200);
    cr_assert_str_eq(a.body, "answer");
    cr_assert_null(field(&a, "link"));
}

Test(hints, may_be_given_again_and_say_nothing_of_the_connection)
{
    serve("early_hints(true)");
    int fd = dial(&server);
    send_text(fd, ASK("/twice"));
    cr_assert_str_eq(read_until(fd, "preload\r\n\r\n"), HINTS);
    cr_assert_str_eq(read_until(fd, "\r\n\r\n"),
                     "HTTP/1.1 103 Early Hints\r\nx-more: 1\r\n\r\n");
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, 200);
    cr_assert_null(field(&a, "connection"));
    cr_assert_str_eq(ask(fd, ASK("/has")).body, "function");
}

Test(hints, that_are_none_are_an_error_and_not_sent)
{
    serve("early_hints(true)");
    struct answer a = ask(dial(&server), ASK("/wrong"));
    cr_assert_eq(a.status, 200);
    cr_assert_str_eq(a.body, "false");
}

Test(hints, do_not_keep_an_error_from_its_500)
{
    server.errors_expected = true;
    serve("early_hints(true)");
    int fd = dial(&server);
    send_text(fd, ASK("/fails"));
    cr_assert_str_eq(read_until(fd, "\r\n\r\n"), HINTS);
    cr_assert_eq(read_answer(fd).status, 500);
    cr_assert_str_eq(ask(fd, ASK("/has")).body, "function");
}

Test(hints, come_too_late_in_the_body)
{
    serve("early_hints(true)");
    struct answer a = ask(dial(&server), ASK("/late"));
    cr_assert_eq(strncmp(a.body, "false", 5), 0);
}

Test(hints, come_behind_earlier_answers)
{
    serve("early_hints(true)");
    int fd = dial(&server);
    send_text(fd, ASK("/has") ASK("/twice"));
    cr_assert_str_eq(read_answer(fd).body, "function");
    cr_assert_str_eq(read_until(fd, "preload\r\n\r\n"), HINTS);
}

Test(hints, are_not_for_http_1_0)
{
    serve("early_hints(true)");
    char *all = talk(&server, "GET /twice HTTP/1.0\r\n\r\n");
    cr_assert_null(strstr(all, "103"), "%s", all);
    cr_assert_not_null(strstr(all, "answer"));
}

Test(hints, are_there_only_when_the_config_says_so)
{
    serve("");
    cr_assert_str_eq(get(&server, "/has").body, "nil");
}

Test(hints, are_for_the_request_that_they_were_given_to)
{
    serve("early_hints(true) worker_processes(1) pool_size(1) app_pool(1)");
    int fd = dial(&server);
    cr_assert_str_eq(ask(fd, ASK("/keep")).body, "kept");
    send_text(fd, ASK("/other"));
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, 200);
    cr_assert_eq(strncmp(a.body, "false", 5), 0);
}
