/* SPDX-License-Identifier: MIT */
/*
 * Requests in progress. They are larger than a connection and few at a time,
 * so they come from a free list and idle connections have none.
 */
#include "worker/exchange.h"

#include <assert.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"

enum {
    FREE_MAX = 64
};

static _Thread_local struct {
    struct exchange *first;
    int count;
} spare;

struct exchange *exchange_new(size_t max_fields)
{
    struct exchange *x = spare.first;
    if (x && x->max_fields == max_fields) {
        spare.first = x->next;
        spare.count--;
    } else {
        x = xcalloc(1, sizeof *x);
        x->fields = xcalloc(max_fields, sizeof *x->fields);
        x->max_fields = max_fields;
    }
    x->request.fields = x->fields;
    x->body = (struct call_body){.bytes = SPOOL_INIT, .complete = true};
    x->chunked = (struct chunked){0};
    x->in_place = true;
    x->refusal = 0;
    x->continued = false;
    x->paused = 0;
    x->mark = 0;
    x->sent = x->waits = x->fresh_wait = x->woken = false;
    x->later = x->ended = x->gone = x->far = false;
    x->timed = x->complete = x->logged = false;
    x->file.fd = -1;
    return x;
}

static void release(struct exchange *x)
{
    free(x->fields);
    free(x);
}

void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    assert(!x->call);
    fd_close(&x->file.fd);
    spool_fini(&x->body.bytes);
    buf_drop(&x->kept);
    if (spare.count >= FREE_MAX) {
        release(x);
        return;
    }
    x->next = spare.first;
    spare.first = x;
    spare.count++;
}

void exchange_trim(void)
{
    while (spare.first) {
        struct exchange *x = spare.first;
        spare.first = x->next;
        release(x);
    }
    spare.count = 0;
}
