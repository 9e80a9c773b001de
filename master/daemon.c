/* SPDX-License-Identifier: MIT */
/*
 * -D. Two forks and a session of its own; the process that was called stays
 * until the first worker is ready and says with its exit status how it went.
 *
 * Two pipes lead to it. By one the master tells who it is, how long a start may
 * take and that it is done; its end without that word is a failure, whatever
 * the reason. The other stands in for standard output and standard error until
 * then, and is shown if the start fails: what config and app complain of
 * reaches who typed the command, and no worker keeps a terminal open.
 *
 * Directory and umask stay what they are. The new master of an upgrade is in
 * the background already.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "master/master.h"

/* For what is not the loading of the app: binding, forking, a busy machine. */
#define MARGIN (10 * CLOCK_SECOND)
/* Before the config has said its boot_timeout. */
#define FIRST_PATIENCE (60 * CLOCK_SECOND)
/* Between SIGTERM and SIGKILL to a start that takes too long. */
#define LAST_WORDS (5 * CLOCK_SECOND)

enum {
    READ_END,
    WRITE_END
};

/* What the master writes to who waits, each time whole. */
struct news {
    pid_t pid;
    bool ready;
    int64_t patience;
};

static int report = -1; /* to who waits; -1: nobody does */

static void tell(bool ready, int64_t patience)
{
    struct news news = {.pid = getpid(), .ready = ready, .patience = patience};
    if (report < 0)
        return;
    ssize_t wrote = write(report, &news, sizeof news);
    (void)wrote; /* who does not wait any more need not know */
}

bool daemon_awaited(void)
{
    return report >= 0;
}

void daemon_patience(int64_t time)
{
    tell(false, time);
}

void daemon_ready(void)
{
    tell(true, 0);
    fd_close(&report);
}

void daemon_forget(void)
{
    fd_close(&report);
}

/* ---- the process that waits ---- */

struct waiting {
    int report, said; /* owned */
    struct buf text;  /* owned; all that was said */
    struct news news; /* the last */
    int64_t deadline; /* of the start */
    int signal;       /* that the master gets then */
};

/* False at the end. */
static bool hear(struct waiting *w)
{
    ssize_t n;
    do {
        n = read(w->said, buf_room(&w->text, BUF_BLOCK, NULL), BUF_BLOCK);
        if (n > 0)
            buf_added(&w->text, (size_t)n);
    } while (n > 0);
    return n < 0 && errno == EAGAIN;
}

_Noreturn static void fail(struct waiting *w, const char *why)
{
    hear(w);
    ssize_t wrote = write(2, buf_at(&w->text), buf_len(&w->text));
    (void)wrote;
    fprintf(stderr, "rainbows: not started: %s\n", why);
    _exit(EXIT_NOT_STARTED);
}

static void take_news(struct waiting *w)
{
    ssize_t n = read(w->report, &w->news, sizeof w->news);
    if (n < 0)
        return;
    if (n == 0)
        fail(w, w->signal == SIGKILL
                    ? "no worker was ready in time"
                    : "the server ended before a worker was ready");
    if (w->news.ready)
        _exit(EXIT_DONE);
    w->deadline = clock_now() + w->news.patience + MARGIN;
}

/* It is asked to end, and then made to. */
static void lose_patience(struct waiting *w)
{
    if (w->news.pid)
        kill(w->news.pid, w->signal);
    if (w->signal == SIGKILL || !w->news.pid)
        fail(w, "no worker was ready in time");
    w->signal = SIGKILL;
    w->deadline = clock_now() + LAST_WORDS;
}

_Noreturn static void wait_for_news(struct waiting *w)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = w->report, .events = POLLIN},
                               {.fd = w->said, .events = POLLIN}};
        poll(fds, 2, clock_poll_ms(w->deadline, clock_now()));
        if (fds[1].revents && !hear(w))
            fd_close(&w->said);
        if (fds[0].revents)
            take_news(w);
        if (clock_now() >= w->deadline)
            lose_patience(w);
    }
}

/* ---- the forks ---- */

static void give_up(const char *what)
{
    fprintf(stderr, "rainbows: not started: %s: %s\n", what, strerror(errno));
    _exit(EXIT_NOT_STARTED);
}

/* In the child: a session of its own, and in that a process that does not lead
 * it and so never gets a terminal. */
static void leave_terminal(void)
{
    setsid();
    pid_t pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid > 0)
        _exit(EXIT_DONE);
}

static void be_daemon(int said)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(said, 1) < 0 || dup2(said, 2) < 0)
        give_up("/dev/null");
    close(null);
    close(said);
    daemon_patience(FIRST_PATIENCE);
}

void daemon_start(void)
{
    int news[2], said[2], status;
    struct err err;
    fflush(NULL);
    if (fd_pipe(news, &err) < 0 || fd_pipe(said, &err) < 0)
        give_up("pipe");
    pid_t pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid == 0) {
        fd_close(&news[READ_END]);
        fd_close(&said[READ_END]);
        leave_terminal();
        report = news[WRITE_END];
        be_daemon(said[WRITE_END]);
        return;
    }
    fd_close(&news[WRITE_END]);
    fd_close(&said[WRITE_END]);
    waitpid(pid, &status, 0);
    struct waiting w = {.report = news[READ_END],
                        .said = said[READ_END],
                        .deadline = clock_now() + FIRST_PATIENCE + MARGIN,
                        .signal = SIGTERM};
    wait_for_news(&w);
}
