/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_TITLE_H
#define RAINBOWS_BASE_TITLE_H

/* Takes the memory of the process's arguments and environment for titles.
 * Returns a copy of argv that stays valid (for the life of the process);
 * environ becomes a copy, too. Call once, first thing in main(). */
char **title_init(int argc, char **argv);

/* What ps(1) shows from now on: "rainbows worker[3] Reactor". Cut to the
 * space that the arguments and the environment had. */
void title_set(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
