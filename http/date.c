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

void date_format(time_t when, char text[DATE_SIZE + 1])
{
    struct tm tm = {0};
    gmtime_r(&when, &tm);
    int year = tm.tm_year + 1900;
    char *out = put_name(text, days, tm.tm_wday);
    *out++ = ',';
    *out++ = ' ';
    out = put_two(out, tm.tm_mday, ' ');
    out = put_name(out, months, tm.tm_mon);
    *out++ = ' ';
    out = put_two(out, year / 100, ' ') - 1; /* the year's halves join */
    out = put_two(out, year, ' ');
    out = put_two(out, tm.tm_hour, ':');
    out = put_two(out, tm.tm_min, ':');
    out = put_two(out, tm.tm_sec, ' ');
    memcpy(out, "GMT", sizeof "GMT");
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
