/* SPDX-License-Identifier: MIT */
/*
 * Dates of header fields. Not strftime(3) and strptime(3): their names of days
 * and months follow the locale, and an app may set one. The caller keeps the
 * text for as long as the second lasts.
 */
#include "http/date.h"

#include <string.h>

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

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

static char *put_year(char *out, int year, char after)
{
    out = put_two(out, year / 100, ' ') - 1; /* the halves join */
    return put_two(out, year, after);
}

static char *put_time(char *out, const struct tm *tm, char after)
{
    out = put_two(out, tm->tm_hour, ':');
    out = put_two(out, tm->tm_min, ':');
    return put_two(out, tm->tm_sec, after);
}

void date_format(time_t when, char text[DATE_SIZE + 1])
{
    struct tm tm = {0};
    gmtime_r(&when, &tm);
    char *out = put_name(text, days, tm.tm_wday);
    *out++ = ',';
    *out++ = ' ';
    out = put_two(out, tm.tm_mday, ' ');
    out = put_name(out, months, tm.tm_mon);
    *out++ = ' ';
    out = put_time(put_year(out, tm.tm_year + 1900, ' '), &tm, ' ');
    memcpy(out, "GMT", sizeof "GMT");
}

void date_format_log(time_t when, char text[DATE_LOG_SIZE])
{
    struct tm tm = {0};
    gmtime_r(&when, &tm);
    char *out = put_name(put_two(text, tm.tm_mday, '/'), months, tm.tm_mon);
    *out++ = '/';
    out = put_year(out, tm.tm_year + 1900, ':');
    out = put_time(out, &tm, ' ');
    memcpy(out, "+0000", 5);
}

void date_format_iso(time_t when, char text[DATE_ISO_SIZE])
{
    char full[DATE_ISO_SIZE + 1]; /* put_two() writes what comes behind, too */
    struct tm tm = {0};
    gmtime_r(&when, &tm);
    char *out = put_year(full, tm.tm_year + 1900, '-');
    out = put_two(out, tm.tm_mon + 1, '-');
    put_time(put_two(out, tm.tm_mday, 'T'), &tm, ' ');
    memcpy(text, full, DATE_ISO_SIZE);
}

/* ---- reading ---- */

/* Takes the literal off the text. */
static bool take(struct span *text, const char *literal)
{
    size_t n = strlen(literal);
    if (text->len < n || memcmp(text->at, literal, n) != 0)
        return false;
    *text = (struct span){text->at + n, text->len - n};
    return true;
}

/* Takes n digits off the text; the first may be a blank in asctime()'s days. */
static bool take_number(struct span *text, size_t n, int *number)
{
    int value = 0;
    if (text->len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = text->at[i];
        if (c == ' ' && i == 0 && n == 2)
            c = '0';
        if (c < '0' || c > '9')
            return false;
        value = 10 * value + (c - '0');
    }
    *number = value;
    *text = (struct span){text->at + n, text->len - n};
    return true;
}

static bool take_month(struct span *text, int *month)
{
    const char *name = months;
    for (int i = 0; i < 12; i++, name += 3) {
        if (text->len < 3 || memcmp(text->at, name, 3) != 0)
            continue;
        *text = (struct span){text->at + 3, text->len - 3};
        *month = i;
        return true;
    }
    return false;
}

static bool take_time(struct span *text, struct tm *tm)
{
    return take_number(text, 2, &tm->tm_hour) && take(text, ":") &&
           take_number(text, 2, &tm->tm_min) && take(text, ":") &&
           take_number(text, 2, &tm->tm_sec);
}

/* "06 Nov 1994 08:49:37 GMT", or with dashes and two digits of the year. */
static bool take_fixdate(struct span text, struct tm *tm)
{
    if (!take_number(&text, 2, &tm->tm_mday))
        return false;
    bool old = take(&text, "-");
    if (!(old || take(&text, " ")) || !take_month(&text, &tm->tm_mon) ||
        !take(&text, old ? "-" : " ") ||
        !take_number(&text, old ? 2 : 4, &tm->tm_year))
        return false;
    if (old)
        tm->tm_year += tm->tm_year < 70 ? 2000 : 1900;
    return take(&text, " ") && take_time(&text, tm) && take(&text, " GMT") &&
           !text.len;
}

/* "Nov  6 08:49:37 1994" */
static bool take_asctime(struct span text, struct tm *tm)
{
    return take_month(&text, &tm->tm_mon) && take(&text, " ") &&
           take_number(&text, 2, &tm->tm_mday) && take(&text, " ") &&
           take_time(&text, tm) && take(&text, " ") &&
           take_number(&text, 4, &tm->tm_year) && !text.len;
}

bool date_parse(struct span text, int64_t *when)
{
    struct tm tm = {0};
    const char *comma = memchr(text.at, ',', text.len);
    bool is_date = false;
    if (comma && text.len > (size_t)(comma - text.at) + 2) {
        size_t day = (size_t)(comma - text.at) + 2; /* with the blank */
        is_date =
            take_fixdate((struct span){text.at + day, text.len - day}, &tm);
    } else if (text.len > 4) {
        is_date = take_asctime((struct span){text.at + 4, text.len - 4}, &tm);
    }
    if (!is_date || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 ||
        tm.tm_mday < 1 || tm.tm_mday > 31)
        return false;
    tm.tm_year -= 1900;
    *when = timegm(&tm);
    return true;
}
