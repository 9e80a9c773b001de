/* SPDX-License-Identifier: MIT */
/*
 * The counter counts what it should: run with libsyscount.so preloaded, in a
 * child, as a server's worker is one. Prints TAP itself: Criterion calls some
 * of these functions, too.
 */
#include "tests/support/syscount.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

static int number;

static void claim(bool right, const char *name)
{
    printf("%sok %d - %s\n", right ? "" : "not ", ++number, name);
}

static void child(const int pair[2])
{
    char byte = 0;
    struct pollfd readable = {.fd = pair[1], .events = POLLIN};
    for (int i = 0; i < 3; i++) {
        send(pair[0], "x", 1, 0);
        poll(&readable, 1, -1);
        recv(pair[1], &byte, 1, 0);
    }
    _exit(byte == 'x' ? 0 : 1);
}

int main(void)
{
    const char *path = getenv("PRELOAD_FILE");
    struct syscount *counts = path ? syscount_open(path) : NULL;
    int pair[2];
    if (!counts || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return 1;
    memset(counts, 0, sizeof *counts);
    pid_t pid = fork();
    if (pid == 0)
        child(pair);
    int status = 1;
    waitpid(pid, &status, 0);
    claim(status == 0, "calls_reach_libc");
    claim(counts->calls[SYSCOUNT_SEND] == 3, "counts_send_of_a_child");
    claim(counts->calls[SYSCOUNT_POLL] == 3, "counts_poll_of_a_child");
    claim(counts->calls[SYSCOUNT_RECV] == 3, "counts_recv_of_a_child");
    claim(counts->calls[SYSCOUNT_WRITE] == 0, "counts_nothing_else");
    unlink(path);
    printf("1..%d\n", number);
    return 0;
}
