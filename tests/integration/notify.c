/* SPDX-License-Identifier: MIT */
/*
 * What systemd is told, in order: the test binds the socket and reads.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define ANSWERS(text) "return function() return 200, {}, '" text "' end"

static struct server server;
static int notices = -1;
static const char *address;   /* NOTIFY_SOCKET of the server */
static pid_t successor;       /* the new master of an upgrade */
static const char *usec, *of; /* WATCHDOG_USEC and WATCHDOG_PID */

/* Binds the socket; its address begins with "@" when no file is wanted. */
static void listen_at(char *at)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = PATIENCE};
    strcpy(addr.sun_path, at);
    if (at[0] == '@')
        addr.sun_path[0] = '\0';
    notices = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(
        bind(notices, (struct sockaddr *)&addr,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(at))),
        0);
    setsockopt(notices, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    address = at;
}

static void become_service(void)
{
    setenv("NOTIFY_SOCKET", address, 1);
    if (usec)
        setenv("WATCHDOG_USEC", usec, 1);
    if (of)
        setenv("WATCHDOG_PID", of, 1);
}

static void start(void)
{
    server_prepare(&server);
    listen_at(server_path(&server, "notify"));
    server_write(&server, "app.lua", ANSWERS("hello"));
    server.become = become_service;
}

static void stop(void)
{
    if (successor)
        kill(successor, SIGKILL);
    server_stop(&server);
    close(notices);
}

TestSuite(notify, .init = start, .fini = stop, .timeout = 60);

static const char *next_message(void)
{
    static char text[4096];
    ssize_t n = recv(notices, text, sizeof text - 1, 0);
    cr_assert_gt(n, 0, "systemd hears nothing");
    text[n] = '\0';
    return text;
}

/* Waits for a message that begins so; keep-alives and status texts may come
 * before it, other states may not. */
static const char *expect(const char *begin)
{
    for (;;) {
        const char *text = next_message();
        if (strncmp(text, begin, strlen(begin)) == 0)
            return text;
        cr_assert(strncmp(text, "WATCHDOG=1", 10) == 0 ||
                      strncmp(text, "STATUS=", 7) == 0 ||
                      strncmp(text, "EXTEND_", 7) == 0,
                  "%s came before %s", text, begin);
    }
}

static void serve(const char *more)
{
    server_start(&server, xasprintf("app(\"app.lua\") %s", more));
}

static char *status(int workers, int generation)
{
    return xasprintf("STATUS=%d worker%s, %s, generation %d", workers,
                     workers == 1 ? "" : "s", model_under_test(), generation);
}

/* ---- states ---- */

Test(notify, tells_ready_reloading_and_stopping_in_order)
{
    int64_t before = clock_now();
    int64_t when = 0;
    serve("");
    expect("EXTEND_TIMEOUT_USEC=65000000");
    cr_assert_str_eq(expect("READY=1\n") + 8, status(1, 1));
    server_signal(&server, SIGHUP);
    const char *text = expect("RELOADING=1\nMONOTONIC_USEC=");
    sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%ld", &when);
    cr_assert(when > before && when <= clock_now());
    cr_assert_str_eq(expect("READY=1\n") + 8, status(1, 2));
    server_signal(&server, SIGTERM);
    expect("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=6");
}

Test(notify, tells_the_end_of_a_reload_that_fails)
{
    server.errors_expected = true;
    serve("");
    expect("READY=1");
    server_rewrite(&server, "app(");
    server_signal(&server, SIGHUP);
    expect("RELOADING=1");
    cr_assert_str_eq(expect("READY=1") + 8, status(1, 1));
}

Test(notify, tells_ready_when_a_worker_is)
{
    server_write(&server, "slow.lua",
                 "while not io.open('go') do end " ANSWERS("hello"));
    server_launch(&server, "app(\"slow.lua\")");
    server_await(&server, "listening on=");
    expect("EXTEND_TIMEOUT_USEC=");
    cr_assert_eq(recv(notices, (char[9]){0}, 8, MSG_DONTWAIT), -1);
    server_write(&server, "go", "");
    expect("READY=1");
    server_await_serving(&server);
}

Test(notify, tells_a_start_that_failed)
{
    server.errors_expected = true;
    server_write(&server, "bad.lua", "error('no database')");
    server_launch(&server, "app(\"bad.lua\")");
    expect("STOPPING=1");
    cr_assert_eq(WEXITSTATUS(server_wait(&server)), 1);
}

Test(notify, tells_the_status_when_it_changes)
{
    serve("");
    expect("READY=1");
    server_signal(&server, SIGTTIN);
    expect("STATUS=1 of 2 workers, ");
    cr_assert_str_eq(next_message(), status(2, 1));
    server_signal(&server, SIGTTOU);
    cr_assert_str_eq(next_message(), status(1, 1));
}

Test(notify, speaks_to_a_socket_without_a_file)
{
    close(notices);
    listen_at(xasprintf("@rainbows-test-%d", getpid()));
    serve("");
    expect("READY=1");
}

Test(notify, is_not_for_what_apps_start)
{
    server_write(&server, "app.lua",
                 "return function() return 200, {}, io.popen('env'):read('a') "
                 "end");
    usec = "60000000";
    serve("");
    struct answer a = get(&server, "/");
    cr_assert_not_null(strstr(a.body, "PATH="));
    cr_assert_null(strstr(a.body, "NOTIFY_"), "%s", a.body);
    cr_assert_null(strstr(a.body, "WATCHDOG_"), "%s", a.body);
}

/* ---- an upgrade ---- */

/* The old master names the new one and says no more; the new one says that it
 * is ready when it is the main process, and keeps the watchdog quiet. */
Test(notify, an_upgrade_hands_the_service_over)
{
    usec = "200000";
    server.args = "-c config.lua";    /* by its path, to be found again */
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* to wait for the new master */
    serve("");
    expect("READY=1");
    server_signal(&server, SIGUSR2);
    const char *line = server_await(&server, "new master pid=");
    successor = (pid_t)atoi(strstr(line, "new master pid=") + 15);
    cr_assert_eq(atoi(expect("MAINPID=") + 8), successor);
    cr_assert_str_eq(next_message() + 8, status(1, 1));
    expect("WATCHDOG=1");
    cr_assert_eq(WEXITSTATUS(server_wait(&server)), 0);
    kill(successor, SIGTERM);
    expect("STOPPING=1");
    await_gone(successor);
}

Test(notify, an_upgrade_that_fails_goes_unheard)
{
    server.errors_expected = true;
    server.args = "-c config.lua";
    serve("");
    expect("READY=1");
    server_rewrite(&server, "app(");
    server_signal(&server, SIGUSR2);
    server_await(&server, "upgrade failed");
    server_signal(&server, SIGTTIN);
    expect("STATUS=1 of 2 workers, ");
}

/* ---- trouble ---- */

Test(notify, a_socket_that_is_gone_is_told_once)
{
    unlink(address);
    serve("");
    cr_assert_str_eq(get(&server, "/").body, "hello");
    server_signal(&server, SIGHUP);
    server_await(&server, "exit=0");
    char *first = strstr(server.log, "systemd cannot be told");
    cr_assert_not_null(first);
    cr_assert_null(strstr(first + 1, "systemd cannot be told"));
}

Test(notify, an_address_that_is_none_is_told)
{
    address = "nonsense";
    serve("");
    cr_assert(server_logged(&server, "NOTIFY_SOCKET=nonsense is no address"));
    address = server_path(&server, "notify");
}

Test(notify, a_full_socket_gets_the_last_state_as_soon_as_it_has_room)
{
    int generation = 1;
    serve("");
    while (!server_logged(&server, "systemd cannot be told")) {
        cr_assert_lt(generation, 1000);
        server_signal(&server, SIGHUP);
        server_await(&server, "reloaded generation=");
        generation++;
    }
    cr_assert_str_eq(get(&server, "/").body, "hello");
    char *last = xasprintf("READY=1\n%s", status(1, generation));
    while (strcmp(next_message(), last) != 0)
        ;
}

/* ---- the watchdog ---- */

Test(notify, keeps_the_watchdog_quiet_in_half_its_time)
{
    usec = "400000";
    serve("");
    expect("READY=1");
    expect("WATCHDOG=1");
    int64_t first = clock_now();
    for (int i = 0; i < 3; i++)
        expect("WATCHDOG=1");
    cr_assert_geq(clock_now() - first, 500000); /* not at each turn */
}

Test(notify, lets_the_watchdog_bark_when_no_worker_can_start)
{
    struct timeval patience = {.tv_usec = 500000};
    struct timeval again = {.tv_sec = PATIENCE};
    char text[4096];
    usec = "200000";
    server.errors_expected = true;
    serve("");
    expect("READY=1");
    server_write(&server, "app.lua", "error('broken')");
    kill(server_worker(&server, 0), SIGKILL);
    expect("STATUS=0 of 1 worker, ");
    setsockopt(notices, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    cr_assert_eq(recv(notices, text, sizeof text, 0), -1, "%s", text);
    setsockopt(notices, SOL_SOCKET, SO_RCVTIMEO, &again, sizeof again);
    server_write(&server, "app.lua", ANSWERS("mended"));
    expect("WATCHDOG=1");
    cr_assert_str_eq(get(&server, "/").body, "mended");
}

Test(notify, leaves_the_watchdog_of_another_process_alone)
{
    usec = "20000";
    of = "1";
    serve("");
    expect("READY=1");
    server_signal(&server, SIGTTIN);
    for (const char *text; strcmp(text = next_message(), status(2, 1)) != 0;)
        cr_assert_neq(strncmp(text, "WATCHDOG", 8), 0);
}
