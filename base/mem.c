/* SPDX-License-Identifier: MIT */
/*
 * Allocation that ends the process instead of failing. A server that has run
 * out of memory cannot do better than to be started again by its master, so
 * no caller carries a branch for it.
 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void *must(void *p, size_t size)
{
    if (p)
        return p;
    log_error("out of memory: %zu bytes could not be had", size);
    _Exit(1);
}

void *xmalloc(size_t size)
{
    return must(malloc(size ? size : 1), size);
}

void *xcalloc(size_t count, size_t size)
{
    return must(calloc(count ? count : 1, size ? size : 1), count * size);
}

void *xrealloc(void *old, size_t size)
{
    return must(realloc(old, size ? size : 1), size);
}

void *xmemdup(const void *from, size_t size)
{
    void *copy = xmalloc(size);
    if (size)
        memcpy(copy, from, size);
    return copy;
}

char *xstrdup(const char *from)
{
    return xmemdup(from, strlen(from) + 1);
}

char *xasprintf(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    return must(n < 0 ? NULL : text, 0);
}
