/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONCURRENCY_LOOP_H
#define RAINBOWS_CONCURRENCY_LOOP_H

#include <stdbool.h>
#include <sys/queue.h>

#include "concurrency/evloop.h"
#include "concurrency/queue.h"
#include "worker/conn.h"
#include "worker/worker.h"

struct door;
struct loop;

/* One client on an event loop. */
struct client {
    struct queue_node node; /* for a model's queue; first: a node is its
                               client */
    struct conn conn;
    struct watch *watch;   /* owned */
    struct watch *foreign; /* owned; of conn_foreign(); NULL: nothing */
    struct loop *loop;     /* borrowed */
    struct app *lent;      /* what the model put into conn.app; NULL: nothing */
    bool kept; /* by the model, after lend(); the loop leaves it alone */
    LIST_ENTRY(client) link;
};

/*
 * The clients of a worker on one event loop: accepting, driving, leaving. What
 * differs between the models on it is where calls run.
 */
struct loop {
    struct worker *worker; /* borrowed */
    /*
     * The client needs an app. True: it is in client->conn.app now. False: the
     * model keeps the client and calls loop_resume() when it has one, or when
     * the call is over.
     */
    bool (*lend)(struct loop *loop, struct client *client);
    /* What was lent came back, or the client is gone. May be NULL. */
    void (*returned)(struct loop *loop, struct app *app);
    void *model; /* the model's own */

    struct evloop *ev;
    struct watch *notices[NOTICE_FDS];
    struct watch *pause; /* accepting goes on when it fires */
    struct door *doors;  /* one for each listener */
    LIST_HEAD(, client) clients;
    int count; /* of clients */
    bool open; /* the doors are watched */
};

/* The fields down to model have been filled. */
void loop_init(struct loop *loop);

/* Serves until the worker has left. */
void loop_run(struct loop *loop);
void loop_fini(struct loop *loop);

/* A whole model's run(), where calls run on the loop's thread, as many as come,
 * in the worker's only Lua state. */
int loop_serve(struct worker *worker);

/* Goes on with a client for which lend() had said false. */
void loop_resume(struct client *client);

#endif
