/* SPDX-License-Identifier: MIT */
/*
 * The strict head check: how it works on growing input, the request line and
 * the limits. What it says about fields is in http_head_fields.c.
 */
#include "http/head.h"

#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/http_judge.h"

Test(head, accepts_plain_requests)
{
    ACCEPTS(S(GET "\r\n"), S(POST "Content-Length: 5\r\n\r\n"),
            S(POST "Transfer-Encoding: chunked\r\n\r\n"),
            S(OLD "Content-Length: 5\r\n\r\n"), S("GET / HTTP/1.0\r\n\r\n"),
            S("get / HTTP/1.0\r\n\r\n"), S("M-SEARCH / HTTP/1.0\r\n\r\n"));
}

Test(head, leaves_what_follows_the_head)
{
    struct head_check c = {0};
    struct verdict v;
    struct span two = SPAN(GET "\r\n" GET "\r\n");
    cr_assert_eq(look(&c, two, two.len, &v), HEAD_COMPLETE);
    cr_assert_eq(v.seen, two.len / 2);
}

Test(head, waits_for_the_empty_line)
{
    WANTS_MORE(S(""), S("G"), S("GET "), S("GET /"), S("GET / HTTP/1.1"),
               S("GET / HTTP/1.1\r"), S(LINE), S(LINE "Ho"), S(LINE "Host:"),
               S(LINE "Host: a\r"), S(GET), S(GET "\r"));
}

Test(head, works_on_bytes_that_move)
{
    char first[] = GET "X: a", later[] = GET "X: abc\r\n\r\n";
    struct head_check c = {0};
    int status;
    cr_assert_eq(head_check(&c, first, sizeof first - 1, &limits, &status),
                 HEAD_MORE);
    memset(first, 0, sizeof first);
    cr_assert_eq(head_check(&c, later, sizeof later - 1, &limits, &status),
                 HEAD_COMPLETE);
    cr_assert_eq(c.seen, sizeof later - 1);
    cr_assert_eq(c.fields, 2);
}

Test(head, skips_one_empty_line_only)
{
    cr_assert_eq(head_skip_empty("\r\nGET", 5), 2);
    cr_assert_eq(head_skip_empty("\r\n\r\n", 4), 2);
    cr_assert_eq(head_skip_empty("\r\n", 2), 2);
    cr_assert_eq(head_skip_empty("\r", 1), 0);
    cr_assert_eq(head_skip_empty("\r\r\n", 3), 0);
    cr_assert_eq(head_skip_empty("G\n", 2), 0);
    cr_assert_eq(head_skip_empty("\nGET", 4), 0);
    cr_assert_eq(head_skip_empty("GET", 3), 0);
    cr_assert_eq(head_skip_empty("", 0), 0);
}

Test(head, waits_on_a_lone_cr_for_an_empty_line)
{
    struct head_check c = {0};
    int status;
    cr_assert_eq(head_check(&c, "\r", 1, &limits, &status), HEAD_MORE);
    cr_assert_eq(c.seen, 0);
    cr_assert_eq(head_check(&c, "\r\n", 2, &limits, &status), HEAD_REFUSED);
    cr_assert_eq(status, 400);
}

Test(head, refuses_a_bad_first_byte_without_a_line_end)
{
    REFUSES(400, S("\x16"), S("\x16\x03\x01\x02\x00\x01"), S(" "), S("\n"),
            S("\0"), S("\x80"), S(":"), S("\t"));
}

Test(head, refuses_a_malformed_method)
{
    REFUSES(400, S(" / HTTP/1.1\r\n"), S("G\x01T / HTTP/1.1\r\n"),
            S("GE(T / HTTP/1.1\r\n"), S("GET\t/ HTTP/1.1\r\n"), S("GET\r\n"),
            S("G\xc3\x89T / HTTP/1.1\r\n"), S("GET: / HTTP/1.1\r\n"));
}

Test(head, bounds_a_method_without_end)
{
    WANTS_MORE(S(X64));
    ACCEPTS(S(X64 " / HTTP/1.0\r\n\r\n"));
    REFUSES(501, S(X64 "x"), S(X64 X64), S(X64 "x / HTTP/1.0\r\n"));
}

Test(head, refuses_connect_as_not_implemented)
{
    REFUSES(501, S("CONNECT a:80 HTTP/1.1\r\n"), S("CONNECT / HTTP/1.1\r\n"));
}

Test(head, refuses_more_or_less_than_single_spaces)
{
    REFUSES(400, S("GET  / HTTP/1.1\r\n"), S("GET /  HTTP/1.1\r\n"),
            S("GET / HTTP/1.1 \r\n"), S("GET /a b HTTP/1.1\r\n"),
            S("GET /\tHTTP/1.1\r\n"), S("GET\x0b/ HTTP/1.1\r\n"),
            S("GET/ HTTP/1.1\r\n"));
}

Test(head, refuses_bytes_that_no_target_may_have)
{
    REFUSES(400, S("GET /\x01 HTTP/1.1\r\n"), S("GET /\0 HTTP/1.1\r\n"),
            S("GET /\x7f HTTP/1.1\r\n"), S("GET /\xc3\xa4 HTTP/1.1\r\n"),
            S("GET /#top HTTP/1.1\r\n"), S("GET /a\tb HTTP/1.1\r\n"),
            S("GET /a\rb HTTP/1.1\r\n"), S("GET /a\nb HTTP/1.1\r\n"));
}

Test(head, accepts_every_printable_byte_in_a_target)
{
    ACCEPTS(S("GET /!\"$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~ "
              "HTTP/1.0\r\n\r\n"),
            S("GET //a HTTP/1.0\r\n\r\n"), S("GET /?? HTTP/1.0\r\n\r\n"));
}

Test(head, accepts_the_forms_of_targets)
{
    ACCEPTS(S("GET http://a HTTP/1.0\r\n\r\n"),
            S("GET http://a:80/b?c HTTP/1.0\r\n\r\n"),
            S("GET HTTPS://[::1]:8443?c HTTP/1.0\r\n\r\n"),
            S("GET http://1.2.3.4/ HTTP/1.0\r\n\r\n"),
            S("OPTIONS * HTTP/1.0\r\n\r\n"));
}

Test(head, refuses_other_targets)
{
    REFUSES(400, S("GET * HTTP/1.0\r\n"), S("OPTIONS *a HTTP/1.0\r\n"),
            S("GET a HTTP/1.0\r\n"), S("GET a:80 HTTP/1.0\r\n"),
            S("GET ?a HTTP/1.0\r\n"), S("GET ftp://a/ HTTP/1.0\r\n"),
            S("GET http:/a HTTP/1.0\r\n"), S("GET http:// HTTP/1.0\r\n"),
            S("GET http:///a HTTP/1.0\r\n"), S("GET http://?a HTTP/1.0\r\n"),
            S("GET http://:80/ HTTP/1.0\r\n"),
            S("GET http://u@a/ HTTP/1.0\r\n"),
            S("GET http://a:b/ HTTP/1.0\r\n"),
            S("GET http://a:65536/ HTTP/1.0\r\n"),
            S("GET http://[::1/ HTTP/1.0\r\n"), S("GET https//a HTTP/1.0\r\n"));
}

Test(head, accepts_versions_1_x)
{
    ACCEPTS(S("GET / HTTP/1.0\r\n\r\n"), S("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
            S("GET / HTTP/1.2\r\nHost:\r\n\r\n"),
            S("GET / HTTP/1.9\r\nHost:\r\n\r\n"));
}

Test(head, holds_a_later_minor_version_to_the_rules_of_1_1)
{
    REFUSES(400, S("GET / HTTP/1.2\r\n\r\n"));
}

Test(head, refuses_other_major_versions)
{
    REFUSES(505, S("GET / HTTP/2.0\r\n"), S("GET / HTTP/9.9\r\n"),
            S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
}

Test(head, refuses_what_is_no_version)
{
    REFUSES(400, S("GET /\r\n"), S("GET / \r\n"), S("GET / HTTP/0.9\r\n"),
            S("GET / HTTP/1.1x\r\n"), S("GET / HTTP/11\r\n"),
            S("GET / HTTP/1.\r\n"), S("GET / HTTP/1\r\n"),
            S("GET / HTTP/01.1\r\n"), S("GET / HTTP/1.01\r\n"),
            S("GET / HTTP/4294967297.1\r\n"), S("GET / http/1.1\r\n"),
            S("GET / HTTPS/1.1\r\n"), S("GET / ICE/1.0\r\n"),
            S("GET / HTTP/1/1\r\n"), S("GET / HTTP/1,1\r\n"));
}

Test(head, refuses_a_target_above_its_limit_at_once)
{
    limits.uri_size = 10;
    ACCEPTS(S("GET /123456789 HTTP/1.0\r\n\r\n"));
    WANTS_MORE(S("GET /123456789"));
    REFUSES(414, S("GET /123456789a"), S("GET /123456789a HTTP/1.0\r\n\r\n"),
            S("GET http://a/12 HTTP/1.0\r\n"));
}

Test(head, refuses_a_name_above_its_limit_at_once)
{
    limits.header_name = 10;
    ACCEPTS(S(GET X10 ": a\r\n\r\n"));
    WANTS_MORE(S(GET X10));
    REFUSES(431, S(GET X10 "x"), S(GET X10 "x: a\r\n\r\n"));
}

Test(head, refuses_one_field_too_many_at_its_first_byte)
{
    limits.headers = 3;
    ACCEPTS(S(GET "A: a\r\nB: b\r\n\r\n"));
    REFUSES(431, S(GET "A: a\r\nB: b\r\nC"));
}

Test(head, refuses_header_lines_above_their_size_at_once)
{
    limits.header_size = 9 + 16; /* "Host: a" and "X: " with ten bytes */
    ACCEPTS(S(GET "X: 12345678901\r\n\r\n"), S(GET "\r\n"));
    WANTS_MORE(S(GET "X: 1234567890123"));
    REFUSES(431, S(GET "X: 123456789012\r\n\r\n"), S(GET "X: 12345678901234"),
            S(GET "123456789012345678"), S(GET "X: 12345678901\r\nY"));
}

Test(head, reports_the_first_offence)
{
    REFUSES(417, S(POST "Expect: a\r\nContent-Length: x\r\n\r\n"));
    REFUSES(400, S(POST "Content-Length: x\r\nExpect: a\r\n\r\n"));
}
