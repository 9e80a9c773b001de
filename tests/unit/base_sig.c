/* SPDX-License-Identifier: MIT */
/*
 * Signals as bytes: in order, none lost around a fork, a pipe for each
 * process.
 */
#include "base/sig.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/err.h"

static const int signals[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGQUIT};

enum {
    COUNT = sizeof signals / sizeof *signals
};

static int opened(void)
{
    struct err err;
    int fd = sig_open(signals, COUNT, &err);
    cr_assert_geq(fd, 0, "%s", err.text);
    return fd;
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* The child's wait status. */
static int ended(pid_t pid)
{
    int status = -1;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return status;
}

Test(sig, come_as_numbers_in_order)
{
    opened();
    for (int i = 0; i < COUNT; i++)
        raise(signals[i]);
    raise(signals[0]);
    for (int i = 0; i < COUNT; i++)
        cr_expect_eq(sig_next(), signals[i]);
    cr_expect_eq(sig_next(), signals[0]);
    cr_expect_eq(sig_next(), 0);
    cr_expect_eq(sig_next(), 0);
}

Test(sig, make_the_descriptor_readable)
{
    int fd = opened();
    cr_expect_not(readable(fd));
    raise(SIGUSR1);
    cr_expect(readable(fd));
    sig_next();
    cr_expect_not(readable(fd));
}

Test(sig, that_came_while_blocked_are_not_lost)
{
    sig_block_all();
    raise(SIGUSR2);
    opened();
    cr_expect_eq(sig_next(), SIGUSR2);
}

Test(sig, opening_again_starts_with_an_empty_pipe)
{
    opened();
    raise(SIGUSR1);
    int fd = opened();
    cr_expect_not(readable(fd));
    raise(SIGUSR2);
    cr_expect_eq(sig_next(), SIGUSR2);
}

/* In a child: 0 if only its own signal comes out of its own pipe. */
static int own_pipe(void)
{
    struct err err;
    if (sig_open(signals, COUNT, &err) < 0)
        return 1;
    raise(SIGUSR2);
    return sig_next() == SIGUSR2 && sig_next() == 0 ? 0 : 2;
}

Test(sig, parent_and_child_do_not_share_a_pipe)
{
    int fd = opened();
    raise(SIGUSR1);
    sig_block_all();
    pid_t pid = fork();
    if (pid == 0)
        _exit(own_pipe());
    sig_unblock_all();
    cr_expect_eq(ended(pid), 0);
    cr_expect_eq(sig_next(), SIGUSR1);
    cr_expect_not(readable(fd));
}

/* In a child: 0 if SIGQUIT was there when it opened its pipe. */
static int first_signal(int go)
{
    struct err err;
    char byte;
    bool went = read(go, &byte, 1) == 1;
    bool ok = sig_open(signals, COUNT, &err) >= 0;
    return went && ok && sig_next() == SIGQUIT ? 0 : 1;
}

Test(sig, sent_right_after_a_fork_reach_the_child_and_not_the_parent)
{
    int fd = opened();
    int go[2];
    cr_assert_eq(pipe(go), 0);
    sig_block_all();
    pid_t pid = fork();
    if (pid == 0)
        _exit(first_signal(go[0]));
    sig_unblock_all();
    kill(pid, SIGQUIT);
    cr_expect_eq(write(go[1], "x", 1), 1);
    cr_expect_eq(ended(pid), 0);
    cr_expect_not(readable(fd));
}

Test(sig, default_gives_each_its_old_meaning)
{
    opened();
    pid_t pid = fork();
    if (pid == 0) {
        sig_default(signals, COUNT);
        raise(SIGUSR1);
        _exit(0);
    }
    int status = ended(pid);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}

Test(sig, pipe_is_ignored_here_but_not_by_programs_we_start)
{
    opened();
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    close(ends[0]);
    cr_expect_eq(write(ends[1], "x", 1), -1);
    cr_expect_eq(errno, EPIPE);
    int status = system("kill -PIPE $$; exit 0");
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE, "%d", status);
}

Test(sig, leave_errno_alone)
{
    opened();
    errno = EDOM;
    raise(SIGUSR1);
    cr_expect_eq(errno, EDOM);
}

Test(sig, are_dropped_rather_than_waited_for_when_nobody_reads)
{
    opened();
    int n = 0;
    for (int i = 0; i < 70000; i++)
        raise(SIGUSR1);
    while (sig_next())
        n++;
    cr_expect_eq(n, 65536);
    raise(SIGUSR2);
    cr_expect_eq(sig_next(), SIGUSR2);
}

Test(sig, interrupt_no_slow_call)
{
    opened();
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 3; i++)
            kill(getppid(), SIGUSR1);
        _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    char byte;
    cr_expect_eq(read(ends[0], &byte, 1), 1);
    cr_expect_eq(ended(pid), 0);
}
