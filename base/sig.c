/* SPDX-License-Identifier: MIT */
/*
 * The self-pipe. A handler does nothing but write one byte; what a signal
 * means is decided in the loop, where everything may be called. When the pipe
 * is full a signal is dropped: whoever sends 65,536 of them unread has said
 * enough.
 */
#include "base/sig.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

static int ends[2] = {-1, -1};

static void on_signal(int signo)
{
    int saved = errno;
    unsigned char byte = (unsigned char)signo;
    ssize_t wrote = write(ends[1], &byte, 1);
    (void)wrote;
    errno = saved;
}

static void (*urgent)(bool told);

static void on_urgent(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    int saved = errno;
    urgent(info->si_code == SI_TKILL);
    errno = saved;
}

void sig_on_urgent(void (*fn)(bool told))
{
    struct sigaction act = {.sa_sigaction = on_urgent, .sa_flags = SA_SIGINFO};
    urgent = fn;
    sigfillset(&act.sa_mask);
    sigaction(SIGURG, &act, NULL);
}

static struct timespec span_of(int64_t time)
{
    return (struct timespec){.tv_sec = time / 1000000,
                             .tv_nsec = time % 1000000 * 1000};
}

void sig_urge(int64_t after, int64_t again)
{
    static timer_t timer;
    static pid_t owner; /* timers are not inherited by a fork */
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                             .sigev_signo = SIGURG};
    struct itimerspec times = {.it_value = span_of(after),
                               .it_interval = span_of(again)};
    if (owner != getpid() && timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
        owner = getpid();
    if (owner == getpid())
        timer_settime(timer, 0, &times, NULL);
}

/* Not SIG_IGN: programs that the app starts would inherit that. */
static void ignore(int signo)
{
    (void)signo;
}

int sig_open(const int *signals, size_t n, struct err *err)
{
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    if (fd_pipe(ends, err) < 0)
        return -1;
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigfillset(&act.sa_mask);
    for (size_t i = 0; i < n; i++)
        sigaction(signals[i], &act, NULL);
    act.sa_handler = ignore;
    sigaction(SIGPIPE, &act, NULL);
    sig_unblock_all();
    return ends[0];
}

int sig_next(void)
{
    unsigned char byte;
    ssize_t n;
    do
        n = read(ends[0], &byte, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? byte : 0;
}

void sig_default(const int *signals, size_t n)
{
    for (size_t i = 0; i < n; i++)
        signal(signals[i], SIG_DFL);
}

void sig_hold(const int *signals, size_t n)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < n; i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_SETMASK, &set, NULL);
}

void sig_block_all(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

void sig_unblock_all(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
