/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_LOGFILE_H
#define RAINBOWS_BASE_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What lies under a log decides how it is written without waiting. */
enum logfile_kind {
    LOGFILE_FILE,   /* a regular file: write(2) */
    LOGFILE_STREAM, /* a pipe, a FIFO, a terminal, a device */
    LOGFILE_SOCKET,
};

/*
 * A file that lines are appended to by a process that must not wait for its
 * reader. Several processes may have it open: whole lines in one write do not
 * mix.
 */
struct logfile {
    int fd; /* -1: none */
    enum logfile_kind kind;
    bool borrowed; /* fd is somebody else's descriptor, not to be closed, */
    bool blocks;   /* and, being shared with other programs, not made
                      non-blocking: it is asked before each write */
};

/* Opens path for appending, made with mode 0644 when it is not there; a
 * descriptor, or -1 with errno. A FIFO may have no reader. */
int logfile_open(const char *path);

/* Takes a descriptor that logfile_open() gave. */
void logfile_take(struct logfile *log, int fd);

/* Makes *log write to a standard descriptor (1 or 2), whose flags stay as they
 * are for everybody else who has it. */
void logfile_borrow(struct logfile *log, int fd);

/* Closes what is not borrowed. */
void logfile_close(struct logfile *log);

/* Never waits for a reader. -1 with errno; EAGAIN: not now. */
ssize_t logfile_write(const struct logfile *log, const char *bytes, size_t n);

/* More than this must not be written at once, or lines of several processes
 * could mix. */
size_t logfile_atomic(const struct logfile *log);

#endif
