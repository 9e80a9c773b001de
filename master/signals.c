/* SPDX-License-Identifier: MIT */
/*
 * What each signal means to the master: a row and a function. They arrive as
 * bytes in the loop and are handled there, one at a time, also while stopping.
 */
#include <signal.h>
#include <stddef.h>

#include "base/log.h"
#include "base/sig.h"
#include "master/master.h"

static void on_hup(struct master *m)
{
    if (!m->stop)
        reload(m);
}

static void on_quit(struct master *m)
{
    stop_begin(m, STOP_GRACEFUL);
}

static void on_term(struct master *m)
{
    stop_begin(m, m->stop ? STOP_QUICK : STOP_GRACEFUL);
}

static void on_int(struct master *m)
{
    stop_begin(m, STOP_QUICK);
}

static void on_ttin(struct master *m)
{
    if (m->stop || m->workers >= SLOT_COUNT / 2)
        return;
    m->workers++;
    log_info("workers=%d", m->workers);
}

static void on_ttou(struct master *m)
{
    if (m->stop || m->workers <= 1)
        return;
    m->workers--;
    log_info("workers=%d", m->workers);
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
    {SIGUSR1, on_usr1}, {SIGCHLD, on_chld},
};

enum {
    COUNT = sizeof signals / sizeof *signals
};

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
