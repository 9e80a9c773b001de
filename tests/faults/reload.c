/* SPDX-License-Identifier: MIT */
/*
 * HUP while clients never stop asking: whatever changes, no request fails.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/load.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

static struct server server;
static struct load *load;

static void stop(void)
{
    server_stop(&server);
}

TestSuite(reload, .fini = stop, .timeout = 90);

/* ---- what is loaded ---- */

static const char *with(const char *more)
{
    return xasprintf("app(\"app.lua\") pool_size(3) app_pool(3)\n%s", more);
}

/* The app says which version it is. */
static void write_app(const char *version)
{
    server_write(&server, "app.lua",
                 xasprintf("VERSION = \"%s\" return dofile(\"%s\")", version,
                           app_path("faults.lua")));
}

static void start(const char *more)
{
    server_prepare(&server);
    write_app("one");
    server_start(&server, with(more));
    load = load_begin(server.port, NULL);
}

/* ---- what comes of it ---- */

static void hup(int generation)
{
    server_signal(&server, SIGHUP);
    server_await(&server, xasprintf("reloaded generation=%d", generation));
}

/* Nobody of an older generation is left, and nobody too many. */
static void await_workers(int count)
{
    process_await_children(server.pid, count);
    load_pass(load, 2);
}

static void assert_version(const char *version)
{
    cr_assert_str_eq(get(&server, "/version").body, version);
}

/* ---- the tests ---- */

Test(reload, twenty_times_under_load_fails_no_request)
{
    start("worker_processes(2)");
    int files = process_files(server.pid);
    for (int i = 2; i <= 21; i++) {
        char *version = xasprintf("%d", i);
        write_app(version);
        hup(i);
        server_await_times(&server, xasprintf(" generation=%d", i), 3);
        load_pass(load, 1);
    }
    await_workers(2);
    assert_version("21");
    load_end_well(load);
    cr_assert_eq(process_zombies(server.pid), 0);
    cr_assert_eq(process_files(server.pid), files);
}

Test(reload, leaves_a_request_in_hand_to_the_worker_that_has_it)
{
    start("worker_processes(2)");
    int fd = dial(&server);
    send_text(fd, "GET /sleep?0.5 HTTP/1.1\r\nHost: x\r\n\r\n");
    server_await(&server, "asleep");
    hup(2);
    cr_assert_str_eq(read_answer(fd).body, "slept\n");
    close(fd);
    await_workers(2);
    load_end_well(load);
}

Test(reload, in_a_storm_ends_with_the_last_version_and_fails_no_request)
{
    start("worker_processes(2)");
    for (int i = 0; i < 50; i++) {
        write_app(xasprintf("storm %d", i));
        server_signal(&server, SIGHUP);
    }
    write_app("calm");
    server_rewrite(&server, with("worker_processes(3)"));
    server_signal(&server, SIGHUP);
    server_await(&server, " workers=3");
    load_pass(load, 2);
    await_workers(3);
    while (strcmp(get(&server, "/version").body, "calm") != 0)
        load_pass(load, 1);
    await_workers(3);
    load_end_well(load);
}

Test(reload, follows_the_number_of_workers_both_ways)
{
    static const int counts[] = {4, 1, 3};
    start("worker_processes(2)");
    for (int i = 0; i < 3; i++) {
        server_rewrite(&server,
                       with(xasprintf("worker_processes(%d)", counts[i])));
        hup(2 + i);
        server_await_times(&server, xasprintf(" generation=%d", 2 + i),
                           1 + counts[i]);
        await_workers(counts[i]);
    }
    load_end_well(load);
}

Test(reload, adds_and_removes_addresses)
{
    start("worker_processes(2)");
    char *path = server_path(&server, "socket");
    char *listens =
        xasprintf("listen(\"127.0.0.1:%d\") worker_processes(2)", server.port);
    for (int i = 0; i < 3; i++) {
        server_rewrite(&server,
                       with(xasprintf("%s listen(\"%s\")", listens, path)));
        hup(2 + 2 * i);
        load_end_well(load);
        load = load_begin(server.port, path);
        load_pass(load, 2);
        load_end_well(load);
        load = load_begin(server.port, NULL);
        server_rewrite(&server, with(listens));
        hup(3 + 2 * i);
        await_workers(2);
        cr_assert_not(server_has(&server, "socket"));
    }
    load_end_well(load);
}

Test(reload, changes_the_model)
{
    static const char *const models[] = {"Reactor", "ThreadPool",
                                         "CoroutinePool", "Base"};
    start("worker_processes(2)");
    for (int i = 0; i < 4; i++) {
        server_write(&server, "config.lua",
                     xasprintf("use(\"%s\") listen(\"127.0.0.1:0\")\n%s",
                               models[i], with("worker_processes(2)")));
        hup(2 + i);
        server_await_times(
            &server,
            xasprintf(" ready model=%s generation=%d", models[i], 2 + i), 2);
        await_workers(2);
    }
    load_end_well(load);
}

/* It has come, and its request is on the way. */
Test(reload, answers_the_first_request_of_a_connection_that_was_there_before)
{
    start("worker_processes(1)");
    load_end_well(load);
    for (int i = 2; i < 6; i++) {
        int fd = dial(&server);
        hup(i);
        server_await(&server, "leaving how=retire");
        send_text(fd, "GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
        cr_assert_eq(read_answer(fd).status, 200);
        close(fd);
    }
}
