/* SPDX-License-Identifier: MIT */
/*
 * Request bodies on their way to rack.input. Whatever is uploaded, a request
 * holds no more memory than the limit its owner names; the rest lies in a file
 * that has no name and vanishes with its descriptor.
 */
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

static int open_unlinked(struct err *err)
{
    const char *dir = getenv("TMPDIR");
    if (!dir || !*dir)
        dir = "/tmp";
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    char path[4096];
    snprintf(path, sizeof path, "%s/rainbows.XXXXXX", dir);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "cannot make a temporary file in %s", dir);
    unlink(path);
    return fd;
}

static int write_all(int fd, const char *bytes, size_t n, struct err *err)
{
    while (n) {
        ssize_t wrote = write(fd, bytes, n);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return err_sys(err, "cannot write %zu bytes to a temporary file",
                           n);
        bytes += wrote;
        n -= (size_t)wrote;
    }
    return 0;
}

static int move_to_file(struct spool *s, struct err *err)
{
    int fd = open_unlinked(err);
    if (fd < 0)
        return -1;
    if (write_all(fd, buf_at(&s->memory), buf_len(&s->memory), err) < 0) {
        close(fd);
        return -1;
    }
    buf_drop(&s->memory);
    s->fd = fd;
    return 0;
}

int spool_put(struct spool *s, const void *bytes, size_t n, size_t limit,
              struct err *err)
{
    if (s->fd < 0 && (size_t)s->size + n > limit && move_to_file(s, err) < 0)
        return -1;
    if (s->fd < 0)
        buf_put(&s->memory, bytes, n);
    else if (write_all(s->fd, bytes, n, err) < 0)
        return -1;
    s->size += (int64_t)n;
    return 0;
}

ssize_t spool_read(const struct spool *s, int64_t at, void *into, size_t n)
{
    if (at >= s->size)
        return 0;
    if ((int64_t)n > s->size - at)
        n = (size_t)(s->size - at);
    if (s->fd < 0) {
        memcpy(into, buf_at(&s->memory) + at, n);
        return (ssize_t)n;
    }
    ssize_t got;
    do
        got = pread(s->fd, into, n, at);
    while (got < 0 && errno == EINTR);
    return got;
}

void spool_fini(struct spool *s)
{
    buf_drop(&s->memory);
    fd_close(&s->fd);
    s->size = 0;
}
