/* SPDX-License-Identifier: MIT */
/*
 * The library to preload that counts calls of libc's wrappers around system
 * calls, for tests that promise how many a request takes. Not strace: that
 * needs a privilege containers often lack, and slows what it looks at.
 *
 * A definition here comes before libc's, counts, and calls on. What libc calls
 * inside itself (stdio) passes by; libevent's calls do not. The variants of
 * _FORTIFY_SOURCE (__read_chk) are other functions and are not counted either.
 */
#include "tests/support/syscount.h"

#include <dlfcn.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static struct syscount nobody_looks;
static struct syscount *counts = &nobody_looks;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("PRELOAD_FILE");
    struct syscount *shared = path ? syscount_open(path) : NULL;
    if (shared)
        counts = shared;
}

/* Threads may race to look the function up: all find the same one. */
#define COUNT(kind, type, name, parameters, arguments)                         \
    type name parameters                                                       \
    {                                                                          \
        static _Atomic(void *) next;                                           \
        if (!next)                                                             \
            next = dlsym(RTLD_NEXT, #name);                                    \
        type(*call) parameters;                                                \
        *(void **)&call = next;                                                \
        atomic_fetch_add_explicit(&counts->calls[SYSCOUNT_##kind], 1,          \
                                  memory_order_relaxed);                       \
        return call arguments;                                                 \
    }

COUNT(POLL, int, poll, (struct pollfd * fds, nfds_t n, int timeout),
      (fds, n, timeout))
COUNT(PPOLL, int, ppoll,
      (struct pollfd * fds, nfds_t n, const struct timespec *timeout,
       const sigset_t *mask),
      (fds, n, timeout, mask))
COUNT(EPOLL_WAIT, int, epoll_wait,
      (int epfd, struct epoll_event *events, int max, int timeout),
      (epfd, events, max, timeout))
COUNT(EPOLL_CTL, int, epoll_ctl,
      (int epfd, int op, int fd, struct epoll_event *event),
      (epfd, op, fd, event))

COUNT(RECV, ssize_t, recv, (int fd, void *data, size_t len, int flags),
      (fd, data, len, flags))
COUNT(RECVFROM, ssize_t, recvfrom,
      (int fd, void *data, size_t len, int flags, __SOCKADDR_ARG from,
       socklen_t *from_len),
      (fd, data, len, flags, from, from_len))
COUNT(RECVMSG, ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags),
      (fd, msg, flags))
COUNT(READ, ssize_t, read, (int fd, void *data, size_t len), (fd, data, len))
COUNT(READV, ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n))

COUNT(SEND, ssize_t, send, (int fd, const void *data, size_t len, int flags),
      (fd, data, len, flags))
COUNT(SENDTO, ssize_t, sendto,
      (int fd, const void *data, size_t len, int flags, __CONST_SOCKADDR_ARG to,
       socklen_t to_len),
      (fd, data, len, flags, to, to_len))
COUNT(SENDMSG, ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags),
      (fd, msg, flags))
COUNT(SENDFILE, ssize_t, sendfile, (int out, int in, off_t *offset, size_t len),
      (out, in, offset, len))
COUNT(WRITE, ssize_t, write, (int fd, const void *data, size_t len),
      (fd, data, len))
COUNT(WRITEV, ssize_t, writev, (int fd, const struct iovec *v, int n),
      (fd, v, n))

COUNT(ACCEPT4, int, accept4,
      (int fd, __SOCKADDR_ARG from, socklen_t *from_len, int flags),
      (fd, from, from_len, flags))
