/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_LOGS_H
#define RAINBOWS_TESTS_SUPPORT_LOGS_H

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

/*
 * What the code under test logs, when the test calls it in its own process.
 * Standard error becomes a datagram socket, so one write(2) is one message
 * here, however long it is.
 */
static struct {
    int fd;
    char text[256 * 1024];
} logs;

static inline void logs_open(void)
{
    int ends[2];
    int room = 2 * (int)sizeof logs.text;
    int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    cr_assert_eq(socketpair(AF_UNIX, type, 0, ends), 0);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    logs.fd = ends[0];
}

/* The next line (or several, if one write had them), as it was written; ""
 * when nothing more was logged. Valid until the next call. */
static inline const char *logs_next(void)
{
    ssize_t n = recv(logs.fd, logs.text, sizeof logs.text - 1, 0);
    logs.text[n > 0 ? n : 0] = '\0';
    return logs.text;
}

/* The same from the level on: "WARN  rainbows the text\n". */
static inline const char *logs_line(void)
{
    const char *blank = strchr(logs_next(), ' ');
    return blank ? blank + 1 : logs.text;
}

#endif
