/* SPDX-License-Identifier: MIT */
/*
 * What may stand as host and port, and where it ends in a target.
 */
#include "http/authority.h"

#include <string.h>

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

Test(authority, accepts_names_addresses_and_ports)
{
    static const char *const good[] = {
        "a",
        "a.b.",
        "1.2.3.4",
        "a_b~c-d",
        "%41",
        "a%2fb",
        "a:",
        "a:0",
        "a:65535",
        "a:00080",
        "[::]",
        "[::1]:1",
        "[::1]:",
        "(a)",
        "a;b=c",
        "%7A%7a",
        "x:1",
        "[1::2:3]",
        "[1111:2222:3333:4444:5555:6666:255.255.255.255]"};
    for (size_t i = 0; i < COUNT(good); i++)
        cr_expect(authority_ok(span_of(good[i])), "%s", good[i]);
}

Test(authority, refuses_anything_else)
{
    static const char *const bad[] = {
        "",
        ":",
        ":80",
        "a:b",
        "a:65536",
        "a:-1",
        "a:1:2",
        "a b",
        "a,b",
        "a@b",
        "a/b",
        "a?b",
        "a#b",
        "%",
        "%4",
        "%4g",
        "%g4",
        "a%",
        "[",
        "]",
        "[]",
        "[a]",
        "[::1",
        "::1]",
        "[::1]a",
        "[::1]]",
        "[1:2]",
        "[::1%25x]",
        "[v1.a]",
        "a[::1]",
        "[1.2.3.4]",
        "[0000011111:2222:3333:4444:5555:6666:255.255.255.255]",
        "a:99999999999999999999"};
    for (size_t i = 0; i < COUNT(bad); i++)
        cr_expect_not(authority_ok(span_of(bad[i])), "%s", bad[i]);
}

Test(authority, is_found_in_absolute_targets_only)
{
    cr_expect_eq(authority_at(SPAN("http://a")), 7);
    cr_expect_eq(authority_at(SPAN("HTTPS://a")), 8);
    cr_expect_eq(authority_at(SPAN("http://")), 7);
    cr_expect_eq(authority_at(SPAN("https://")), 8);
    cr_expect_eq(authority_at(SPAN("http:/a")), 0);
    cr_expect_eq(authority_at(SPAN("/http://a")), 0);
    cr_expect_eq(authority_at(SPAN("ws://a")), 0);
}

Test(authority, ends_before_path_or_query)
{
    cr_expect_eq(authority_len(SPAN("a:1/b?c")), 3);
    cr_expect_eq(authority_len(SPAN("a?c/d")), 1);
    cr_expect_eq(authority_len(SPAN("abc")), 3);
    cr_expect_eq(authority_len(SPAN("")), 0);
}
