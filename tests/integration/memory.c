/* SPDX-License-Identifier: MIT */
/*
 * Memory does not grow with the number of requests: what Lua and malloc have
 * in use after half of many requests of all kinds, they have after all.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: x\r\n"
#define LAST       "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

enum {
    ROUNDS = SANITIZED ? 20 : 200, /* in each half */
    WIDTH = 2,                     /* connections at once, for two states */
    REPEATS = 2,                   /* of the mix on a connection */
    LARGE = 5000,                  /* bytes of a body that goes to a file */
    SLACK = 128 * 1024             /* bytes; 8 for each request of a half */
};

struct usage {
    long lua, malloc; /* bytes */
};

static struct server server;
static char *requests; /* all of a connection */
static int asked;      /* answers that they get */

static void stop(void)
{
    server_stop(&server);
}

TestSuite(memory, .fini = stop, .timeout = 100);

/* ---- the mix ---- */

static void add(const char *text)
{
    requests = requests ? xasprintf("%s%s", requests, text) : xstrdup(text);
    asked++;
}

static char *text_of(size_t length)
{
    char *text = xmalloc(length + 1);
    memset(text, 'x', length);
    text[length] = '\0';
    return text;
}

static void add_mix(void)
{
    for (int i = 0; i < 10; i++)
        add(GET("/"));
    add(GET("/env?a=b"));
    add(POST("/body") "Content-Length: 5\r\n\r\nsmall");
    add(xasprintf(POST("/body") "Content-Length: %d\r\n\r\n%s", LARGE,
                  text_of(LARGE)));
    add(xasprintf(POST("/body") "Transfer-Encoding: chunked\r\n\r\n"
                                "5\r\nsmall\r\n%x\r\n%s\r\n0\r\n\r\n",
                  LARGE, text_of(LARGE)));
    add(GET("/error"));
    add(GET("/nowhere"));
    add(GET("/generated"));
    add(GET("/file"));
    add("HEAD /generated HTTP/1.1\r\nHost: x\r\n\r\n");
    add("HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n");
}

static void make_requests(void)
{
    for (int i = 0; i < REPEATS; i++)
        add_mix();
    add(LAST);
}

/* ---- the rounds ---- */

static int answers_in(const char *text, size_t length)
{
    const char *end = text + length;
    int n = 0;
    while ((text = memmem(text, (size_t)(end - text), "HTTP/1.1 ", 9))) {
        text += 9;
        n++;
    }
    return n;
}

static void send_and_leave(const char *text)
{
    int fd = dial(&server);
    send_text(fd, text);
    close(fd);
}

/* Reads the beginning of an answer that has no end. */
static void leave_half_way(void)
{
    char some[1000];
    int fd = dial(&server);
    send_text(fd, GET("/endless"));
    read_bytes(fd, some, sizeof some);
    close(fd);
}

static void round_of_requests(void)
{
    int fds[WIDTH];
    for (int i = 0; i < WIDTH; i++) {
        fds[i] = dial(&server);
        send_text(fds[i], requests);
    }
    for (int i = 0; i < WIDTH; i++) {
        size_t length;
        char *all = read_all(fds[i], &length);
        cr_assert_eq(answers_in(all, length), asked);
        free(all);
        close(fds[i]);
    }
    char *refusal = talk(&server, "GET / HTTP/1.1\r\nBad field: x\r\n\r\n");
    cr_assert_not_null(strstr(refusal, "HTTP/1.1 400 "));
    free(refusal);
    send_and_leave("GET / HTTP/1.1\r\nHost: x\r\nX: ");
    send_and_leave(POST("/body") "Content-Length: 10\r\n\r\nhalf");
    leave_half_way();
}

/* ---- the figures ---- */

/* One call in each state, at the same time; Lua's figures are added up. */
static struct usage ask_usage(int states)
{
    static int times;
    struct usage usage = {0, 0};
    int fds[2];
    times += states;
    for (int i = 0; i < states; i++) {
        fds[i] = dial(&server);
        send_text(fds[i], xasprintf("GET /memory?%d HTTP/1.1\r\nHost: x\r\n"
                                    "Connection: close\r\n\r\n",
                                    times));
    }
    for (int i = 0; i < states; i++) {
        long used;
        struct answer a = read_answer(fds[i]);
        cr_assert_eq(sscanf(a.body, "%ld %ld", &used, &usage.malloc), 2);
        usage.lua += used;
        close(fds[i]);
    }
    return usage;
}

static void assert_flat(const char *whose, long before, long after)
{
    cr_assert_leq(labs(after - before), before / 20 + SLACK,
                  "%s: %ld bytes, later %ld", whose, before, after);
}

Test(memory, is_the_same_after_half_and_after_all_of_many_requests)
{
    bool threads = strstr(model_under_test(), "Thread") != NULL;
    server.errors_expected = true;
    if (!SANITIZED)
        setenv("HEAP_MODULE", HEAP_MODULE, 1);
    server_serve(&server, "memory.lua",
                 "worker_processes(1) pool_size(2) app_pool(2)"
                 "client_body_buffer_size(1000)");
    make_requests();
    struct usage usage[2];
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < ROUNDS; i++)
            round_of_requests();
        usage[half] = ask_usage(threads ? 2 : 1);
    }
    assert_flat("Lua", usage[0].lua, usage[1].lua);
    assert_flat("malloc", usage[0].malloc, usage[1].malloc);
}
