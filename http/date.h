/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_DATE_H
#define RAINBOWS_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/span.h"

enum {
    DATE_SIZE = 29,
    DATE_LOG_SIZE = 26,
    DATE_ISO_SIZE = 19
};

/* Writes the 29 bytes of "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7) and
 * a NUL. Independent of the locale. */
void date_format(time_t when, char text[DATE_SIZE + 1]);

/* The same for logs, in UTC: "06/Nov/1994:08:49:37 +0000", and the beginning of
 * RFC 3339's form, "1994-11-06T08:49:37". Not terminated. */
void date_format_log(time_t when, char text[DATE_LOG_SIZE]);
void date_format_iso(time_t when, char text[DATE_ISO_SIZE]);

/* Reads a date in one of the three formats of RFC 9110 5.6.7, as seconds since
 * 1970. False, with *when untouched, for anything else. */
bool date_parse(struct span text, int64_t *when);

#endif
