/* SPDX-License-Identifier: MIT */
/*
 * Conditional and range requests: each row is a request's fields and what must
 * come of them, for 100 bytes of Sun, 06 Nov 1994 08:49:37 GMT with the tag
 * "a".
 */
#include "http/conditional.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "http/parser.h"
#include "http/request.h"

#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define SAME   "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER  "Sun, 06 Nov 1994 08:49:38 GMT"

static struct verdict judge(const char *method, const char *fields,
                            const struct representation *what)
{
    static char head[1024];
    static struct field room[16];
    struct request rq = {.fields = room};
    snprintf(head, sizeof head, "%s / HTTP/1.1\r\nHost: x\r\n%s\r\n", method,
             fields);
    parser_init();
    cr_assert_eq(parser_read(&rq, head, strlen(head), 16), 0, "%s", head);
    return conditional_judge(&rq, what);
}

struct row {
    const char *fields;
    int status;
    int64_t first, left; /* with 206 */
};

static void all(const struct row *rows, size_t n)
{
    struct representation what = {
        .size = 100, .modified = 784111777, .etag = SPAN("\"a\"")};
    for (size_t i = 0; i < n; i++) {
        struct verdict v = judge("GET", rows[i].fields, &what);
        cr_expect_eq(v.status, rows[i].status, "%s%d", rows[i].fields,
                     v.status);
        if (v.status == 206 || v.status == 200) {
            bool part = rows[i].status == 206;
            cr_expect_eq(v.first, part ? rows[i].first : 0, "%s",
                         rows[i].fields);
            cr_expect_eq(v.left, part ? rows[i].left : 100, "%s",
                         rows[i].fields);
        }
    }
}

#define ALL(rows) all(rows, sizeof(rows) / sizeof *(rows))

static const struct row conditions[] = {
    {"", 200},
    {"If-None-Match: \"a\"\r\n", 304},
    {"If-None-Match: W/\"a\"\r\n", 304},
    {"If-None-Match: *\r\n", 304},
    {"If-None-Match: \"x\", W/\"y,\" , \"a\"\r\n", 304},
    {"If-None-Match: \"x\"\r\nIf-None-Match: \"a\"\r\n", 304},
    {"If-None-Match: \"b\"\r\n", 200},
    {"If-None-Match: a\r\n", 200},
    {"If-None-Match: \"a\r\n", 200},
    {"If-None-Match: \"x\" \"a\r\n", 200},
    {"If-Modified-Since: " SAME "\r\n", 304},
    {"If-Modified-Since: " AFTER "\r\n", 304},
    {"If-Modified-Since: " BEFORE "\r\n", 200},
    {"If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 304},
    {"If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", 304},
    {"If-Modified-Since: yesterday\r\n", 200},
    {"If-Modified-Since: " SAME "\r\nIf-Modified-Since: " SAME "\r\n", 200},
    /* a tag says more than a date */
    {"If-None-Match: \"b\"\r\nIf-Modified-Since: " SAME "\r\n", 200},
    {"If-None-Match: \"a\"\r\nIf-Modified-Since: " BEFORE "\r\n", 304},
    {"If-Match: \"a\"\r\n", 200},
    {"If-Match: *\r\n", 200},
    {"If-Match: W/\"a\"\r\n", 412},
    {"If-Match: \"b\"\r\n", 412},
    {"If-Match: b\r\n", 412},
    {"If-Unmodified-Since: " SAME "\r\n", 200},
    {"If-Unmodified-Since: " BEFORE "\r\n", 412},
    {"If-Unmodified-Since: never\r\n", 200},
    {"If-Match: \"a\"\r\nIf-Unmodified-Since: " BEFORE "\r\n", 200},
    {"If-Match: \"a\"\r\nIf-None-Match: \"a\"\r\n", 304},
    {"If-Match: \"b\"\r\nIf-None-Match: \"a\"\r\n", 412},
};

Test(conditional, judges_conditions_in_the_order_of_the_rfc)
{
    ALL(conditions);
}

static const struct row ranges[] = {
    {"Range: bytes=0-0\r\n", 206, 0, 1},
    {"Range: bytes=10-19\r\n", 206, 10, 10},
    {"Range: bytes=99-\r\n", 206, 99, 1},
    {"Range: bytes=0-\r\n", 206, 0, 100},
    {"Range: bytes=90-1000\r\n", 206, 90, 10},
    {"Range: bytes=-1\r\n", 206, 99, 1},
    {"Range: bytes=-100\r\n", 206, 0, 100},
    {"Range: bytes=-1000\r\n", 206, 0, 100},
    {"Range: BYTES= 5-6\r\n", 206, 5, 2},
    {"Range: bytes=100-\r\n", 416},
    {"Range: bytes=100-200\r\n", 416},
    {"Range: bytes=-0\r\n", 416},
    /* what is malformed, or more than one */
    {"Range: bytes=19-10\r\n", 200},
    {"Range: bytes=\r\n", 200},
    {"Range: bytes=-\r\n", 200},
    {"Range: bytes=5\r\n", 200},
    {"Range: bytes=a-b\r\n", 200},
    {"Range: bytes=0x5-6\r\n", 200},
    {"Range: bytes=+5-6\r\n", 200},
    {"Range: bytes=--5\r\n", 200},
    {"Range: bytes=1-2-3\r\n", 200},
    {"Range: bytes=0-1,5-6\r\n", 200},
    {"Range: bytes=99999999999999999999-\r\n", 200},
    {"Range: lines=0-1\r\n", 200},
    {"Range: bytes\r\n", 200},
    {"Range: bytes=0-1\r\nRange: bytes=0-1\r\n", 200},
    {"Range: bytes=5-6\r\nIf-Range: \"a\"\r\n", 206, 5, 2},
    {"Range: bytes=5-6\r\nIf-Range: \"b\"\r\n", 200},
    {"Range: bytes=5-6\r\nIf-Range: W/\"a\"\r\n", 200},
    {"Range: bytes=5-6\r\nIf-Range: " SAME "\r\n", 206, 5, 2},
    {"Range: bytes=5-6\r\nIf-Range: " AFTER "\r\n", 200},
    {"Range: bytes=5-6\r\nIf-Range: \r\n", 200},
    {"Range: bytes=200-\r\nIf-Range: \"b\"\r\n", 200},
    {"Range: bytes=5-6\r\nIf-None-Match: \"a\"\r\n", 304},
    {"Range: bytes=5-6\r\nIf-Match: \"b\"\r\n", 412},
};

Test(conditional, gives_the_range_or_all)
{
    ALL(ranges);
}

Test(conditional, has_no_range_of_nothing)
{
    struct representation what = {.size = 0, .modified = -1};
    cr_expect_eq(judge("GET", "Range: bytes=0-\r\n", &what).status, 416);
    cr_expect_eq(judge("GET", "Range: bytes=-1\r\n", &what).status, 416);
}

Test(conditional, knows_nothing_without_tag_and_date)
{
    struct representation what = {.size = 9, .modified = -1};
    cr_expect_eq(judge("GET", "If-None-Match: \"a\"\r\n", &what).status, 200);
    cr_expect_eq(judge("GET", "If-Modified-Since: " AFTER "\r\n", &what).status,
                 200);
    cr_expect_eq(judge("GET", "If-Match: \"a\"\r\n", &what).status, 412);
}

Test(conditional, is_for_get_and_head)
{
    struct representation what = {
        .size = 100, .modified = -1, .etag = SPAN("\"a\"")};
    cr_expect_eq(judge("HEAD", "If-None-Match: *\r\n", &what).status, 304);
    cr_expect_eq(judge("HEAD", "Range: bytes=0-1\r\n", &what).status, 200);
    cr_expect_eq(judge("POST", "If-None-Match: *\r\n", &what).status, 200);
    cr_expect_eq(judge("POST", "Range: bytes=0-1\r\n", &what).status, 200);
}
