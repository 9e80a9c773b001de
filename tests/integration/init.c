/* SPDX-License-Identifier: MIT */
/*
 * The master as PID 1, as in a container: each test has a PID namespace, and
 * the server is its first process. Pids in the log are those of inside.
 */
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static struct server server;

static const char app[] =
    "local commands = {\n"
    "  orphan = 'sleep 1000 >/dev/null 2>&1 & echo $! >orphan',\n"
    "  kill = 'kill $(cat orphan)',\n"
    "  hup = 'kill -HUP 1', term = 'kill -TERM 1', int = 'kill -INT 1',\n"
    "}\n"
    "return function(env)\n"
    "  io.popen(commands[env.PATH_INFO:sub(2)]):close()\n"
    "  return 200, {}, 'done'\n"
    "end";

static void start(void)
{
    if (unshare(CLONE_NEWPID) < 0)
        cr_skip("may not make a PID namespace");
    server_prepare(&server);
    server_write(&server, "app.lua", app);
    server_start(&server, "app(\"app.lua\") worker_processes(1)");
    cr_assert(server_logged(&server, "master pid=1 serving"));
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(init, .init = start, .fini = stop, .timeout = 60);

static void await_children(int n)
{
    int64_t deadline = clock_now() + PATIENCE * CLOCK_SECOND;
    int idle = dial(&server);
    while (server_children(&server) != n)
        cr_assert(!readable_within(idle, 10) && clock_now() < deadline,
                  "%d children", server_children(&server));
}

Test(init, reaps_strangers)
{
    get(&server, "/orphan");
    await_children(2);
    get(&server, "/kill");
    await_children(1);
    cr_assert_str_eq(get(&server, "/orphan").body, "done");
}

Test(init, reloads_when_told_from_inside)
{
    get(&server, "/hup");
    server_await(&server, "reloaded generation=2");
    server_await(&server, "exit=0");
    get(&server, "/orphan");
}

static void assert_ends(const char *path, const char *how)
{
    int fd = dial(&server);
    send_text(fd, path);
    server_await(&server, how);
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(init, stops_gracefully_when_told_from_inside)
{
    assert_ends("GET /term HTTP/1.1\r\nHost: x\r\n\r\n",
                "stopping how=graceful");
}

Test(init, stops_at_once_when_told_from_inside)
{
    assert_ends("GET /int HTTP/1.1\r\nHost: x\r\n\r\n", "stopping how=quick");
}

Test(init, stops_with_strangers_left)
{
    get(&server, "/orphan");
    server_signal(&server, SIGTERM);
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
