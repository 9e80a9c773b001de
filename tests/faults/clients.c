/* SPDX-License-Identifier: MIT */
/*
 * Clients that leave half-way, read nothing, or are too many: they cost nobody
 * else a request, and the worker neither time nor descriptors for good.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/inject.h"
#include "tests/support/load.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#define HELLO "GET /version HTTP/1.1\r\nHost: x\r\n\r\n"

static struct server server;

static void stop(void)
{
    server_stop(&server);
}

TestSuite(clients, .fini = stop, .timeout = 90);

static void serve(const char *more)
{
    server_serve(&server, "faults.lua",
                 xasprintf("pool_size(3) app_pool(3)\n%s", more));
}

static int begin(const char *text)
{
    int fd = dial(&server);
    send_text(fd, text);
    return fd;
}

/* ---- they leave ---- */

static void leave_in_upload(void)
{
    int fd = begin("POST /version HTTP/1.1\r\nHost: x\r\n"
                   "Content-Length: 1000\r\n\r\nsome");
    reset_connection(fd);
}

static void leave_in_head(void)
{
    close(begin("GET /version HTTP/1.1\r\nHost: "));
}

static void leave_in_download(void)
{
    int fd = begin("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    free(read_until(fd, "\r\n\r\n"));
    reset_connection(fd);
}

static void leave_before_the_answer(void)
{
    reset_connection(begin(HELLO));
}

/* A kept connection takes a descriptor of the worker as long as it lives. */
static void await_files(pid_t worker, int files)
{
    int64_t deadline = clock_now() + PATIENCE * CLOCK_SECOND;
    while (process_files(worker) > files) {
        cr_assert_lt(clock_now(), deadline, "%d descriptors, not %d",
                     process_files(worker), files);
        poll(NULL, 0, 1);
    }
}

Test(clients, that_leave_take_their_descriptors_with_them)
{
    serve("worker_processes(1)");
    pid_t worker = server_worker(&server, 0);
    cr_assert_eq(get(&server, "/version").status, 200);
    await_files(worker, process_files(worker));
    int files = process_files(worker);
    struct load *load = load_begin(server.port, NULL);
    for (int i = 0; i < 10; i++) {
        leave_in_head();
        leave_in_upload();
        leave_in_download();
        leave_before_the_answer();
    }
    load_pass(load, 3);
    load_end_well(load);
    await_files(worker, files);
    cr_assert_eq(get(&server, "/version").status, 200);
    cr_assert_eq(server_worker(&server, 0), worker);
    cr_assert_not(server_logged(&server, "reaped"));
}

Test(clients, that_send_no_more_still_get_their_answer)
{
    serve("worker_processes(1)");
    int fd = begin("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(shutdown(fd, SHUT_WR), 0);
    struct answer a = read_answer(fd);
    cr_assert(a.whole && a.length == 5250000, "%zu", a.length);
    close(fd);
    fd = begin("GET /sleep?0.1 HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(shutdown(fd, SHUT_WR), 0);
    cr_assert_str_eq(read_answer(fd).body, "slept\n");
    close(fd);
}

/* ---- they take nothing ---- */

static int ask_and_take_nothing(void)
{
    int small = 16384;
    int fd = dial(&server);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    send_text(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    return fd;
}

Test(clients, that_take_nothing_are_closed_while_others_are_served)
{
    int fds[3];
    serve("worker_processes(1) send_timeout(0.3)"
          "listen(\"127.0.0.1:0\", { sndbuf = 16384 })");
    struct load *load = load_begin(server.port, NULL);
    for (int i = 0; i < 3; i++)
        fds[i] = ask_and_take_nothing();
    server_await_times(&server, "client takes nothing, closed", 3);
    load_pass(load, 3);
    load_end_well(load);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

/* ---- they are too many ---- */

enum {
    CROWD = 12
};

/* Connects without waiting for it. */
static int knock(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = connect(fd, (struct sockaddr *)&to, sizeof to);
    cr_assert(rc == 0 || errno == EINPROGRESS, "%s", strerror(errno));
    return fd;
}

/* Each asks as soon as it is connected, and hears the answer. */
static void assert_all_answered(struct pollfd *crowd)
{
    int left = CROWD;
    while (left > 0) {
        cr_assert_gt(poll(crowd, CROWD, PATIENCE * 1000), 0);
        for (int i = 0; i < CROWD; i++) {
            if (!crowd[i].revents)
                continue;
            if (crowd[i].events == POLLOUT) {
                send_text(crowd[i].fd, HELLO);
                crowd[i].events = POLLIN;
                continue;
            }
            fcntl(crowd[i].fd, F_SETFL, 0);
            cr_assert_eq(read_answer(crowd[i].fd).status, 200);
            close(crowd[i].fd);
            crowd[i].fd = -1;
            left--;
        }
    }
}

Test(clients, that_do_not_fit_into_the_queue_are_answered_later)
{
    struct pollfd crowd[CROWD];
    serve("worker_processes(1) listen(\"127.0.0.1:0\", { backlog = 2 })");
    pid_t worker = server_worker(&server, 0);
    kill(worker, SIGSTOP);
    process_await_state(worker, 'T');
    for (int i = 0; i < CROWD; i++)
        crowd[i] = (struct pollfd){.fd = knock(), .events = POLLOUT};
    kill(worker, SIGCONT);
    assert_all_answered(crowd);
    cr_assert_eq(server_worker(&server, 0), worker);
}

static struct inject *inject;

static void serve_and_inject(const char *more)
{
    if (SANITIZED)
        cr_skip("sanitizers stand where the failures would be made");
    server_prepare(&server);
    server.preload = INJECT;
    server.preload_file = server_path(&server, "inject");
    inject = inject_open(server.preload_file);
    serve(more);
}

/* As long as nothing comes for the client: the worker pauses between tries. */
static void assert_does_not_spin(int fd)
{
    pid_t worker = server_worker(&server, 0);
    long before = process_ticks(worker);
    cr_assert_not(readable_within(fd, 400));
    long used = process_ticks(worker) - before;
    cr_assert_leq(used, 8, "%ld ticks", used);
}

Test(clients, that_cannot_be_accepted_wait_and_cost_no_time)
{
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    server.errors_expected = true;
    serve_and_inject("worker_processes(1)");
    for (int i = 0; i < 4; i++) {
        atomic_store(&inject->fails[INJECT_ACCEPT4], errors[i]);
        int fd = begin(HELLO);
        server_await(&server, strerror(errors[i]));
        assert_does_not_spin(fd);
        atomic_store(&inject->fails[INJECT_ACCEPT4], 0);
        cr_assert_eq(read_answer(fd).status, 200);
        close(fd);
    }
    cr_assert_lt(inject->failed[INJECT_ACCEPT4], 200);
}
