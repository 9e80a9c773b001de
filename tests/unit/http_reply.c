/* SPDX-License-Identifier: MIT */
/*
 * Answers: framing by status, version and length, and headers of the app that
 * cannot split an answer.
 */
#include "http/reply.h"

#include <string.h>

#include <criterion/criterion.h>

#include "base/buf.h"

#define DATE  "Sun, 06 Nov 1994 08:49:37 GMT"
#define DATED "\r\nDate: " DATE "\r\n"
#define OK    "HTTP/1.1 200 OK" DATED

static struct buf out;

static struct reply new_reply(void)
{
    return (struct reply){
        .out = &out, .date = DATE, .minor = 1, .keep_alive = true};
}

static void wrote(const char *want)
{
    struct span got = {buf_len(&out) ? buf_at(&out) : "", buf_len(&out)};
    cr_expect(span_is(got, want), "wrote \"%.*s\", not \"%s\"", (int)got.len,
              got.at, want);
    buf_drop(&out);
}

static void give(struct reply *r, struct span name, struct span value)
{
    cr_assert_eq(reply_field(r, name, value), REPLY_OK);
}

#define GIVE(r, name, value) give((r), SPAN(name), SPAN(value))

/* Head and one body, as the app's answer with this status. */
static void answer(struct reply *r, int status, struct span body)
{
    reply_start(r, status);
    reply_finish(r, (int64_t)body.len);
    reply_body(r, body);
    reply_end(r);
}

Test(reply, announces_the_length_where_it_is_known)
{
    struct reply r = new_reply();
    reply_start(&r, 200);
    GIVE(&r, "Content-Type", "text/plain");
    reply_finish(&r, 5);
    cr_assert_not(reply_body(&r, SPAN("hello")));
    reply_end(&r);
    wrote(OK "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
    cr_assert_eq(r.framing, REPLY_LENGTH);
    cr_assert(r.keep_alive);
}

Test(reply, sends_chunks_to_1_1_where_no_length_is_known)
{
    struct reply r = new_reply();
    reply_start(&r, 200);
    reply_finish(&r, -1);
    cr_assert(reply_body(&r, SPAN("hello")));
    cr_assert(reply_body(&r, SPAN("")));
    cr_assert(reply_body(&r, SPAN("0123456789abcdef!")));
    reply_end(&r);
    wrote(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
             "11\r\n0123456789abcdef!\r\n0\r\n\r\n");
    cr_assert(r.keep_alive);
    cr_assert_eq(r.sent, 22);
}

Test(reply, ends_with_the_close_for_1_0_where_no_length_is_known)
{
    struct reply r = new_reply();
    r.minor = 0;
    reply_start(&r, 200);
    reply_finish(&r, -1);
    cr_assert(reply_body(&r, SPAN("hello")));
    reply_end(&r);
    wrote(OK "Connection: close\r\n\r\nhello");
    cr_assert_not(r.keep_alive);
    cr_assert_eq(r.sent, 5);
}

Test(reply, says_keep_alive_to_1_0_only)
{
    struct reply r = new_reply();
    r.minor = 0;
    answer(&r, 200, SPAN("a"));
    wrote(OK "Content-Length: 1\r\nConnection: keep-alive\r\n\r\na");
    cr_assert(r.keep_alive);
}

Test(reply, says_close_when_the_connection_will_close)
{
    struct reply r = new_reply();
    r.keep_alive = false;
    answer(&r, 200, SPAN("a"));
    wrote(OK "Content-Length: 1\r\nConnection: close\r\n\r\na");
}

Test(reply, writes_unregistered_statuses)
{
    struct reply r = new_reply();
    answer(&r, 299, SPAN(""));
    wrote("HTTP/1.1 299 Unknown" DATED "Content-Length: 0\r\n\r\n");
    answer(&r, 999, SPAN(""));
    wrote("HTTP/1.1 999 Unknown" DATED "Content-Length: 0\r\n\r\n");
}

Test(reply, sends_no_body_and_no_length_with_1xx_and_204)
{
    struct reply r = new_reply();
    answer(&r, 204, SPAN("a"));
    wrote("HTTP/1.1 204 No Content" DATED "\r\n");
    answer(&r, 103, SPAN("a"));
    wrote("HTTP/1.1 103 Early Hints" DATED "\r\n");
    reply_start(&r, 204);
    GIVE(&r, "Content-Length", "7");
    reply_finish(&r, -1);
    wrote("HTTP/1.1 204 No Content" DATED "\r\n");
    cr_assert_eq(r.framing, REPLY_NO_BODY);
    cr_assert_not(reply_body(&r, SPAN("a")));
    wrote("");
    cr_assert(r.keep_alive);
}

Test(reply, announces_with_304_only_what_the_app_says)
{
    struct reply r = new_reply();
    answer(&r, 304, SPAN(""));
    wrote("HTTP/1.1 304 Not Modified" DATED "\r\n");
    reply_start(&r, 304);
    GIVE(&r, "Content-Length", "7");
    reply_finish(&r, 0);
    cr_assert_not(reply_body(&r, SPAN("a")));
    wrote("HTTP/1.1 304 Not Modified" DATED "Content-Length: 7\r\n\r\n");
}

Test(reply, announces_to_head_what_get_would_get)
{
    struct reply r = new_reply();
    r.head = true;
    answer(&r, 200, SPAN("hello"));
    wrote(OK "Content-Length: 5\r\n\r\n");
    reply_start(&r, 200);
    reply_finish(&r, -1);
    cr_assert_not(reply_body(&r, SPAN("a")));
    reply_end(&r);
    wrote(OK "Transfer-Encoding: chunked\r\n\r\n");
    r.minor = 0;
    reply_start(&r, 200);
    reply_finish(&r, -1);
    wrote(OK "Connection: keep-alive\r\n\r\n");
    cr_assert(r.keep_alive);
}

Test(reply, claims_no_empty_body_to_head_unless_the_app_does)
{
    struct reply r = new_reply();
    r.head = true;
    answer(&r, 200, SPAN(""));
    wrote(OK "\r\n");
    reply_start(&r, 200);
    GIVE(&r, "content-length", "0");
    reply_finish(&r, 0);
    wrote(OK "Content-Length: 0\r\n\r\n");
}

Test(reply, holds_the_app_to_its_content_length)
{
    struct reply r = new_reply();
    reply_start(&r, 200);
    GIVE(&r, "content-length", "5");
    reply_finish(&r, -1);
    cr_assert(reply_body(&r, SPAN("hel")));
    cr_assert_not(reply_body(&r, SPAN("lo")));
    reply_end(&r);
    wrote(OK "Content-Length: 5\r\n\r\nhello");
    cr_assert(r.keep_alive);
}

Test(reply, cuts_a_body_longer_than_announced_and_closes)
{
    struct reply r = new_reply();
    reply_start(&r, 200);
    GIVE(&r, "content-length", "4");
    reply_finish(&r, 10);
    cr_assert_not(reply_body(&r, SPAN("0123456789")));
    cr_assert_not(reply_body(&r, SPAN("more")));
    reply_end(&r);
    wrote(OK "Content-Length: 4\r\n\r\n0123");
    cr_assert_not(r.keep_alive);
}

Test(reply, closes_after_a_body_shorter_than_announced)
{
    struct reply r = new_reply();
    reply_start(&r, 200);
    GIVE(&r, "content-length", "10");
    reply_finish(&r, 4);
    cr_assert(reply_body(&r, SPAN("0123")));
    reply_end(&r);
    wrote(OK "Content-Length: 10\r\n\r\n0123");
    cr_assert_not(r.keep_alive);
}

Test(reply, refuses_lengths_of_the_app_that_are_no_number)
{
    static const char *const lengths[] = {
        "", " 5", "5 ", "-1", "1,1", "0x5", "5.0", "9223372036854775808"};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct reply r = new_reply();
        reply_start(&r, 200);
        struct span value = {lengths[i], strlen(lengths[i])};
        cr_expect_eq(reply_field(&r, SPAN("Content-Length"), value),
                     REPLY_BAD_LENGTH, "%s", lengths[i]);
    }
}

Test(reply, refuses_a_second_length_of_the_app)
{
    struct reply r = new_reply();
    reply_start(&r, 200);
    GIVE(&r, "Content-Length", "5");
    cr_assert_eq(reply_field(&r, SPAN("content-length"), SPAN("5")),
                 REPLY_BAD_LENGTH);
}

Test(reply, drops_the_fields_that_are_the_servers)
{
    struct reply r = new_reply();
    reply_start(&r, 200);
    GIVE(&r, "Date", "never");
    GIVE(&r, "Transfer-Encoding", "chunked");
    GIVE(&r, "keep-alive", "timeout=5");
    GIVE(&r, "UPGRADE", "h2c");
    GIVE(&r, "Trailer", "X");
    GIVE(&r, "Connection", "upgrade");
    GIVE(&r, "Server", "mine");
    reply_finish(&r, 0);
    wrote(OK "Server: mine\r\nContent-Length: 0\r\n\r\n");
    cr_assert(r.keep_alive);
}

Test(reply, closes_when_the_app_says_so)
{
    struct reply r = new_reply();
    reply_start(&r, 200);
    GIVE(&r, "connection", "TE, Close");
    reply_finish(&r, 0);
    wrote(OK "Content-Length: 0\r\nConnection: close\r\n\r\n");
    cr_assert_not(r.keep_alive);
}

Test(reply, forgets_one_answer_before_the_next)
{
    struct reply r = new_reply();
    reply_start(&r, 200);
    GIVE(&r, "Content-Length", "5");
    buf_cut(&out, 0);
    for (int i = 0; i < 2; i++) {
        answer(&r, 200, SPAN("ab"));
        wrote(OK "Content-Length: 2\r\n\r\nab");
        cr_assert(r.keep_alive);
        cr_assert_eq(r.sent, 2);
    }
}

Test(reply, refuses_control_bytes_in_values_and_writes_none)
{
    struct reply r = new_reply();
    for (int c = 0; c < 256; c++) {
        char value[] = {'a', (char)c, 'b'};
        bool bad = (c < 0x20 && c != '\t') || c == 0x7f;
        enum reply_refusal rc =
            reply_field(&r, SPAN("X"), (struct span){value, 3});
        cr_expect_eq(rc, bad ? REPLY_BAD_VALUE : REPLY_OK, "%d", c);
        cr_expect_eq(buf_len(&out), bad ? 0 : 8);
        buf_drop(&out);
    }
}

Test(reply, refuses_names_that_are_no_tokens_and_writes_none)
{
    struct reply r = new_reply();
    static const struct span names[] = {
        {"", 0},      {"X Y", 3}, {"X:", 2},   {"X\r\nY", 4}, {"\0", 1},
        {"X\n", 2},   {" X", 2},  {"(X)", 3},  {"\x80", 1},   {"\"X\"", 3},
        {"X\x7f", 2}, {"X\t", 2}, {"X\0Y", 3},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_expect_eq(reply_field(&r, names[i], SPAN("a")), REPLY_BAD_NAME);
        cr_expect_eq(buf_len(&out), 0);
    }
    cr_expect_eq(reply_field(&r, SPAN("Date"), SPAN("a\nb")), REPLY_BAD_VALUE);
}

Test(reply, writes_long_fields_whole)
{
    struct reply r = new_reply();
    static char value[20000], want[20006];
    memset(value, 'v', sizeof value);
    memcpy(want, "X: ", 3);
    memset(want + 3, 'v', sizeof value);
    memcpy(want + 20003, "\r\n", 3);
    give(&r, SPAN("X"), (struct span){value, sizeof value});
    wrote(want);
}

Test(reply, answers_plainly_for_the_server)
{
    struct reply r = new_reply();
    r.keep_alive = false;
    reply_plain(&r, 413);
    wrote("HTTP/1.1 413 Content Too Large" DATED "Content-Type: text/plain\r\n"
          "Content-Length: 22\r\nConnection: close\r\n\r\n"
          "413 Content Too Large\n");
}

Test(reply, answers_plainly_without_a_body_to_head)
{
    struct reply r = new_reply();
    r.head = true;
    reply_plain(&r, 503);
    wrote("HTTP/1.1 503 Service Unavailable" DATED
          "Content-Type: text/plain\r\nContent-Length: 24\r\n\r\n");
    cr_assert(r.keep_alive);
}
