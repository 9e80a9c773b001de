/* SPDX-License-Identifier: MIT */
/*
 * HUP with a config or an app that cannot be loaded, while clients never stop
 * asking: everything stays as it was, and one line says where and why.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/load.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#define TWO "worker_processes(2) boot_timeout(0.5)"

static struct server server;
static struct load *load;
static pid_t workers[2];

/* ---- what is loaded ---- */

static const char *with(const char *more)
{
    return xasprintf("app(\"app.lua\") pool_size(3) app_pool(3)\n%s", more);
}

static void write_app(const char *before)
{
    server_write(
        &server, "app.lua",
        xasprintf("%s\nreturn dofile(\"%s\")", before, app_path("faults.lua")));
}

static void start(void)
{
    server.errors_expected = true;
    server_prepare(&server);
    write_app("");
    server_start(&server, with(TWO));
    for (int n = 0; n < 2; n++)
        workers[n] = server_worker(&server, n);
    load = load_begin(server.port, NULL);
}

/* It still serves, and takes what is mended. */
static void stop(void)
{
    write_app("VERSION = 'mended'");
    server_rewrite(&server, with(TWO));
    server_signal(&server, SIGHUP);
    server_await(&server, "reloaded generation=2");
    load_pass(load, 2);
    load_end_well(load);
    process_await_children(server.pid, 2);
    cr_assert_str_eq(get(&server, "/version").body, "mended");
    server_stop(&server);
}

TestSuite(reload_broken, .init = start, .fini = stop, .timeout = 90);

/* ---- what comes of it ---- */

/* One line with the reason; the same processes as before. */
static void assert_refuses(const char *why)
{
    server_signal(&server, SIGHUP);
    const char *line = server_await(&server, "reload failed, everything stays");
    cr_assert_not_null(strstr(line, why), "no \"%s\" in: %s", why, line);
    load_pass(load, 2);
    cr_assert_str_eq(get(&server, "/version").body, "one");
    process_await_children(server.pid, 2);
    for (int n = 0; n < 2; n++)
        cr_assert_neq(process_state(workers[n]), 0);
}

/* ---- configs ---- */

Test(reload_broken, config_with_a_wrong_value_is_refused_with_its_line)
{
    server_rewrite(&server, with(TWO "\ntimeout('long')"));
    assert_refuses("config.lua:5: timeout");
}

Test(reload_broken, config_that_is_no_lua_is_refused_with_its_line)
{
    server_rewrite(&server, with(TWO "\ntimeout)"));
    assert_refuses("config.lua:5: ");
}

Test(reload_broken, config_that_raises_is_refused_with_its_line)
{
    server_rewrite(&server, with(TWO "\nerror('no secret')"));
    assert_refuses("config.lua:5: no secret");
}

Test(reload_broken, config_that_is_gone_is_refused)
{
    unlink(server_path(&server, "config.lua"));
    assert_refuses("config.lua");
}

Test(reload_broken, config_that_hangs_is_refused)
{
    server_rewrite(&server, with(TWO "\nwhile true do end"));
    assert_refuses("boot_timeout");
}

Test(reload_broken, config_that_kills_its_process_is_refused)
{
    server_rewrite(&server, with(TWO "\nos.execute('kill -KILL $PPID')"));
    assert_refuses("signal=KILL");
}

Test(reload_broken, port_that_is_taken_is_refused)
{
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(listen(taken, 1), 0);
    char *address = xasprintf("0.0.0.0:%d", local_port(taken));
    server_rewrite(&server, with(xasprintf("%s listen(\"127.0.0.1:0\")"
                                           "listen(\"%s\")",
                                           TWO, address)));
    assert_refuses(xasprintf("%s: Address already in use", address));
    close(taken);
}

/* ---- apps ---- */

Test(reload_broken, app_that_is_no_lua_is_refused_with_its_line)
{
    write_app("\n\nhalf = (");
    assert_refuses("app.lua:4: ");
}

Test(reload_broken, app_that_raises_is_refused_with_its_line)
{
    write_app("\nerror('no database')");
    assert_refuses("app.lua:2: no database");
}

Test(reload_broken, app_that_is_gone_is_refused)
{
    unlink(server_path(&server, "app.lua"));
    assert_refuses("app.lua");
}

Test(reload_broken, app_that_is_no_function_is_refused)
{
    write_app("if true then return 42 end");
    assert_refuses("app.lua");
}

Test(reload_broken, app_that_hangs_is_refused_with_its_line)
{
    if (signals_come_late())
        cr_skip("ThreadSanitizer holds signals back");
    write_app("\n\nwhile true do end");
    assert_refuses("app.lua:3");
}

Test(reload_broken, app_that_hangs_in_c_code_is_refused)
{
    write_app("os.execute('exec sleep 60')");
    assert_refuses("boot_timeout");
}

Test(reload_broken, app_that_crashes_is_refused)
{
    write_app("os.execute('kill -SEGV $PPID')");
    assert_refuses("signal=SEGV");
}

Test(reload_broken, app_that_ends_its_process_is_refused)
{
    write_app("os.exit(0)");
    assert_refuses("exit=0");
}
