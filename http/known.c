/* SPDX-License-Identifier: MIT */
/*
 * Finds the few field names that the server understands among all those that
 * pass by: one look at the length dismisses most of them.
 */
#include "http/known.h"

#include <stdint.h>

#include "http/text.h"

#define ROW(text) text, sizeof(text) - 1

static const struct {
    const char *name;
    size_t len;
} names[KNOWN_COUNT] = {
    [KNOWN_CONNECTION] = {ROW("connection")},
    [KNOWN_CONTENT_LENGTH] = {ROW("content-length")},
    [KNOWN_DATE] = {ROW("date")},
    [KNOWN_EXPECT] = {ROW("expect")},
    [KNOWN_HOST] = {ROW("host")},
    [KNOWN_KEEP_ALIVE] = {ROW("keep-alive")},
    [KNOWN_TRAILER] = {ROW("trailer")},
    [KNOWN_TRANSFER_ENCODING] = {ROW("transfer-encoding")},
    [KNOWN_UPGRADE] = {ROW("upgrade")},
};

/* The lengths that occur above, one bit each. */
static const uint32_t lengths =
    1u << 4 | 1u << 6 | 1u << 7 | 1u << 10 | 1u << 14 | 1u << 17;

enum known known_field(struct span name)
{
    if (name.len > KNOWN_NAME_MAX || !(lengths >> name.len & 1))
        return KNOWN_NONE;
    for (int i = KNOWN_NONE + 1; i < KNOWN_COUNT; i++)
        if (names[i].len == name.len && span_is_nocase(name, names[i].name))
            return (enum known)i;
    return KNOWN_NONE;
}
