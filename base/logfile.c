/* SPDX-License-Identifier: MIT */
/*
 * Log files that may be pipes. O_NONBLOCK belongs to an open file description,
 * which an inherited pipe shares with whoever started us and with our own
 * children: set there, it would make their writes fail. So a pipe is opened
 * once more, through /proc, and only the new description is non-blocking.
 */
#include "base/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FLAGS = O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
};

int logfile_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | FLAGS, 0644);
    if (fd < 0 && errno == ENXIO) /* a FIFO that nobody reads yet */
        fd = open(path, O_RDWR | FLAGS);
    return fd;
}

static enum logfile_kind kind_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
        return LOGFILE_FILE;
    return S_ISSOCK(st.st_mode) ? LOGFILE_SOCKET : LOGFILE_STREAM;
}

void logfile_take(struct logfile *log, int fd)
{
    *log = (struct logfile){.fd = fd, .kind = kind_of(fd)};
}

void logfile_borrow(struct logfile *log, int fd)
{
    char path[32];
    *log = (struct logfile){.fd = fd, .kind = kind_of(fd), .borrowed = true};
    if (log->kind != LOGFILE_STREAM)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | FLAGS);
    log->blocks = own < 0; /* no /proc, or the pipe is another user's */
    if (own < 0)
        return;
    log->fd = own;
    log->borrowed = false;
}

void logfile_close(struct logfile *log)
{
    if (log->fd >= 0 && !log->borrowed)
        close(log->fd);
    log->fd = -1;
}

static ssize_t write_once(const struct logfile *log, const char *bytes,
                          size_t n)
{
    if (log->kind == LOGFILE_SOCKET)
        return send(log->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    struct pollfd p = {.fd = log->fd, .events = POLLOUT};
    if (log->blocks && poll(&p, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(log->fd, bytes, n);
}

ssize_t logfile_write(const struct logfile *log, const char *bytes, size_t n)
{
    ssize_t wrote;
    do
        wrote = write_once(log, bytes, n);
    while (wrote < 0 && errno == EINTR);
    return wrote;
}

size_t logfile_atomic(const struct logfile *log)
{
    return log->kind == LOGFILE_FILE ? SIZE_MAX : PIPE_BUF;
}
