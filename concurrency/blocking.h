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

/* Threads that accept from the same listeners: one at a time waits there, so
 * that a connection wakes one thread. */
struct crew {
    pthread_mutex_t turn;
    _Atomic int free; /* threads that wait for a client */
};

/*
 * One thread that serves one client at a time, blocking. Base is one of them
 * in the main thread, ThreadPool a crew of them, ThreadSpawn one for each
 * client. While the client is idle, a newcomer may take its place.
 */
struct blocking {
    struct worker *worker; /* borrowed, like the next four */
    struct app *app;       /* calls run here; or, when NULL, in a state of */
    struct app_pool *pool;
    struct crew *crew; /* NULL: no other thread accepts */
    int stop; /* readable when the worker leaves; -1: this is the main thread,
                 which takes the worker's notices itself */
    struct pollfd *fds; /* owned: notices, listeners, the client */
    size_t listeners;   /* place of the first */
    size_t client;      /* place of the client */
    struct app *lent;   /* out of the pool */
    struct conn conn;   /* the client served */
    struct conn next;   /* one that was accepted meanwhile; fd -1: none */
};

/* The fields down to stop have been filled. listens: it accepts clients. */
void blocking_init(struct blocking *b, bool listens);
void blocking_fini(struct blocking *b);

/* Accepts and serves clients until the worker leaves. */
void blocking_run(struct blocking *b);

/* Serves b->conn to its end. */
void blocking_serve(struct blocking *b);

/* Waits in the main thread until the worker leaves, while others serve. */
void blocking_wait_for_quit(struct worker *worker);

#endif
