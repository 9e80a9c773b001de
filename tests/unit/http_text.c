/* SPDX-License-Identifier: MIT */
/*
 * Byte classes against the RFCs' lists, and the small grammar above them.
 */
#include "http/text.h"

#include <string.h>

#include <criterion/criterion.h>

#define DIGITS "0123456789"
#define LETTERS                                                                \
    "abcdefghijklmnopqrstuvwxyz"                                               \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Are exactly these ASCII bytes of the class? */
static void has(uint8_t class, const char *bytes)
{
    for (int c = 0; c < 0x80; c++) {
        bool want = c && strchr(bytes, c);
        cr_expect_eq(text_in((char)c, class), want, "0x%02x", c);
    }
}

Test(text, knows_the_classes_of_ascii_bytes)
{
    has(TEXT_DIGIT, DIGITS);
    has(TEXT_HEX, DIGITS "abcdefABCDEF");
    has(TEXT_TOKEN, DIGITS LETTERS "!#$%&'*+-.^_`|~");
    has(TEXT_NAME, DIGITS LETTERS "-._~!$&'()*+;=");
    has(TEXT_TARGET, DIGITS LETTERS "!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
    has(TEXT_VALUE, DIGITS LETTERS "\t !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
}

Test(text, allows_high_bytes_in_values_only)
{
    for (int c = 0x80; c < 0x100; c++)
        cr_expect_eq(text_class[c], TEXT_VALUE);
}

Test(text, reads_hex_digits_in_both_cases)
{
    static const char digits[] = "0123456789abcdef", upper[] = "ABCDEF";
    for (unsigned i = 0; i < 16; i++)
        cr_expect_eq(text_hex(digits[i]), i);
    for (unsigned i = 0; i < 6; i++)
        cr_expect_eq(text_hex(upper[i]), 10 + i);
}

Test(text, compares_ascii_letters_without_case)
{
    cr_expect(span_is_nocase(SPAN("a-Zz09"), "a-zz09"));
    cr_expect(span_is_nocase(SPAN(""), ""));
    cr_expect_not(span_is_nocase(SPAN("ab"), "a"));
    cr_expect_not(span_is_nocase(SPAN("a"), "ab"));
    cr_expect_not(span_is_nocase(SPAN("a\0"), "a"));
    cr_expect_not(span_is_nocase(SPAN("\r"), "-"));
    cr_expect_not(span_is_nocase(SPAN("@["), "`{"));
    cr_expect_not(span_is_nocase(SPAN("\xc1"), "\xe1"));
}

Test(text, trims_blanks_and_nothing_else)
{
    cr_expect(span_is(text_trim(SPAN(" \ta b\t ")), "a b"));
    cr_expect(span_is(text_trim(SPAN("\va\r")), "\va\r"));
    cr_expect_eq(text_trim(SPAN(" \t")).len, 0);
    cr_expect_eq(text_trim(SPAN("")).len, 0);
}

Test(text, leaves_the_number_when_there_is_none)
{
    int64_t number = 7;
    cr_expect_not(text_number(SPAN(""), &number));
    cr_expect_not(text_number(SPAN("1a"), &number));
    cr_expect_not(text_number(SPAN("9223372036854775808"), &number));
    cr_expect_eq(number, 7);
    cr_expect(text_number(SPAN("9223372036854775807"), &number));
    cr_expect_eq(number, INT64_MAX);
}

Test(text, walks_lists_with_empty_elements)
{
    struct span list = SPAN("a , ,b,"), element;
    static const char *const want[] = {"a", "", "b", ""};
    for (size_t i = 0; i < 4; i++) {
        cr_assert(text_list_next(&list, &element));
        cr_expect(span_is(element, want[i]));
    }
    cr_expect_not(text_list_next(&list, &element));
    cr_expect(text_list_has(SPAN("x,\tClose ,y"), "close"));
    cr_expect_not(text_list_has(SPAN("x close"), "close"));
}
