/* SPDX-License-Identifier: MIT */
/*
 * What the server finds when it starts: what others left behind, and what they
 * still hold.
 */
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

static struct server server;

static void stop(void)
{
    server_stop(&server);
}

TestSuite(boot, .fini = stop, .timeout = 90);

static const char *with(const char *more)
{
    return xasprintf("app(\"%s\")\n%s", app_path("faults.lua"), more);
}

static void assert_serves(void)
{
    cr_assert_str_eq(get(&server, "/version").body, "one");
}

static void assert_refuses(const char *config, const char *why)
{
    server.errors_expected = true;
    server_launch(&server, config);
    int how = server_wait(&server);
    cr_assert(WIFEXITED(how) && WEXITSTATUS(how) == 1, "%s", server.log);
    cr_assert_not_null(strstr(server.log, why), "no \"%s\" in:\n%s", why,
                       server.log);
}

/* ---- pid files ---- */

static char *text_of(const char *name)
{
    char *text = xcalloc(1, 256);
    FILE *f = fopen(server_path(&server, name), "r");
    cr_assert_not_null(f);
    text[fread(text, 1, 255, f)] = '\0';
    fclose(f);
    return text;
}

static void assert_takes_pid_file(const char *text)
{
    server_prepare(&server);
    server_write(&server, "pid", text);
    server_start(&server, with("pid('pid')"));
    cr_assert_str_eq(text_of("pid"), xasprintf("%d\n", (int)server.pid));
    assert_serves();
}

static pid_t dead_pid(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    return pid;
}

Test(boot, replaces_the_pid_file_of_a_process_that_is_dead)
{
    assert_takes_pid_file(xasprintf("%d\n", (int)dead_pid()));
}

Test(boot, replaces_a_pid_file_that_makes_no_sense)
{
    assert_takes_pid_file("garbage\n-1\n");
}

Test(boot, refuses_the_pid_file_of_a_process_that_lives_and_keeps_it)
{
    char *text = xasprintf("%d\n", (int)getpid());
    server_prepare(&server);
    server_write(&server, "pid", text);
    assert_refuses(with("pid('pid')"), "already running");
    cr_assert_str_eq(text_of("pid"), text);
}

/* ---- addresses ---- */

static int bind_unix(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    strcpy(at.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(fd, 4), 0);
    return fd;
}

static char *listen_unix(const char *path)
{
    return xasprintf("listen(\"127.0.0.1:0\") listen(\"%s\", { tries = 0 })",
                     path);
}

Test(boot, replaces_a_unix_socket_that_nobody_listens_on)
{
    server_prepare(&server);
    char *path = server_path(&server, "socket");
    close(bind_unix(path));
    server_start(&server, with(listen_unix(path)));
    int fd = dial_unix(path);
    cr_assert_eq(ask(fd, "GET /pid HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
    close(fd);
}

Test(boot, refuses_a_unix_socket_that_somebody_listens_on)
{
    server_prepare(&server);
    char *path = server_path(&server, "socket");
    int fd = bind_unix(path);
    assert_refuses(with(listen_unix(path)), "Address already in use");
    close(dial_unix(path));
    close(fd);
}

Test(boot, refuses_to_put_a_unix_socket_where_a_file_is)
{
    server_prepare(&server);
    server_write(&server, "socket", "precious");
    assert_refuses(with(listen_unix(server_path(&server, "socket"))),
                   "Socket operation on non-socket");
    cr_assert_str_eq(text_of("socket"), "precious");
}

static int take_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(listen(fd, 1), 0);
    return fd;
}

Test(boot, waits_a_while_for_a_port_that_is_taken)
{
    int taken = take_port();
    server_launch(&server, with(xasprintf("listen(\"0.0.0.0:%d\", "
                                          "{ delay = 0.1, tries = 100 })",
                                          local_port(taken))));
    server_await(&server, "in use, trying again");
    close(taken);
    server_await_serving(&server);
    assert_serves();
}

Test(boot, refuses_a_port_that_stays_taken)
{
    int taken = take_port();
    char *address = xasprintf("0.0.0.0:%d", local_port(taken));
    assert_refuses(
        with(xasprintf("listen(\"%s\", { delay = 0.1, tries = 2 })", address)),
        xasprintf("cannot listen on %s: Address already in use", address));
    close(taken);
}

/* ---- descriptors ---- */

static void assert_no_socket(pid_t pid, int fd)
{
    struct stat st;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
    if (stat(path, &st) == 0)
        cr_assert_not(S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode),
                      "%s is used for something else", path);
}

Test(boot, without_standard_descriptors_uses_them_for_nothing_else)
{
    server.args = "-c config.lua <&- >&- 2>&-";
    server_start(&server, with("stderr_path('log') worker_processes(1)"));
    assert_serves();
    for (int fd = 0; fd < 3; fd++) {
        assert_no_socket(server.pid, fd);
        assert_no_socket(server_worker(&server, 0), fd);
    }
    cr_assert_eq(get(&server, "/error").status, 500);
    server.errors_expected = true;
    assert_serves();
}
