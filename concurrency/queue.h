/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONCURRENCY_QUEUE_H
#define RAINBOWS_CONCURRENCY_QUEUE_H

#include <pthread.h>
#include <stdbool.h>

/* A link of a queue, embedded in what is queued; in one queue at a time. */
struct queue_node {
    struct queue_node *next;
};

/*
 * First in, first out, between threads. A thread waits in queue_pop(), an
 * event loop watches wake and uses queue_try().
 */
struct queue {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t filled;
    struct queue_node *first, **last;
    bool closed;
    int wake; /* eventfd, readable since a push; owned */
};

/* An eventfd(2), non-blocking; a worker that cannot have one ends. */
int eventfd_new(unsigned value);

void queue_init(struct queue *q);
void queue_fini(struct queue *q);

void queue_push(struct queue *q, struct queue_node *node);

/* The first; waits for one. NULL: the queue was closed and is empty. */
struct queue_node *queue_pop(struct queue *q);

/* The first, or NULL at once. */
struct queue_node *queue_try(struct queue *q);

/* Makes wake unreadable until the next push. Call before queue_try(). */
void queue_clear_wake(struct queue *q);

/* Nothing more will be pushed: waiting threads get what is left, then NULL. */
void queue_close(struct queue *q);

#endif
