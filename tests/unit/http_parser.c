/* SPDX-License-Identifier: MIT */
/*
 * What a checked head says. The heads here are ones that head_check passes.
 */
#include "http/parser.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "http/request.h"

#define LINE "GET / HTTP/1.1\r\n"
#define GET  LINE "Host: a\r\n"
#define OLD  "GET / HTTP/1.0\r\n"

static struct field fields[8];

static struct request read_ok(struct span head)
{
    struct request rq = {.fields = fields};
    cr_assert_eq(parser_read(&rq, head.at, head.len, 8), 0, "%.*s",
                 (int)head.len, head.at);
    return rq;
}

#define READ(literal) read_ok(SPAN(literal))

static int read_status(struct span head)
{
    struct request rq = {.fields = fields};
    return parser_read(&rq, head.at, head.len, 8);
}

static void is(const struct request *rq, struct piece piece, const char *want)
{
    struct span s = request_span(rq, piece);
    cr_expect(span_is(s, want), "\"%.*s\" is not \"%s\"", (int)s.len, s.at,
              want);
}

Test(parser, reads_a_whole_head, .init = parser_init)
{
    struct request rq = READ("POST /a/b?c=d HTTP/1.1\r\nHost: h:1\r\n"
                             "Content-Length: 5\r\n\r\n");
    is(&rq, rq.method, "POST");
    is(&rq, rq.target, "/a/b?c=d");
    is(&rq, rq.path, "/a/b");
    is(&rq, rq.query, "c=d");
    is(&rq, rq.host, "h:1");
    cr_assert_eq(rq.field_count, 2);
    cr_assert_eq(rq.content_length, 5);
    cr_assert_eq(rq.minor, 1);
    cr_assert(rq.keep_alive && !rq.chunked && !rq.head && !rq.expect_continue);
    cr_assert(request_has_body(&rq));
}

Test(parser, starts_from_nothing_for_each_head)
{
    struct request rq = READ("HEAD / HTTP/1.1\r\nHost: a\r\nExpect: "
                             "100-continue\r\nTransfer-Encoding: "
                             "chunked\r\nConnection: close\r\n\r\n");
    cr_assert(rq.head && rq.chunked && rq.expect_continue && !rq.keep_alive);
    static const char plain[] = GET "\r\n";
    cr_assert_eq(parser_read(&rq, plain, sizeof plain - 1, 8), 0);
    cr_assert_not(rq.head || rq.chunked || rq.expect_continue);
    cr_assert(rq.keep_alive);
    cr_assert_eq(rq.content_length, -1);
    cr_assert_eq(rq.size, sizeof plain - 1);
    cr_assert_eq(rq.query.len, 0);
}

Test(parser, keeps_fields_in_order_and_spelling)
{
    struct request rq = READ(LINE "hOSt: a\r\nX-A:b\r\nX-A: \t c d\t \r\n"
                                  "X_A:\r\nY: \x80\r\n\r\n");
    static const char *const want[][2] = {{"hOSt", "a"},
                                          {"X-A", "b"},
                                          {"X-A", "c d"},
                                          {"X_A", ""},
                                          {"Y", "\x80"}};
    cr_assert_eq(rq.field_count, 5);
    for (size_t i = 0; i < 5; i++) {
        is(&rq, fields[i].name, want[i][0]);
        is(&rq, fields[i].value, want[i][1]);
    }
}

Test(parser, fills_as_many_fields_as_there_is_room_for)
{
    struct request rq = READ(GET "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n"
                                 "\r\n");
    cr_assert_eq(rq.field_count, 8);
    cr_assert_eq(read_status(SPAN(GET "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n"
                                      "7:\r\n8:\r\n\r\n")),
                 400);
}

Test(parser, knows_every_method_of_its_list)
{
    static const char *const methods[] = {
        "DELETE",     "GET",         "HEAD",      "POST",     "PUT",
        "OPTIONS",    "TRACE",       "COPY",      "LOCK",     "MKCOL",
        "MOVE",       "PROPFIND",    "PROPPATCH", "SEARCH",   "UNLOCK",
        "BIND",       "REBIND",      "UNBIND",    "ACL",      "REPORT",
        "MKACTIVITY", "CHECKOUT",    "MERGE",     "M-SEARCH", "NOTIFY",
        "SUBSCRIBE",  "UNSUBSCRIBE", "PATCH",     "PURGE",    "MKCALENDAR",
        "LINK",       "UNLINK",      "SOURCE"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        char head[64];
        snprintf(head, sizeof head, "%s / HTTP/1.0\r\n\r\n", methods[i]);
        struct request rq = read_ok((struct span){head, strlen(head)});
        is(&rq, rq.method, methods[i]);
        cr_expect_eq(rq.head, strcmp(methods[i], "HEAD") == 0);
    }
}

Test(parser, refuses_unknown_methods_as_not_implemented)
{
    static const char *const methods[] = {"FOO",   "get", "GETS",    "GE",
                                          "!GET",  "G-T", "MSEARCH", "POSTER",
                                          "QUERY", "1",   "M-"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        char head[64];
        snprintf(head, sizeof head, "%s / HTTP/1.0\r\n\r\n", methods[i]);
        cr_expect_eq(read_status((struct span){head, strlen(head)}), 501, "%s",
                     methods[i]);
    }
}

Test(parser, splits_targets)
{
    static const struct {
        const char *target, *path, *query, *host;
    } rows[] = {
        {"/", "/", "", "a"},
        {"/?", "/", "", "a"},
        {"/a?b?c", "/a", "b?c", "a"},
        {"//b/c", "//b/c", "", "a"},
        {"/%2e%2e/..", "/%2e%2e/..", "", "a"},
        {"/http://b/", "/http://b/", "", "a"},
        {"http://b", "/", "", "b"},
        {"http://b?q", "/", "q", "b"},
        {"http://b:80/c?d", "/c", "d", "b:80"},
        {"HTTPS://[::1]:443/?", "/", "", "[::1]:443"},
        {"http://B%20c/d", "/d", "", "B%20c"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char head[128];
        snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
                 rows[i].target);
        struct request rq = read_ok((struct span){head, strlen(head)});
        is(&rq, rq.target, rows[i].target);
        is(&rq, rq.path, rows[i].path);
        is(&rq, rq.query, rows[i].query);
        is(&rq, rq.host, rows[i].host);
    }
}

Test(parser, reads_options_of_the_server)
{
    struct request rq = READ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    is(&rq, rq.path, "*");
    is(&rq, rq.query, "");
}

Test(parser, has_no_host_without_one)
{
    cr_assert_eq(READ(OLD "\r\n").host.len, 0);
    cr_assert_eq(READ(LINE "Host:\r\n\r\n").host.len, 0);
}

Test(parser, serves_later_minor_versions_as_1_1)
{
    cr_assert_eq(READ("GET / HTTP/1.0\r\n\r\n").minor, 0);
    cr_assert_eq(READ("GET / HTTP/1.1\r\nHost:\r\n\r\n").minor, 1);
    cr_assert_eq(READ("GET / HTTP/1.9\r\nHost:\r\n\r\n").minor, 1);
}

Test(parser, keeps_alive_by_version_and_connection)
{
    static const struct {
        const char *version, *connection;
        bool want;
    } rows[] = {
        {"1.1", "x", true},
        {"1.1", "close", false},
        {"1.1", "CLOSE", false},
        {"1.1", "close, TE", false},
        {"1.1", "TE ,\tclose", false},
        {"1.1", "keep-alive, close", false},
        {"1.1", "closed", true},
        {"1.1", "x-close", true},
        {"1.1", ",,", true},
        {"1.1", "", true},
        {"1.0", "x", false},
        {"1.0", "keep-alive", true},
        {"1.0", "Keep-Alive", true},
        {"1.0", "a,keep-alive,b", true},
        {"1.0", "keep-alive, close", false},
        {"1.0", "", false},
        {"1.1", "Upgrade", true},
        {"1.1", "x\r\nConnection: close", false},
        {"1.0", "close\r\nConnection: keep-alive", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char head[128];
        snprintf(head, sizeof head,
                 "GET / HTTP/%s\r\nHost: a\r\nConnection: %s\r\n\r\n",
                 rows[i].version, rows[i].connection);
        struct request rq = read_ok((struct span){head, strlen(head)});
        cr_expect_eq(rq.keep_alive, rows[i].want, "%s", head);
    }
}

Test(parser, stops_at_the_head_of_an_upgrade)
{
    struct request rq = READ(GET "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                                 "\r\n");
    cr_assert_eq(rq.field_count, 3);
    cr_assert(rq.keep_alive);
}

Test(parser, has_no_body_with_length_zero)
{
    struct request rq = READ(GET "Content-Length: 0\r\n\r\n");
    cr_assert_eq(rq.content_length, 0);
    cr_assert_not(request_has_body(&rq));
}

Test(parser, reads_the_largest_length)
{
    struct request rq = READ(GET "Content-Length: 9223372036854775807\r\n\r\n");
    cr_assert_eq(rq.content_length, INT64_MAX);
}

Test(parser, expects_to_continue_only_with_a_body_in_1_1)
{
    cr_assert(READ(GET "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n")
                  .expect_continue);
    cr_assert(READ(GET "Expect: , 100-continue\r\nContent-Length: 1\r\n\r\n")
                  .expect_continue);
    cr_assert_not(
        READ(GET "Expect:\r\nContent-Length: 1\r\n\r\n").expect_continue);
    cr_assert(READ(GET "Transfer-Encoding: chunked\r\nExpect: "
                       "100-continue\r\n\r\n")
                  .expect_continue);
    cr_assert_not(READ(GET "Expect: 100-continue\r\n\r\n").expect_continue);
    cr_assert_not(READ(OLD "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n")
                      .expect_continue);
}

Test(parser, takes_no_underscore_name_for_framing)
{
    struct request rq =
        READ(GET "Content_Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n");
    cr_assert_eq(rq.content_length, -1);
    cr_assert_not(rq.chunked);
}

Test(parser, refuses_what_is_no_whole_head)
{
    cr_assert_eq(read_status(SPAN(GET)), 400);
    cr_assert_eq(read_status(SPAN(GET "\r\nGET")), 400);
    cr_assert_eq(read_status(SPAN("")), 400);
}

Test(parser, reads_heads_above_the_parsers_own_limit, .init = parser_init)
{
    static char head[200 * 1024];
    memset(head, 'x', sizeof head);
    memcpy(head, GET "X: ", sizeof GET "X: " - 1);
    memcpy(head + sizeof head - 4, "\r\n\r\n", 4);
    struct request rq = read_ok((struct span){head, sizeof head});
    cr_assert_eq(rq.field_count, 2);
}
