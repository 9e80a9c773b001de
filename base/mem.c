/* SPDX-License-Identifier: MIT */
/*
 * Allocation that ends the process instead of failing. A server that has run
 * out of memory cannot do better than to be started again by its master, so
 * no caller carries a branch for it. The master itself, which nobody starts
 * again, has a reserve to go on with until there is memory again.
 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void *_Atomic reserve; /* owned, or NULL */

void mem_reserve(size_t size)
{
    if (!reserve)
        reserve = malloc(size);
}

/* There is none: may it be tried again? */
static bool spend_reserve(void)
{
    void *block = atomic_exchange(&reserve, NULL);
    free(block);
    if (block)
        log_error("out of memory: the reserve is used");
    return block;
}

_Noreturn static void give_up(size_t size)
{
    log_error("out of memory: %zu bytes could not be had", size);
    _Exit(MEM_STATUS);
}

void *xmalloc(size_t size)
{
    void *p;
    do
        p = malloc(size ? size : 1);
    while (!p && spend_reserve());
    if (!p)
        give_up(size);
    return p;
}

void *xcalloc(size_t count, size_t size)
{
    void *p;
    do
        p = calloc(count ? count : 1, size ? size : 1);
    while (!p && spend_reserve());
    if (!p)
        give_up(count * size);
    return p;
}

void *xrealloc(void *old, size_t size)
{
    void *p;
    do
        p = realloc(old, size ? size : 1);
    while (!p && spend_reserve());
    if (!p)
        give_up(size);
    return p;
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
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    size_t size = (size_t)(n < 0 ? 0 : n) + 1;
    char *text = xmalloc(size);
    va_start(ap, fmt);
    vsnprintf(text, size, fmt, ap);
    va_end(ap);
    return text;
}
