/* SPDX-License-Identifier: MIT */
/*
 * The plain socket, TCP or UNIX.
 */
#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/transport.h"

static ssize_t plain_read(int fd, void *into, size_t n)
{
    ssize_t got;
    do
        got = recv(fd, into, n, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

static ssize_t plain_write(int fd, const void *bytes, size_t n)
{
    ssize_t sent;
    do
        sent = send(fd, bytes, n, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

static ssize_t plain_send_file(int fd, int file, int64_t *at, size_t n)
{
    off_t from = *at;
    ssize_t sent;
    do
        sent = sendfile(fd, file, &from, n);
    while (sent < 0 && errno == EINTR);
    *at = from;
    return sent;
}

static void plain_shutdown(int fd)
{
    shutdown(fd, SHUT_WR);
}

static void plain_close(int fd)
{
    close(fd);
}

const struct transport transport_plain = {
    .read = plain_read,
    .write = plain_write,
    .send_file = plain_send_file,
    .shutdown = plain_shutdown,
    .close = plain_close,
};
