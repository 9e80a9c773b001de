/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_DATE_H
#define RAINBOWS_HTTP_DATE_H

#include <time.h>

enum {
    DATE_SIZE = 29
};

/* Writes the 29 bytes of "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7) and
 * a NUL. Independent of the locale. */
void date_format(time_t when, char text[DATE_SIZE + 1]);

#endif
