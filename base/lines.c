/* SPDX-License-Identifier: MIT */
/*
 * Lines that wait to be written. A write may take part of a line (a disk that
 * fills up, a socket): the rest goes first the next time.
 */
#include "base/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/logfile.h"
#include "base/mem.h"

void lines_init(struct lines *l, size_t room)
{
    *l = (struct lines){.data = xmalloc(room), .room = room};
}

void lines_fini(struct lines *l)
{
    free(l->data);
    *l = (struct lines){0};
}

bool lines_put(struct lines *l, const char *line, size_t n)
{
    if (lines_len(l) + n > l->room)
        return false;
    if (l->end + n > l->room) {
        memmove(l->data, l->data + l->at, lines_len(l));
        l->end -= l->at;
        l->at = 0;
    }
    memcpy(l->data + l->end, line, n);
    l->end += n;
    return true;
}

/* The whole lines among the first n bytes that wait; one line at least. */
static size_t whole_lines(const struct lines *l, size_t n)
{
    const char *from = l->data + l->at;
    const char *last = memrchr(from, '\n', n);
    if (!last)
        last = memchr(from, '\n', lines_len(l));
    return last ? (size_t)(last - from) + 1 : lines_len(l);
}

/* So many bytes, from the start of a line on, are in the file. */
static void written(struct lines *l, size_t n)
{
    const char *last = memrchr(l->data + l->at, '\n', n);
    size_t whole = last ? (size_t)(last - (l->data + l->at)) + 1 : 0;
    l->at += whole;
    l->torn = n - whole;
}

int lines_write(struct lines *l, const struct logfile *to)
{
    size_t most = logfile_atomic(to);
    while (lines_len(l)) {
        size_t n = lines_len(l);
        if (n > most)
            n = whole_lines(l, most);
        const char *from = l->data + l->at + l->torn;
        ssize_t wrote = logfile_write(to, from, n - l->torn);
        if (wrote < 0)
            return -1;
        written(l, l->torn + (size_t)wrote);
    }
    l->at = l->end = 0;
    return 0;
}

void lines_moved(struct lines *l)
{
    l->torn = 0;
}
