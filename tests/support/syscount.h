/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_SYSCOUNT_H
#define RAINBOWS_TESTS_SUPPORT_SYSCOUNT_H

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * How often the processes of a server called what costs a system call. Start
 * it with LD_PRELOAD=libsyscount.so and PRELOAD_FILE=PATH, map the same PATH
 * with syscount_open(), and compare calls[] before and after. Everything that
 * was started with that PATH, workers and their threads included, counts into
 * this one page.
 */

#define SYSCOUNT_CALLS(X)                                                      \
    X(POLL)                                                                    \
    X(PPOLL)                                                                   \
    X(EPOLL_WAIT)                                                              \
    X(EPOLL_CTL)                                                               \
    X(RECV)                                                                    \
    X(RECVFROM)                                                                \
    X(RECVMSG)                                                                 \
    X(READ)                                                                    \
    X(READV)                                                                   \
    X(SEND)                                                                    \
    X(SENDTO)                                                                  \
    X(SENDMSG)                                                                 \
    X(SENDFILE)                                                                \
    X(WRITE)                                                                   \
    X(WRITEV)                                                                  \
    X(ACCEPT4)

#define SYSCOUNT_ENUM(name) SYSCOUNT_##name,
enum syscount_call {
    SYSCOUNT_CALLS(SYSCOUNT_ENUM) SYSCOUNT_SIZE
};
#undef SYSCOUNT_ENUM

struct syscount {
    _Atomic uint64_t calls[SYSCOUNT_SIZE]; /* by enum syscount_call */
};

/* Maps the file, made if it is not there; NULL if that cannot be. The mapping
 * lasts as long as the process. */
static inline struct syscount *syscount_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    void *page = MAP_FAILED;
    if (ftruncate(fd, sizeof(struct syscount)) == 0)
        page = mmap(NULL, sizeof(struct syscount), PROT_READ | PROT_WRITE,
                    MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

#endif
