/* SPDX-License-Identifier: MIT */
/*
 * Plays the conformance cases to any server and prints what it answers, for
 * the columns of other servers in docs/HTTP.md:
 *
 *   compare PORT      a line for each case: its name, a tab, the verdict
 *
 * A verdict is the statuses that came ("no head" for an answer without), and
 * "close" if the connection ended before the further request was answered;
 * "waits" if nothing happened for a while. The server should name what it
 * answers to in a header "saw", by method and path: that is how the further
 * request is known. `peers` runs it.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cases.h"

#define NEXT "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
    SILENCE = 800, /* ms */
    ROOM = 65536
};

struct talk {
    int fd;
    size_t len;
    char in[ROOM];
    char verdict[256];
    bool next, closed, waits;
};

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        err(1, "port %d", port);
    return fd;
}

static void say(struct talk *t, const char *word)
{
    size_t len = strlen(t->verdict);
    snprintf(t->verdict + len, sizeof t->verdict - len, "%s%s", len ? ", " : "",
             word);
}

static bool receive(struct talk *t)
{
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    if (poll(&p, 1, SILENCE) == 0) {
        t->waits = true;
        return false;
    }
    ssize_t n = recv(t->fd, t->in + t->len, sizeof t->in - 1 - t->len, 0);
    t->closed = n <= 0;
    t->len += n > 0 ? (size_t)n : 0;
    t->in[t->len] = '\0';
    return n > 0;
}

static void drop(struct talk *t, size_t n)
{
    t->len -= n;
    memmove(t->in, t->in + n, t->len + 1);
}

/* The body, whose end is at the close where the head says nothing. */
static void skip_body(struct talk *t, const char *head)
{
    const char *length = strcasestr(head, "\r\ncontent-length:");
    size_t n = length ? strtoul(length + 17, NULL, 10) : ROOM;
    const char *end = NULL;
    if (strcasestr(head, "\r\ntransfer-encoding:")) {
        while (!(end = strstr(t->in, "0\r\n\r\n")) && receive(t))
            ;
        n = end ? (size_t)(end - t->in) + 5 : ROOM;
    }
    while (t->len < n && receive(t))
        ;
    drop(t, t->len < n ? t->len : n);
}

/* A refusal has a body, whatever was asked; it is skipped here. */
static void skip_to_answer(struct talk *t)
{
    while (t->len < 6 && receive(t))
        ;
    const char *at = strstr(t->in, "HTTP/1.");
    if (at)
        drop(t, (size_t)(at - t->in));
}

/* One answer; false when there is none. */
static bool take_answer(struct talk *t, bool to_head)
{
    char *end, head[8192], status[8];
    skip_to_answer(t);
    while (!(end = strstr(t->in, "\r\n\r\n")) && receive(t))
        ;
    if (!end || end - t->in > 8000) {
        if (t->len)
            say(t, "no head");
        return false;
    }
    size_t n = (size_t)(end - t->in) + 4;
    snprintf(head, sizeof head, "%.*s", (int)n, t->in);
    drop(t, n);
    if (sscanf(head, "HTTP/1.%*c %3s", status) != 1)
        return false;
    bool bodiless = *status == '1' || !strcmp(status, "204") ||
                    !strcmp(status, "304") || (to_head && *status == '2');
    t->next = strcasestr(head, "\r\nsaw: GET /next\r\n");
    if (!t->next)
        say(t, status);
    if (!bodiless)
        skip_body(t, head);
    return true;
}

static void put(struct talk *t, const char *bytes, size_t n)
{
    while (n) {
        ssize_t sent = send(t->fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        n -= (size_t)sent;
    }
}

static void play(struct talk *t, const struct dialogue *d)
{
    size_t last = 0;
    for (size_t i = 0; i < d->count; i++)
        last = d->steps[i].kind == STEP_WANT ? last : i;
    bool head = strncmp(d->steps[0].bytes, "HEAD", 4) == 0;
    for (size_t i = 0; i < d->count; i++) {
        const struct step *s = &d->steps[i];
        if (s->kind == STEP_SEND)
            put(t, s->bytes, s->len);
        if (s->kind == STEP_SEND && i == last)
            put(t, NEXT, strlen(NEXT));
        if (s->kind == STEP_SHUT)
            shutdown(t->fd, SHUT_WR);
        if (s->kind == STEP_WANT && i < last && !take_answer(t, head))
            break;
    }
    while (!t->next && !t->closed && !t->waits && take_answer(t, head))
        head = false;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        errx(2, "usage: compare PORT");
    struct cases cases = cases_load(SOURCE_DIR "/tests/conformance");
    static struct talk t;
    for (size_t i = 0; i < cases.count; i++) {
        t = (struct talk){.fd = dial(atoi(argv[1]))};
        play(&t, &cases.at[i]);
        close(t.fd);
        if (!t.next)
            say(&t, t.waits ? "waits" : "close");
        printf("%s\t%s\n", cases.at[i].name, t.verdict);
        fflush(stdout);
    }
    return 0;
}
