/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_URGENT_H
#define RAINBOWS_WORKER_URGENT_H

#include <stdbool.h>

struct worker;

/*
 * What a worker does with SIGURG, by which the master says that something is
 * late. While it starts that is the start: what runs in Lua is interrupted,
 * and fails. Later it is a call, which is interrupted. When the same is still
 * there at the next SIGURG, its Lua stack is written to the log, for the master
 * is about to kill.
 */
void urgent_open(struct worker *worker);

/* From now on the master's death is a SIGURG, too: a worker that hangs then is
 * killed by the clock. A change of the user would undo this. */
void urgent_without_master(void);

/* The worker ends: nothing is urgent any more. */
void urgent_close(void);

/* Has boot_timeout passed? */
bool urgent_overdue(void);

/* The worker has started: it is about calls from now on. */
void urgent_started(void);

#endif
