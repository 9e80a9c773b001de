/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_MASTER_SLOTS_H
#define RAINBOWS_MASTER_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "worker/heartbeat.h"

/* The life of one worker process. Only reaping makes a slot empty again. */
enum slot_state {
    SLOT_EMPTY,
    SLOT_STARTING, /* forked; its app is loading */
    SLOT_READY,    /* serves */
    SLOT_LEAVING,  /* was told to finish and leave */
    SLOT_KILLED,   /* SIGKILL was sent */
};

/* What the process is for. */
enum slot_role {
    ROLE_WORKER,
    ROLE_CHECK,  /* loads the config for a reload, and ends */
    ROLE_CANARY, /* the first worker of a generation that may not come */
};

enum {
    SLOT_COUNT = 1024
};

/* A worker process. During a replacement two slots have the same number. */
struct slot {
    enum slot_state state;
    enum slot_role role;
    int number; /* of the worker; -1: it is none */
    int generation;
    pid_t pid;
    int control; /* owned; to the worker */
    int status;  /* owned; from the worker, -1 after its end of file */
    struct heartbeat heartbeat; /* owned; shared with the worker */
    int64_t timeout, graceful_timeout, boot_timeout; /* of its config */
    bool was_ready;
    bool tired;            /* asks to be replaced */
    bool urged;            /* was asked what it starts for so long */
    char *reason;          /* owned; why it could not start, or NULL */
    int64_t entered;       /* of the call that is checked; base/clock.h */
    int warnings;          /* that were sent about it, */
    int64_t warned;        /* and when the last one was, */
    int64_t warned_before; /* and the one before */
    int64_t since;         /* when the state began; base/clock.h */
    int64_t kill_at;       /* when patience ends; CLOCK_NEVER: it does not */
    int64_t stopped;       /* since when SIGSTOP holds it; 0: it does not, */
    int64_t resumed;       /* and when it went on after one */
};

/* What the master remembers of a worker's number from process to process. */
struct seat {
    int failures;       /* starts in a row that failed */
    int crashes;        /* deaths in a row soon after being ready */
    int64_t next_start; /* not before; base/clock.h */
};

struct slots {
    struct slot slot[SLOT_COUNT];
    struct seat seat[SLOT_COUNT];
};

void slots_init(struct slots *slots);

/* Changes the state, logs the change, and forgets kill_at. */
void slot_set(struct slot *slot, enum slot_state state);

/* The process was reaped: the slot lets go of all it has. */
void slot_clear(struct slot *slot);

/* More of why it could not start. */
void slot_reason(struct slot *slot, const char *text, size_t len);

/* An empty slot, or NULL when all are taken. */
struct slot *slot_free(struct slots *slots);
struct slot *slot_by_pid(struct slots *slots, pid_t pid);

/* Tells the worker with a byte of worker/worker.h. */
void slot_tell(const struct slot *slot, char byte);

/* Does the slot hold a worker that serves or is going to? */
static inline bool slot_works(const struct slot *slot)
{
    return slot->role == ROLE_WORKER &&
           (slot->state == SLOT_STARTING || slot->state == SLOT_READY);
}

#endif
