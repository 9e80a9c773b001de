/* SPDX-License-Identifier: MIT */
/*
 * Process titles the classic way: the kernel shows the memory in which the
 * arguments were handed over, so we write there. The environment lies right
 * behind the arguments; it is copied elsewhere to make the space larger.
 */
#include "base/title.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/mem.h"

static char *area;
static size_t room;
static char **args; /* owned, for the life of the process */
/* The same. environ is a second list of the same texts, as setenv() and
 * unsetenv() drop texts and lists, and nothing else would hold these. */
static char **texts __attribute__((used)), **list __attribute__((used));

/* Copies a list of strings; *end moves behind those that lie there. */
static char **copy_list(char *const *from, size_t n, char **end)
{
    char **copy = xcalloc(n + 1, sizeof *copy);
    for (size_t i = 0; i < n; i++) {
        copy[i] = xstrdup(from[i]);
        if (from[i] == *end)
            *end += strlen(from[i]) + 1;
    }
    return copy;
}

char **title_init(int argc, char **argv)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char *end = argv[0];
    args = copy_list(argv, (size_t)argc, &end);
    texts = copy_list(environ, n, &end);
    list = xmemdup(texts, (n + 1) * sizeof *texts);
    environ = list;
    area = argv[0];
    room = (size_t)(end - area);
    return args;
}

void title_set(const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    prctl(PR_SET_NAME, text);
    if (room < 2)
        return;
    memset(area, 0, room);
    size_t len = strlen(text);
    memcpy(area, text, len < room - 1 ? len : room - 1);
}
