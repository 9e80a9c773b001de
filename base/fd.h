/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_FD_H
#define RAINBOWS_BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

struct err;

/* Closes *fd if it is open and makes it -1. */
void fd_close(int *fd);

/* A pipe whose ends are close-on-exec and non-blocking: [0] read, [1] write. */
int fd_pipe(int ends[2], struct err *err);

/* Opens /dev/null on each of 0, 1 and 2 that is closed, so that no socket can
 * take the place of a standard stream. */
void fd_fill_standard(void);

/* Reads a whole file. Returns its bytes followed by a NUL (free(3) them) and
 * their number in *len, or NULL with err set. */
char *fd_read_file(const char *path, size_t *len, struct err *err);

#endif
