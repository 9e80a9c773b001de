/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_MODEL_H
#define RAINBOWS_WORKER_MODEL_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct err;
struct worker;

/* What a model is able to do; told to the app in env. */
enum {
    MODEL_THREADS = 1,       /* calls run in several threads of a worker */
    MODEL_YIELDS = 2,        /* a wait inside a call lets other calls run */
    MODEL_BUFFERS_INPUT = 4, /* a call begins when its body has come whole */
    MODEL_ASYNC = 8, /* calls run on the thread that holds the clients, so they
                        can be answered later; sets worker->wake */
};

/*
 * A concurrency model: how one worker waits for many things. It accepts
 * connections, drives each with conn_step() and waits for what that asks for.
 * All it needs to remember are the locals of its run().
 */
struct model {
    const char *name;
    unsigned flags;
    const char *summary;       /* one line for --print-models */
    const char *const *unused; /* directives it does not use, ended by NULL */
    /* How many Lua states a worker will have; NULL: one. */
    size_t (*states)(const struct config *config);
    /* Refuses a config the model cannot work with; in the master, before any
     * fork. May be NULL. */
    bool (*check)(const struct config *config, struct err *err);
    /* Serves until the worker is told to leave, then finishes what is in hand
     * and returns 0, having freed all it made; 1 when it cannot serve. */
    int (*run)(struct worker *worker);
};

#endif
