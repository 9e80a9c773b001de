/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_MEM_H
#define RAINBOWS_BASE_MEM_H

#include <stddef.h>

/*
 * Allocation that cannot fail: out of memory ends the process with one log
 * line. In a worker the master starts another; the master keeps a reserve.
 * Everything is released with free(3).
 */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
void *xmemdup(const void *from, size_t size)
    __attribute__((malloc, returns_nonnull));
char *xstrdup(const char *from) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

/* The exit status of a process that could not have more. */
enum {
    MEM_STATUS = 3
};

/* Sees to it that so many bytes lie aside. They are used up, all at once and
 * with a log line, before the process ends for want of memory. */
void mem_reserve(size_t size);

#endif
