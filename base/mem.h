/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_MEM_H
#define RAINBOWS_BASE_MEM_H

#include <stddef.h>

/*
 * Allocation that cannot fail: out of memory ends the process with one log
 * line. In a worker the master starts another; the master allocates at start.
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

#endif
