/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_PRIVILEGE_H
#define RAINBOWS_WORKER_PRIVILEGE_H

#include <stdbool.h>

struct config;
struct err;

/* Can this process make itself what user() and group() ask for? 0, or -1 with
 * err set. For the master, before it starts anything. */
int privilege_check(const struct config *config, struct err *err);

/* Will a worker be another user than this process, or in another group? */
bool privilege_changes(const struct config *config);

/* Becomes what they ask for, for good, with the user's groups and HOME, USER
 * and LOGNAME. Does nothing when it is that already. 0, or -1 with err set;
 * then the process is of no use any more. */
int privilege_drop(const struct config *config, struct err *err);

#endif
