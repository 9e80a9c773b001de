/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONCURRENCY_THREADS_H
#define RAINBOWS_CONCURRENCY_THREADS_H

#include <pthread.h>

/* Starts a thread in which all signals but SIGURG (worker/urgent.h) are
 * blocked: they are for the main thread. 0, or an error number. */
int thread_start(pthread_t *id, void *(*run)(void *), void *arg);

#endif
