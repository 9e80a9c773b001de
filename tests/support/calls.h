/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_CALLS_H
#define RAINBOWS_TESTS_SUPPORT_CALLS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/peer.h"
#include "base/spool.h"
#include "base/wait.h"
#include "config/config.h"
#include "http/parser.h"
#include "http/reply.h"
#include "http/request.h"
#include "lua/app.h"
#include "lua/call.h"

/*
 * Apps made of text, and calls of them without sockets: the request is read
 * from a text, the answer is bytes in a buffer.
 */

#define GET "GET / HTTP/1.0\r\n\r\n"

/* ---- apps ---- */

/* Writes text to a new file, whose path replaces path. */
static inline void app_file(char path[32], const char *text)
{
    strcpy(path, "/tmp/app_XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* The app of a file with this text, not booted; or NULL with the error in
 * err, the file's name cut off where it begins with it. */
static inline struct app *app_try(const char *text, struct err *err)
{
    char path[32];
    app_file(path, text);
    struct app_source source = {.path = path};
    struct app *app = app_new(&source, err);
    unlink(path);
    size_t len = strlen(path);
    if (!app && strncmp(err->text, path, len) == 0)
        memmove(err->text, err->text + len, strlen(err->text + len) + 1);
    return app;
}

/* As worker 3 of generation 2 under a model of that name, in which a wait
 * inside a call lets others run, and calls can be answered later. */
static const struct app_identity app_waiting = {.worker = 3,
                                                .generation = 2,
                                                .model = "Test",
                                                .waits_in_call = true,
                                                .async = true};

/* The app of a file with this text, booted. */
static inline struct app *app_text(const char *text)
{
    struct err err;
    struct app *app = app_try(text, &err);
    cr_assert_not_null(app, "%s", err.text);
    cr_assert_eq(app_boot(app, &app_waiting, &err), 0, "%s", err.text);
    return app;
}

/* ---- calls ---- */

/* A call and all it borrows. */
struct ask {
    struct call *call;
    enum call_status status; /* of the last step */
    struct wait wait;
    struct buf out;
    struct reply reply;
    struct field fields[32];
    struct request request;
    struct peer client, server;
    struct call_body body;
    const char *rest; /* of the body; ask_receive() brings it */
    int received;     /* how often the call has blocked for it */
    int woken;        /* how often it was */
    int interim;      /* how many interim answers it has made */
    int appended;     /* how often its body was, from elsewhere */
    int64_t extended; /* the deadline it has asked for */
};

enum {
    FLUSH_AT = 1024
};

/* The rest of the body comes: what receive() of the driver does. */
static inline void ask_receive(void *arg)
{
    struct ask *a = arg;
    struct err err;
    a->received++;
    cr_assert_eq(
        spool_put(&a->body.bytes, a->rest, strlen(a->rest), 4096, &err), 0);
    a->rest = "";
    a->body.complete = true;
}

static inline void ask_wake(void *arg)
{
    ((struct ask *)arg)->woken++;
}

static inline void ask_appended(void *arg)
{
    ((struct ask *)arg)->appended++;
}

static inline void ask_interim(void *arg)
{
    ((struct ask *)arg)->interim++;
}

static inline void ask_extend(void *arg, int64_t deadline)
{
    ((struct ask *)arg)->extended = deadline;
}

/* Begins a call of the app; body NULL: the head says that there is none. */
static inline void ask_begin(struct ask *a, struct app *app, const char *head,
                             const char *body)
{
    struct err err;
    static const struct call_driver driver = {
        ask_receive, ask_wake, ask_appended, ask_interim, ask_extend};
    *a = (struct ask){.body = {.bytes = SPOOL_INIT, .complete = true}};
    a->request.fields = a->fields;
    parser_init();
    cr_assert_eq(parser_read(&a->request, head, strlen(head), 32), 0);
    if (body)
        cr_assert_eq(spool_put(&a->body.bytes, body, strlen(body), 4096, &err),
                     0);
    a->client = (struct peer){{192, 0, 2, 7}, 4711, AF_INET};
    a->server = (struct peer){{192, 0, 2, 1}, 8080, AF_INET};
    a->reply = (struct reply){.out = &a->out,
                              .date = "Sun, 06 Nov 1994 08:49:37 GMT",
                              .minor = a->request.minor,
                              .head = a->request.head,
                              .keep_alive = true};
    struct call_start start = {.request = &a->request,
                               .client = &a->client,
                               .server = &a->server,
                               .body = &a->body,
                               .reply = &a->reply,
                               .driver = &driver,
                               .driver_arg = a,
                               .flush_at = FLUSH_AT};
    a->call = call_new(app, &start);
}

static inline enum call_status ask_step(struct ask *a)
{
    a->status = call_step(a->call, &a->wait);
    return a->status;
}

/* Steps as long as only output stands in the way. */
static inline enum call_status ask_run(struct ask *a)
{
    while (ask_step(a) == CALL_FLUSH)
        ;
    return a->status;
}

/* Ends it; what it borrowed is freed. */
static inline void ask_end(struct ask *a)
{
    call_free(a->call);
    a->call = NULL;
    spool_fini(&a->body.bytes);
    buf_drop(&a->out);
}

/* All that was appended so far, as a text. Valid until the next call. */
static inline const char *ask_output(struct ask *a)
{
    static char text[256 * 1024];
    snprintf(text, sizeof text, "%.*s", (int)buf_len(&a->out),
             buf_len(&a->out) ? buf_at(&a->out) : "");
    return text;
}

/* The same without the head. */
static inline const char *ask_body(struct ask *a)
{
    char *body = strstr(ask_output(a), "\r\n\r\n");
    return body ? body + 4 : "";
}

/* Calls the app with that head; its answer's body must be want. */
static inline void says_to(struct app *app, const char *head, const char *body,
                           const char *want)
{
    struct ask a;
    ask_begin(&a, app, head, body);
    cr_assert_eq(ask_run(&a), CALL_DONE, "%d: %s", (int)a.status,
                 a.status == CALL_FAILED ? call_error(a.call) : "");
    cr_expect_str_eq(ask_body(&a), want);
    ask_end(&a);
}

static inline void says(struct app *app, const char *want)
{
    says_to(app, GET, NULL, want);
}

/* Calls the app, which must fail; the error must begin with these words. */
static inline void fails(struct app *app, const char *words)
{
    struct ask a;
    ask_begin(&a, app, GET, NULL);
    cr_assert_eq(ask_run(&a), CALL_FAILED, "%s", ask_output(&a));
    const char *error = call_error(a.call);
    cr_expect_eq(strncmp(error, words, strlen(words)), 0, "%s", error);
    ask_end(&a);
}

/* A whole app from the body of its function, and what it must say. */
static inline void text_says(const char *text, const char *want)
{
    struct app *app = app_text(text);
    says(app, want);
    app_free(app);
}

#endif
