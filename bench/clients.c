/* SPDX-License-Identifier: MIT */
/*
 * Clients that wrk cannot be, for bench/run:
 *
 *   clients idle N PORT    a request on each of N connections, then nothing
 *   clients drip N PORT    a head on each that has no end: a byte in 100 ms
 *
 * It says "ready" when all are there and stays until it is killed. A connection
 * that the server closes is an error.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD "GET / HTTP/1.1\r\nHost: x\r\n"

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int at_once = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    return fd;
}

static void say(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        die("send");
}

static void read_answer(int fd)
{
    char answer[4096];
    if (recv(fd, answer, sizeof answer, 0) <= 0)
        die("recv");
}

/* All of them a byte in 100 ms, a tenth of them at a time. */
static void drip(const int *fds, int n)
{
    const struct timespec rest = {.tv_nsec = 10 * 1000 * 1000};
    for (int turn = 0;; turn++) {
        nanosleep(&rest, NULL);
        for (int i = turn % 10; i < n; i += 10)
            say(fds[i], "y");
    }
}

int main(int argc, char **argv)
{
    int n = argc == 4 ? atoi(argv[2]) : 0;
    int *fds = calloc((size_t)n + 1, sizeof *fds);
    struct rlimit files;
    if (n <= 0 || !fds)
        return 1;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int drips = strcmp(argv[1], "drip") == 0;
    for (int i = 0; i < n; i++) {
        fds[i] = dial(atoi(argv[3]));
        say(fds[i], drips ? HEAD "X: " : HEAD "\r\n");
        if (!drips)
            read_answer(fds[i]);
    }
    puts("ready");
    fflush(stdout);
    if (drips)
        drip(fds, n);
    pause();
    return 0;
}
