/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_KNOWN_H
#define RAINBOWS_HTTP_KNOWN_H

#include "base/span.h"

/*
 * The header fields that mean something to the server itself. All others are
 * the app's; KNOWN_NONE is zero so that tables by enum known may have gaps.
 */
enum known {
    KNOWN_NONE,
    KNOWN_CONNECTION,
    KNOWN_CONTENT_LENGTH,
    KNOWN_DATE,
    KNOWN_EXPECT,
    KNOWN_HOST,
    KNOWN_KEEP_ALIVE,
    KNOWN_TRAILER,
    KNOWN_TRANSFER_ENCODING,
    KNOWN_UPGRADE,
    KNOWN_COUNT
};

enum {
    KNOWN_NAME_MAX = 17 /* the longest name's bytes */
};

/* Exactly this name, in any ASCII case: Content_Length is no length. */
enum known known_field(struct span name);

#endif
