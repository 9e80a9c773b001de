/* SPDX-License-Identifier: MIT */
/*
 * USR2 with a program, a config or an app that cannot be started, while clients
 * never stop asking: the old master goes on, and its pid file is its own again.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/load.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/upgrade.h"

#define TWO "worker_processes(2) boot_timeout(0.5) pid(\"pid\")"

/* In C code, which nothing interrupts. */
#define HANG "local s = ('x'):rep(60):find(('x*'):rep(20) .. 'y')"

static struct server server;
static struct load *load;
static pid_t workers[2];
static int files;

/* ---- what is started ---- */

static const char *with(const char *more)
{
    return xasprintf("app(\"app.lua\")\n%s", more);
}

static void write_app(const char *before)
{
    server_write(
        &server, "app.lua",
        xasprintf("%s\nreturn dofile(\"%s\")", before, app_path("faults.lua")));
}

/* The program is a symbolic link, which can lead elsewhere. */
static void link_program(const char *to)
{
    char *path = server_path(&server, "program");
    unlink(path);
    cr_assert_eq(symlink(to, path), 0);
}

static void write_program(const char *text)
{
    server_write(&server, "program", text);
    cr_assert_eq(chmod(server_path(&server, "program"), 0755), 0);
}

static void start(void)
{
    upgrade_prepare();
    server.errors_expected = true;
    server_prepare(&server);
    link_program(PROGRAM);
    server.program = "./program";
    write_app("");
    server_start(&server, with(TWO));
    for (int n = 0; n < 2; n++)
        workers[n] = server_worker(&server, n);
    load = load_begin(server.port, NULL);
    files = process_files(server.pid);
}

/* What is mended can be started, on the same sockets. */
static void stop(void)
{
    link_program(PROGRAM);
    write_app("VERSION = 'mended'");
    server_rewrite(&server, with(TWO));
    upgrade_begin(&server);
    server_follow_upgrade(&server);
    load_pass(load, 2);
    load_end_well(load);
    cr_assert_str_eq(get(&server, "/version").body, "mended");
    upgrade_stop(&server);
}

TestSuite(upgrade_broken, .init = start, .fini = stop, .timeout = 90);

/* ---- what comes of it ---- */

/* The same processes as before, with the same files. */
static void assert_goes_on(void)
{
    long pid = 0;
    process_await_children(server.pid, 2);
    while (server_has(&server, "pid.oldbin"))
        load_pass(load, 1);
    load_pass(load, 2);
    for (int n = 0; n < 2; n++)
        cr_assert_neq(process_state(workers[n]), 0);
    FILE *f = fopen(server_path(&server, "pid"), "r");
    cr_assert(f && fscanf(f, "%ld", &pid) == 1);
    fclose(f);
    cr_assert_eq(pid, server.pid);
    cr_assert_eq(process_files(server.pid), files);
    cr_assert_str_eq(get(&server, "/version").body, "one");
}

static void assert_backs_out(const char *why)
{
    server_signal(&server, SIGUSR2);
    const char *line = server_await(&server, "upgrade failed, the old master");
    cr_assert_not_null(strstr(line, why), "no \"%s\" in: %s", why, line);
    assert_goes_on();
}

/* ---- programs ---- */

Test(upgrade_broken, program_that_is_gone)
{
    unlink(server_path(&server, "program"));
    assert_backs_out("ended exit=1");
    cr_assert(server_logged(&server, "cannot start ./program"));
}

Test(upgrade_broken, program_that_ends_at_once)
{
    write_program("#!/bin/sh\nexit 3\n");
    assert_backs_out("ended exit=3");
}

Test(upgrade_broken, program_that_crashes)
{
    write_program("#!/bin/sh\nkill -KILL $$\n");
    assert_backs_out("ended signal=KILL");
}

Test(upgrade_broken, program_that_is_never_ready)
{
    write_program("#!/bin/sh\ntrap 'exit 0' QUIT\n"
                  "while :; do sleep 0.1; done\n");
    assert_backs_out("was not ready in time");
}

/* ---- configs and apps ---- */

Test(upgrade_broken, config)
{
    server_rewrite(&server, with("timeout('long')"));
    assert_backs_out("ended exit=1");
    cr_assert(server_logged(&server, "config.lua:4: timeout"));
}

Test(upgrade_broken, app)
{
    write_app("error('no database')");
    assert_backs_out("ended exit=1");
    cr_assert(server_logged(&server, "app.lua:1: no database"));
}

Test(upgrade_broken, app_that_hangs)
{
    write_app(HANG);
    assert_backs_out("new master pid=");
}

/* ---- a new master that is killed ---- */

Test(upgrade_broken, by_the_death_of_the_new_master)
{
    write_app("os.execute('sleep 0.5')");
    pid_t next = upgrade_begin(&server);
    cr_assert_eq(kill(next, SIGKILL), 0);
    server_await(&server, "ended signal=KILL");
    assert_goes_on();
}

Test(upgrade_broken, by_a_quit_to_the_new_master)
{
    write_app("os.execute('sleep 0.5')");
    pid_t next = upgrade_begin(&server);
    cr_assert_eq(kill(next, SIGQUIT), 0);
    server_await(&server, "upgrade failed, the old master goes on");
    assert_goes_on();
}
