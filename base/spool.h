/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_SPOOL_H
#define RAINBOWS_BASE_SPOOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct err;

/*
 * Bytes that were collected and can be read again from any place: in memory up
 * to a limit, then in an unlinked temporary file in $TMPDIR or /tmp. A zeroed
 * struct with fd -1 (SPOOL_INIT) is a valid empty spool.
 */
struct spool {
    struct buf memory; /* all of it while fd is -1 */
    int fd;            /* owned; -1 while in memory */
    int64_t size;      /* bytes in all */
};

#define SPOOL_INIT ((struct spool){.fd = -1})

/* Appends; moves to a file when more than limit bytes would be in memory.
 * -1 with err set when the disk is full or no file can be made. */
int spool_put(struct spool *s, const void *bytes, size_t n, size_t limit,
              struct err *err);

/* Copies up to n bytes from offset at. Returns how many, 0 at the end, -1 with
 * errno. */
ssize_t spool_read(const struct spool *s, int64_t at, void *into, size_t n);

/* Frees memory and file; the spool is empty then. */
void spool_fini(struct spool *s);

#endif
