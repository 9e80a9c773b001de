/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_SIG_H
#define RAINBOWS_BASE_SIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/*
 * Signals as bytes: the handler writes the signal's number into a pipe, and
 * the process's loop reads them one at a time. One pipe a process; call
 * sig_open() again after fork so that parent and child do not share one.
 */

/* Takes over the n signals listed; SIGPIPE is ignored. Returns the descriptor
 * that becomes readable when one came, or -1 with err set. Blocked signals of
 * the list are unblocked last, so none that came meanwhile is lost. */
int sig_open(const int *signals, size_t n, struct err *err);

/* The next signal's number, or 0 when there is none. */
int sig_next(void);

/* SIGURG is handled at once, inside whatever runs: fn may only do what is safe
 * there. told is true when it was sent to the calling thread alone. */
void sig_on_urgent(void (*fn)(bool told));

/* SIGURG comes to this process after so many microseconds, and then again and
 * again; 0: no more. */
void sig_urge(int64_t after, int64_t again);

/* Every signal of the list goes back to its default. */
void sig_default(const int *signals, size_t n);

/* Only those of the list are blocked from now on, until sig_open(). */
void sig_hold(const int *signals, size_t n);

/* Blocks all signals, around fork; sig_open() or sig_unblock_all() in the
 * child, sig_unblock_all() in the parent. */
void sig_block_all(void);
void sig_unblock_all(void);

#endif
