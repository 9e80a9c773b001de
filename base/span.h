/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_SPAN_H
#define RAINBOWS_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

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

/* The same without regard to ASCII case. */
static inline bool span_is_nocase(struct span s, const char *text)
{
    size_t len = strlen(text);
    return s.len == len && strncasecmp(s.at, text, len) == 0;
}

#endif
