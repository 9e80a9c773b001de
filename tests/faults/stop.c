/* SPDX-License-Identifier: MIT */
/*
 * The end of the server while clients are there: whom it has let in it answers,
 * and it leaves nothing behind.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/load.h"
#include "tests/support/server.h"

static struct server server;

static void stop(void)
{
    server_stop(&server);
}

TestSuite(stop, .fini = stop, .timeout = 90);

static void serve(const char *more)
{
    server_prepare(&server);
    server_serve(&server, "faults.lua",
                 xasprintf("pool_size(3) app_pool(3) pid(\"pid\")"
                           "listen(\"127.0.0.1:0\") listen(\"unix:%s/socket\")"
                           "\n%s",
                           server.dir, more));
}

static int begin(const char *path)
{
    int fd = dial(&server);
    send_text(fd, xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path));
    return fd;
}

/* It ends with that status and takes its files with it. */
static void assert_ends(int status)
{
    int how = server_wait(&server);
    cr_assert(WIFEXITED(how) && WEXITSTATUS(how) == status, "%x:\n%s",
              (unsigned)how, server.log);
    cr_assert_not(server_has(&server, "pid"));
    cr_assert_not(server_has(&server, "socket"));
}

/* ---- gracefully ---- */

static void end_under_load(int signo)
{
    serve("worker_processes(2)");
    char *path = server_path(&server, "socket");
    struct load *load = load_begin(server.port, path);
    load_pass(load, 3);
    load_last(load);
    server_signal(&server, signo);
    assert_ends(0);
    load_end_well(load);
}

Test(stop, with_quit_fails_no_request_that_has_a_connection)
{
    end_under_load(SIGQUIT);
}

Test(stop, with_term_fails_no_request_that_has_a_connection)
{
    end_under_load(SIGTERM);
}

Test(stop, answers_what_is_in_hand_and_in_the_queue)
{
    int fds[4];
    serve("worker_processes(2)");
    for (int i = 0; i < 4; i++)
        fds[i] = begin("/sleep?0.2");
    server_await_times(&server, "asleep", 2);
    server_signal(&server, SIGQUIT);
    for (int i = 0; i < 4; i++) {
        cr_assert_str_eq(read_answer(fds[i]).body, "slept\n");
        await_close(fds[i]);
    }
    assert_ends(0);
}

/* It has come, and its request is on the way. */
Test(stop, answers_the_first_request_of_a_connection_that_was_there_before)
{
    serve("worker_processes(1)");
    int fd = dial(&server);
    server_signal(&server, SIGQUIT);
    server_await(&server, "leaving how=stop");
    send_text(fd, "GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(read_answer(fd).status, 200);
    close(fd);
    assert_ends(0);
}

Test(stop, lets_a_slow_download_come_to_its_end)
{
    char *all;
    size_t length;
    int small = 16384;
    serve("worker_processes(1)");
    int fd = dial(&server);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    send_text(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    free(read_until(fd, "\r\n\r\n"));
    server_signal(&server, SIGQUIT);
    server_await(&server, "leaving how=stop");
    all = read_all(fd, &length);
    cr_assert_eq(length, 5250000);
    free(all);
    close(fd);
    assert_ends(0);
}

/* ---- not so gracefully ---- */

static void assert_took(int64_t since, double seconds)
{
    double took = (double)(clock_now() - since) / CLOCK_SECOND;
    cr_assert_leq(took, seconds, "%.3f seconds", took);
}

Test(stop, with_int_is_over_soon_whatever_goes_on)
{
    int fds[3];
    server.errors_expected = true;
    serve("worker_processes(2)");
    for (int i = 0; i < 3; i++)
        fds[i] = begin("/sleep?20");
    server_await_times(&server, "asleep", 2);
    int64_t since = clock_now();
    server_signal(&server, SIGINT);
    int how = server_wait(&server);
    cr_assert(WIFEXITED(how));
    assert_took(since, 5);
    cr_assert_not(server_has(&server, "pid"));
    cr_assert_not(server_has(&server, "socket"));
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

Test(stop, with_term_twice_is_over_soon)
{
    server.errors_expected = true;
    serve("worker_processes(1)");
    int fd = begin("/sleep?20");
    server_await(&server, "asleep");
    int64_t since = clock_now();
    server_signal(&server, SIGTERM);
    server_await(&server, "stopping how=graceful");
    server_signal(&server, SIGTERM);
    cr_assert(WIFEXITED(server_wait(&server)));
    assert_took(since, 5);
    close(fd);
}

Test(stop, kills_what_has_not_left_after_graceful_timeout)
{
    server.errors_expected = true;
    serve("worker_processes(1) graceful_timeout(0.3)");
    int fd = begin("/sleep?20");
    server_await(&server, "asleep");
    int64_t since = clock_now();
    server_signal(&server, SIGTERM);
    server_await(&server, "not gone within graceful_timeout");
    int how = server_wait(&server);
    cr_assert(WIFEXITED(how) && WEXITSTATUS(how) == 2);
    assert_took(since, 5);
    close(fd);
}
