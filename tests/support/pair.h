/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_PAIR_H
#define RAINBOWS_TESTS_SUPPORT_PAIR_H

#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "tests/support/calls.h"
#include "tests/support/logs.h"
#include "worker/conn.h"
#include "worker/exchange.h"
#include "worker/listener.h"
#include "worker/model.h"
#include "worker/worker.h"

/*
 * A connection on one end of a socket pair, stepped by the test, which is the
 * client at the other end. Times are set, not waited for. The pair keeps
 * message boundaries, so one send of the server is one message here.
 */

/* Answers by path; the paths are told where they are used. */
static const char pair_app[] =
    "local rainbows = require 'rainbows'\n"
    "local apps = {}\n"
    "function apps.hello() return 200, {}, 'hello' end\n"
    "function apps.echo(env)\n"
    "  return 200, {}, env['rack.input']:read('a') end\n"
    "function apps.blocks(env) return 200, {}, (('x'):gsub('x', function()\n"
    "  return env['rack.input']:read('l') end)) end\n"
    "function apps.gulps(env) local body\n"
    "  string.gsub('x', 'x', function()\n"
    "    body = env['rack.input']:read('a') end)\n"
    "  return 200, {}, body end\n"
    "function apps.fails(env) env['rack.input']:read('a')\n"
    "  error('no luck') end\n"
    "function apps.sleeps() rainbows.sleep(3600) return 200, {}, 'up' end\n"
    "function apps.tired() rainbows.sleep(3600) error('no luck') end\n"
    "function apps.parks(env) apps.parked = env['async.callback']\n"
    "  return -1 end\n"
    "function apps.wakes() return 200, {},\n"
    "  tostring(apps.parked(200, {}, 'up')) end\n"
    "function apps.large() return 200, {}, ('x'):rep(1000000) end\n"
    "function apps.pieces() return 200, {}, coroutine.wrap(function()\n"
    "  coroutine.yield('one') coroutine.yield('two') end) end\n"
    "function apps.half() return 200, {}, coroutine.wrap(function()\n"
    "  coroutine.yield('one') error('no luck') end) end\n"
    "function apps.waits() return 200, {}, coroutine.wrap(function()\n"
    "  coroutine.yield('one') rainbows.sleep(3600)\n"
    "  coroutine.yield('two') end) end\n"
    "function apps.file() local f = io.tmpfile() f:write(('f'):rep(1000000))\n"
    "  f:seek('set') apps.kept = f return 200, {}, f end\n"
    "return function(env)\n"
    "  return apps[env.PATH_INFO:match('%w+')](env) end";

static struct pair {
    struct worker worker;
    struct listener listener;
    struct conn conn;
    struct app *app;
    int client; /* the other end */
    char text[2 * 1024 * 1024];
    size_t size;  /* bytes in text */
    int messages; /* of which it was made */
    bool over;    /* the server has closed */
} s;

static const struct config_overrides pair_overrides = {.app = "app.lua"};
static const struct model pair_model = {.name = "Test"};
static const struct limits pair_limits = {.uri_size = 100,
                                          .header_size = 1000,
                                          .header_name = 50,
                                          .headers = 10,
                                          .chunk_extension = 100,
                                          .body_size = 100000};

static inline void set_up(void)
{
    struct err err;
    int ends[2];
    s.worker.config = config_load(NULL, &pair_overrides, &err);
    s.worker.model = &pair_model;
    s.worker.limits = pair_limits;
    s.listener.address = (struct peer){{127, 0, 0, 1}, 8080, AF_INET};
    s.app = app_text(pair_app);
    parser_init();
    logs_open();
    int type = SOCK_SEQPACKET | SOCK_NONBLOCK;
    cr_assert_eq(socketpair(AF_UNIX, type, 0, ends), 0);
    s.client = ends[0];
    conn_init(&s.conn, &s.worker, &s.listener, ends[1], &s.listener.address);
}

static inline void tear_down(void)
{
    conn_fini(&s.conn);
    conn_trim();
    app_free(s.app);
    config_free(s.worker.config);
}

/* ---- driving ---- */

/* What a model does when the wait is over, and again when the next one is over
 * already: the connection lets others have their turn. */
static inline enum step step(void)
{
    struct pollfd p = {.fd = s.conn.fd, .events = POLLIN};
    if (poll(&p, 1, 0) > 0)
        s.conn.ready = true;
    for (;;) {
        enum step step = conn_step(&s.conn);
        if (step == STEP_CALL)
            s.conn.app = s.app;
        else if (step == STEP_OVER || s.conn.wait.deadline > clock_now())
            return step;
    }
}

static inline void send_text(const char *text)
{
    cr_assert_eq(send(s.client, text, strlen(text), 0), (ssize_t)strlen(text));
}

/* Takes what the server has sent so far. */
static inline const char *received(void)
{
    s.size = 0;
    s.messages = 0;
    for (;;) {
        char *to = s.text + s.size;
        ssize_t n = recv(s.client, to, sizeof s.text - s.size - 1, 0);
        s.over = n == 0;
        if (n <= 0)
            break;
        s.size += (size_t)n;
        s.messages++;
    }
    s.text[s.size] = '\0';
    return s.text;
}

/* Sends the text, steps, and takes what came. */
static inline const char *talk(const char *text)
{
    send_text(text);
    step();
    return received();
}

/* How often the word is in what was received. */
static inline int times(const char *word)
{
    int n = 0;
    for (char *at = s.text; (at = strstr(at, word)); at += strlen(word))
        n++;
    return n;
}

static inline bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The answer ends with these bytes. */
static inline bool ends(const char *with)
{
    size_t len = strlen(with);
    return s.size >= len && strcmp(s.text + s.size - len, with) == 0;
}

#define OK          "HTTP/1.1 200 OK\r\n"
#define HOST        "Host: a\r\n"
#define REQUEST(to) "GET /" to " HTTP/1.1\r\n" HOST "\r\n"

/* The connection waits for these events, and is in that state. */
static inline void waits_for(short events, enum conn_state state)
{
    cr_expect_eq(s.conn.wait.fd, s.conn.fd);
    cr_expect_eq(s.conn.wait.events, events);
    cr_expect_eq(s.conn.state, state, "state %d", s.conn.state);
    cr_expect_eq(s.conn.wait.deadline, s.conn.deadline);
}

/* The connection is over and the client got this, or the beginning of it. */
static inline void is_over(const char *want)
{
    cr_expect_eq(step(), STEP_OVER);
    received();
    cr_expect(begins(s.text, want) && (*want || !s.size), "%s", s.text);
    conn_fini(&s.conn);
    received();
    cr_expect(s.over);
}

#endif
