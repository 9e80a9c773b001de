/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_STATUS_H
#define RAINBOWS_HTTP_STATUS_H

#include <stdbool.h>

#include "base/span.h"

/* The registered reason phrase, or "Unknown". */
const char *status_reason(int status);

/* "HTTP/1.1 200 OK", without a line end; empty when the status is not a
 * registered one. */
struct span status_line(int status);

/* Does an answer with this status carry a body at all? (not 1xx, 204, 304) */
bool status_has_body(int status);

#endif
