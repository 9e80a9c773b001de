/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_ACCESS_LINE_H
#define RAINBOWS_HTTP_ACCESS_LINE_H

#include <stddef.h>

#include "base/span.h"
#include "config/access.h"

/*
 * The lines of the access log. Whatever a client sends, a line is one line, and
 * its fields end where they seem to: quotes, backslashes, control bytes and
 * what is not ASCII are \xNN in common and combined; JSON has its own escapes,
 * and U+FFFD in place of what is not UTF-8.
 */
enum {
    ACCESS_LINE_MAX = 32768
};

/*
 * Writes one line of at most `most` (2048 to ACCESS_LINE_MAX) bytes, with its
 * "\n", and returns how many it took. The long fields (uri, referer, user
 * agent) are cut to share that, and end in "..." then.
 */
size_t access_line(enum access_format format, const struct access_entry *entry,
                   size_t most, char line[ACCESS_LINE_MAX]);

/* The same of a text that a function of the config made: control bytes become
 * \xNN, but for the tab and a "\n" at the end. */
size_t access_line_of(struct span text, size_t most,
                      char line[ACCESS_LINE_MAX]);

#endif
