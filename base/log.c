/* SPDX-License-Identifier: MIT */
/*
 * The log writer. A line is put together on the stack, or on the heap when it
 * is long, and written with one write(2), so that the lines of several
 * processes on one file never mix. A full disk or a closed pipe loses lines
 * and nothing else.
 */
#include "base/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

static const char *const tags[] = {
    [LOG_DEBUG] = "DEBUG",
    [LOG_INFO] = "INFO ",
    [LOG_WARN] = "WARN ",
    [LOG_ERROR] = "ERROR",
};

static enum log_level threshold = LOG_INFO;
static char actor[64] = "rainbows";

void log_set_level(enum log_level level)
{
    threshold = level;
}

const char *log_level_name(enum log_level level)
{
    return names[level];
}

bool log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(name, names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_set_actor(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(actor, sizeof actor, fmt, ap);
    va_end(ap);
}

int log_reopen(const char *path, int fd)
{
    int file = open(
        path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        0644);
    if (file < 0)
        return -1;
    fcntl(file, F_SETFL, O_APPEND); /* a FIFO nobody reads: ENXIO, no wait */
    if (fd == STDOUT_FILENO)        /* what was printed is of the old file */
        fflush(stdout);
    int rc = dup2(file, fd);
    close(file);
    return rc < 0 ? -1 : 0;
}

/* "2026-11-21T22:08:17.123Z INFO  actor ", returns its length. */
static size_t put_prefix(char *out, size_t size, enum log_level level)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm tm;
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(out + n, size - n, ".%03ldZ %s %s ",
                          now.tv_nsec / 1000000, tags[level], actor);
    return n < size ? n : size - 1;
}

/* Copies text, at most 5 bytes out for each byte in, and returns how many. */
static size_t put_clean(char *out, const char *text, size_t len)
{
    char *o = out;
    while (len && text[len - 1] == '\n')
        len--;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n') {
            memcpy(o, "\n    ", 5);
            o += 5;
        } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
            o += sprintf(o, "\\x%02x", c);
        } else {
            *o++ = (char)c;
        }
    }
    return (size_t)(o - out);
}

static void write_line(enum log_level level, const char *text, size_t len)
{
    char small[4096];
    size_t need = 128 + len * 5 + 1;
    char *line = need <= sizeof small ? small : malloc(need);
    if (!line) {
        line = small;
        len = (sizeof small - 129) / 5;
    }
    size_t n = put_prefix(line, 128, level);
    n += put_clean(line + n, text, len);
    line[n++] = '\n';
    ssize_t wrote = write(STDERR_FILENO, line, n);
    (void)wrote; /* there is nowhere to report it */
    if (line != small)
        free(line);
}

void log_text(enum log_level level, const char *text, size_t len)
{
    if (level >= threshold)
        write_line(level, text, len);
}

void log_msg(enum log_level level, const char *fmt, ...)
{
    if (level < threshold)
        return;
    char small[1024];
    char *text = small;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof small && (text = malloc((size_t)n + 1)) != NULL) {
        va_start(ap, fmt);
        vsnprintf(text, (size_t)n + 1, fmt, ap);
        va_end(ap);
    } else if (n >= (int)sizeof small) {
        text = small;
        n = (int)sizeof small - 1;
    }
    if (n >= 0)
        write_line(level, text, (size_t)n);
    if (text != small)
        free(text);
}
