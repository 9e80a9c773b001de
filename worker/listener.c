/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets. A listener is bound once, by the master, and every worker
 * accepts from it; a reload that names the same address keeps it, so that no
 * connection in its queue is lost.
 */
#include "worker/listener.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/wait.h"
#include "config/address.h"
#include "config/config.h"

union anyaddr {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* ---- socket options ---- */

static void set_option(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}

static void set_buffers(int fd, const struct listen_spec *spec)
{
    if (spec->rcvbuf >= 0)
        set_option(fd, SOL_SOCKET, SO_RCVBUF, spec->rcvbuf);
    if (spec->sndbuf >= 0)
        set_option(fd, SOL_SOCKET, SO_SNDBUF, spec->sndbuf);
}

/* Options that must be there before bind(). */
static void set_early(int fd, const struct listen_spec *spec, int family)
{
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (spec->reuseport)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (family == AF_INET6 && spec->ipv6only >= 0)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, spec->ipv6only);
    set_buffers(fd, spec);
}

/* Accepted sockets inherit these. */
static void set_tcp(int fd, const struct listen_spec *spec)
{
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, spec->tcp_nodelay);
    set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, spec->tcp_defer_accept);
}

/* ---- UNIX sockets ---- */

/* Makes way for a bind to path: 0 when nothing is there or it was stale, -1
 * with errno: EADDRINUSE when somebody answers there, ENOTSOCK. */
static int clear_path(const union anyaddr *addr, socklen_t len)
{
    struct stat st;
    if (lstat(addr->un.sun_path, &st) < 0)
        return errno == ENOENT ? 0 : -1;
    if (!S_ISSOCK(st.st_mode)) {
        errno = ENOTSOCK;
        return -1;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return -1;
    int rc = connect(probe, &addr->any, len);
    int why = errno;
    close(probe);
    if (rc < 0 && why == ECONNREFUSED)
        return unlink(addr->un.sun_path);
    errno = EADDRINUSE;
    return -1;
}

static int bind_path(int fd, const union anyaddr *addr, socklen_t len,
                     const struct listen_spec *spec)
{
    if (clear_path(addr, len) < 0)
        return -1;
    mode_t old = umask((mode_t)spec->umask);
    int rc = bind(fd, &addr->any, len);
    umask(old);
    return rc;
}

/* ---- addresses ---- */

static int look_up(const struct address *a, const char *text,
                   union anyaddr *addr, socklen_t *len, struct err *err)
{
    struct addrinfo hints = {.ai_family = a->ipv6 ? AF_INET6 : AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE};
    char port[8];
    snprintf(port, sizeof port, "%d", a->port);
    struct addrinfo *found;
    int rc = getaddrinfo(a->host, port, &hints, &found);
    if (rc != 0)
        return err_set(err, "cannot listen on %s: %s", text, gai_strerror(rc));
    memcpy(addr, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int resolve(const char *text, union anyaddr *addr, socklen_t *len,
                   struct err *err)
{
    struct address a;
    memset(addr, 0, sizeof *addr);
    if (address_parse(text, &a, err) < 0)
        return -1;
    if (!a.path)
        return look_up(&a, text, addr, len, err);
    addr->un.sun_family = AF_UNIX;
    strcpy(addr->un.sun_path, a.path); /* address_parse() measured it */
    *len = sizeof addr->un;
    return 0;
}

/* What was really bound: port 0 has become a number by now. */
static void describe(struct listener *l, const union anyaddr *addr)
{
    char ip[PEER_TEXT];
    if (addr->any.sa_family == AF_UNIX) {
        struct stat st = {0};
        l->path = xstrdup(addr->un.sun_path);
        l->name = xasprintf("unix:%s", l->path);
        if (stat(l->path, &st) == 0) {
            l->dev = st.st_dev;
            l->ino = st.st_ino;
        }
        l->address.family = AF_UNIX;
        return;
    }
    peer_set(&l->asked, &addr->any);
    union anyaddr bound;
    socklen_t len = sizeof bound;
    getsockname(l->fd, &bound.any, &len);
    peer_set(&l->address, &bound.any);
    peer_ip(&l->address, ip);
    l->name =
        xasprintf(strchr(ip, ':') ? "[%s]:%d" : "%s:%d", ip, l->address.port);
}

static int try_once(const struct listen_spec *spec, const union anyaddr *addr,
                    socklen_t len)
{
    int family = addr->any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set_early(fd, spec, family);
    if (family != AF_UNIX)
        set_tcp(fd, spec);
    int rc = family == AF_UNIX ? bind_path(fd, addr, len, spec)
                               : bind(fd, &addr->any, len);
    if (rc == 0 && listen(fd, spec->backlog) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

struct listener *listener_open(const struct listen_spec *spec, struct err *err)
{
    union anyaddr addr;
    socklen_t len = 0;
    if (resolve(spec->address, &addr, &len, err) < 0)
        return NULL;
    int fd;
    int tries = spec->tries;
    while ((fd = try_once(spec, &addr, len)) < 0 && errno == EADDRINUSE &&
           tries != 0) {
        log_warn("listen=%s in use, trying again tries=%d", spec->address,
                 tries);
        struct wait pause = {.fd = -1, .deadline = clock_now() + spec->delay};
        wait_block(&pause);
        tries -= tries > 0;
    }
    if (fd < 0) {
        err_sys(err, "cannot listen on %s", spec->address);
        return NULL;
    }
    struct listener *l = xcalloc(1, sizeof *l);
    l->fd = fd;
    l->owners = 1;
    describe(l, &addr);
    return l;
}

void listener_apply(const struct listener *l, const struct listen_spec *spec)
{
    if (!l->path)
        set_tcp(l->fd, spec);
    set_buffers(l->fd, spec);
    listen(l->fd, spec->backlog);
}

struct listener *listener_share(struct listener *l)
{
    l->owners++;
    return l;
}

void listener_close(struct listener *l)
{
    if (!l || --l->owners > 0)
        return;
    fd_close(&l->fd);
    free(l->name);
    free(l->path);
    free(l);
}

void listener_unlink(const struct listener *l)
{
    struct stat st;
    if (l->path && !l->borrowed && stat(l->path, &st) == 0 &&
        st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->path);
}

bool listener_is(const struct listener *l, const struct listen_spec *spec)
{
    union anyaddr addr;
    socklen_t len;
    struct err err;
    if (resolve(spec->address, &addr, &len, &err) < 0)
        return false;
    if (addr.any.sa_family == AF_UNIX || l->path)
        return l->path && addr.any.sa_family == AF_UNIX &&
               strcmp(l->path, addr.un.sun_path) == 0;
    struct peer want;
    peer_set(&want, &addr.any);
    return want.family == l->asked.family &&
           (want.port == l->asked.port || want.port == l->address.port) &&
           memcmp(want.ip, l->asked.ip, sizeof want.ip) == 0;
}

/* ---- accepting ---- */

int listener_accept(const struct listener *l, struct peer *client)
{
    union anyaddr from;
    socklen_t len = sizeof from;
    from.any.sa_family = AF_UNIX;
    int fd;
    do
        fd = accept4(l->fd, &from.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd >= 0)
        peer_set(client, &from.any);
    return fd;
}
