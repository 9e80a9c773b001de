/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_BUF_H
#define RAINBOWS_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

/*
 * A growing byte queue: bytes are added behind and taken in front. An empty
 * buffer owns no memory once buf_drop() was called; blocks of BUF_BLOCK bytes
 * come from and go to a free list of the calling thread. A zeroed struct is a
 * valid empty buffer. No buffer grows past 4 GiB: callers bound what they add.
 */
enum {
    BUF_BLOCK = 4096
};

struct buf {
    char *data;            /* owned; NULL when cap is 0 */
    uint32_t at, end, cap; /* the bytes [at, end) are live */
};

static inline size_t buf_len(const struct buf *b)
{
    return b->end - b->at;
}

static inline char *buf_at(const struct buf *b)
{
    return b->data + b->at;
}

/* Makes room for at least n bytes behind the live ones and returns where they
 * go; *room, if not NULL, is how many fit. Live bytes may move. */
char *buf_room(struct buf *b, size_t n, size_t *room);

/* n bytes were written where buf_room() said. */
static inline void buf_added(struct buf *b, size_t n)
{
    b->end += (uint32_t)n;
}

void buf_put(struct buf *b, const void *bytes, size_t n);
void buf_puts(struct buf *b, const char *text);

/* Puts n bytes behind the first `at` live ones. */
void buf_insert(struct buf *b, size_t at, const void *bytes, size_t n);

/* Takes n bytes off the front. */
static inline void buf_take(struct buf *b, size_t n)
{
    b->at += (uint32_t)n;
    if (b->at == b->end)
        b->at = b->end = 0;
}

/* Cuts the live bytes to the first len. */
static inline void buf_cut(struct buf *b, size_t len)
{
    b->end = b->at + (uint32_t)len;
}

/* Forgets the bytes and gives the memory back. */
void buf_drop(struct buf *b);

/* Frees the calling thread's free list; call before the thread ends. */
void buf_trim(void);

#endif
