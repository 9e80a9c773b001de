/* SPDX-License-Identifier: MIT */
/*
 * Dates in the one form that RFC 9110 5.6.7 lets a server write.
 */
#include "http/date.h"

#include <string.h>

#include <criterion/criterion.h>

static void reads(time_t when, const char *want)
{
    char text[DATE_SIZE + 1];
    date_format(when, text);
    cr_expect_str_eq(text, want);
    cr_expect_eq(strlen(text), DATE_SIZE);
}

Test(date, writes_the_example_of_the_rfc)
{
    reads(784111777, "Sun, 06 Nov 1994 08:49:37 GMT");
}

Test(date, writes_the_epoch_leap_days_and_far_years)
{
    reads(0, "Thu, 01 Jan 1970 00:00:00 GMT");
    reads(951782400, "Tue, 29 Feb 2000 00:00:00 GMT");
    reads(1735689599, "Tue, 31 Dec 2024 23:59:59 GMT");
    reads(4102444800, "Fri, 01 Jan 2100 00:00:00 GMT");
    reads(253402300799, "Fri, 31 Dec 9999 23:59:59 GMT");
}

Test(date, names_every_day_and_month)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr",
                                         "May", "Jun", "Jul", "Aug",
                                         "Sep", "Oct", "Nov", "Dec"};
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun",
                                       "Mon", "Tue", "Wed"};
    char text[DATE_SIZE + 1];
    for (int day = 0; day < 365; day++) {
        date_format((time_t)day * 86400, text);
        struct tm tm = {.tm_mday = day + 1, .tm_year = 70};
        timegm(&tm);
        cr_expect_eq(strncmp(text, days[day % 7], 3), 0);
        cr_expect_eq(strncmp(text + 8, months[tm.tm_mon], 3), 0);
    }
}

/* ---- reading ---- */

static int64_t parsed(const char *text)
{
    int64_t when = -7;
    date_parse((struct span){text, strlen(text)}, &when);
    return when;
}

Test(date, reads_the_three_forms_of_the_rfc)
{
    cr_expect_eq(parsed("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
    cr_expect_eq(parsed("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
    cr_expect_eq(parsed("Sun Nov  6 08:49:37 1994"), 784111777);
    cr_expect_eq(parsed("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
    cr_expect_eq(parsed("Tue, 29 Feb 2000 23:59:59 GMT"), 951868799);
    cr_expect_eq(parsed("Friday, 01-Jan-38 00:00:00 GMT"), 2145916800);
}

Test(date, reads_what_it_writes)
{
    for (int64_t when = 0; when < 4102444800; when += 86400 * 29 + 3661) {
        char text[DATE_SIZE + 1];
        date_format(when, text);
        cr_assert_eq(parsed(text), when, "%s", text);
    }
}

Test(date, leaves_alone_what_is_none)
{
    static const char *const wrong[] = {
        "",
        ",",
        "Sun,",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06-Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun Nov 06 08:49:37",
        "784111777",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_eq(parsed(wrong[i]), -7, "%s", wrong[i]);
}
