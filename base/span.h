/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_SPAN_H
#define RAINBOWS_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Borrowed bytes: not terminated, owned by somebody else. */
struct span {
    const char *at;
    size_t len;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

static inline bool span_is(struct span s, const char *text)
{
    size_t len = strlen(text);
    return s.len == len && memcmp(s.at, text, len) == 0;
}

/* Without regard to the case of ASCII letters, whatever the locale. */
static inline bool span_same_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        unsigned char x = (unsigned char)a.at[i];
        unsigned char y = (unsigned char)b.at[i];
        unsigned char low = x | 0x20;
        if (x != y && (low != (y | 0x20) || low < 'a' || low > 'z'))
            return false;
    }
    return true;
}

static inline bool span_is_nocase(struct span s, const char *text)
{
    return span_same_nocase(s, (struct span){text, strlen(text)});
}

#endif
