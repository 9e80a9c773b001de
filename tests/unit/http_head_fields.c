/* SPDX-License-Identifier: MIT */
/*
 * The strict head check: field lines, Host, and the fields that frame a body.
 */
#include "http/head.h"

#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/http_judge.h"

Test(head_fields, refuses_bare_lf_as_a_line_end)
{
    REFUSES(400, S("GET / HTTP/1.1\nHost: a\r\n\r\n"), S(LINE "Host: a\n\r\n"),
            S(LINE "Host: a\r\n\n"), S(LINE "X: a\nContent-Length: 5\r\n"),
            S(LINE "X\n: a\r\n"), S(LINE "\n"));
}

Test(head_fields, refuses_a_bare_cr)
{
    REFUSES(400, S("GET / HTTP/1.1\rHost: a\r\n\r\n"),
            S(LINE "X: a\rTransfer-Encoding: chunked\r\n"),
            S(LINE "X:\rTransfer-Encoding: chunked\r\n"), S(LINE "X: a\r\r\n"),
            S(LINE "X\r: a\r\n"), S(LINE "X: \r\r\n"));
}

Test(head_fields, refuses_a_header_end_with_another_byte_for_lf)
{
    REFUSES(400, S(GET "\rZGET /evil HTTP/1.1\r\n"), S(GET "\r\r\n"),
            S(GET "\r "));
}

Test(head_fields, refuses_folded_lines)
{
    REFUSES(400, S(GET "X: a\r\n b\r\n\r\n"), S(GET "X: a\r\n\tb\r\n\r\n"),
            S(GET "Transfer-Encoding:\r\n chunked\r\n\r\n"),
            S(LINE " Host: a\r\n\r\n"), S(GET " \r\n\r\n"));
}

Test(head_fields, refuses_space_before_colon)
{
    REFUSES(400, S(POST "Content-Length : 5\r\n"),
            S(POST "Transfer-Encoding\t: chunked\r\n"), S(LINE "Host : a\r\n"));
}

Test(head_fields, refuses_names_that_are_no_tokens)
{
    REFUSES(400, S(GET ": a\r\n"), S(GET "X(: a\r\n"), S(GET "X Y: a\r\n"),
            S(GET "X\0: a\r\n"), S(GET "\x80: a\r\n"), S(GET "X\r\n"),
            S(GET "\"X\": a\r\n"), S(GET "X/Y: a\r\n"), S(GET "X\x7f: a\r\n"));
}

Test(head_fields, accepts_every_token_byte_in_a_name)
{
    ACCEPTS(S(GET "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"));
}

Test(head_fields, refuses_control_bytes_in_values)
{
    char line[] = GET "X: a?b\r\n\r\n";
    char *byte = strchr(line, '?');
    struct verdict refused = {.status = HEAD_REFUSED, .code = 400};
    for (int c = 0; c < 0x20; c++) {
        *byte = (char)c;
        if (c != '\t')
            expect((struct span){line, sizeof line - 1}, refused);
    }
    *byte = 0x7f;
    expect((struct span){line, sizeof line - 1}, refused);
}

Test(head_fields, accepts_tab_space_and_high_bytes_in_values)
{
    ACCEPTS(S(GET "X: a\tb c\x80\xff\r\n\r\n"), S(GET "X:\r\n\r\n"),
            S(GET "X: \t \r\n\r\n"), S(GET "X::::\r\n\r\n"));
}

Test(head_fields, wants_exactly_one_host_in_1_1)
{
    REFUSES(400, S(LINE "\r\n"), S(LINE "X: a\r\n\r\n"),
            S(GET "Host: a\r\n\r\n"), S(GET "host: b\r\n\r\n"),
            S("GET http://a/ HTTP/1.1\r\n\r\n"));
}

Test(head_fields, wants_at_most_one_host_in_1_0)
{
    ACCEPTS(S("GET / HTTP/1.0\r\nHost: a\r\n\r\n"));
    REFUSES(400, S("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n"));
}

Test(head_fields, accepts_valid_hosts)
{
    ACCEPTS(S(LINE "Host: example.com\r\n\r\n"), S(LINE "Host:\r\n\r\n"),
            S(LINE "Host: a.b-c_d~e:8080\r\n\r\n"), S(LINE "HOST: a:\r\n\r\n"),
            S(LINE "Host: 127.0.0.1:0\r\n\r\n"), S(LINE "Host: [::1]\r\n\r\n"),
            S(LINE "Host: [1:2::8]:1\r\n\r\n"),
            S(LINE "Host: [::ffff:1.2.3.4]:65535\r\n\r\n"),
            S(LINE "Host: a%20b\r\n\r\n"), S(LINE "Host:\ta\t\r\n\r\n"));
}

Test(head_fields, refuses_invalid_hosts)
{
    REFUSES(400, S(LINE "Host: a b\r\n"), S(LINE "Host: u@a\r\n"),
            S(LINE "Host: a/\r\n"), S(LINE "Host: a,b\r\n"),
            S(LINE "Host: :80\r\n"), S(LINE "Host: a:b\r\n"),
            S(LINE "Host: a:65536\r\n"), S(LINE "Host: a:80:80\r\n"),
            S(LINE "Host: [::1\r\n"), S(LINE "Host: []\r\n"),
            S(LINE "Host: [a]\r\n"), S(LINE "Host: [::1]a\r\n"),
            S(LINE "Host: [fe80::1%eth0]\r\n"), S(LINE "Host: a%2\r\n"),
            S(LINE "Host: a%zz\r\n"), S(LINE "Host: a\\b\r\n"),
            S(LINE "Host: a?b\r\n"), S(LINE "Host: a#b\r\n"),
            S(LINE "Host: \xc3\xa4\r\n"), S(LINE "Host: ::1\r\n"),
            S(LINE "Host: a:-1\r\n"), S(LINE "Host: a: 80\r\n"),
            S(LINE "Host: [::1]:99999999999999999999\r\n"));
}

Test(head_fields, accepts_content_lengths_of_63_bits)
{
    ACCEPTS(S(POST "Content-Length: 0\r\n\r\n"),
            S(POST "Content-Length: 0005\r\n\r\n"),
            S(POST "content-length:5 \t\r\n\r\n"),
            S(POST "Content-Length: 9223372036854775807\r\n\r\n"));
}

Test(head_fields, refuses_content_lengths_that_are_no_number)
{
    REFUSES(
        400, S(POST "Content-Length:\r\n"), S(POST "Content-Length: +5\r\n"),
        S(POST "Content-Length: -5\r\n"), S(POST "Content-Length: 0x5\r\n"),
        S(POST "Content-Length: 5a\r\n"), S(POST "Content-Length: 5.0\r\n"),
        S(POST "Content-Length: \"5\"\r\n"), S(POST "Content-Length: 1_0\r\n"),
        S(POST "Content-Length: 1 2\r\n"), S(POST "Content-Length: 5;\r\n"),
        S(POST "Content-Length: \x0b"
               "5\r\n"),
        S(POST "Content-Length: 5\0\r\n"),
        S(POST "Content-Length: \xd9\xa5\r\n"));
}

Test(head_fields, refuses_content_lengths_that_overflow)
{
    REFUSES(400, S(POST "Content-Length: 9223372036854775808\r\n"),
            S(POST "Content-Length: 18446744073709551621\r\n"),
            S(POST "Content-Length: 99999999999999999999999999\r\n"));
}

Test(head_fields, refuses_a_second_content_length)
{
    REFUSES(400, S(POST "Content-Length: 5\r\nContent-Length: 5\r\n"),
            S(POST "Content-Length: 5\r\nX: a\r\nCONTENT-LENGTH: 6\r\n"),
            S(POST "Content-Length: 5, 5\r\n"),
            S(POST "Content-Length: 5,\r\n"),
            S(OLD "Content-Length: 5\r\nContent-Length: 5\r\n"));
}

Test(head_fields, refuses_content_length_beside_transfer_encoding)
{
    REFUSES(400, S(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
            S(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
            S(POST "Transfer-Encoding: chunked\r\nX: a\r\n"
                   "Content-Length: 0\r\n"));
}

Test(head_fields, refuses_transfer_encoding_in_1_0)
{
    REFUSES(400, S(OLD "Transfer-Encoding: chunked\r\n"),
            S(OLD "Transfer-Encoding: gzip, chunked\r\n"));
}

Test(head_fields, accepts_chunked_in_any_case)
{
    ACCEPTS(S(POST "transfer-encoding:CHUNKED\r\n\r\n"),
            S(POST "TRANSFER-ENCODING: \t chunKed \t\r\n\r\n"));
}

Test(head_fields, refuses_codings_that_do_not_end_in_one_chunked)
{
    REFUSES(400, S(POST "Transfer-Encoding: xchunked\r\n"),
            S(POST "Transfer-Encoding: chunkedx\r\n"),
            S(POST "Transfer-Encoding: chunked, chunked\r\n"),
            S(POST "Transfer-Encoding: chunked, identity\r\n"),
            S(POST "Transfer-Encoding: chunked,\r\n"),
            S(POST "Transfer-Encoding: ,chunked\r\n"),
            S(POST "Transfer-Encoding: gzip,,chunked\r\n"),
            S(POST "Transfer-Encoding:\r\n"),
            S(POST "Transfer-Encoding: ,\r\n"),
            S(POST "Transfer-Encoding: \"chunked\"\r\n"),
            S(POST "Transfer-Encoding: 'chunked'\r\n"),
            S(POST "Transfer-Encoding: gzip\r\n"),
            S(POST "Transfer-Encoding: identity\r\n"),
            S(POST "Transfer-Encoding: chunked;a=b\r\n"),
            S(POST "Transfer-Encoding: chunked gzip\r\n"),
            S(POST "Transfer-Encoding: gzip chunked\r\n"),
            S(POST "Transfer-Encoding: g zip, chunked\r\n"),
            S(POST "Transfer-Encoding: \x0b"
                   "chunked\r\n"),
            S(POST "Transfer-Encoding: chun\xe2\x84\xaa"
                   "ed\r\n"));
}

Test(head_fields, refuses_codings_before_chunked_as_not_implemented)
{
    REFUSES(501, S(POST "Transfer-Encoding: gzip, chunked\r\n"),
            S(POST "Transfer-Encoding: identity , chunked\r\n"),
            S(POST "Transfer-Encoding: a,b,c,Chunked\r\n"));
}

Test(head_fields, refuses_a_second_transfer_encoding)
{
    REFUSES(400,
            S(POST "Transfer-Encoding: chunked\r\n"
                   "Transfer-Encoding: identity\r\n"),
            S(POST "Transfer-Encoding: chunked\r\n"
                   "Transfer-Encoding: chunked\r\n"));
}

Test(head_fields, takes_no_underscore_name_for_a_framing_field)
{
    ACCEPTS(S(GET "Content_Length: x\r\nTransfer_Encoding: x\r\n\r\n"),
            S(POST "Content-Length: 5\r\nContent_Length: 6\r\n\r\n"));
}

Test(head_fields, refuses_unknown_expectations_of_1_1)
{
    ACCEPTS(S(POST "Expect: 100-continue\r\n\r\n"),
            S(POST "expect: 100-Continue \r\n\r\n"),
            S(POST "Expect: 100-continue,, 100-continue\r\n\r\n"),
            S(POST "Expect:\r\n\r\n"));
    REFUSES(417, S(POST "Expect: 200-ok\r\n"),
            S(POST "Expect: 100-continue, a\r\n"),
            S(POST "Expect: 100-continue;a\r\n"),
            S(POST "Expect: 100-continue 100-continue\r\n"));
}

Test(head_fields, ignores_expectations_of_1_0)
{
    ACCEPTS(S(OLD "Expect: 200-ok\r\n\r\n"));
}
