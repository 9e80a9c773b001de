/* SPDX-License-Identifier: MIT */
/*
 * The library to preload that makes calls fail and the wall clock jump. A
 * definition here comes before libc's; what libc calls inside itself passes
 * by. Where a real limit does the same (RLIMIT_NOFILE, /dev/full) tests use
 * that; but RLIMIT_NPROC, for one, does not bind root.
 */
#include "tests/support/inject.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

static struct inject nothing;
static struct inject *page = &nothing;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("PRELOAD_FILE");
    struct inject *shared = path ? inject_open(path) : NULL;
    if (shared)
        page = shared;
}

/* Is it to fail here and now? Then errno is set. */
static bool fails(enum inject_call call)
{
    int error = atomic_load_explicit(&page->fails[call], memory_order_relaxed);
    if (!error || (page->only && page->only != getpid()))
        return false;
    atomic_fetch_add(&page->failed[call], 1);
    errno = error;
    return true;
}

/* Threads may race to look the function up: all find the same one. */
#define NEXT(call, name)                                                       \
    do {                                                                       \
        static _Atomic(void *) next;                                           \
        if (!next)                                                             \
            next = dlsym(RTLD_NEXT, #name);                                    \
        *(void **)&(call) = next;                                              \
    } while (0)

/* ---- what fails ---- */

#define FAIL(kind, failure, type, name, parameters, arguments)                 \
    type name parameters                                                       \
    {                                                                          \
        type(*call) parameters;                                                \
        NEXT(call, name);                                                      \
        return fails(INJECT_##kind) ? (failure) : call arguments;              \
    }

FAIL(FORK, -1, pid_t, fork, (void), ())
FAIL(ACCEPT4, -1, int, accept4,
     (int fd, __SOCKADDR_ARG from, socklen_t *from_len, int flags),
     (fd, from, from_len, flags))
FAIL(MMAP, MAP_FAILED, void *, mmap,
     (void *at, size_t size, int prot, int flags, int fd, off_t offset),
     (at, size, prot, flags, fd, offset))
FAIL(PIPE2, -1, int, pipe2, (int fds[2], int flags), (fds, flags))

/* dlsym() may need memory itself, so these go to libc by its other names. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    return fails(INJECT_MALLOC) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(INJECT_MALLOC) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails(INJECT_MALLOC) ? NULL : __libc_realloc(old, size);
}

/* ---- the wall clock ---- */

int clock_gettime(clockid_t id, struct timespec *now)
{
    int (*call)(clockid_t, struct timespec *);
    NEXT(call, clock_gettime);
    int rc = call(id, now);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        now->tv_sec += page->wall_off;
    return rc;
}

time_t time(time_t *into)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into)
        *into = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict into, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *into = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}
