/* SPDX-License-Identifier: MIT */
/*
 * Sockets that systemd gives, or the master before an upgrade: served by their
 * address, by their name, or because they were given. The test plays systemd.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define BYE    "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
#define SILENT "-- no listen()\n" /* nor one that the helpers add */

static struct server server;
static char *path;                        /* of the UNIX socket */
static int given[4], count;               /* descriptors that the server gets */
static const char *names, *pid, *upgrade; /* and variables */

static void start(void)
{
    server_prepare(&server);
    path = server_path(&server, "socket");
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(systemd, .init = start, .fini = stop, .timeout = 60);

/* In the server's process: what systemd does before it starts a service. */
static void become_service(void)
{
    char number[16];
    int high[4];
    for (int i = 0; i < count; i++)
        high[i] = fcntl(given[i], F_DUPFD, 100);
    for (int i = 0; i < count; i++)
        dup2(high[i], 3 + i);
    for (int i = 0; i < count; i++)
        close(high[i]);
    snprintf(number, sizeof number, "%d", count);
    setenv("LISTEN_FDS", number, 1);
    snprintf(number, sizeof number, "%d", (int)getpid());
    setenv("LISTEN_PID", pid ? pid : number, 1);
    if (names)
        setenv("LISTEN_FDNAMES", names, 1);
    if (upgrade)
        setenv("RAINBOWS_UPGRADE", upgrade, 1);
}

static int give(int fd)
{
    server.become = become_service;
    given[count++] = fd;
    return fd;
}

/* Gives a TCP socket; returns its port. */
static int give_tcp(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = give(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    cr_assert_eq(listen(fd, 8), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    return ntohs(addr.sin_port);
}

static int give_unix(const char *at)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    strcpy(addr.sun_path, at);
    int fd = give(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    cr_assert_eq(listen(fd, 8), 0);
    return fd;
}

static char *config(const char *more)
{
    return xasprintf("app(\"%s\")\n%s", app_path("plain.lua"), more);
}

static void assert_serves(int fd)
{
    cr_assert_str_eq(ask(fd, BYE).body, "hello\n");
    close(fd);
}

static bool has_pending(int listener)
{
    struct pollfd p = {.fd = listener, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* ---- which are served ---- */

Test(systemd, given_sockets_stand_in_for_the_default_address)
{
    int port = give_tcp();
    give_unix(path);
    server_start(&server, config(SILENT));
    cr_assert_eq(server.port, port);
    assert_serves(dial(&server));
    assert_serves(dial_unix(path));
    cr_assert_null(strstr(server.log, ":8080"));
}

Test(systemd, a_client_that_came_before_the_start_is_served)
{
    int early = dial_port(give_tcp());
    send_text(early, BYE);
    server_start(&server, config(SILENT));
    cr_assert_str_eq(read_answer(early).body, "hello\n");
}

Test(systemd, given_sockets_are_taken_by_their_address)
{
    int port = give_tcp();
    give_unix(path);
    char *more = xasprintf("listen(\"127.0.0.1:%d\", {tries = 0})\n"
                           "listen(\"unix:%s\", {tries = 0})",
                           port, path);
    server_start(&server, config(more));
    assert_serves(dial_port(port));
    assert_serves(dial_unix(path));
}

Test(systemd, given_sockets_are_taken_by_their_name)
{
    names = "web:web";
    int port = give_tcp();
    give_unix(path);
    server_start(&server, config("listen(\"systemd:web\", {backlog = 5})"));
    server_await_times(&server, "systemd=web", 2);
    assert_serves(dial_port(port));
    assert_serves(dial_unix(path));
}

Test(systemd, the_command_line_takes_names_too)
{
    names = "web";
    int port = give_tcp();
    server.args =
        xasprintf("-l systemd:web -l 127.0.0.1:0 %s", app_path("plain.lua"));
    server_start(&server, "");
    assert_serves(dial_port(port));
    cr_assert_eq(server.port, port);
    server_await_times(&server, "listening on=", 2);
}

static void assert_refuses(const char *more, const char *why)
{
    server.errors_expected = true;
    server_launch(&server, config(more));
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    cr_assert_not_null(strstr(server.log, why), "%s", server.log);
}

Test(systemd, a_name_that_was_not_given_ends_the_start_with_those_that_were)
{
    names = "web:api";
    give_tcp();
    give_unix(path);
    assert_refuses("listen(\"systemd:wbe\")",
                   "cannot listen on systemd:wbe: no socket of that name is "
                   "left; systemd gave: web, api");
    cr_assert(server_has(&server, "socket"), "the file is systemd's");
}

Test(systemd, a_name_without_systemd_ends_the_start)
{
    assert_refuses("listen(\"systemd:web\")", "systemd gave: none");
}

Test(systemd, sockets_that_no_listen_names_are_served_besides)
{
    give_unix(path);
    server_start(&server, config("listen(\"127.0.0.1:0\")"));
    assert_serves(dial(&server));
    assert_serves(dial_unix(path));
}

Test(systemd, sockets_meant_for_another_process_are_left_alone)
{
    pid = "1";
    give_unix(path);
    server_start(&server, config(""));
    cr_assert(server_logged(&server, "LISTEN_FDS ignored: meant for pid=1"));
    cr_assert(!server_logged(&server, path));
    assert_serves(dial(&server));
}

Test(systemd, what_does_not_listen_is_closed_with_a_warning)
{
    names = "null:udp:web";
    give(open("/dev/null", O_RDONLY | O_CLOEXEC));
    give(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    int port = give_tcp();
    server_start(&server, config(SILENT));
    cr_assert(server_logged(&server, "given socket closed name=null: "
                                     "descriptor 3: no stream socket"));
    cr_assert(server_logged(&server, "given socket closed name=udp: "));
    assert_serves(dial_port(port));
}

Test(systemd, a_socket_without_a_file_is_served)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int len = snprintf(addr.sun_path + 1, 64, "rainbows-test-%d", getpid());
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) +
                     (socklen_t)len;
    int fd = give(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, size), 0);
    cr_assert_eq(listen(fd, 8), 0);
    server_start(&server, config(SILENT));
    cr_assert(server_logged(&server, "listening on=unix:@rainbows-test-"));
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(client, (struct sockaddr *)&addr, size), 0);
    assert_serves(client);
}

Test(systemd, apps_know_nothing_of_the_sockets)
{
    server_write(
        &server, "app.lua",
        "return function() local p = io.popen('env; ls -l /proc/self/fd')\n"
        "return 200, {}, p:read('a') .. (os.getenv('LISTEN_FDS') or "
        "'unset') end");
    names = "web";
    give_tcp();
    server_start(&server, "app(\"app.lua\") " SILENT);
    struct answer a = get(&server, "/");
    cr_assert_not_null(strstr(a.body, "PATH="), "%s", a.body);
    cr_assert_null(strstr(a.body, "LISTEN_"), "%s", a.body);
    cr_assert_null(strstr(a.body, "socket:"), "%s", a.body);
    cr_assert_str_eq(a.body + strlen(a.body) - 5, "unset");
}

/* ---- they are systemd's ---- */

Test(systemd, sockets_and_files_outlive_reload_and_stop)
{
    int unix_socket = give_unix(path);
    server_start(&server, config(SILENT));
    server_rewrite(&server, config("listen(\"127.0.0.1:0\")"));
    server_signal(&server, SIGHUP);
    server_await(&server, "exit=0");
    assert_serves(dial_unix(path));
    server_signal(&server, SIGQUIT);
    cr_assert_eq(WEXITSTATUS(server_wait(&server)), 0);
    cr_assert(server_has(&server, "socket"));
    int next = dial_unix(path);
    cr_assert(has_pending(unix_socket), "it waits for the next start");
    close(next);
}

Test(systemd, a_reload_that_fails_keeps_the_sockets)
{
    server.errors_expected = true;
    names = "web";
    int port = give_tcp();
    server_start(&server, config(SILENT));
    server_rewrite(&server, config("listen(\"systemd:web\")\n"
                                   "listen(\"systemd:api\")"));
    server_signal(&server, SIGHUP);
    server_await(&server, "reload failed");
    assert_serves(dial_port(port));
    server_rewrite(&server, config("listen(\"systemd:web\")"));
    server_signal(&server, SIGHUP);
    server_await(&server, "reloaded generation=2");
    assert_serves(dial_port(port));
}

/* ---- an upgrade speaks the same protocol ---- */

Test(systemd, an_upgrade_takes_the_port_that_the_system_had_picked)
{
    names = "own:any";
    upgrade = "1";
    give_unix(path);
    int port = give_tcp();
    server_start(&server, config("listen(\"127.0.0.1:0\")"));
    cr_assert_eq(server.port, port);
    assert_serves(dial_port(port));
}

Test(systemd, an_upgrade_removes_files_that_it_no_longer_names_when_it_serves)
{
    names = "own:any";
    upgrade = "1";
    int unix_socket = give_unix(path);
    give_tcp();
    server_start(&server, config("listen(\"127.0.0.1:0\")"));
    cr_assert(!server_has(&server, "socket"));
    cr_assert(server_logged(&server, "not listening any more on=unix:"));
    close(unix_socket);
}

Test(systemd, an_upgrade_that_fails_removes_nothing)
{
    char *other = server_path(&server, "other");
    names = "own:own";
    upgrade = "1";
    give_unix(path);
    give_unix(other);
    server_write(&server, "bad.lua", "error('half written')");
    char *text = xasprintf("app(\"bad.lua\") listen(\"unix:%s\")", path);
    server.errors_expected = true;
    server_launch(&server, text);
    cr_assert_eq(WEXITSTATUS(server_wait(&server)), 1);
    cr_assert(server_has(&server, "socket") && server_has(&server, "other"));
}

Test(systemd, an_upgrade_knows_which_sockets_are_systemds)
{
    names = ".web:any";
    upgrade = "1";
    give_unix(path);
    give_tcp();
    server_start(&server, config("listen(\"127.0.0.1:0\")"));
    cr_assert(server_logged(&server, "systemd=web"));
    assert_serves(dial_unix(path));
    server_signal(&server, SIGQUIT);
    cr_assert_eq(WEXITSTATUS(server_wait(&server)), 0);
    cr_assert(server_has(&server, "socket"));
}
