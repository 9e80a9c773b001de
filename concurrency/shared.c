/* SPDX-License-Identifier: MIT */
/*
 * What the threads of a worker share outside of this room, each behind a lock
 * of its own.
 */
#include "concurrency/shared.h"

#include <pthread.h>

#include "worker/worker.h"

static pthread_mutex_t locks[SHARED_COUNT] = {
    [SHARED_LOG] = PTHREAD_MUTEX_INITIALIZER,
    [SHARED_CONFIG] = PTHREAD_MUTEX_INITIALIZER,
};

static void enter(enum shared what)
{
    pthread_mutex_lock(&locks[what]);
}

static void leave(enum shared what)
{
    pthread_mutex_unlock(&locks[what]);
}

void shared_open(struct worker *w)
{
    w->enter = enter;
    w->leave = leave;
}
