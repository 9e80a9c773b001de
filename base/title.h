/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_TITLE_H
#define RAINBOWS_BASE_TITLE_H

/* Remembers where the process's arguments lie, moves the environment out of
 * the way and keeps a copy of it. Call once, first thing in main(). */
void title_init(int argc, char **argv);

/* What ps(1) shows from now on: "rainbows worker[3] Reactor". Cut to the
 * space that the arguments and the environment had. */
void title_set(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
