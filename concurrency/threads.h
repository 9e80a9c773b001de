/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONCURRENCY_THREADS_H
#define RAINBOWS_CONCURRENCY_THREADS_H

#include <pthread.h>
#include <stddef.h>

/* Starts a thread in which all signals but SIGURG (worker/urgent.h) are
 * blocked: they are for the main thread. 0, or an error number. */
int thread_start(pthread_t *id, void *(*run)(void *), void *arg);

/* One of several threads that run the same function. */
struct member {
    pthread_t id;
    size_t number; /* from 0 */
    void *all;     /* what they share; borrowed */
};

/* Starts run(member) n times. Returns how many threads could be started; why
 * it is fewer is logged. */
size_t members_start(struct member *members, size_t n, void *(*run)(void *),
                     void *all);
void members_join(struct member *members, size_t n);

#endif
