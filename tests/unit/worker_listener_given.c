/* SPDX-License-Identifier: MIT */
/*
 * Listeners made of sockets that are there already: what is taken, by which
 * listen() it is meant, and what of it stays another's.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "config/config.h"
#include "worker/listener.h"

static char dir[] = "/tmp/given_XXXXXX";
static char path[64];

static void make_dir(void)
{
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/sock", dir);
}

static void remove_dir(void)
{
    unlink(path);
    rmdir(dir);
}

TestSuite(given, .init = make_dir, .fini = remove_dir, .timeout = 20);

static struct listen_spec spec_of(const char *address)
{
    return (struct listen_spec){.address = (char *)address,
                                .backlog = 64,
                                .rcvbuf = -1,
                                .sndbuf = -1,
                                .ipv6only = -1};
}

static bool is(const struct listener *l, const char *address)
{
    struct listen_spec spec = spec_of(address);
    return listener_is(l, &spec);
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    getsockopt(fd, level, name, &value, &len);
    return value;
}

/* A socket for every IPv6 address, and for IPv4 as well unless only. */
static int listening6(int only)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
        cr_skip("a machine without IPv6");
    cr_assert_eq(listen(fd, 8), 0);
    return fd;
}

static int listening4(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    cr_assert_eq(listen(fd, 8), 0);
    return fd;
}

/* The name begins with a NUL where no file is wanted. */
static int listening_unix(const char *name, size_t len)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    memcpy(addr.sun_path, name, len);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, size), 0);
    cr_assert_eq(listen(fd, 8), 0);
    return fd;
}

static struct listener *adopted(int fd, enum listener_owner owner)
{
    struct err err;
    struct listener *l = listener_adopt(fd, owner, "web", &err);
    cr_assert_not_null(l, "%s", err.text);
    return l;
}

Test(given, sockets_neither_block_nor_are_inherited_further)
{
    struct listener *l = adopted(listening4(), LISTENER_SYSTEMD);
    cr_expect_eq(fcntl(l->fd, F_GETFD), FD_CLOEXEC);
    cr_expect(fcntl(l->fd, F_GETFL) & O_NONBLOCK);
    listener_close(l);
}

Test(given, sockets_are_meant_by_their_address_and_by_their_name)
{
    char address[64];
    struct listener *l = adopted(listening4(), LISTENER_SYSTEMD);
    snprintf(address, sizeof address, "127.0.0.1:%d", l->address.port);
    cr_expect_str_eq(l->name, address);
    cr_expect(is(l, address));
    cr_expect(is(l, "systemd:web"));
    cr_expect(!is(l, "systemd:we") && !is(l, "systemd:webs"));
    cr_expect(!is(l, "127.0.0.1:0") && !is(l, path));
    listener_close(l);
}

Test(given, sockets_of_nobody_have_no_name)
{
    struct err err;
    struct listener *l =
        listener_adopt(listening4(), LISTENER_LENT, NULL, &err);
    cr_assert_not_null(l);
    cr_expect_not(is(l, "systemd:web"));
    listener_close(l);
}

/* "ListenStream=8080" gives a socket for IPv6 and IPv4. */
Test(given, sockets_for_both_families_of_systemd_are_meant_by_a_port)
{
    char any[32], one[32];
    static const struct {
        int only;
        enum listener_owner owner;
        bool want;
    } cases[] = {{0, LISTENER_SYSTEMD, true},
                 {1, LISTENER_SYSTEMD, false},
                 {0, LISTENER_LENT, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct listener *l = adopted(listening6(cases[i].only), cases[i].owner);
        snprintf(any, sizeof any, "%d", l->address.port);
        snprintf(one, sizeof one, "127.0.0.1:%d", l->address.port);
        cr_expect_eq(is(l, any), cases[i].want, "%zu", i);
        cr_expect_not(is(l, one));
        listener_close(l);
    }
}

Test(given, unix_sockets_are_meant_by_their_path)
{
    struct listener *l =
        adopted(listening_unix(path, strlen(path)), LISTENER_SYSTEMD);
    cr_expect_str_eq(l->path, path);
    cr_expect(is(l, path) && is(l, "systemd:web") && !is(l, "/tmp/x"));
    listener_close(l);
}

Test(given, unix_sockets_may_have_a_path_of_full_length)
{
    char longest[sizeof((struct sockaddr_un *)NULL)->sun_path + 1];
    snprintf(longest, sizeof longest, "%s/%0*d", dir,
             (int)(sizeof longest - 2 - strlen(dir)), 7);
    struct listener *l =
        adopted(listening_unix(longest, strlen(longest)), LISTENER_OURS);
    cr_expect_str_eq(l->path, longest);
    listener_unlink(l);
    listener_close(l);
}

Test(given, unix_sockets_without_a_file_are_meant_by_their_name)
{
    char name[32];
    int len = snprintf(name, sizeof name, "%crb-%d", 0, (int)getpid());
    struct listener *l =
        adopted(listening_unix(name, (size_t)len), LISTENER_SYSTEMD);
    cr_expect_null(l->path);
    cr_expect_eq(strncmp(l->name, "unix:@rb-", 9), 0, "%s", l->name);
    cr_expect(is(l, "systemd:web") && !is(l, path) && !is(l, "8080"));
    listener_close(l);
}

Test(given, files_are_removed_by_their_owner)
{
    struct stat st;
    struct listener *l =
        adopted(listening_unix(path, strlen(path)), LISTENER_SYSTEMD);
    listener_unlink(l);
    cr_expect_eq(stat(path, &st), 0);
    l->owner = LISTENER_LENT;
    listener_unlink(l);
    cr_expect_eq(stat(path, &st), 0);
    l->owner = LISTENER_OURS;
    listener_unlink(l);
    cr_expect_neq(stat(path, &st), 0);
    listener_close(l);
}

Test(given, sockets_get_the_options_of_their_listen)
{
    struct listener *l = adopted(listening4(), LISTENER_SYSTEMD);
    struct listen_spec spec = spec_of("systemd:web");
    spec.tcp_nodelay = 1;
    spec.rcvbuf = 50000;
    listener_set(l, &spec);
    cr_expect_eq(option(l->fd, IPPROTO_TCP, TCP_NODELAY), 1);
    cr_expect_eq(option(l->fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    cr_expect_eq(option(l->fd, SOL_SOCKET, SO_RCVBUF), 100000); /* tcp(7) */
    spec.tcp_nodelay = 0;
    listener_set(l, &spec);
    cr_expect_eq(option(l->fd, IPPROTO_TCP, TCP_NODELAY), 0);
    struct tcp_info info;
    socklen_t len = sizeof info;
    getsockopt(l->fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    cr_expect_eq(info.tcpi_sacked, 64, "the backlog"); /* of a listener */
    listener_close(l);
}

static void refuses(int fd, const char *want)
{
    struct err err = {0};
    cr_assert_null(listener_adopt(fd, LISTENER_SYSTEMD, "web", &err));
    cr_expect_not_null(strstr(err.text, want), "%s", err.text);
    cr_expect_eq(fcntl(fd, F_GETFD), -1, "%s: is open", want);
}

Test(given, descriptors_that_do_not_listen_are_refused_and_closed)
{
    int ends[2];
    refuses(socket(AF_INET, SOCK_STREAM, 0), "does not listen");
    refuses(socket(AF_INET, SOCK_DGRAM, 0), "no stream socket");
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    refuses(ends[0], "does not listen");
    refuses(socket(AF_UNIX, SOCK_SEQPACKET, 0), "no stream socket");
    refuses(open("/dev/null", O_RDONLY), "no stream socket");
    refuses(1000, "descriptor 1000: no stream socket");
    close(ends[1]);
}
