/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONCURRENCY_AWAY_H
#define RAINBOWS_CONCURRENCY_AWAY_H

#include "concurrency/loop.h"

/*
 * Calls of an event loop's clients that run in other threads. The loop gives
 * a client away, a thread runs its call, and the client comes back when the
 * call is over. Strings, arrays and files are sent by the loop; a generated
 * body keeps its thread until it ends.
 */
struct away {
    struct loop loop;    /* its model field points back here */
    struct queue back;   /* clients whose calls are over */
    struct watch *watch; /* of back */
};

/* lend gives clients to threads, marked with away_send(). */
void away_init(struct away *away, struct worker *worker,
               bool (*lend)(struct loop *loop, struct client *client));

/* Waits until all have come back and the worker has left. */
void away_run(struct away *away);
void away_fini(struct away *away);

/* The client leaves the loop. */
void away_send(struct client *client);

/* In the thread: runs the client's call in the app, then sends it back; the
 * client must not be touched any more. */
void away_call(struct away *away, struct client *client, struct app *app);

#endif
