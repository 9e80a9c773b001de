/* SPDX-License-Identifier: MIT */
/*
 * USR2 while clients never stop asking: one master follows another, and no
 * request fails.
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
#include "tests/support/upgrade.h"

static struct server server;
static struct load *load;

static void write_app(const char *version)
{
    server_write(&server, "app.lua",
                 xasprintf("VERSION = \"%s\" return dofile(\"%s\")", version,
                           app_path("faults.lua")));
}

static void start(void)
{
    upgrade_prepare();
    server_prepare(&server);
    write_app("one");
    server_start(&server,
                 xasprintf("app(\"app.lua\") pool_size(3) app_pool(3)\n"
                           "worker_processes(2) pid(\"pid\")"
                           "listen(\"127.0.0.1:0\") listen(\"unix:%s/socket\")",
                           server.dir));
    load = load_begin(server.port, server_path(&server, "socket"));
}

static void stop(void)
{
    upgrade_stop(&server);
}

TestSuite(upgrade, .init = start, .fini = stop, .timeout = 90);

/* The pid file is the server's, and nothing of another one is there. */
static void assert_has_pid_file(void)
{
    long pid = 0;
    FILE *f = fopen(server_path(&server, "pid"), "r");
    cr_assert(f && fscanf(f, "%ld", &pid) == 1);
    fclose(f);
    cr_assert_eq(pid, server.pid);
    cr_assert_not(server_has(&server, "pid.oldbin"));
    cr_assert(server_has(&server, "socket"));
}

Test(upgrade, under_load_and_once_more_fails_no_request)
{
    static const char *const versions[] = {"two", "three", "four"};
    int files[2] = {process_files(server.pid), 0};
    for (int i = 0; i < 3; i++) {
        write_app(versions[i]);
        upgrade_begin(&server);
        server_follow_upgrade(&server);
        load_pass(load, 3);
        assert_has_pid_file();
        cr_assert_str_eq(get(&server, "/version").body, versions[i]);
        process_await_children(server.pid, 2);
        files[1] = process_files(server.pid);
    }
    load_end_well(load);
    cr_assert_leq(files[1], files[0], "%d descriptors, %d in the beginning",
                  files[1], files[0]);
}

Test(upgrade, leaves_a_request_in_hand_to_the_old_master)
{
    int fd = dial(&server);
    send_text(fd, "GET /sleep?1 HTTP/1.1\r\nHost: x\r\n\r\n");
    server_await(&server, "asleep");
    upgrade_begin(&server);
    server_await_times(&server, "is ready, handing over", 1);
    cr_assert_str_eq(get(&server, "/version").body, "one");
    cr_assert_str_eq(read_answer(fd).body, "slept\n");
    close(fd);
    server_follow_upgrade(&server);
    load_end_well(load);
}

Test(upgrade, with_a_reload_in_between_fails_no_request)
{
    upgrade_begin(&server);
    server_signal(&server, SIGHUP);
    server_follow_upgrade(&server);
    server_signal(&server, SIGHUP);
    server_await(&server, "reloaded generation=2");
    load_pass(load, 3);
    load_end_well(load);
    assert_has_pid_file();
}

/* The new one goes on alone. */
Test(upgrade, survives_the_death_of_the_old_master)
{
    pid_t next = upgrade_begin(&server);
    server_signal(&server, SIGKILL);
    server_wait(&server);
    server.pid = next;
    server_await_times(&server, " ready model=", 4);
    load_pass(load, 3);
    load_end_well(load);
    process_await_children(server.pid, 2);
    cr_assert_str_eq(get(&server, "/version").body, "one");
}
