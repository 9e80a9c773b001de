/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_WORKER_H
#define RAINBOWS_WORKER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/limits.h"
#include "lua/app.h"

struct access;
struct heartbeat;
struct config;
struct conn;
struct listener;
struct model;

/* Why a worker is leaving. */
enum quit {
    QUIT_NOT,    /* it is not */
    QUIT_RETIRE, /* others go on: accept no more, finish, answer idle
                    connections once more with Connection: close */
    QUIT_STOP,   /* the server ends: serve the queue of this moment, finish,
                    close idle connections */
};

/* Bytes on the pipe from the master. Its end of file means the master is
 * gone; that is a QUIT_STOP. */
enum {
    CONTROL_RETIRE = 'R',
    CONTROL_DRAIN = 'D', /* the same, and serve the queue once more: a socket
                            of yours is nobody else's */
    CONTROL_STOP = 'S',
    CONTROL_REOPEN = 'L'
};

/* Bytes on the pipe to the master. */
enum {
    STATUS_READY = 'R', /* the app is loaded, clients are served */
    STATUS_TIRED = 'T', /* another one should take its place */
    STATUS_FAILED = 'F' /* it cannot start: the reason follows, a text of up to
                            STATUS_TEXT bytes that may have several lines, then
                            the end of file */
};

enum {
    STATUS_TEXT = 4000 /* with the byte before it one write(2): PIPE_BUF */
};

/* What the threads of a worker share. */
enum shared {
    SHARED_LOG,    /* the access log's lines */
    SHARED_CONFIG, /* the Lua state of the config */
    SHARED_COUNT
};

/* A worker's exit statuses. */
enum {
    WORKER_DONE = 0,
    WORKER_BOOT_FAILED = 1
};

/* One worker process. The master fills the first part before the fork. */
struct worker {
    int number;            /* from 0 */
    int generation;        /* of the code */
    struct config *config; /* borrowed, like all below */
    const struct model *model;
    struct listener *const *listeners;
    size_t listener_count;
    const struct heartbeat *heartbeat; /* a line for each Lua state */
    struct app *preloaded;             /* taken over; NULL: load the app here */
    int control;                       /* pipe from the master */
    int status;                        /* pipe to the master */
    int access_fd; /* the access log, opened by the master; taken over;
                      0: open it here */

    struct app **apps; /* owned: the Lua states, loaded and booted; app i has
                          line i of the heartbeat */
    size_t app_count;
    struct limits limits;
    int64_t max_requests;  /* of this worker, with its jitter; 0: no limit */
    int signals;           /* readable when a signal came */
    struct access *access; /* owned; NULL: no access log */
    /* Written by the main thread, read by all. */
    _Atomic enum quit quit;
    _Atomic int64_t quit_since; /* base/clock.h */
    _Atomic bool drains; /* it serves the queue of the moment it was told */
    /* Written by all threads; tired.c. */
    _Atomic int64_t requests;  /* whose calls are over */
    _Atomic int64_t next_look; /* at the resident memory; base/clock.h */
    _Atomic bool tired;        /* STATUS_TIRED was written */
    /* conn_step() it soon, not from inside. Set by event loops; only for models
     * that are MODEL_ASYNC, where the caller is on the loop's thread. */
    void (*wake)(struct conn *conn);
    /* Between the two nobody else uses what is shared. Set by models with
     * threads, before they start any; NULL: there is one thread. */
    void (*enter)(enum shared what);
    void (*leave)(enum shared what);
};

static inline void worker_enter(const struct worker *w, enum shared what)
{
    if (w->enter)
        w->enter(what);
}

static inline void worker_leave(const struct worker *w, enum shared what)
{
    if (w->leave)
        w->leave(what);
}

/* The whole life of a worker process: signals, app, ready, model, at_quit.
 * Returns the process's exit status. */
int worker_main(struct worker *worker);

/* Says on the status pipe why it could not start. */
void worker_tell_failure(int status, const char *why);

/* Where an app of this worker comes from. */
struct app_source worker_app_source(const struct worker *worker);

/* The descriptors that bring notices (POLLIN; -1: none); call worker_notice()
 * then. It may change worker->quit. */
enum {
    NOTICE_FDS = 3
};
void worker_notice_fds(const struct worker *worker, int fds[NOTICE_FDS]);
void worker_notice(struct worker *worker);

/*
 * May another connection be accepted? While serving, yes. When it drains the
 * queue is served until it is empty (EAGAIN), and no longer than
 * STOP_QUEUE_TIME: that is what this says then.
 */
#define STOP_QUEUE_TIME INT64_C(1000000) /* microseconds */
bool worker_accepts(const struct worker *worker);

/* Did accept fail because of the process's or the system's limits (EMFILE,
 * ENFILE, ENOBUFS, ENOMEM)? Then logs it, and the model leaves the listeners
 * alone for ACCEPT_PAUSE. */
#define ACCEPT_PAUSE INT64_C(100000) /* microseconds */
bool worker_accept_failed(int error);

#endif
