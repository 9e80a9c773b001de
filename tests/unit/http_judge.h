/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_UNIT_HTTP_JUDGE_H
#define RAINBOWS_TESTS_UNIT_HTTP_JUDGE_H

#include <stdbool.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/span.h"
#include "http/head.h"
#include "http/limits.h"

/*
 * What the tests of the head check say: ACCEPTS, REFUSES with a status,
 * WANTS_MORE. Each head is judged in one piece, byte by byte and cut once at
 * every place: the verdict must be the same each time.
 */

/* A request line and Host, for cases about what follows. */
#define LINE "GET / HTTP/1.1\r\n"
#define GET  LINE "Host: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define OLD  "POST / HTTP/1.0\r\n"

#define X10 "xxxxxxxxxx"
#define X64 X10 X10 X10 X10 X10 X10 "xxxx"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct limits limits = {
    .uri_size = 100,
    .header_size = 1000,
    .header_name = 40,
    .headers = 10,
};

struct verdict {
    enum head_status status;
    int code;
    size_t seen;
};

static enum head_status look(struct head_check *c, struct span head, size_t len,
                             struct verdict *v)
{
    v->status = head_check(c, head.at, len, &limits, &v->code);
    v->seen = v->status == HEAD_COMPLETE ? c->seen : 0;
    return v->status;
}

/* The bytes before the cut, then all. */
static struct verdict judge_cut(struct span head, size_t cut)
{
    struct head_check c = {0};
    struct verdict v = {0};
    if (look(&c, head, cut, &v) == HEAD_MORE)
        look(&c, head, head.len, &v);
    return v;
}

static struct verdict judge_bytewise(struct span head)
{
    struct head_check c = {0};
    struct verdict v = {0};
    for (size_t len = 0; len <= head.len && v.status == HEAD_MORE; len++)
        look(&c, head, len, &v);
    return v;
}

static bool same(struct verdict a, struct verdict b)
{
    return a.status == b.status && a.code == b.code && a.seen == b.seen;
}

static void expect(struct span head, struct verdict want)
{
    for (size_t cut = 0; cut <= head.len; cut++) {
        struct verdict v = judge_cut(head, cut);
        cr_expect(same(v, want), "status %d code %d seen %zu cut at %zu: %.*s",
                  v.status, v.code, v.seen, cut, (int)head.len, head.at);
    }
    cr_expect(same(judge_bytewise(head), want), "bytewise: %.*s", (int)head.len,
              head.at);
}

static void expect_all(const struct span *heads, size_t n, struct verdict want)
{
    for (size_t i = 0; i < n; i++) {
        if (want.status == HEAD_COMPLETE)
            want.seen = heads[i].len;
        expect(heads[i], want);
    }
}

#define ACCEPTS(...)                                                           \
    do {                                                                       \
        static const struct span heads[] = {__VA_ARGS__};                      \
        expect_all(heads, COUNT(heads),                                        \
                   (struct verdict){.status = HEAD_COMPLETE});                 \
    } while (0)

#define REFUSES(number, ...)                                                   \
    do {                                                                       \
        static const struct span heads[] = {__VA_ARGS__};                      \
        expect_all(                                                            \
            heads, COUNT(heads),                                               \
            (struct verdict){.status = HEAD_REFUSED, .code = (number)});       \
    } while (0)

#define WANTS_MORE(...)                                                        \
    do {                                                                       \
        static const struct span heads[] = {__VA_ARGS__};                      \
        expect_all(heads, COUNT(heads),                                        \
                   (struct verdict){.status = HEAD_MORE});                     \
    } while (0)

/* SPAN is a compound literal, which no static table may hold. */
#define S(literal)                                                             \
    {                                                                          \
        (literal), sizeof(literal) - 1                                         \
    }

#endif
