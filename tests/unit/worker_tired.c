/* SPDX-License-Identifier: MIT */
/*
 * When a worker asks to be replaced, and that it asks once.
 */
#include "worker/tired.h"

#include <fcntl.h>
#include <signal.h>

#include "base/clock.h"
#include "config/config.h"
#include "tests/support/calls.h"
#include "tests/support/logs.h"
#include "worker/worker.h"

static struct config config = {.max_memory = -1, .lua_memory_limit = -1};
static struct worker worker = {.config = &config};
static int master; /* its end of the status pipe */

static void set_up(void)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    master = ends[0];
    worker.status = ends[1];
    logs_open();
}

TestSuite(tired, .init = set_up);

/* What it has written since the last time. */
static const char *written(void)
{
    static char bytes[8];
    ssize_t n = read(master, bytes, sizeof bytes - 1);
    bytes[n > 0 ? n : 0] = '\0';
    return bytes;
}

static void begin(int64_t requests, int64_t jitter)
{
    config.max_requests = (struct requests_spec){requests, jitter};
    worker.max_requests = worker.requests = 0;
    tired_begin(&worker);
}

static void serve(int requests)
{
    while (requests-- > 0)
        tired_look(&worker, NULL, clock_now());
}

Test(tired, never_asks_without_a_reason)
{
    begin(0, 5);
    serve(10000);
    cr_expect_str_eq(written(), "");
    cr_expect_str_eq(logs_next(), "");
}

Test(tired, asks_once_after_so_many_requests)
{
    begin(10, 0);
    serve(9);
    cr_expect_str_eq(written(), "");
    serve(1);
    cr_expect_str_eq(written(), "T");
    cr_expect_str_eq(logs_line(), "INFO  rainbows wants to be replaced: "
                                  "max_requests=10 reached requests=10\n");
    serve(100);
    cr_expect_str_eq(written(), "");
    cr_expect_str_eq(logs_next(), "");
}

Test(tired, jitter_is_in_its_bounds_and_differs)
{
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; i++) {
        begin(1000, 100);
        cr_assert(worker.max_requests >= 900 && worker.max_requests <= 1100);
        least = worker.max_requests < least ? worker.max_requests : least;
        most = worker.max_requests > most ? worker.max_requests : most;
    }
    cr_expect(least < 920 && most > 1080, "%lld %lld", (long long)least,
              (long long)most);
}

Test(tired, jitter_leaves_one_request_at_least)
{
    for (int i = 0; i < 100; i++) {
        begin(2, 1000);
        cr_assert(worker.max_requests >= 1 && worker.max_requests <= 1002);
    }
}

Test(tired, does_not_ask_when_it_leaves)
{
    begin(1, 0);
    worker.quit = QUIT_RETIRE;
    serve(1);
    cr_expect_str_eq(written(), "");
}

Test(tired, asking_a_master_that_is_gone_does_no_harm)
{
    signal(SIGPIPE, SIG_IGN); /* as in every worker */
    close(master);
    begin(1, 0);
    serve(2);
    cr_expect(worker.tired);
}

Test(tired, looks_at_the_resident_memory_once_a_second)
{
    config.max_memory = 1 << 20;
    begin(0, 0);
    cr_expect_not_null(
        strstr(logs_line(), "WARN  rainbows max_memory=1048576 is less than"));
    tired_look(&worker, NULL, clock_now());
    cr_expect_str_eq(written(), "", "it did not wait");
    int64_t later = clock_now() + CLOCK_SECOND;
    tired_look(&worker, NULL, later);
    cr_expect_str_eq(written(), "T");
    cr_expect_eq(worker.next_look, later + CLOCK_SECOND);
    cr_expect_not_null(strstr(logs_line(), "wants to be replaced: max_memory="
                                           "1048576 exceeded resident="));
}

Test(tired, enough_memory_is_no_reason)
{
    config.max_memory = INT64_C(1) << 40;
    begin(0, 0);
    tired_look(&worker, NULL, clock_now() + CLOCK_SECOND);
    cr_expect_str_eq(written(), "");
    cr_expect_str_eq(logs_next(), "");
}

Test(tired, a_full_lua_state_is_a_reason)
{
    char path[32];
    struct err err;
    app_file(path, "local t = {} return function()\n"
                   "  for i = 1, 100 do t[#t + 1] = ('x'):rep(99) .. #t end\n"
                   "  return 200, {}, 'x' end");
    struct app_source source = {.path = path, .memory_limit = 1 << 20};
    struct app *app = app_new(&source, &err);
    cr_assert_not_null(app, "%s", err.text);
    cr_assert_eq(app_boot(app, &app_waiting, &err), 0);
    config.lua_memory_limit = 1 << 20;
    size_t used;
    while (!app_is_full(app, &used)) {
        tired_look(&worker, app, clock_now());
        cr_assert_str_eq(written(), "");
        says(app, "x");
    }
    tired_look(&worker, app, clock_now());
    cr_expect_str_eq(written(), "T");
    cr_expect_not_null(strstr(logs_line(), "wants to be replaced: "
                                           "lua_memory_limit=1048576 nearly "
                                           "reached used="));
    unlink(path);
    app_free(app);
}
