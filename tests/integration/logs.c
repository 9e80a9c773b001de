/* SPDX-License-Identifier: MIT */
/*
 * The log of errors: request ids, slow calls, levels, files that are renamed or
 * take nothing.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static struct server server;

static void stop(void)
{
    server_stop(&server);
}

TestSuite(logs, .fini = stop, .timeout = 60);

static void start(const char *more)
{
    char *config =
        xasprintf("worker_processes(1) pool_size(2) app_pool(2) %s", more);
    server_serve(&server, "access.lua", config);
    free(config);
}

#define HTTP " HTTP/1.1\r\nHost: a\r\n"

/* ---- request ids ---- */

Test(logs, ids_of_requests_are_different)
{
    start("");
    int fd = dial(&server);
    char *one = ask(fd, "GET /id" HTTP "\r\n").body;
    char *two = ask(fd, "GET /id" HTTP "\r\n").body;
    char *three = get(&server, "/id").body;
    cr_expect_eq(strlen(one), 32);
    cr_expect(strcmp(one, two) && strcmp(one, three) && strcmp(two, three));
    cr_expect_str_eq(get(&server, "/ids").body, "true");
}

Test(logs, ids_of_strangers_are_not_believed)
{
    start("trusted_proxies('10.0.0.0/8')");
    struct answer a =
        ask(dial(&server), "GET /id" HTTP "X-Request-Id: mine\r\n\r\n");
    cr_expect_eq(strlen(a.body), 32, "%s", a.body);
}

Test(logs, errors_of_apps_have_the_id)
{
    server.errors_expected = true;
    start("trusted_proxies('127.0.0.1') timeout(0.5)");
    ask(dial(&server), "GET /fails?\"" HTTP "X-Request-Id: mine\r\n\r\n");
    const char *line = server_await(&server, "app error");
    cr_expect_not_null(
        strstr(line, " request_id=mine app error: GET /fails?\": "), "%s",
        line);
}

/* ---- slow calls ---- */

Test(logs, slow_calls_are_told_with_their_waits)
{
    start("slow_call(0.15) trusted_proxies('127.0.0.1')");
    get(&server, "/hello");
    ask(dial(&server), "GET /sleep?0.2" HTTP "X-Request-Id: mine\r\n\r\n");
    const char *line = server_await(&server, "slow call");
    cr_expect_not_null(strstr(line, "WARN "), "%s", line);
    cr_expect_not_null(
        strstr(line, " request_id=mine slow call: GET /sleep?0.2 seconds="),
        "%s", line);
    cr_expect(!server_logged(&server, "slow call: GET /hello"));
}

Test(logs, a_client_that_sends_slowly_makes_no_call_slow)
{
    start("slow_call(0.15)");
    int fd = dial(&server);
    send_text(fd, "POST /reads" HTTP "Content-Length: 3\r\n\r\nab");
    cr_assert_not(readable_within(fd, 300));
    send_text(fd, "c");
    cr_expect_str_eq(read_answer(fd).body, "abc");
    ask(dial(&server), "GET /sleep?0.2" HTTP "\r\n");
    server_await(&server, "slow call: GET /sleep");
    cr_expect(!server_logged(&server, "slow call: POST /reads"));
}

/* ---- levels ---- */

Test(logs, hup_changes_the_level)
{
    start("log_level('info')");
    get(&server, "/hello");
    cr_expect(!server_logged(&server, " DEBUG "));
    char *config = xasprintf("app('%s') log_level('debug') "
                             "listen('127.0.0.1:%d')",
                             app_path("access.lua"), server.port);
    server_rewrite(&server, config);
    server_signal(&server, SIGHUP);
    server_await(&server, " DEBUG master");
    server_await(&server, "exit=0");
    get(&server, "/hello");
    server_await(&server, " DEBUG worker=0");
    free(config);
}

/* ---- files ---- */

/* The file's text. */
static char *read_file(const char *name)
{
    static char text[1 << 20];
    int fd = open(server_path(&server, name), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    return text;
}

/* The byte that the server's hook writes says that a worker is ready. */
#define READY                                                                  \
    "after_worker_ready(function() local f = io.open('ready', 'w')\n"          \
    "f:write('x') f:close() end)"

/* Starts one whose log is not where it is elsewhere. */
static void start_unseen(const char *more)
{
    char byte;
    char *config =
        xasprintf("app('%s') pool_size(2) app_pool(2) "
                  "listen('unix:%s') " READY " %s",
                  app_path("access.lua"), server_path(&server, "socket"), more);
    char *fifo = server_path(&server, "ready");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    int ready = open(fifo, O_RDWR | O_CLOEXEC);
    server_launch(&server, config);
    struct pollfd p = {.fd = ready, .events = POLLIN};
    cr_assert_eq(poll(&p, 1, PATIENCE * 1000), 1);
    cr_assert_eq(read(ready, &byte, 1), 1);
    close(ready);
    free(config);
}

static struct answer ask_unseen(const char *text)
{
    int fd = dial_unix(server_path(&server, "socket"));
    struct answer a = ask(fd, text);
    close(fd);
    return a;
}

Test(logs, no_line_is_lost_while_they_are_renamed)
{
    enum {
        COUNT = 60
    };
    server_prepare(&server);
    start_unseen("stderr_path('err')");
    for (int i = 0; i < COUNT; i++) {
        char *text = xasprintf("GET /fails?%d." HTTP "\r\n", i);
        if (i == COUNT / 2) {
            cr_assert_eq(rename(server_path(&server, "err"),
                                server_path(&server, "err.1")),
                         0);
            server_signal(&server, SIGUSR1);
        }
        cr_assert_eq(ask_unseen(text).status, 500);
        free(text);
    }
    server_signal(&server, SIGQUIT);
    server_wait(&server);
    char *all = xstrdup(read_file("err.1"));
    char *both = xasprintf("%s%s", all, read_file("err"));
    for (int i = 0; i < COUNT; i++) {
        char *want = xasprintf("app error: GET /fails?%d.: ", i);
        const char *at = strstr(both, want);
        cr_assert_not_null(at, "%s is lost", want);
        cr_assert_null(strstr(at + 1, want), "%s is there twice", want);
        free(want);
    }
    cr_expect_not_null(strstr(read_file("err"), "logs reopened"));
    free(all);
    free(both);
}

Test(logs, a_full_disk_harms_nobody)
{
    server_prepare(&server);
    start_unseen("stderr_path('/dev/full') stdout_path('/dev/full') "
                 "log_level('debug')");
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(ask_unseen("GET /fails" HTTP "\r\n").status, 500);
        cr_assert_eq(ask_unseen("GET /hello" HTTP "\r\n").status, 200);
    }
    server_signal(&server, SIGUSR1);
    cr_assert_eq(ask_unseen("GET /hello" HTTP "\r\n").status, 200);
}
