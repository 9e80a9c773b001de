/* SPDX-License-Identifier: MIT */
/*
 * Small things around descriptors that several rooms need.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int fd_pipe(int ends[2], struct err *err)
{
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_sys(err, "cannot make a pipe");
    return 0;
}

void fd_fill_standard(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

char *fd_read_file(const char *path, size_t *len, struct err *err)
{
    struct buf text = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        goto fail;
    ssize_t n;
    do {
        n = read(fd, buf_room(&text, BUF_BLOCK, NULL), BUF_BLOCK);
        if (n > 0)
            buf_added(&text, (size_t)n);
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n < 0)
        goto fail;
    close(fd);
    *len = buf_len(&text);
    buf_put(&text, "", 1);
    char *copy = xmemdup(buf_at(&text), buf_len(&text));
    buf_drop(&text);
    return copy;
fail:
    err_sys(err, "cannot read %s", path);
    fd_close(&fd);
    buf_drop(&text);
    return NULL;
}
