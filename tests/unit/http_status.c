/* SPDX-License-Identifier: MIT */
/*
 * Status lines and reason phrases.
 */
#include "http/status.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

Test(status, names_codes_as_rfc_9110_does)
{
    cr_assert_str_eq(status_reason(200), "OK");
    cr_assert_str_eq(status_reason(413), "Content Too Large");
    cr_assert_str_eq(status_reason(422), "Unprocessable Content");
    cr_assert_str_eq(status_reason(511), "Network Authentication Required");
}

Test(status, knows_no_reason_for_unregistered_codes)
{
    static const int codes[] = {0, -1, 99, 104, 299, 418, 512, 600, 999, 1000};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        cr_expect_str_eq(status_reason(codes[i]), "Unknown");
        cr_expect_eq(status_line(codes[i]).len, 0);
    }
}

Test(status, has_a_line_for_every_code_with_a_reason)
{
    for (int code = 100; code < 600; code++) {
        struct span line = status_line(code);
        char want[80];
        snprintf(want, sizeof want, "HTTP/1.1 %d %s", code,
                 status_reason(code));
        if (line.len)
            cr_expect(span_is(line, want), "%s", want);
        else
            cr_expect_str_eq(status_reason(code), "Unknown");
    }
}

Test(status, says_which_answers_have_bodies)
{
    static const int without[] = {100, 101, 103, 199, 204, 304};
    static const int with[] = {200, 201, 205, 206, 301,
                               303, 305, 404, 500, 999};
    for (size_t i = 0; i < sizeof without / sizeof *without; i++)
        cr_expect_not(status_has_body(without[i]), "%d", without[i]);
    for (size_t i = 0; i < sizeof with / sizeof *with; i++)
        cr_expect(status_has_body(with[i]), "%d", with[i]);
}
