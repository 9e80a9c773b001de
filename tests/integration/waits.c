/* SPDX-License-Identifier: MIT */
/*
 * Calls and bodies that wait: how long they may, who is served meanwhile, that
 * their client is heard, and in which places of an app it can be done.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static struct server server;

static void serve(const char *more)
{
    char *config =
        xasprintf("worker_processes(1)\nkeepalive_timeout(60)\n%s", more);
    server_serve(&server, "waits.lua", config);
    free(config);
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(waits, .fini = stop, .timeout = 60);

/* A wait inside a call lets others run, on the same thread. */
static bool yields(void)
{
    return strncmp(model_under_test(), "Coroutine", 9) == 0;
}

static int request(const char *path)
{
    int fd = dial(&server);
    char *text = xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    send_text(fd, text);
    free(text);
    return fd;
}

static void says(const char *path, const char *want)
{
    struct answer a = get(&server, path);
    cr_assert_str_eq(a.body, want, "%s: %s", path, a.body);
}

/* ---- time ---- */

/* 504, with the place in the log; 500 where the call holds its thread. */
static void assert_late(int fd)
{
    struct answer a = read_answer(fd);
    cr_assert_eq(a.status, yields() ? 504 : 500, "%d", a.status);
    server_await(&server, yields() ? "cancelled: the app did not answer"
                                   : "interrupted: the app stayed here");
    server_await(&server, "waits.lua:");
}

static void go_on(int fd)
{
    struct answer a = ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(a.status, 200);
    cr_assert_str_eq(a.body, "hello");
    close(fd);
}

static void serve_late(void)
{
    if (signals_come_late() && !yields())
        cr_skip("ThreadSanitizer holds signals back");
    server.errors_expected = true;
    serve("timeout(0.4)");
}

Test(waits, end_with_the_time_of_the_call)
{
    serve_late();
    pid_t worker = server_worker(&server, 0);
    int fd = request("/forever");
    assert_late(fd);
    go_on(fd);
    fd = request("/shortened");
    assert_late(fd);
    go_on(fd);
    cr_assert_eq(server_worker(&server, 0), worker);
}

Test(waits, that_end_hurt_nobody_else)
{
    if (!yields())
        cr_skip("%s has no others on the thread", model_under_test());
    serve_late();
    int late = request("/forever");
    int slow = request("/events?6&0.1");
    free(read_until(slow, "event "));
    cr_assert_eq(read_answer(late).status, 504);
    for (int i = 0; i < 5; i++)
        free(read_until(slow, "event "));
    free(read_until(slow, "0\r\n\r\n"));
    go_on(slow);
    go_on(late);
}

Test(waits, that_end_cannot_be_caught)
{
    serve_late();
    int fd = request("/stubborn");
    assert_late(fd);
    go_on(fd);
}

Test(waits, may_be_given_more_time)
{
    if (signals_come_late())
        cr_skip("ThreadSanitizer holds signals back");
    serve("timeout(0.4)");
    says("/extended", "extended");
    says("/timeout-wrong", "false");
}

Test(waits, of_bodies_may_be_longer_than_timeout)
{
    serve("timeout(0.4)");
    says("/events?8&0.1", "event event event event event event event event ");
    says("/events?1&1", "event ");
}

/* Before, between and after all calls nobody else could go on. */
Test(waits, outside_of_calls_block)
{
    server_prepare(&server);
    server_write(&server, "naps.lua",
                 "local rainbows = require 'rainbows'\n"
                 "local function nap(when)\n"
                 "  rainbows.sleep(0.01)\n"
                 "  coroutine.wrap(rainbows.sleep)(0.01)\n"
                 "  rainbows.wait(0, 'r', 0.01)\n"
                 "  rainbows.log('info', 'nap ' .. when)\n"
                 "end\n"
                 "nap 'loading'\n"
                 "rainbows.at_boot(function() nap 'at boot' end)\n"
                 "rainbows.at_quit(function() nap 'at quit' end)\n"
                 "return function()\n"
                 "  return 200, {}, setmetatable({'hello'}, {__close =\n"
                 "    function() nap 'closing' end})\n"
                 "end");
    server_start(&server, "app('naps.lua') worker_processes(1) pool_size(2) "
                          "app_pool(2)");
    says("/", "hello");
    server_await(&server, "nap closing");
    server_signal(&server, SIGQUIT);
    cr_assert_eq(server_wait(&server), 0);
    cr_assert(server_logged(&server, "nap loading"));
    cr_assert(server_logged(&server, "nap at boot"));
    cr_assert(server_logged(&server, "nap at quit"));
}

/* ---- the client is heard ---- */

static void assert_heard(const char *path, const char *line)
{
    int fd = request(path);
    free(read_until(fd, "begun "));
    reset_connection(fd);
    server_await(&server, line);
    says("/", "hello");
}

Test(waits, of_bodies_end_when_the_client_goes)
{
    serve("pool_size(1) app_pool(1)");
    assert_heard("/listen-method", "closed method");
    assert_heard("/listen?value", "closed value");
    for (int i = 0; i < 3; i++)
        assert_heard("/listen-method", "closed method");
}

Test(waits, of_calls_go_on_without_the_client)
{
    serve("");
    int fd = request("/deaf");
    server_await(&server, "begins to wait");
    reset_connection(fd);
    if (yields())
        says("/", "hello");
    server_write(&server, "go", "");
    server_await(&server, "went on");
    says("/", "hello");
}

Test(waits, of_calls_keep_what_the_client_sends_ahead)
{
    serve("");
    int fd = request("/deaf");
    server_await(&server, "begins to wait");
    send_text(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
                  "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    shutdown(fd, SHUT_WR);
    if (yields())
        says("/", "hello");
    server_write(&server, "go", "");
    cr_assert_str_eq(read_answer(fd).body, "done");
    cr_assert_str_eq(read_answer(fd).body, "hello");
    cr_assert_str_eq(read_answer(fd).body, "hello");
    await_close(fd);
}

/* ---- places ---- */

/* There it waits while another request is served, where that can be. */
static void assert_waits_in(const char *place)
{
    char *path = xasprintf("/place?%s", place);
    char *line = xasprintf("waits in %s\n", place);
    int fd = request(path);
    server_await(&server, line);
    if (yields())
        says("/", "hello");
    server_write(&server, "go", "");
    struct answer a = read_answer(fd);
    cr_assert_str_eq(a.body, "go", "%s: %s", place, a.body);
    close(fd);
    unlink(server_path(&server, "go"));
    cr_assert_not(server_logged(&server, "a wait inside a function"));
    free(path);
    free(line);
}

Test(waits, are_possible_wherever_lua_can_yield)
{
    static const char *const places[] = {
        "pcall",   "xpcall", "error", "index", "call",   "concat",
        "compare", "for",    "close", "wrap",  "resume", "nested"};
    serve("");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        assert_waits_in(places[i]);
}

Test(waits, hold_up_the_thread_elsewhere_and_warn_once)
{
    static const char *const places[] = {"gsub", "sort", "require", "wrapped",
                                         "tostring"};
    static const char warning[] = "a wait inside a function that cannot yield";
    serve("");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *path = xasprintf("/block?%s", places[i]);
        says(path, "go");
        says(path, "go");
        free(path);
    }
    cr_assert_eq(server_logged(&server, warning), yields());
    if (yields()) {
        server_await(&server, warning);
        cr_assert_null(strstr(server.log + server.seen, warning));
    }
}

/* ---- descriptors ---- */

static void make_fifo(const char *name)
{
    char *path = server_path(&server, name);
    cr_assert_eq(mkfifo(path, 0600), 0);
    free(path);
}

static void feed(const char *name, const char *bytes)
{
    char *path = server_path(&server, name);
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
    close(fd);
    free(path);
}

static void assert_fed(const char *path, const char *want)
{
    int fd = request(path);
    server_await(&server, "waits for fifo");
    if (yields())
        says("/", "hello");
    cr_assert(strstr(path, "body") || !readable_within(fd, 50));
    feed("fifo", "x");
    cr_assert_str_eq(read_answer(fd).body, want);
    close(fd);
}

Test(waits, for_a_descriptor_end_with_a_byte)
{
    serve("");
    make_fifo("fifo");
    assert_fed("/fifo?fifo", "true x");
    assert_fed("/fifo-in-time?fifo", "true x");
    assert_fed("/fifo-body?fifo", "first true x");
}

Test(waits, for_a_descriptor_end_with_the_time)
{
    serve("");
    make_fifo("fifo");
    says("/fifo-late?fifo", "nil timeout");
    says("/fifo-ways?fifo", "w true, rw true, r nil timeout");
}

Test(waits, for_a_descriptor_end_with_the_time_of_the_call)
{
    serve_late();
    make_fifo("fifo");
    int fd = request("/fifo?fifo");
    assert_late(fd);
    go_on(fd);
}

/* In bodies everywhere: the thread that waits is not the one that is asked. */
Test(waits, for_a_descriptor_in_a_body_let_others_run)
{
    if (strcmp(model_under_test(), "Base") == 0)
        cr_skip("Base serves one client at a time");
    serve("");
    make_fifo("fifo");
    int fd = request("/fifo-body?fifo");
    server_await(&server, "waits for fifo");
    says("/", "hello");
    feed("fifo", "x");
    cr_assert_str_eq(read_answer(fd).body, "first true x");
}

/* One byte for two: who comes too late goes on waiting. */
Test(waits, for_the_same_fifo_share_what_comes)
{
    if (!yields())
        cr_skip("%s has no others on the thread", model_under_test());
    serve("");
    make_fifo("fifo");
    int a = request("/fifo?fifo");
    int b = request("/fifo?fifo");
    server_await_times(&server, "waits for fifo", 2);
    feed("fifo", "x");
    while (!readable_within(a, 10) && !readable_within(b, 10))
        ;
    bool first = readable_within(a, 0);
    cr_assert_str_eq(read_answer(first ? a : b).body, "true x");
    feed("fifo", "y");
    cr_assert_str_eq(read_answer(first ? b : a).body, "true y");
}

Test(waits, for_a_file_are_over_at_once)
{
    serve("");
    server_write(&server, "plainfile", "");
    says("/file", "true true");
}

Test(waits, refuse_what_is_no_descriptor)
{
    serve("");
    says("/wrong", "false false false false false false false");
}
