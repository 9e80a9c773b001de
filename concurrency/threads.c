/* SPDX-License-Identifier: MIT */
/*
 * Starting threads and burying them.
 */
#include "concurrency/threads.h"

#include <signal.h>
#include <stdlib.h>
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

/* ---- threads that come and go ---- */

void thread_set_init(struct thread_set *set)
{
    queue_init(&set->over);
    set->count = 0;
}

bool thread_set_add(struct thread_set *set, struct thread *thread,
                    void *(*run)(void *))
{
    thread->set = set;
    set->count++;
    int rc = thread_start(&thread->id, run, thread);
    if (rc == 0)
        return true;
    log_error("cannot start a thread: %s", strerror(rc));
    set->count--;
    return false;
}

void thread_over(struct thread *thread)
{
    queue_push(&thread->set->over, &thread->node);
}

static void bury(struct thread_set *set, struct queue_node *node)
{
    struct thread *thread = (struct thread *)node;
    pthread_join(thread->id, NULL);
    free(thread);
    set->count--;
}

void thread_set_bury(struct thread_set *set)
{
    struct queue_node *node;
    queue_clear_wake(&set->over);
    while ((node = queue_try(&set->over)))
        bury(set, node);
}

void thread_set_fini(struct thread_set *set)
{
    while (set->count)
        bury(set, queue_pop(&set->over));
    queue_fini(&set->over);
}
