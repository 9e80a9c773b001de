/* SPDX-License-Identifier: MIT */
/*
 * The raw client. See client.h.
 */
#include "tests/support/client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/support/server.h"

static int dial_address(const struct sockaddr *to, socklen_t len)
{
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = PATIENCE};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    cr_assert_eq(connect(fd, to, len), 0, "connect: %s", strerror(errno));
    int at_once = 1; /* bytes leave as they are sent, one by one if need be */
    if (to->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    return fd;
}

int dial_port(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return dial_address((struct sockaddr *)&to, sizeof to);
}

int dial(const struct server *s)
{
    return dial_port(s->port);
}

int dial_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    return dial_address((struct sockaddr *)&to, sizeof to);
}

int local_port(int fd)
{
    struct sockaddr_in mine;
    socklen_t len = sizeof mine;
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&mine, &len), 0);
    return ntohs(mine.sin_port);
}

void send_bytes(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        cr_assert_gt(sent, 0, "send: %s", strerror(errno));
        at += sent;
        n -= (size_t)sent;
    }
}

void send_text(int fd, const char *text)
{
    send_bytes(fd, text, strlen(text));
}

void read_bytes(int fd, void *into, size_t n)
{
    ssize_t got = recv(fd, into, n, MSG_WAITALL);
    cr_assert_eq(got, (ssize_t)n, "recv: %zd of %zu bytes", got, n);
}

/* One byte, or -1 when the server has closed. */
static int read_byte(int fd)
{
    unsigned char byte;
    ssize_t n = recv(fd, &byte, 1, 0);
    cr_assert(n >= 0 || errno == ECONNRESET, "recv: %s", strerror(errno));
    return n == 1 ? byte : -1;
}

/* Up to and including the end text; what came before a close otherwise. */
static char *read_to(int fd, const char *end)
{
    size_t len = 0, cap = 256, tail = strlen(end);
    char *text = xmalloc(cap);
    int c;
    while ((c = read_byte(fd)) >= 0) {
        if (len + 2 > cap)
            text = xrealloc(text, cap *= 2);
        text[len++] = (char)c;
        if (len >= tail && memcmp(text + len - tail, end, tail) == 0)
            break;
    }
    text[len] = '\0';
    return text;
}

char *read_until(int fd, const char *text)
{
    char *all = read_to(fd, text);
    cr_assert_not_null(strstr(all, text), "no \"%s\" in:\n%s", text, all);
    return all;
}

/* Up to n bytes behind a->body; false when the server closed before. */
static bool add_body(int fd, struct answer *a, size_t n)
{
    a->body = xrealloc(a->body, a->length + n + 1);
    while (n) {
        ssize_t got = recv(fd, a->body + a->length, n, 0);
        cr_assert(got >= 0 || errno == ECONNRESET, "recv: %s", strerror(errno));
        if (got <= 0)
            break;
        a->length += (size_t)got;
        n -= (size_t)got;
    }
    a->body[a->length] = '\0';
    return n == 0;
}

static bool read_chunks(int fd, struct answer *a)
{
    for (;;) {
        char *line = read_to(fd, "\r\n");
        if (!strstr(line, "\r\n"))
            return false;
        size_t n = strtoul(line, NULL, 16);
        if (n && !add_body(fd, a, n))
            return false;
        if (strcmp(read_to(fd, "\r\n"), "\r\n") != 0)
            return false;
        if (!n)
            return true;
    }
}

const char *field(const struct answer *a, const char *name)
{
    static char value[8192];
    char want[128];
    snprintf(want, sizeof want, "\r\n%s:", name);
    const char *at = strcasestr(a->head, want);
    if (!at)
        return NULL;
    at += strlen(want);
    at += strspn(at, " ");
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

static struct answer read_one(int fd, bool to_head)
{
    struct answer a = {.body = xstrdup("")};
    a.head = read_to(fd, "\r\n\r\n");
    if (sscanf(a.head, "HTTP/1.1 %d", &a.status) != 1)
        return a;
    const char *coding = field(&a, "transfer-encoding");
    a.chunked = coding && strcmp(coding, "chunked") == 0;
    const char *length = field(&a, "content-length");
    if (to_head || a.status < 200 || a.status == 204 || a.status == 304)
        a.whole = true;
    else if (a.chunked)
        a.whole = read_chunks(fd, &a);
    else if (length)
        a.whole = add_body(fd, &a, strtoul(length, NULL, 10));
    else
        while (add_body(fd, &a, 65536))
            ;
    return a;
}

struct answer read_answer(int fd)
{
    return read_one(fd, false);
}

struct answer read_head_answer(int fd)
{
    return read_one(fd, true);
}

char *read_all(int fd, size_t *length)
{
    struct answer a = {0};
    while (add_body(fd, &a, 65536))
        ;
    if (length)
        *length = a.length;
    return a.body;
}

struct answer ask(int fd, const char *text)
{
    send_text(fd, text);
    return read_answer(fd);
}

bool readable_within(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms) > 0;
}

void await_close(int fd)
{
    int c = read_byte(fd);
    cr_assert_lt(c, 0, "a byte came instead of a close: %d", c);
    close(fd);
}

void reset_connection(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

struct answer get(const struct server *s, const char *path)
{
    int fd = dial(s);
    char *text = xasprintf("GET %s HTTP/1.1\r\nHost: test\r\n"
                           "Connection: close\r\n\r\n",
                           path);
    struct answer a = ask(fd, text);
    free(text);
    close(fd);
    return a;
}

char *talk(const struct server *s, const char *text)
{
    int fd = dial(s);
    send_text(fd, text);
    char *all = read_all(fd, NULL);
    close(fd);
    return all;
}
