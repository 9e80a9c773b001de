/* SPDX-License-Identifier: MIT */
/*
 * Dates for the Date field. Not strftime(3): its names of days and months
 * follow the locale, and an app may set one. The caller keeps the text for as
 * long as the second lasts.
 */
#include "http/date.h"

#include <string.h>

static char *put_name(char *out, const char *names, int index)
{
    memcpy(out, names + 3 * (size_t)index, 3);
    return out + 3;
}

static char *put_two(char *out, int number, char after)
{
    out[0] = (char)('0' + number / 10 % 10);
    out[1] = (char)('0' + number % 10);
    out[2] = after;
    return out + 3;
}

void date_format(time_t when, char text[DATE_SIZE + 1])
{
    struct tm tm = {0};
    gmtime_r(&when, &tm);
    int year = tm.tm_year + 1900;
    char *out = put_name(text, "SunMonTueWedThuFriSat", tm.tm_wday);
    *out++ = ',';
    *out++ = ' ';
    out = put_two(out, tm.tm_mday, ' ');
    out = put_name(out, "JanFebMarAprMayJunJulAugSepOctNovDec", tm.tm_mon);
    *out++ = ' ';
    out = put_two(out, year / 100, ' ') - 1; /* the year's halves join */
    out = put_two(out, year, ' ');
    out = put_two(out, tm.tm_hour, ':');
    out = put_two(out, tm.tm_min, ':');
    out = put_two(out, tm.tm_sec, ' ');
    memcpy(out, "GMT", sizeof "GMT");
}
