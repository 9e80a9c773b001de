/* SPDX-License-Identifier: MIT */
/*
 * Starting threads.
 */
#include "concurrency/threads.h"

#include <signal.h>
#include <string.h>

#include "base/log.h"

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

size_t members_start(struct member *members, size_t n, void *(*run)(void *),
                     void *all)
{
    for (size_t i = 0; i < n; i++) {
        members[i].number = i;
        members[i].all = all;
        int rc = thread_start(&members[i].id, run, &members[i]);
        if (rc != 0) {
            log_error("only %zu of %zu threads: %s", i, n, strerror(rc));
            return i;
        }
    }
    return n;
}

void members_join(struct member *members, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pthread_join(members[i].id, NULL);
}
