/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_ACCESS_H
#define RAINBOWS_WORKER_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

struct access;
struct access_entry;
struct err;
struct worker;

/*
 * The access log of a worker. Lines are collected and written together: when
 * there are many, a second after the first, and at the end. Nothing here waits
 * for a reader or a disk that is full: what cannot be written is kept up to a
 * bound, then lost and counted, and the error log says so.
 *
 * worker->access is NULL when there is none; only access_put() asks for more.
 */

/* Opens what the config names; -1 with err set. Takes worker->access_fd. */
int access_open(struct worker *w, struct err *err);

/* Writes what waits, for a second at most, and closes. */
void access_close(struct worker *w);

/* Does a line tell everything, the request's id too? */
bool access_tells_all(const struct access *access);

/* Makes the line of an entry, whose time, worker and pid are filled in here,
 * and lets it wait. Any thread. */
void access_put(struct worker *w, struct access_entry *entry, int64_t now);

/* Readable when access_tick() has something to do; -1: never. */
int access_timer(const struct worker *w);
void access_tick(struct worker *w);

/* Writes what waits, as far as that goes at once. */
void access_flush(struct worker *w);

/* Lines go to the file that has the name now. What waits is written to the old
 * one first. If there is none to be had, the old one stays. */
void access_reopen(struct worker *w);

#endif
