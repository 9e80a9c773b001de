/* SPDX-License-Identifier: MIT */
/*
 * Listeners: TCP, IPv6 and UNIX sockets, one or several, and what becomes of
 * socket files.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
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

#define HELLO "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#define BYE   "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static struct server server;
static char *path; /* of the socket file */

static void start(void)
{
    server_prepare(&server);
    path = server_path(&server, "socket");
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(listen, .init = start, .fini = stop, .timeout = 60);

/* The config with listen() of the socket file, options included. */
static char *config(const char *options, const char *more)
{
    return xasprintf("app(\"%s\") listen(\"unix:%s\"%s)\n%s",
                     app_path("plain.lua"), path, options, more);
}

static void serve(const char *options, const char *more)
{
    server_start(&server, config(options, more));
}

static void assert_serves(int fd)
{
    cr_assert_str_eq(ask(fd, BYE).body, "hello\n");
    close(fd);
}

/* A socket bound to the path; a dead one when nobody listens. */
static int bind_path(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strcpy(to.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static bool exists(void)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void assert_refuses(const char *why)
{
    server.errors_expected = true;
    server_launch(&server, config(", { tries = 0 }", ""));
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    cr_assert_not_null(strstr(server.log, why), "no \"%s\" in:\n%s", why,
                       server.log);
    cr_assert_not_null(strstr(server.log, path), "%s", server.log);
}

/* ---- UNIX sockets ---- */

Test(listen, serves_on_a_unix_socket)
{
    serve("", "");
    int fd = dial_unix(path);
    for (int i = 0; i < 3; i++)
        cr_assert_str_eq(ask(fd, HELLO).body, "hello\n");
    close(fd);
    cr_assert(server_logged(&server, xasprintf("listening on=unix:%s", path)));
}

Test(listen, takes_a_path_without_unix)
{
    server_start(&server, xasprintf("app(\"%s\") listen(\"%s\")",
                                    app_path("plain.lua"), path));
    assert_serves(dial_unix(path));
}

Test(listen, lets_everybody_use_the_socket_file)
{
    struct stat st;
    umask(077);
    serve("", "");
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0777);
}

Test(listen, applies_the_umask_option_to_the_socket_file_only)
{
    struct stat st;
    umask(022);
    serve(", { umask = tonumber('0117', 8) }", "pid('pid')");
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0660);
    cr_assert_eq(stat(server_path(&server, "pid"), &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0644);
}

Test(listen, removes_the_socket_file_at_the_end)
{
    serve("", "");
    cr_assert(exists());
    server_signal(&server, SIGQUIT);
    server_wait(&server);
    cr_assert_not(exists());
}

Test(listen, leaves_a_socket_file_of_another_alone)
{
    serve("", "");
    unlink(path);
    int other = bind_path();
    server_signal(&server, SIGQUIT);
    server_wait(&server);
    cr_assert(exists());
    close(other);
}

Test(listen, replaces_a_stale_socket_file)
{
    close(bind_path());
    cr_assert(exists());
    serve("", "");
    assert_serves(dial_unix(path));
}

Test(listen, serves_again_after_it_was_killed)
{
    serve("", "worker_processes(1)");
    pid_t worker = server_worker(&server, 0);
    server_signal(&server, SIGKILL);
    cr_assert(WIFSIGNALED(server_wait(&server)));
    await_gone(worker);
    cr_assert(exists());
    serve("", "");
    assert_serves(dial_unix(path));
}

Test(listen, refuses_a_socket_file_in_use)
{
    int fd = bind_path();
    cr_assert_eq(listen(fd, 1), 0);
    assert_refuses("Address already in use");
    cr_assert(exists());
    close(fd);
}

Test(listen, refuses_a_file_that_is_no_socket)
{
    server_write(&server, "socket", "precious");
    assert_refuses("Socket operation on non-socket");
    cr_assert(exists());
}

Test(listen, refuses_a_path_in_no_directory)
{
    path = xasprintf("%s/absent/socket", server.dir);
    assert_refuses("No such file or directory");
}

/* ---- several ---- */

Test(listen, serves_on_several_at_once)
{
    serve("", "listen(\"127.0.0.1:0\") listen(\"127.0.0.1:0\")"
              "worker_processes(1)");
    const char *line = server.log;
    int ports[2] = {0};
    for (int i = 0; i < 2; i++) {
        line = strstr(line + 1, "listening on=http://127.0.0.1:");
        cr_assert_eq(
            sscanf(line, "listening on=http://127.0.0.1:%d", &ports[i]), 1);
    }
    cr_assert_neq(ports[0], ports[1]);
    for (int i = 0; i < 3; i++) {
        assert_serves(dial_port(ports[0]));
        assert_serves(dial_unix(path));
        assert_serves(dial_port(ports[1]));
    }
}

/* Every connection is answered, whoever of the workers takes it. */
Test(listen, shares_one_socket_among_many_workers)
{
    int fds[40];
    serve("", "worker_processes(4)");
    server_await_times(&server, "ready model=", 4);
    for (int i = 0; i < 40; i++) {
        fds[i] = dial_unix(path);
        send_text(fds[i], BYE);
    }
    for (int i = 0; i < 40; i++) {
        cr_assert_str_eq(read_answer(fds[i]).body, "hello\n");
        close(fds[i]);
    }
}

/* ---- TCP ---- */

static int dial_ipv6(int port)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0, "%s",
                 strerror(errno));
    return fd;
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof to) == 0;
    close(fd);
    return has;
}

static void serve_ipv6(const char *listen)
{
    server_serve(&server, "env.lua", listen);
}

static void assert_client(int fd, const char *address)
{
    struct answer a = ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n"
                              "Key: REMOTE_ADDR\r\n\r\n");
    cr_assert_str_eq(a.body, address);
    close(fd);
}

Test(listen, serves_on_ipv6)
{
    if (!has_ipv6())
        cr_skip_test("this machine has no ::1");
    serve_ipv6("listen(\"[::1]:0\")");
    assert_client(dial_ipv6(server.port), "string ::1");
    cr_assert(server_logged(&server, "listening on=http://[::1]:"));
}

Test(listen, serves_ipv4_clients_on_an_ipv6_socket)
{
    if (!has_ipv6())
        cr_skip_test("this machine has no ::1");
    serve_ipv6("listen(\"[::]:0\", { ipv6only = false })");
    assert_client(dial_ipv6(server.port), "string ::1");
    assert_client(dial_port(server.port), "string 127.0.0.1");
}

Test(listen, tries_again_while_an_address_is_in_use)
{
    int fd = bind_path();
    cr_assert_eq(listen(fd, 1), 0);
    server_launch(&server, config(", { tries = -1, delay = 0.01 }", ""));
    server_await_times(&server, "in use, trying again", 3);
    close(fd);
    server_await(&server, " serving");
    assert_serves(dial_unix(path));
}
