/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_URGENT_H
#define RAINBOWS_WORKER_URGENT_H

struct worker;

/*
 * What a worker does with SIGURG, by which the master says that a call is
 * late: it interrupts the call; when the same call is still there at the next
 * SIGURG, it writes that call's Lua stack to the log, for the master is about
 * to kill.
 */
void urgent_open(struct worker *worker);

#endif
