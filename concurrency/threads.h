/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONCURRENCY_THREADS_H
#define RAINBOWS_CONCURRENCY_THREADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "concurrency/queue.h"

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

/* Threads that come and go. Each is allocated with what it works on behind it,
 * and freed when it was joined. */
struct thread_set {
    struct queue over; /* its wake says that there are threads to bury */
    int count;         /* of threads that were not joined yet */
};

struct thread {
    struct queue_node node; /* first: a node is its thread */
    pthread_t id;
    struct thread_set *set;
};

void thread_set_init(struct thread_set *set);

/* Starts run(thread). False: it cannot be; why is logged. */
bool thread_set_add(struct thread_set *set, struct thread *thread,
                    void *(*run)(void *));

/* The last that a thread of a set does. */
void thread_over(struct thread *thread);

/* Joins and frees those that are over. */
void thread_set_bury(struct thread_set *set);

/* The same for all, which are about to end. */
void thread_set_fini(struct thread_set *set);

#endif
