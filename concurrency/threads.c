/* SPDX-License-Identifier: MIT */
/*
 * Starting threads.
 */
#include "concurrency/threads.h"

#include <signal.h>

int thread_start(pthread_t *id, void *(*run)(void *), void *arg)
{
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, SIGURG);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(id, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}
