/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_INJECT_H
#define RAINBOWS_TESTS_SUPPORT_INJECT_H

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * Failures of the system, made to order while the server runs: start it with
 * LD_PRELOAD=libinject.so and PRELOAD_FILE=PATH, map the same PATH with
 * inject_open(), and say what is to fail from now on. All processes of the
 * server look into this one page at each call.
 */

/* The calls that can fail, by libc's names. */
#define INJECT_CALLS(X)                                                        \
    X(FORK)                                                                    \
    X(ACCEPT4)                                                                 \
    X(MMAP)                                                                    \
    X(PIPE2)                                                                   \
    X(MALLOC) /* calloc and realloc, too */

#define INJECT_ENUM(name) INJECT_##name,
enum inject_call {
    INJECT_CALLS(INJECT_ENUM) INJECT_SIZE
};
#undef INJECT_ENUM

struct inject {
    _Atomic int fails[INJECT_SIZE];       /* with this errno; 0: it works */
    _Atomic uint64_t failed[INJECT_SIZE]; /* how often it has */
    _Atomic int only;         /* in the process of this id; 0: in all */
    _Atomic int64_t wall_off; /* seconds that the wall clock is wrong */
};

/* Maps the file, made if it is not there; NULL if that cannot be. The mapping
 * lasts as long as the process. */
static inline struct inject *inject_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    void *page = MAP_FAILED;
    if (ftruncate(fd, sizeof(struct inject)) == 0)
        page = mmap(NULL, sizeof(struct inject), PROT_READ | PROT_WRITE,
                    MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

#endif
