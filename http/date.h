/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_DATE_H
#define RAINBOWS_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/span.h"

enum {
    DATE_SIZE = 29
};

/* Writes the 29 bytes of "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7) and
 * a NUL. Independent of the locale. */
void date_format(time_t when, char text[DATE_SIZE + 1]);

/* Reads a date in one of the three formats of RFC 9110 5.6.7, as seconds since
 * 1970. False, with *when untouched, for anything else. */
bool date_parse(struct span text, int64_t *when);

#endif
