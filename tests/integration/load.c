/* SPDX-License-Identifier: MIT */
/*
 * Many clients, and clients that are slow on purpose. What is asked is who
 * waits for whom, and what waiting costs; how fast things are is for bench/.
 */
#include <limits.h>
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
#include "tests/support/server.h"

#define HELLO "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#define HALF  "GET / HTTP/1.1\r\nHost: x\r\nX: "

enum {
    CREW = 4,                       /* threads of ThreadPool here */
    MANY = SANITIZED ? 200 : 1000,  /* clients that are idle */
    DRIPPING = SANITIZED ? 50 : 200 /* clients that are slow */
};

static struct server server;
static int clients[MANY];

static void serve(const char *app, const char *more)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files); /* the server inherits it */
    char *config =
        xasprintf("worker_processes(1) keepalive_timeout(60)\n%s", more);
    server_serve(&server, app, config);
    free(config);
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(load, .fini = stop, .timeout = 100);

static bool is(const char *model)
{
    return strcmp(model_under_test(), model) == 0;
}

/* How many clients a worker holds that is given room for so many: without
 * room, one for each thread. */
static int holds(int room)
{
    if (is("Base"))
        return 1;
    return is("ThreadPool") ? CREW : room;
}

/* ---- what waiting costs ---- */

/* What the worker's threads have used so far, in ticks of a CPU. */
static long cpu_ticks(void)
{
    char path[64], line[1024];
    long user = -1, kernel = -1;
    snprintf(path, sizeof path, "/proc/%d/stat",
             (int)server_worker(&server, 0));
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    cr_assert_not_null(fgets(line, sizeof line, f));
    fclose(f);
    const char *end = strrchr(line, ')'); /* its name may have blanks */
    cr_assert_eq(sscanf(end,
                        ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
                        " %ld %ld",
                        &user, &kernel),
                 2);
    return user + kernel;
}

/* As long as nothing comes for the client. At first the worker may still be
 * busy with what came before; one that spins never stops. */
static void assert_worker_sleeps(int fd)
{
    long used = LONG_MAX;
    for (int i = 0; i < 5 && used > 2; i++) {
        long before = cpu_ticks();
        cr_assert_not(readable_within(fd, 300));
        used = cpu_ticks() - before;
    }
    cr_assert_leq(used, 2, "%ld ticks", used);
}

Test(load, a_full_worker_sleeps_while_clients_wait)
{
    enum {
        ROOM = 20,
        MORE = 10
    };
    int full = holds(ROOM), waiting[MORE];
    serve("plain.lua", "worker_connections(20) pool_size(4) app_pool(2)"
                       "client_header_timeout(60)");
    for (int i = 0; i < full; i++) {
        clients[i] = dial(&server);
        send_text(clients[i], HALF);
    }
    for (int i = 0; i < MORE; i++) {
        waiting[i] = dial(&server);
        send_text(waiting[i], HELLO);
    }
    assert_worker_sleeps(waiting[0]);
    close(clients[0]);
    for (int i = 0; i < MORE; i++) { /* one place is enough for all */
        cr_assert_eq(read_answer(waiting[i]).status, 200);
        close(waiting[i]);
    }
    for (int i = 1; i < full; i++)
        close(clients[i]);
}

Test(load, idle_clients_cost_no_time)
{
    int idle = holds(MANY);
    serve("plain.lua", xasprintf("worker_connections(%d) pool_size(4)"
                                 "app_pool(2)",
                                 MANY));
    for (int i = 0; i < idle; i++) {
        clients[i] = dial(&server);
        cr_assert_eq(ask(clients[i], HELLO).status, 200);
    }
    assert_worker_sleeps(clients[0]);
    int next = dial(&server);
    send_text(next, HELLO);
    if (idle == MANY) { /* else it takes the place of an idle one */
        assert_worker_sleeps(next);
        close(clients[MANY / 2]);
    }
    cr_assert_eq(read_answer(next).status, 200);
}

/* ---- clients that send slowly ---- */

static void begin_heads(int n)
{
    for (int i = 0; i < n; i++) {
        clients[i] = dial(&server);
        send_text(clients[i], HALF);
    }
}

/* None of them was given up meanwhile. */
static void end_heads(int n)
{
    for (int i = 0; i < n; i++) {
        cr_assert_eq(ask(clients[i], "\r\n\r\n").status, 200);
        close(clients[i]);
    }
}

/* So many requests one after the other, while n others drip. */
static void ask_while_others_drip(int requests, int n)
{
    int fast = dial(&server);
    for (int i = 0; i < requests; i++) {
        for (int k = i % 20; k < n; k += 20)
            send_text(clients[k], "y");
        cr_assert_str_eq(ask(fast, HELLO).body, "hello\n");
    }
    close(fast);
}

Test(load, slow_heads_hold_up_nobody)
{
    int slow = is("ThreadPool") ? CREW - 1 : DRIPPING;
    if (is("Base"))
        cr_skip("Base serves one client at a time");
    serve("plain.lua", "worker_connections(250) pool_size(4) app_pool(2)"
                       "client_header_timeout(60)");
    begin_heads(slow);
    ask_while_others_drip(200, slow);
    cr_assert_eq(get(&server, "/").status, 200);
    end_heads(slow);
}

Test(load, slow_heads_hold_a_thread_until_their_time_is_over)
{
    int slow = holds(0);
    if (!slow)
        cr_skip("%s holds them in no thread of a pool", model_under_test());
    serve("plain.lua", "pool_size(4) client_header_timeout(0.5)");
    begin_heads(slow);
    int64_t since = clock_now();
    int fast = dial(&server);
    send_text(fast, HELLO);
    while (!readable_within(fast, 50)) {
        cr_assert_lt(clock_now() - since, PATIENCE * CLOCK_SECOND);
        for (int i = 0; i < slow; i++)
            (void)send(clients[i], "y", 1, MSG_NOSIGNAL);
    }
    cr_assert_str_eq(read_answer(fast).body, "hello\n");
    cr_assert_eq(read_answer(clients[0]).status, 408);
}

/* ---- clients that read slowly ---- */

/* Its request, and then nothing; small buffers, so that the answer does not
 * hide in the kernel. */
static int ask_and_read_nothing(const char *path)
{
    int small = 16384;
    int fd = dial(&server);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    char *text = xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    send_text(fd, text);
    free(text);
    return fd;
}

static void serve_bodies_in_one_thread(const char *more)
{
    if (strncmp(model_under_test(), "ReactorThread", 13) != 0)
        cr_skip("%s sends where it calls", model_under_test());
    char *config = xasprintf("listen(\"127.0.0.1:0\", { sndbuf = 16384 })"
                             "pool_size(1) app_pool(1) %s",
                             more);
    serve("bodies.lua", config);
    free(config);
}

Test(load, bodies_that_are_there_need_no_thread)
{
    static const struct {
        const char *path;
        size_t length;
    } bodies[] = {{"/large", 5250000},
                  {"/array-close?pieces=80", 5242880},
                  {"/file?pieces=80", 5242880}};
    serve_bodies_in_one_thread("send_timeout(60)");
    for (int i = 0; i < 3; i++) {
        int slow = ask_and_read_nothing(bodies[i].path);
        int other = ask_and_read_nothing(bodies[i].path);
        cr_assert_str_eq(get(&server, "/array").body, "one two three");
        struct answer a = read_answer(slow);
        cr_assert(a.whole && a.length == bodies[i].length, "%zu", a.length);
        close(slow);
        close(other);
    }
}

Test(load, a_generated_body_holds_its_thread_until_send_timeout)
{
    serve_bodies_in_one_thread("send_timeout(0.5)");
    int slow = ask_and_read_nothing("/closing-close?pieces=80");
    cr_assert_gt(recv(slow, &(char){0}, 1, 0), 0);
    cr_assert_str_eq(get(&server, "/array").body, "one two three");
    cr_assert(server_logged(&server, "client takes nothing, closed"));
    cr_assert(server_logged(&server, "closed closing-close"));
    close(slow);
}
