/* SPDX-License-Identifier: MIT */
/*
 * Handing work from thread to thread: one mutex, one condition, one eventfd.
 */
#include "concurrency/queue.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

int eventfd_new(unsigned value)
{
    int fd = eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd >= 0)
        return fd;
    log_error("cannot make an eventfd");
    _Exit(1);
}

void queue_init(struct queue *q)
{
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->filled, NULL);
    q->first = NULL;
    q->last = &q->first;
    q->closed = false;
    q->wake = eventfd_new(0);
}

void queue_fini(struct queue *q)
{
    fd_close(&q->wake);
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->lock);
}

void queue_push(struct queue *q, struct queue_node *node)
{
    node->next = NULL;
    pthread_mutex_lock(&q->lock);
    bool was_empty = !q->first;
    *q->last = node;
    q->last = &node->next;
    pthread_cond_signal(&q->filled);
    pthread_mutex_unlock(&q->lock);
    if (was_empty)
        eventfd_write(q->wake, 1);
}

/* With the lock held. */
static struct queue_node *take(struct queue *q)
{
    struct queue_node *node = q->first;
    if (!node)
        return NULL;
    q->first = node->next;
    if (!q->first)
        q->last = &q->first;
    return node;
}

struct queue_node *queue_pop(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (!q->first && !q->closed)
        pthread_cond_wait(&q->filled, &q->lock);
    struct queue_node *node = take(q);
    pthread_mutex_unlock(&q->lock);
    return node;
}

struct queue_node *queue_try(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    struct queue_node *node = take(q);
    pthread_mutex_unlock(&q->lock);
    return node;
}

void queue_clear_wake(struct queue *q)
{
    eventfd_t count;
    eventfd_read(q->wake, &count);
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->filled);
    pthread_mutex_unlock(&q->lock);
}
