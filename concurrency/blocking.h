/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONCURRENCY_BLOCKING_H
#define RAINBOWS_CONCURRENCY_BLOCKING_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "worker/conn.h"

struct app;
struct app_pool;
struct worker;

/*
 * The threads of a worker that serve one client each. Those that also accept
 * take turns: one at a time waits at the listeners, so that a connection wakes
 * one thread.
 */
struct crew {
    pthread_mutex_t turn;
    pthread_mutex_t lock; /* guards the next two */
    int free;             /* threads that wait for a client */
    int none_free;        /* eventfd, readable while free is 0 */
    int leave[2]; /* eventfds: the worker leaves; it stops (QUIT_STOP) */
};

void crew_init(struct crew *crew);
void crew_fini(struct crew *crew);

/* Tells the threads what the worker is about to do. */
void crew_tell(struct crew *crew, const struct worker *worker);

/*
 * One thread that serves one client at a time, blocking. Base is one of them
 * in the main thread, ThreadPool a crew of them, ThreadSpawn one for each
 * client. While the client is idle, a newcomer may take its place.
 */
struct blocking {
    struct worker *worker; /* borrowed, like the next three */
    struct app *app;       /* calls run here; or, when NULL, in a state of */
    struct app_pool *pool;
    struct crew *crew;  /* NULL: this is the main thread, which takes the
                           worker's notices itself */
    struct pollfd *fds; /* owned: notices, the crew's none_free, listeners,
                           the client, what its call waits for */
    size_t listeners;   /* place of the first */
    size_t client;      /* place of the client */
    struct app *lent;   /* out of the pool */
    struct conn conn;   /* the client served */
    struct conn next;   /* one that was accepted meanwhile; fd -1: none */
};

/* The fields down to crew have been filled. listens: it accepts clients. */
void blocking_init(struct blocking *b, bool listens);
void blocking_fini(struct blocking *b);

/* Accepts and serves clients until the worker leaves. */
void blocking_run(struct blocking *b);

/* listener_accept(), with a pause for the thread when descriptors or memory are
 * lacking. */
int blocking_accept(const struct listener *listener, struct peer *peer);

/* Serves b->conn to its end. */
void blocking_serve(struct blocking *b);

#endif
