/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_STATUS_H
#define RAINBOWS_HTTP_STATUS_H

#include <stdbool.h>

/* The registered reason phrase, or "Unknown". */
const char *status_reason(int status);

/* Does an answer with this status carry a body at all? (not 1xx, 204, 304) */
bool status_has_body(int status);

#endif
