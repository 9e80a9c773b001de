/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_UPLOAD_H
#define RAINBOWS_TESTS_SUPPORT_UPLOAD_H

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

/*
 * A server of apps/streaming.lua, and requests to it with bodies that come bit
 * by bit.
 */

#define CHUNKED   "Transfer-Encoding: chunked\r\n"
#define LENGTH(n) "Content-Length: " #n "\r\n"
#define CONTINUE  "Expect: 100-continue\r\n"
#define HELLO     "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"

static struct server server;

static inline void serve(const char *more)
{
    char *config = xasprintf("worker_processes(1)\n%s", more);
    server_serve(&server, "streaming.lua", config);
    free(config);
}

static inline void stop(void)
{
    server_stop(&server);
}

static inline void needs_streaming(void)
{
    if (!model_streams())
        cr_skip_test("%s collects the body before the call",
                     model_under_test());
}

/* Sends a request's head, with the fields, and what there is of its body. */
static inline void upload_on(int fd, const char *path, const char *fields,
                             const char *body)
{
    char *text = xasprintf("POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n%s", path,
                           fields, body);
    send_text(fd, text);
    free(text);
}

/* The same on a connection of its own. */
static inline int upload(const struct server *s, const char *path,
                         const char *fields, const char *body)
{
    int fd = dial(s);
    upload_on(fd, path, fields, body);
    return fd;
}

/* Sends a chunk; of an empty text, the last. */
static inline void send_chunk(int fd, const char *text)
{
    char *chunk = xasprintf("%zx\r\n%s\r\n", strlen(text), text);
    send_text(fd, chunk);
    free(chunk);
}

/* Waits until the app has told that it has read the line; where the body is
 * collected first, it has read nothing yet. */
static inline void await_read(struct server *s, const char *line)
{
    if (!model_streams())
        return;
    char *told = xasprintf("has %s", line);
    server_await(s, told);
    free(told);
}

#endif
