/* SPDX-License-Identifier: MIT */
/*
 * Lines of the access log: what they look like, and that nothing a client sends
 * gets out of its field or makes a second line.
 */
#include "http/access_line.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

static char line[ACCESS_LINE_MAX + 1];

static struct access_entry entry(void)
{
    return (struct access_entry){
        .time = SPAN("22/Nov/2026:04:50:00 +0000"),
        .remote_addr = SPAN("192.0.2.7"),
        .scheme = SPAN("http"),
        .host = SPAN("example.com"),
        .method = SPAN("GET"),
        .uri = SPAN("/a?b=c"),
        .protocol = SPAN("HTTP/1.1"),
        .status = 200,
        .bytes = 1612,
        .duration = 1004071,
        .worker = 3,
        .pid = 812,
    };
}

static struct span text_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static const char *made(enum access_format format, struct access_entry e)
{
    size_t n = access_line(format, &e, ACCESS_LINE_MAX, line);
    cr_assert_leq(n, ACCESS_LINE_MAX);
    line[n] = '\0';
    cr_expect_eq(strchr(line, '\n'), line + n - 1, "%s", line);
    return line;
}

Test(access_line, is_apaches_common)
{
    cr_expect_str_eq(made(ACCESS_COMMON, entry()),
                     "192.0.2.7 - - [22/Nov/2026:04:50:00 +0000] "
                     "\"GET /a?b=c HTTP/1.1\" 200 1612\n");
}

Test(access_line, is_apaches_combined)
{
    struct access_entry e = entry();
    e.referer = SPAN("http://example.com/");
    e.user_agent = SPAN("curl/7.88.1");
    cr_expect_str_eq(made(ACCESS_COMBINED, e),
                     "192.0.2.7 - - [22/Nov/2026:04:50:00 +0000] "
                     "\"GET /a?b=c HTTP/1.1\" 200 1612 "
                     "\"http://example.com/\" \"curl/7.88.1\"\n");
}

Test(access_line, has_hyphens_for_what_is_absent)
{
    struct access_entry e = entry();
    e.method = e.uri = e.protocol = (struct span){0};
    e.status = 408;
    e.bytes = 0;
    cr_expect_str_eq(made(ACCESS_COMBINED, e),
                     "192.0.2.7 - - [22/Nov/2026:04:50:00 +0000] "
                     "\"-\" 408 0 \"-\" \"-\"\n");
}

Test(access_line, has_what_came_of_an_unreadable_request)
{
    struct access_entry e = entry();
    e.method = e.uri = e.protocol = (struct span){0};
    e.request = SPAN("GET\t\"/\x01");
    const char *text = made(ACCESS_COMMON, e);
    cr_expect_not_null(strstr(text, "] \"GET\\x09\\x22/\\x01\" 200"), "%s",
                       text);
}

/* What a field's text becomes. */
static void becomes(enum access_format format, struct span text,
                    const char *want)
{
    struct access_entry e = entry();
    e.user_agent = text;
    cr_expect_not_null(strstr(made(format, e), want), "%s\n  not in %s", want,
                       line);
}

Test(access_line, escapes_what_could_forge_a_line)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a\"b", " \"a\\x22b\"\n"},   {"a\\b", " \"a\\x5Cb\"\n"},
        {"\\", " \"\\x5C\"\n"},       {"a\r\nb", " \"a\\x0D\\x0Ab\"\n"},
        {"\x1b[31m", "\"\\x1B[31m"},  {"\x7f", " \"\\x7F\"\n"},
        {"\xc3\xa9", "\"\\xC3\\xA9"}, {"", " \"\"\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        becomes(ACCESS_COMBINED, text_of(cases[i].text), cases[i].want);
    becomes(ACCESS_COMBINED, (struct span){"a\0b", 3}, "\"a\\x00b\"");
}

/* Each byte at each place of a text that is looked at in words. */
Test(access_line, escapes_every_byte_wherever_it_stands)
{
    for (int c = 0; c < 256; c++) {
        bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
        for (size_t at = 0; at < 20; at++) {
            char text[20], want[40];
            memset(text, 'a', sizeof text);
            text[at] = (char)c;
            snprintf(want, sizeof want, plain ? "%.*s%c" : "%.*s\\x%02X",
                     (int)at, "aaaaaaaaaaaaaaaaaaaa", c);
            becomes(ACCESS_COMBINED, (struct span){text, sizeof text}, want);
        }
    }
}

Test(access_line, is_one_json_object)
{
    struct access_entry e = entry();
    e.time = SPAN("2026-11-22T04:50:00.590Z");
    e.request_id = SPAN("abc-1");
    cr_expect_str_eq(
        made(ACCESS_JSON, e),
        "{\"time\":\"2026-11-22T04:50:00.590Z\",\"remote_addr\":\"192.0.2.7\","
        "\"scheme\":\"http\",\"host\":\"example.com\",\"method\":\"GET\","
        "\"uri\":\"/a?b=c\",\"protocol\":\"HTTP/1.1\",\"status\":200,"
        "\"bytes\":1612,\"duration\":1.004071,\"referer\":null,"
        "\"user_agent\":null,\"request_id\":\"abc-1\",\"worker\":3,"
        "\"pid\":812}\n");
}

Test(access_line, tells_json_of_an_unreadable_request)
{
    struct access_entry e = entry();
    e.method = e.uri = e.protocol = (struct span){0};
    e.request = SPAN("\"\xff");
    const char *text = made(ACCESS_JSON, e);
    cr_expect_not_null(strstr(text, "\"method\":null,\"uri\":null,"
                                    "\"protocol\":null,\"request\":"
                                    "\"\\\"\xef\xbf\xbd\","),
                       "%s", text);
}

Test(access_line, escapes_json_as_rfc_8259_has_it)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a\"b\\c", ":\"a\\\"b\\\\c\","},
        {"\n\t\x1f\x7f", ":\"\\u000A\\u0009\\u001F\\u007F\","},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x88",
         ":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x88\","},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        becomes(ACCESS_JSON, text_of(cases[i].text), cases[i].want);
}

#define BAD "\xef\xbf\xbd"

Test(access_line, replaces_in_json_what_is_not_utf8)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"\xff", ":\"" BAD "\","},
        {"\xc3", ":\"" BAD "\","},
        {"\xc3z", ":\"" BAD "z\","},
        {"\xc0\xaf", ":\"" BAD BAD "\","},         /* overlong */
        {"\xe0\x80\xaf", ":\"" BAD BAD BAD "\","}, /* overlong */
        {"\xed\xa0\x80", ":\"" BAD BAD BAD "\","}, /* a surrogate */
        {"\xf4\x90\x80\x80", ":\"" BAD BAD BAD BAD "\","},
        {"\xf0\x80\x80\x80", ":\"" BAD BAD BAD BAD "\","},
        {"\x80", ":\"" BAD "\","},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        becomes(ACCESS_JSON, text_of(cases[i].text), cases[i].want);
}

/* Every field full of the byte. */
static struct access_entry full_of(char c)
{
    static char text[200000];
    struct access_entry e = entry();
    memset(text, c, sizeof text);
    struct span all = {text, sizeof text};
    e.host = e.method = e.uri = e.referer = e.user_agent = e.request_id = all;
    return e;
}

Test(access_line, is_never_longer_than_it_may_be)
{
    static const size_t mosts[] = {2048, 4096, ACCESS_LINE_MAX};
    for (int c = 1; c < 256; c += 9) {
        struct access_entry e = full_of((char)c);
        for (int format = ACCESS_COMMON; format <= ACCESS_JSON; format++)
            for (size_t i = 0; i < sizeof mosts / sizeof *mosts; i++)
                cr_assert_leq(
                    access_line((enum access_format)format, &e, mosts[i], line),
                    mosts[i], "byte %d format %d", c, format);
    }
}

Test(access_line, ends_a_field_that_was_cut_with_dots)
{
    const char *text = made(ACCESS_COMBINED, full_of('x'));
    cr_expect_not_null(strstr(text, "xxx... "), "no dots");
    cr_expect_str_eq(text + strlen(text) - 6, "x...\"\n");
}

Test(access_line, takes_an_id_of_any_length_whole)
{
    char id[128];
    memset(id, 'i', sizeof id);
    struct access_entry e = entry();
    e.request_id = (struct span){id, sizeof id};
    const char *text = made(ACCESS_JSON, e);
    const char *from = strstr(text, "request_id\":\"");
    cr_assert_not_null(from);
    cr_expect_eq(strspn(from + 13, "i"), 128);
}

Test(access_line, of_a_function_is_one_line)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"one", "one\n"},           {"one\n", "one\n"},
        {"a\tb", "a\tb\n"},         {"a\nb\r\n", "a\\x0Ab\\x0D\n"},
        {"\xc3\xa9", "\xc3\xa9\n"}, {"", "\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = access_line_of(text_of(cases[i].text), 4096, line);
        line[n] = '\0';
        cr_expect_str_eq(line, cases[i].want);
    }
}

Test(access_line, of_a_function_is_cut_where_it_must)
{
    static char text[10000];
    memset(text, 'x', sizeof text);
    size_t n = access_line_of((struct span){text, sizeof text}, 4096, line);
    cr_expect_leq(n, 4096);
    cr_expect_eq(memcmp(line + n - 5, "x...\n", 5), 0);
}
