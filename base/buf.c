/* SPDX-License-Identifier: MIT */
/*
 * Byte queues for connections. Most requests and answers fit one block, so a
 * busy thread passes the same few blocks from connection to connection and an
 * idle connection holds none.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    FREE_MAX = 64
};

static _Thread_local struct {
    char *blocks[FREE_MAX];
    int count;
} spare;

static char *block_get(void)
{
    if (spare.count)
        return spare.blocks[--spare.count];
    return xmalloc(BUF_BLOCK);
}

static void block_put(char *data, uint32_t cap)
{
    if (cap == BUF_BLOCK && spare.count < FREE_MAX)
        spare.blocks[spare.count++] = data;
    else
        free(data);
}

static void grow(struct buf *b, size_t need)
{
    size_t len = buf_len(b);
    size_t cap = b->cap ? b->cap : BUF_BLOCK;
    while (cap < len + need)
        cap *= 2;
    assert(cap <= UINT32_MAX);
    char *data = cap == BUF_BLOCK ? block_get() : xmalloc(cap);
    if (len)
        memcpy(data, buf_at(b), len);
    if (b->data)
        block_put(b->data, b->cap);
    *b = (struct buf){.data = data, .end = (uint32_t)len, .cap = (uint32_t)cap};
}

char *buf_room(struct buf *b, size_t n, size_t *room)
{
    if (b->cap - b->end < n) {
        if (b->at >= buf_len(b) && b->cap - buf_len(b) >= n) {
            memmove(b->data, buf_at(b), buf_len(b));
            b->end -= b->at;
            b->at = 0;
        } else {
            grow(b, n);
        }
    }
    if (room)
        *room = b->cap - b->end;
    return b->data + b->end;
}

void buf_put(struct buf *b, const void *bytes, size_t n)
{
    if (!n)
        return;
    memcpy(buf_room(b, n, NULL), bytes, n);
    b->end += (uint32_t)n;
}

void buf_puts(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

void buf_insert(struct buf *b, size_t at, const void *bytes, size_t n)
{
    size_t behind = buf_len(b) - at;
    buf_put(b, bytes, n);
    char *to = buf_at(b) + at;
    memmove(to + n, to, behind);
    memcpy(to, bytes, n);
}

void buf_drop(struct buf *b)
{
    if (b->data)
        block_put(b->data, b->cap);
    *b = (struct buf){0};
}

void buf_trim(void)
{
    while (spare.count)
        free(spare.blocks[--spare.count]);
}
