/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: what they are called, what stands in their way, and whose
 * socket file it is.
 */
#include "worker/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/err.h"
#include "config/config.h"
#include "tests/support/logs.h"

static char dir[] = "/tmp/listener_XXXXXX";
static char path[64]; /* of a UNIX socket; no file is there yet */

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

TestSuite(listener, .init = make_dir, .fini = remove_dir, .timeout = 20);

static struct listen_spec spec_of(const char *address)
{
    return (struct listen_spec){.address = (char *)address,
                                .backlog = 64,
                                .rcvbuf = -1,
                                .sndbuf = -1,
                                .tcp_nodelay = 1,
                                .ipv6only = -1};
}

static struct listener *opened(const char *address)
{
    struct err err;
    struct listen_spec spec = spec_of(address);
    struct listener *l = listener_open(&spec, &err);
    cr_assert_not_null(l, "%s", err.text);
    return l;
}

/* Nothing can be opened there; the error says so. */
static void refused(const struct listen_spec *spec, const char *want)
{
    struct err err = {0};
    cr_assert_null(listener_open(spec, &err));
    cr_expect_not_null(strstr(err.text, want), "%s", err.text);
    cr_expect_not_null(strstr(err.text, spec->address), "%s", err.text);
}

/* A client of the listener. */
static int connected(const struct listener *l)
{
    struct sockaddr_storage to;
    socklen_t len = sizeof to;
    cr_assert_eq(getsockname(l->fd, (struct sockaddr *)&to, &len), 0);
    int fd = socket(to.ss_family, SOCK_STREAM, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, len), 0);
    return fd;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    getsockopt(fd, level, name, &value, &len);
    return value;
}

/* ---- names ---- */

static const char *const names[][2] = {{"127.0.0.1:0", "127.0.0.1:%d"},
                                       {"0", "0.0.0.0:%d"},
                                       {":0", "0.0.0.0:%d"},
                                       {"*:0", "0.0.0.0:%d"},
                                       {"[::1]:0", "[::1]:%d"}};

Test(listener, is_named_by_what_was_really_bound)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char want[64];
        struct err err;
        struct listen_spec spec = spec_of(names[i][0]);
        struct listener *l = listener_open(&spec, &err);
        if (!l && strchr(names[i][0], '['))
            continue; /* a machine without IPv6 */
        cr_assert_not_null(l, "%s", err.text);
        cr_expect_neq(l->address.port, 0);
        snprintf(want, sizeof want, names[i][1], l->address.port);
        cr_expect_str_eq(l->name, want);
        listener_close(l);
    }
}

Test(listener, of_a_unix_socket_is_named_by_its_path)
{
    char address[80], want[80];
    snprintf(address, sizeof address, "unix:%s", path);
    struct listener *l = opened(address);
    cr_expect_str_eq(l->name, address);
    cr_expect_str_eq(l->path, path);
    cr_expect_eq(l->address.family, AF_UNIX);
    listener_unlink(l);
    listener_close(l);
    l = opened(path);
    snprintf(want, sizeof want, "unix:%s", path);
    cr_expect_str_eq(l->name, want);
    listener_close(l);
}

/* The listener for one address is the one for the other, or is not. */
static void is_same(const char *one, const char *other, bool want)
{
    struct listener *l = opened(one);
    struct listen_spec spec = spec_of(other);
    cr_expect_eq(listener_is(l, &spec), want, "%s and %s", one, other);
    listener_unlink(l);
    listener_close(l);
}

Test(listener, knows_its_address_in_other_words)
{
    char unix_path[80];
    snprintf(unix_path, sizeof unix_path, "unix:%s", path);
    is_same("127.0.0.1:0", "127.0.0.1:0", true);
    is_same("0.0.0.0:0", "0", true);
    is_same("0.0.0.0:0", "*:0", true);
    is_same(path, unix_path, true);
    is_same("127.0.0.1:0", "0.0.0.0:0", false);
    is_same("127.0.0.1:0", "127.0.0.2:0", false);
    is_same("127.0.0.1:0", "127.0.0.1:1", false);
    is_same("127.0.0.1:0", unix_path, false);
    is_same(path, "127.0.0.1:0", false);
    is_same(path, "/tmp/other", false);
    is_same("127.0.0.1:0", "no port", false);
}

Test(listener, knows_the_port_that_it_was_given)
{
    struct listener *l = opened("127.0.0.1:0");
    struct listen_spec spec = spec_of(l->name);
    cr_expect(listener_is(l, &spec));
    listener_close(l);
}

/* ---- what stands in the way ---- */

Test(listener, replaces_a_socket_file_that_nobody_serves)
{
    listener_close(opened(path)); /* leaves its file, as a crash does */
    struct listener *l = opened(path);
    close(connected(l));
    listener_close(l);
}

Test(listener, leaves_a_socket_file_alone_that_somebody_serves)
{
    struct listener *first = opened(path);
    struct listen_spec spec = spec_of(path);
    refused(&spec, "Address already in use");
    close(connected(first));
    listener_close(first);
}

Test(listener, leaves_files_alone_that_are_no_sockets)
{
    struct stat st;
    struct listen_spec spec = spec_of(path);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    refused(&spec, "Socket operation on non-socket");
    cr_expect_eq(stat(path, &st), 0);
    unlink(path);
    cr_assert_eq(symlink("/etc/passwd", path), 0);
    refused(&spec, "Socket operation on non-socket");
    cr_expect_eq(lstat(path, &st), 0);
}

Test(listener, says_why_an_address_cannot_be_had)
{
    struct listener *first = opened("127.0.0.1:0");
    struct listen_spec taken = spec_of(first->name);
    struct listen_spec missing = spec_of("/nonexistent/sock");
    struct listen_spec foreign = spec_of("192.0.2.1:80");
    refused(&taken, "Address already in use");
    refused(&missing, "No such file or directory");
    refused(&foreign, "Cannot assign requested address");
    listener_close(first);
}

Test(listener, tries_again_as_often_as_it_is_told)
{
    struct listener *first = opened("127.0.0.1:0");
    struct listen_spec spec = spec_of(first->name);
    spec.tries = 3;
    spec.delay = 1000;
    logs_open();
    int64_t before = clock_now();
    refused(&spec, "Address already in use");
    cr_expect_geq(clock_now() - before, 3000);
    for (int tries = 3; tries > 0; tries--) {
        char want[80];
        snprintf(want, sizeof want, "in use, trying again tries=%d\n", tries);
        cr_expect_not_null(strstr(logs_line(), want), "%s", logs.text);
    }
    cr_expect_str_eq(logs_next(), "");
    listener_close(first);
}

Test(listener, does_not_try_again_what_will_not_change)
{
    struct listen_spec spec = spec_of("/nonexistent/sock");
    spec.tries = -1;
    spec.delay = 60 * CLOCK_SECOND;
    refused(&spec, "No such file or directory");
}

Test(listener, shares_a_port_when_all_say_reuseport)
{
    struct err err;
    struct listen_spec spec = spec_of("127.0.0.1:0");
    spec.reuseport = 1;
    struct listener *one = listener_open(&spec, &err);
    spec.address = one->name;
    struct listener *two = listener_open(&spec, &err);
    cr_assert_not_null(two, "%s", err.text);
    listener_close(one);
    listener_close(two);
}

Test(listener, that_fails_leaves_no_descriptor_open)
{
    int before = open("/dev/null", O_RDONLY);
    close(before);
    struct listen_spec specs[] = {spec_of("/nonexistent/sock"),
                                  spec_of("192.0.2.1:80"), spec_of("x")};
    for (int i = 0; i < 3; i++) {
        struct err err;
        cr_expect_null(listener_open(&specs[i], &err));
    }
    cr_expect_eq(open("/dev/null", O_RDONLY), before);
}

/* ---- the socket file ---- */

Test(listener, removes_its_own_file_only)
{
    struct stat st;
    struct listener *mine = opened(path);
    unlink(path);
    struct listener *other = opened(path);
    listener_unlink(mine);
    cr_expect_eq(stat(path, &st), 0, "took away another's file");
    listener_unlink(other);
    cr_expect_eq(stat(path, &st), -1);
    listener_unlink(other);
    listener_close(mine);
    listener_close(other);
}

Test(listener, closing_leaves_the_file)
{
    struct stat st;
    listener_close(opened(path));
    cr_expect_eq(stat(path, &st), 0);
    listener_close(NULL);
}

Test(listener, file_has_the_mode_that_umask_leaves)
{
    static const mode_t masks[] = {0, 0117, 0077};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        struct err err;
        struct stat st;
        struct listen_spec spec = spec_of(path);
        spec.umask = (int)masks[i];
        mode_t before = umask(022);
        struct listener *l = listener_open(&spec, &err);
        cr_expect_eq(umask(before), 022, "the process's umask changed");
        cr_assert_eq(stat(path, &st), 0);
        cr_expect_eq(st.st_mode & 0777, 0777 & ~masks[i]);
        listener_close(l);
    }
}

/* ---- accepting ---- */

Test(listener, accepts_sockets_that_neither_block_nor_are_inherited)
{
    struct peer peer;
    struct listener *l = opened("127.0.0.1:0");
    cr_expect_eq(listener_accept(l, &peer), -1);
    cr_expect_eq(errno, EAGAIN);
    int client = connected(l);
    int fd = listener_accept(l, &peer);
    cr_assert_geq(fd, 0);
    cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
    cr_expect_eq(fcntl(l->fd, F_GETFD), FD_CLOEXEC);
    cr_expect_neq(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    cr_expect_neq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    close(fd);
    close(client);
    listener_close(l);
}

Test(listener, tells_who_the_client_is)
{
    struct peer peer;
    char text[PEER_TEXT];
    static const char *const addresses[] = {"127.0.0.1:0", path};
    for (int i = 0; i < 2; i++) {
        struct listener *l = opened(addresses[i]);
        int client = connected(l);
        int fd = listener_accept(l, &peer);
        cr_expect_str_eq(peer_ip(&peer, text), "127.0.0.1");
        cr_expect_eq(peer.family, i == 0 ? AF_INET : AF_UNIX);
        cr_expect_eq(peer.port == 0, i == 1);
        close(fd);
        close(client);
        listener_close(l);
    }
}
