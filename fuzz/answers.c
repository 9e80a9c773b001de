/* SPDX-License-Identifier: MIT */
/*
 * A client's look at the answers of a talk: are they those to its requests, in
 * order, and can each be told from the next?
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/talk.h"

struct answer {
    int status;
    struct span head, body;
    bool closes; /* Connection: close */
    bool whole;
};

static bool begins(struct span s, struct span with)
{
    return s.len >= with.len && memcmp(s.at, with.at, with.len) == 0;
}

static bool has(struct span s, const char *text)
{
    return memmem(s.at, s.len, text, strlen(text)) != NULL;
}

/* Takes n bytes off the front. False, with all taken, if there are fewer. */
static bool take(struct span *s, size_t n)
{
    bool enough = n <= s->len;
    if (!enough)
        n = s->len;
    s->at += n;
    s->len -= n;
    return enough;
}

/* Takes chunks off up to the last one. False if they are cut. */
static bool take_chunks(struct span *rest)
{
    for (;;) {
        const char *end = memmem(rest->at, rest->len, "\r\n", 2);
        if (!end)
            return take(rest, rest->len + 1);
        size_t size = strtoul(rest->at, NULL, 16);
        CHECK(size || begins(*rest, SPAN("0\r\n\r\n")));
        if (!take(rest, (size_t)(end - rest->at) + 2 + size))
            return false;
        CHECK(rest->len < 2 || begins(*rest, SPAN("\r\n")));
        if (!take(rest, 2))
            return false;
        if (!size)
            return true;
    }
}

/* How long the body is, and whether all of it is there. A refusal has none when
 * it was of a HEAD, which need not have been seen. */
static bool take_body(struct answer *a, struct span *rest,
                      const struct seen *seen)
{
    const char *length =
        memmem(a->head.at, a->head.len, "\r\nContent-Length: ", 18);
    if (seen ? seen->request.head : !rest->len && a->closes)
        return true;
    if (length)
        return take(rest, strtoul(length + 18, NULL, 10));
    if (has(a->head, "\r\nTransfer-Encoding: chunked\r\n"))
        return take_chunks(rest);
    CHECK(a->closes);
    return take(rest, rest->len);
}

static struct answer take_answer(struct span *rest, const struct seen *seen)
{
    struct answer a = {.head.at = rest->at};
    const char *end = memmem(rest->at, rest->len, "\r\n\r\n", 4);
    a.head.len = end ? (size_t)(end - rest->at) + 4 : rest->len;
    take(rest, a.head.len);
    if (!end)
        return a;
    CHECK(begins(a.head, SPAN("HTTP/1.1 ")) && a.head.at[12] == ' ');
    a.status = atoi(a.head.at + 9);
    a.closes = has(a.head, "\r\nConnection: close\r\n");
    a.body.at = rest->at;
    a.whole = take_body(&a, rest, seen);
    a.body.len = (size_t)(rest->at - a.body.at);
    return a;
}

/* The app says what it saw; the body's end is the request's body where all of
 * it was there in time, and is sent as it is. */
static void check_saw(const struct answer *a, const struct seen *seen,
                      unsigned flags)
{
    char saw[16500];
    const struct request *rq = &seen->request;
    struct span method = request_span(rq, rq->method);
    struct span target = request_span(rq, rq->target);
    snprintf(saw, sizeof saw, "\r\nx-saw: %.*s %.*s HTTP/1.%d\r\n",
             (int)method.len, method.at, (int)target.len, target.at, rq->minor);
    CHECK(has(a->head, saw));
    bool plain = has(a->head, "\r\nContent-Length: ") && a->whole && !rq->head;
    size_t n = seen->body_size;
    if (!seen->complete || !plain || flags & TALK_IDLE)
        return;
    CHECK(a->body.len > n);
    struct span text = {a->body.at, a->body.len - n};
    CHECK(memcmp(text.at + text.len, seen->body, n) == 0);
    talk_check_env(rq, text);
}

/* Some answers are cut because the app failed when they had begun. */
static bool fails_late(const struct seen *seen)
{
    return seen &&
           begins(request_span(&seen->request, seen->request.path), SPAN("/e"));
}

static void check_answer(const struct answer *a, const struct seen *seen,
                         unsigned flags)
{
    CHECK(a->status == 200 || a->status >= 400);
    if (a->status == 200) {
        CHECK(seen);
        check_saw(a, seen, flags);
    } else if (a->status != 500) {
        CHECK(a->closes);
    }
}

/* Takes interim answers out of what is left of all. */
static void take_interim(struct buf *all, struct span *rest)
{
    const struct span interim = SPAN("HTTP/1.1 100 Continue\r\n\r\n");
    while (begins(*rest, interim)) {
        size_t at = (size_t)(rest->at - buf_at(all));
        rest->len -= interim.len;
        memmove((char *)rest->at, rest->at + interim.len, rest->len);
        buf_cut(all, at + rest->len);
    }
}

void talk_check_answers(struct talk *t, unsigned flags)
{
    struct span rest = {buf_len(&t->answers) ? buf_at(&t->answers) : "",
                        buf_len(&t->answers)};
    size_t i = 0;
    for (take_interim(&t->answers, &rest); rest.len; i++) {
        const struct seen *seen = i < t->count ? &t->seen[i] : NULL;
        struct answer a = take_answer(&rest, seen);
        CHECK(a.whole ||
              (!rest.len && (flags & TALK_RESETS || fails_late(seen))));
        if (a.status)
            check_answer(&a, seen, flags);
        take_interim(&t->answers, &rest);
        if (a.closes || !a.whole)
            CHECK(!rest.len && t->count <= i + 1);
    }
    /* A call may have begun to read a body that never came whole. */
    bool last = i + 1 == t->count && !t->seen[i].complete;
    CHECK(i >= t->count || last || flags & TALK_RESETS);
}
