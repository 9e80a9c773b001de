/* SPDX-License-Identifier: MIT */
/*
 * What each signal means to the master: a row and a function. They arrive as
 * bytes in the loop and are handled there, one at a time, also while stopping.
 */
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sig.h"
#include "master/master.h"

static void on_hup(struct master *m)
{
    reload_ask(m);
}

static void on_quit(struct master *m)
{
    stop_begin(m, STOP_GRACEFUL);
}

static void on_term(struct master *m)
{
    stop_begin(m, m->stop >= STOP_GRACEFUL ? STOP_QUICK : STOP_GRACEFUL);
}

static void on_int(struct master *m)
{
    stop_begin(m, STOP_QUICK);
}

static void set_workers(struct master *m, int n)
{
    if (m->stop || n < 1 || n > SLOT_COUNT / 2)
        return;
    m->workers = n;
    m->emptied = false;
    log_info("workers=%d", n);
}

static void on_ttin(struct master *m)
{
    set_workers(m, m->emptied ? 1 : m->workers + 1);
}

static void on_ttou(struct master *m)
{
    if (!m->emptied)
        set_workers(m, m->workers - 1);
}

static void on_winch(struct master *m)
{
    if (m->stop || m->emptied || isatty(STDIN_FILENO)) /* it was resized */
        return;
    m->emptied = true;
    m->reload.refills = false;
    log_info("workers=0, HUP brings %d back, TTIN one", m->workers);
}

static void on_usr2(struct master *m)
{
    upgrade_ask(m);
}

static void on_usr1(struct master *m)
{
    reopen_logs(m);
}

static void on_chld(struct master *m)
{
    reap(m);
}

static const struct {
    int number;
    void (*handle)(struct master *m);
} signals[] = {
    {SIGHUP, on_hup},   {SIGQUIT, on_quit}, {SIGTERM, on_term},
    {SIGINT, on_int},   {SIGTTIN, on_ttin}, {SIGTTOU, on_ttou},
    {SIGUSR1, on_usr1}, {SIGUSR2, on_usr2}, {SIGWINCH, on_winch},
    {SIGCHLD, on_chld},
};

enum {
    COUNT = sizeof signals / sizeof *signals
};

/* What would end a program that does not handle it, and is no order to end. */
static const int early[] = {SIGHUP, SIGUSR1, SIGUSR2};

/* A shell lets its background jobs ignore INT and QUIT, and who ignores CHLD
 * cannot wait for children. */
static const int orders[] = {SIGQUIT, SIGINT, SIGTERM, SIGCHLD};

void signals_hold(void)
{
    sig_default(orders, sizeof orders / sizeof *orders);
    sig_hold(early, sizeof early / sizeof *early);
}

void signals_default(void)
{
    int numbers[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        numbers[i] = signals[i].number;
    sig_default(numbers, COUNT);
    sig_unblock_all();
}

int signals_open(struct err *err)
{
    int numbers[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        numbers[i] = signals[i].number;
    return sig_open(numbers, COUNT, err);
}

void signals_handle(struct master *m)
{
    for (int signo; (signo = sig_next()) != 0;)
        for (size_t i = 0; i < COUNT; i++)
            if (signals[i].number == signo)
                signals[i].handle(m);
}
