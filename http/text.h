/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_TEXT_H
#define RAINBOWS_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/*
 * The alphabet of HTTP: what a byte may be, and comparisons that no locale
 * can bend (an app may call os.setlocale, and a Turkish tolower() would no
 * longer find "Transfer-Encoding" in "TRANSFER-ENCODING").
 */
enum {
    TEXT_TOKEN = 1,  /* tchar, RFC 9110 5.6.2 */
    TEXT_VALUE = 2,  /* in a field value: HTAB, SP, VCHAR, obs-text; 5.5 */
    TEXT_TARGET = 4, /* in a request target: VCHAR without "#" */
    TEXT_NAME = 8,   /* in a reg-name, RFC 3986 3.2.2; not "%" and "," */
    TEXT_DIGIT = 16,
    TEXT_HEX = 32
};

extern const uint8_t text_class[256];

static inline bool text_in(char c, uint8_t classes)
{
    return text_class[(unsigned char)c] & classes;
}

/* The value of a byte of class TEXT_HEX. */
static inline unsigned text_hex(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

/* How many bytes at the front of s are of one of the classes. */
static inline size_t text_run(struct span s, uint8_t classes)
{
    size_t n = 0;
    while (n < s.len && text_in(s.at[n], classes))
        n++;
    return n;
}

/* s without SP and HTAB at its ends. */
struct span text_trim(struct span s);

/* Reads 1*DIGIT that fit. False, with *number untouched, for anything else. */
bool text_number(struct span s, int64_t *number);

/* Takes the next element, trimmed and possibly empty, off a list with commas.
 * False when there is none left; the list is used up then. */
bool text_list_next(struct span *list, struct span *element);

/* Has the list this element, in any ASCII case? */
bool text_list_has(struct span list, const char *lower);

#endif
