/* SPDX-License-Identifier: MIT */
/*
 * Every case of tests/conformance against the real server: in one piece over
 * TCP with one request more in the same packet, and over a UNIX socket byte by
 * byte and cut once at every byte. There the kernel says when the server has
 * read a part, so that each cut is one. Each answer has the right status, the
 * app saw what it should, and it was called as often as it should.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/cases.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define CASES SOURCE_DIR "/tests/conformance"

/* Behind every case: answered if the connection goes on, else never read. */
#define NEXT "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
    WHOLE = -1,   /* how a case is cut: not at all; */
    BYTEWISE = 0, /* everywhere; else once, there */
    ROOM = 65536
};

static struct server server;
static char *path; /* of the socket file */
static char *calls;

static void start(void)
{
    server_prepare(&server);
    path = server_path(&server, "socket");
    calls = server_path(&server, "calls");
    server_write(&server, "calls", "");
    server_start(
        &server,
        xasprintf("app(\"%s\") worker_processes(1)\n"
                  "listen(\"127.0.0.1:0\") listen(\"unix:%s\")\n"
                  "keepalive_requests(100000000)\n"
                  "client_max_uri_size(200) client_max_header_name(40)\n"
                  "client_max_headers(20) client_max_header_size(1000)\n"
                  "client_max_body_size(1000) client_max_chunk_extension(64)",
                  app_path("conformance.lua"), path));
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(conformance, .init = start, .fini = stop, .timeout = 170);

/* ---- one connection ---- */

struct talk {
    int fd;
    int cut;
    size_t len;      /* of in */
    char in[ROOM];   /* what has come and was not looked at */
    char said[1024]; /* what is wrong; "" */
};

static bool wrong(struct talk *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(t->said, sizeof t->said, fmt, args);
    va_end(args);
    return false;
}

/* More bytes; false at the end of the connection. */
static bool receive(struct talk *t)
{
    ssize_t n = recv(t->fd, t->in + t->len, sizeof t->in - 1 - t->len, 0);
    if (n > 0)
        t->len += (size_t)n;
    t->in[t->len] = '\0';
    return n > 0;
}

static void drop(struct talk *t, size_t n)
{
    t->len -= n;
    memmove(t->in, t->in + n, t->len + 1);
}

/* Until the server has read all (unix(7) sockets count what it has not). */
static void await_read(const struct talk *t)
{
    int unread = 1;
    int64_t deadline = clock_now() + PATIENCE * CLOCK_SECOND;
    while (ioctl(t->fd, SIOCOUTQ, &unread) == 0 && unread)
        if (clock_now() < deadline)
            sched_yield();
        else
            cr_assert_fail("the server does not read");
}

/* A server that has refused need not take the rest: no error counts here. */
static void put(const struct talk *t, const char *bytes, size_t n)
{
    while (n) {
        ssize_t sent = send(t->fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        n -= (size_t)sent;
    }
}

static void put_cut(struct talk *t, const char *bytes, size_t n)
{
    for (size_t i = 0; t->cut == BYTEWISE && i < n; i++) {
        put(t, bytes + i, 1);
        await_read(t);
    }
    if (t->cut > BYTEWISE) {
        size_t cut = (size_t)t->cut;
        put(t, bytes, cut);
        await_read(t);
        put(t, bytes + cut, n - cut);
    }
    if (t->cut == WHOLE)
        put(t, bytes, n);
}

/* ---- one answer ---- */

struct seen {
    int status;
    char head[8192], body[8192];
    size_t length;
    bool whole;
};

static size_t number_of(const char *head, const char *name, int base)
{
    const char *at = strcasestr(head, name);
    return at ? strtoul(at + strlen(name), NULL, base) : 0;
}

static void take_body(struct talk *t, struct seen *a, size_t n)
{
    while (t->len < n && receive(t))
        ;
    size_t have = t->len < n ? t->len : n;
    a->whole = have == n && a->length + n < sizeof a->body;
    if (!a->whole)
        n = have;
    cr_assert_lt(a->length + n, sizeof a->body);
    memcpy(a->body + a->length, t->in, n);
    a->length += n;
    drop(t, n);
}

static void take_chunks(struct talk *t, struct seen *a)
{
    size_t size = 1;
    while (size) {
        char *end;
        while (!(end = strstr(t->in, "\r\n")) && receive(t))
            ;
        size = strtoul(t->in, NULL, 16);
        drop(t, end ? (size_t)(end - t->in) + 2 : t->len);
        take_body(t, a, size);
        while (t->len < 2 && receive(t))
            ;
        if (!a->whole || strncmp(t->in, "\r\n", 2) != 0) {
            a->whole = false;
            return;
        }
        drop(t, 2);
    }
}

static bool take_answer(struct talk *t, struct seen *a, const char *saw)
{
    char *end;
    while (!(end = strstr(t->in, "\r\n\r\n")) && receive(t))
        ;
    if (!end)
        return wrong(t, "no answer but \"%s\"", t->in);
    size_t n = (size_t)(end - t->in) + 4;
    cr_assert_lt(n, sizeof a->head);
    *a = (struct seen){.whole = true};
    memcpy(a->head, t->in, n);
    drop(t, n);
    if (sscanf(a->head, "HTTP/1.1 %d ", &a->status) != 1)
        return wrong(t, "this is no answer: %s", a->head);
    if (a->status < 200 || a->status == 204 || a->status == 304 ||
        strncmp(saw, "HEAD ", 5) == 0)
        return true;
    if (strcasestr(a->head, "\r\ntransfer-encoding: chunked\r\n"))
        take_chunks(t, a);
    else if (strcasestr(a->head, "\r\ncontent-length: "))
        take_body(t, a, number_of(a->head, "\r\ncontent-length: ", 10));
    else
        take_body(t, a, sizeof a->body - 1);
    return true;
}

/* Is the line in the head? A line that ends with a blank may go on. */
static bool has_line(const struct seen *a, const char *line)
{
    char want[4096];
    bool open = line[strlen(line) - 1] == ' ';
    snprintf(want, sizeof want, "\r\n%s%s", line, open ? "" : "\r\n");
    return strstr(a->head, want);
}

static bool has_field(const struct seen *a, const char *name)
{
    char want[128];
    snprintf(want, sizeof want, "\r\n%s:", name);
    return strcasestr(a->head, want);
}

static bool check_answer(struct talk *t, const struct step *s)
{
    struct seen a;
    do
        if (!take_answer(t, &a, s->saw))
            return false;
    while (a.status == 100 && s->status != 100 && t->cut != WHOLE);
    char saw[4096];
    snprintf(saw, sizeof saw, "saw: %s", s->saw);
    if (a.status != s->status)
        return wrong(t, "%d, not %d: %s", a.status, s->status, a.head);
    if (*s->saw ? !has_line(&a, saw) : has_field(&a, "saw"))
        return wrong(t, "the app saw something else: %s", a.head);
    if (s->status >= 400 && !(has_line(&a, "Connection: close") && a.whole))
        return wrong(t, "no good refusal: %s", a.head);
    if (s->has && !has_line(&a, s->has))
        return wrong(t, "without %s: %s", s->has, a.head);
    if (s->lacks && has_field(&a, s->lacks))
        return wrong(t, "with %s: %s", s->lacks, a.head);
    if (s->body && strcmp(a.body, s->body) != 0)
        return wrong(t, "another body: %s", a.body);
    return true;
}

/* ---- one case ---- */

static off_t calls_now(void)
{
    struct stat st;
    cr_assert_eq(stat(calls, &st), 0);
    return st.st_size;
}

static size_t last_send(const struct dialogue *d)
{
    size_t last = 0;
    for (size_t i = 0; i < d->count; i++)
        if (d->steps[i].kind != STEP_WANT)
            last = i;
    return last;
}

static void play_send(struct talk *t, const struct step *s, bool last)
{
    char all[ROOM / 2];
    size_t n = last ? sizeof NEXT - 1 : 0;
    cr_assert_lt(s->len + n, sizeof all);
    memcpy(all, s->bytes, s->len);
    memcpy(all + s->len, NEXT, n);
    put_cut(t, all, s->len + n);
}

static bool play_steps(struct talk *t, const struct dialogue *d)
{
    size_t last = last_send(d);
    for (size_t i = 0; i < d->count; i++) {
        const struct step *s = &d->steps[i];
        if (s->kind == STEP_SEND)
            play_send(t, s, i == last);
        else if (s->kind == STEP_SHUT)
            shutdown(t->fd, SHUT_WR);
        else if (!check_answer(t, s))
            return false;
    }
    return true;
}

static bool play_end(struct talk *t, const struct dialogue *d)
{
    const struct step next = {.status = 200, .saw = "GET /next"};
    if (!d->closes)
        return check_answer(t, &next) || wrong(t, "%s (next)", t->said);
    if (t->len || receive(t))
        return wrong(t, "bytes instead of a close: %s", t->in);
    return true;
}

static off_t calls_of(const struct dialogue *d)
{
    off_t n = d->closes ? 0 : 1;
    for (size_t i = 0; i < d->count; i++)
        n += d->steps[i].kind == STEP_WANT && *d->steps[i].saw;
    return n;
}

static bool play(struct talk *t, const struct dialogue *d)
{
    off_t before = calls_now();
    if (!play_steps(t, d) || !play_end(t, d))
        return false;
    off_t n = calls_now() - before;
    if (n != calls_of(d))
        return wrong(t, "%d calls, not %d", (int)n, (int)calls_of(d));
    return true;
}

/* Plays it on the connection, or on a new one when that is over. */
static bool play_on(struct talk *t, const struct dialogue *d, int cut)
{
    t->cut = cut;
    if (t->fd < 0) {
        t->fd = cut == WHOLE ? dial(&server) : dial_unix(path);
        t->len = 0;
        t->in[0] = '\0';
    }
    bool good = play(t, d);
    if (!good)
        cr_expect(false, "%s: %s, cut at %d: %s", d->file, d->name, cut,
                  t->said);
    if (!good || d->closes) {
        close(t->fd);
        t->fd = -1;
    }
    return good;
}

static struct cases cases;

static struct talk *begin(void)
{
    struct talk *t = xcalloc(1, sizeof *t);
    t->fd = -1;
    cases = cases_load(CASES);
    return t;
}

/* A case in one piece can be cut; a dialogue has its own pieces. */
static bool is_one_piece(const struct dialogue *d)
{
    size_t sends = 0;
    for (size_t i = 0; i < d->count; i++)
        sends += d->steps[i].kind == STEP_SEND;
    return sends == 1;
}

Test(conformance, answers_each_case_as_its_table_says)
{
    struct talk *t = begin();
    for (size_t i = 0; i < cases.count; i++)
        play_on(t, &cases.at[i], WHOLE);
}

Test(conformance, answers_each_case_byte_by_byte)
{
    struct talk *t = begin();
    for (size_t i = 0; i < cases.count; i++)
        play_on(t, &cases.at[i], BYTEWISE);
}

Test(conformance, answers_each_case_cut_at_every_byte)
{
    struct talk *t = begin();
    for (size_t i = 0; i < cases.count; i++) {
        const struct dialogue *d = &cases.at[i];
        int len = is_one_piece(d) ? (int)d->steps[0].len : 0;
        for (int cut = 1; cut < len; cut++)
            if (!play_on(t, d, cut))
                break;
    }
}
