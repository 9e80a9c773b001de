/* SPDX-License-Identifier: MIT */
/*
 * Byte classes and small grammar that every file of this room shares. The
 * table is computed by the compiler from the grammar's own words, so that it
 * can be compared with the RFCs line by line.
 */
#include "http/text.h"

#include <string.h>

#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define IS_ALPHA(c) (((c) >= 'A' && (c) <= 'Z') || ((c) >= 'a' && (c) <= 'z'))
#define IS_HEX(c)                                                              \
    (IS_DIGIT(c) || ((c) >= 'A' && (c) <= 'F') || ((c) >= 'a' && (c) <= 'f'))
#define IS_ALNUM(c) (IS_DIGIT(c) || IS_ALPHA(c))
#define IS_VCHAR(c) ((c) > 0x20 && (c) < 0x7f)
#define IS_TOKEN(c)                                                            \
    (IS_ALNUM(c) || (c) == '!' || (c) == '#' || (c) == '$' || (c) == '%' ||    \
     (c) == '&' || (c) == '\'' || (c) == '*' || (c) == '+' || (c) == '-' ||    \
     (c) == '.' || (c) == '^' || (c) == '_' || (c) == '`' || (c) == '|' ||     \
     (c) == '~')
#define IS_VALUE(c)  ((c) == '\t' || (c) == ' ' || IS_VCHAR(c) || (c) >= 0x80)
#define IS_TARGET(c) (IS_VCHAR(c) && (c) != '#')
/* unreserved / sub-delims. The comma is left out: "a, b" is what a proxy
 * makes of two Host lines. */
#define IS_NAME(c)                                                             \
    (IS_ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~' ||    \
     (c) == '!' || (c) == '$' || (c) == '&' || (c) == '\'' || (c) == '(' ||    \
     (c) == ')' || (c) == '*' || (c) == '+' || (c) == ';' || (c) == '=')

#define CLASS(c)                                                               \
    ((IS_TOKEN(c) ? TEXT_TOKEN : 0) | (IS_VALUE(c) ? TEXT_VALUE : 0) |         \
     (IS_TARGET(c) ? TEXT_TARGET : 0) | (IS_NAME(c) ? TEXT_NAME : 0) |         \
     (IS_DIGIT(c) ? TEXT_DIGIT : 0) | (IS_HEX(c) ? TEXT_HEX : 0))
#define ROW4(c)  CLASS(c), CLASS((c) + 1), CLASS((c) + 2), CLASS((c) + 3)
#define ROW16(c) ROW4(c), ROW4((c) + 4), ROW4((c) + 8), ROW4((c) + 12)
#define ROW64(c) ROW16(c), ROW16((c) + 16), ROW16((c) + 32), ROW16((c) + 48)

const uint8_t text_class[256] = {ROW64(0), ROW64(64), ROW64(128), ROW64(192)};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span text_trim(struct span s)
{
    while (s.len && is_blank(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

bool text_number(struct span s, int64_t *number)
{
    int64_t sum = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!text_in(s.at[i], TEXT_DIGIT))
            return false;
        int digit = s.at[i] - '0';
        if (sum > (INT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    if (!s.len)
        return false;
    *number = sum;
    return true;
}

bool text_list_next(struct span *list, struct span *element)
{
    if (!list->at)
        return false;
    const char *comma = list->len ? memchr(list->at, ',', list->len) : NULL;
    size_t len = comma ? (size_t)(comma - list->at) : list->len;
    *element = text_trim((struct span){list->at, len});
    if (comma)
        *list = (struct span){comma + 1, list->len - len - 1};
    else
        *list = (struct span){NULL, 0};
    return true;
}

bool text_list_has(struct span list, const char *lower)
{
    struct span element;
    while (text_list_next(&list, &element))
        if (span_is_nocase(element, lower))
            return true;
    return false;
}
