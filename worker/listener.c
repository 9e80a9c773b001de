/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets. A listener is bound once, by the master or by who started
 * it, and every worker accepts from it; a reload that names the same address
 * keeps it, so that no connection in its queue is lost.
 */
#include "worker/listener.h"

#include <errno.h>
#include <fcntl.h>
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

/* Options that must be there before bind(). */
static void set_early(int fd, const struct listen_spec *spec, int family)
{
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (spec->reuseport)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (family == AF_INET6 && spec->ipv6only >= 0)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, spec->ipv6only);
}

/* Accepted sockets inherit these. */
static void set_buffers(int fd, const struct listen_spec *spec)
{
    if (spec->rcvbuf >= 0)
        set_option(fd, SOL_SOCKET, SO_RCVBUF, spec->rcvbuf);
    if (spec->sndbuf >= 0)
        set_option(fd, SOL_SOCKET, SO_SNDBUF, spec->sndbuf);
}

/* And these. */
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

/* Sees to it that the file can be known again. */
static void describe_path(struct listener *l, const char *path)
{
    struct stat st = {0};
    l->path = xstrdup(path);
    l->name = xasprintf("unix:%s", path);
    if (stat(path, &st) == 0) {
        l->dev = st.st_dev;
        l->ino = st.st_ino;
    }
}

/* What was really bound: port 0 has become a number by now. */
static void describe_tcp(struct listener *l, const union anyaddr *bound)
{
    char ip[PEER_TEXT];
    peer_set(&l->address, &bound->any);
    peer_ip(&l->address, ip);
    l->name =
        xasprintf(strchr(ip, ':') ? "[%s]:%d" : "%s:%d", ip, l->address.port);
}

static void describe(struct listener *l, const union anyaddr *addr)
{
    union anyaddr bound;
    socklen_t len = sizeof bound;
    peer_set(&l->asked, &addr->any);
    l->address.family = l->asked.family;
    if (l->asked.family == AF_UNIX) {
        describe_path(l, addr->un.sun_path);
        return;
    }
    getsockname(l->fd, &bound.any, &len);
    describe_tcp(l, &bound);
}

static int try_once(const struct listen_spec *spec, const union anyaddr *addr,
                    socklen_t len)
{
    int family = addr->any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set_early(fd, spec, family);
    set_buffers(fd, spec);
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
    l->shares = 1;
    describe(l, &addr);
    return l;
}

/* ---- sockets that are there already ---- */

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof value;
    getsockopt(fd, level, option, &value, &len);
    return value;
}

static int check_given(int fd, struct err *err)
{
    int family = option_of(fd, SOL_SOCKET, SO_DOMAIN);
    if ((family != AF_INET && family != AF_INET6 && family != AF_UNIX) ||
        option_of(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM)
        return err_set(err, "descriptor %d: no stream socket of TCP or UNIX",
                       fd);
    if (option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
        return err_set(err, "descriptor %d: a socket that does not listen", fd);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        return err_sys(err, "descriptor %d", fd);
    return 0;
}

/* The kernel ends a path with a NUL only where there is room for one; a name
 * without a file begins with one. */
static void describe_given(struct listener *l)
{
    union anyaddr bound;
    socklen_t len = sizeof bound;
    memset(&bound, 0, sizeof bound);
    getsockname(l->fd, &bound.any, &len);
    peer_set(&l->asked, &bound.any);
    l->address.family = l->asked.family;
    if (l->asked.family != AF_UNIX) {
        describe_tcp(l, &bound);
        return;
    }
    char path[sizeof bound.un.sun_path + 1] = "";
    memcpy(path, bound.un.sun_path, sizeof bound.un.sun_path);
    if (path[0])
        describe_path(l, path);
    else
        l->name = xasprintf("unix:@%s", path + 1);
}

struct listener *listener_adopt(int fd, enum listener_owner owner,
                                const char *given, struct err *err)
{
    if (check_given(fd, err) < 0) {
        close(fd);
        return NULL;
    }
    struct listener *l = xcalloc(1, sizeof *l);
    l->fd = fd;
    l->shares = 1;
    l->owner = owner;
    l->given = given ? xstrdup(given) : NULL;
    describe_given(l);
    return l;
}

void listener_set(const struct listener *l, const struct listen_spec *spec)
{
    set_buffers(l->fd, spec);
    if (l->address.family != AF_UNIX)
        set_tcp(l->fd, spec);
    listen(l->fd, spec->backlog);
}

/* ---- any ---- */

struct listener *listener_share(struct listener *l)
{
    l->shares++;
    return l;
}

void listener_close(struct listener *l)
{
    if (!l || --l->shares > 0)
        return;
    fd_close(&l->fd);
    free(l->given);
    free(l->name);
    free(l->path);
    free(l);
}

static bool is_there(const struct listener *l)
{
    struct stat st;
    return stat(l->path, &st) == 0 && st.st_dev == l->dev &&
           st.st_ino == l->ino;
}

void listener_unlink(const struct listener *l)
{
    if (l->path && l->owner == LISTENER_OURS && is_there(l))
        unlink(l->path);
}

/* Is it a socket for every IPv6 address that takes IPv4 clients as well? */
static bool takes_both(const struct listener *l)
{
    static const uint8_t any[16];
    return l->asked.family == AF_INET6 &&
           memcmp(l->asked.ip, any, sizeof any) == 0 &&
           option_of(l->fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
}

static bool is_tcp(const struct listener *l, const struct peer *want)
{
    static const struct peer any = {.family = AF_INET};
    if (want->port != l->asked.port && want->port != l->address.port)
        return false;
    if (want->family == l->asked.family)
        return memcmp(want->ip, l->asked.ip, sizeof want->ip) == 0;
    /* "ListenStream=8080" of systemd makes a socket for both, listen(8080) asks
     * for IPv4 and could not be bound beside it. */
    return l->owner == LISTENER_SYSTEMD && want->family == any.family &&
           memcmp(want->ip, any.ip, sizeof any.ip) == 0 && takes_both(l);
}

bool listener_is(const struct listener *l, const struct listen_spec *spec)
{
    struct address a;
    union anyaddr addr;
    socklen_t len;
    struct err err;
    if (address_parse(spec->address, &a, &err) < 0)
        return false;
    if (a.given)
        return l->given && strcmp(l->given, a.given) == 0;
    if (a.path || l->path)
        return a.path && l->path && strcmp(l->path, a.path) == 0 &&
               (l->owner == LISTENER_SYSTEMD || is_there(l));
    if (resolve(spec->address, &addr, &len, &err) < 0)
        return false;
    struct peer want;
    peer_set(&want, &addr.any);
    return is_tcp(l, &want);
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
