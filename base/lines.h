/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_LINES_H
#define RAINBOWS_BASE_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct logfile;

/*
 * Whole lines on their way into a log file. The memory is of a fixed size, of
 * which only what was once needed is touched. A line that does not fit is not
 * taken: those that wait stay in order, and no half line is ever left behind.
 */
struct lines {
    char *data; /* owned */
    size_t room;
    size_t at, end; /* the bytes [at, end) wait; at is the start of a line, */
    size_t torn;    /* whose first bytes, so many, are in the file already */
};

void lines_init(struct lines *lines, size_t room);
void lines_fini(struct lines *lines);

static inline size_t lines_len(const struct lines *lines)
{
    return lines->end - lines->at;
}

/* Takes a line with its "\n"; false when there is no room. */
bool lines_put(struct lines *lines, const char *line, size_t n);

/* Writes what waits, as few times as can be. 0 when all of it is written; -1
 * with errno when something goes on waiting. */
int lines_write(struct lines *lines, const struct logfile *to);

/* What waits goes to another file from now on: a line that had begun is written
 * whole there. */
void lines_moved(struct lines *lines);

#endif
