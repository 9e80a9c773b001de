/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_TRANSPORT_H
#define RAINBOWS_WORKER_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What lies under a connection. All work on non-blocking sockets and answer
 * like the system calls: bytes, 0 at the end, -1 with errno (EAGAIN: wait).
 */
struct transport {
    ssize_t (*read)(int fd, void *into, size_t n);
    ssize_t (*write)(int fd, const void *bytes, size_t n);
    /* sendfile(2): n bytes of the file from *at, which is moved. NULL: copy. */
    ssize_t (*send_file)(int fd, int file, int64_t *at, size_t n);
    void (*shutdown)(int fd); /* nothing more will be written */
    void (*close)(int fd);
};

extern const struct transport transport_plain;

#endif
