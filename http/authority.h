/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_AUTHORITY_H
#define RAINBOWS_HTTP_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* Is text "host" or "host:port" (RFC 3986 3.2.2, 3.2.3)? The host is a name,
 * an IPv4 address or an IPv6 address in brackets, and not empty; the port may
 * be empty, else it is at most 65535. No user, no list, no zone. */
bool authority_ok(struct span text);

/* Where an absolute target's authority begins: 7 for "http://", 8 for
 * "https://", in any ASCII case; 0 for any other target. */
size_t authority_at(struct span target);

/* How many bytes of text come before its path or query. */
size_t authority_len(struct span text);

#endif
