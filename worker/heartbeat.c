/* SPDX-License-Identifier: MIT */
/*
 * Heartbeats lie in memory, so that a slow disk can never look like a stuck
 * worker.
 */
#include "worker/heartbeat.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

/* For threads that never enter Lua on behalf of a client. */
static struct beat unwatched;

static _Thread_local struct beat *mine = &unwatched;

int heartbeat_open(struct heartbeat *h, size_t count, struct err *err)
{
    void *lines = mmap(NULL, count * sizeof *h->lines, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (lines == MAP_FAILED)
        return err_sys(err, "cannot map %zu heartbeats", count);
    *h = (struct heartbeat){.lines = lines, .count = count};
    return 0;
}

void heartbeat_close(struct heartbeat *h)
{
    if (h->lines)
        munmap(h->lines, h->count * sizeof *h->lines);
    *h = (struct heartbeat){0};
}

int64_t heartbeat_oldest(const struct heartbeat *h)
{
    int64_t oldest = 0;
    for (size_t i = 0; i < h->count; i++) {
        int64_t entered =
            atomic_load_explicit(&h->lines[i].entered, memory_order_relaxed);
        if (entered && (!oldest || entered < oldest))
            oldest = entered;
    }
    return oldest;
}

bool heartbeat_late(const struct heartbeat *h, int64_t before, size_t *next,
                    struct late_call *late)
{
    while (*next < h->count) {
        const struct beat *beat = &h->lines[(*next)++];
        int64_t entered = beat->entered;
        if (!entered || entered >= before)
            continue;
        memcpy(late->request, beat->request, sizeof late->request);
        late->request[sizeof late->request - 1] = '\0';
        late->entered = entered;
        if (beat->entered == entered)
            return true;
    }
    return false;
}

void beat_use(struct beat *beat)
{
    mine = beat;
    beat->thread = (int)gettid();
}

struct beat *beat_mine(void)
{
    return mine;
}

void beat_name(struct span request)
{
    static const char cut[] = "...";
    enum {
        ROOM = sizeof mine->request - sizeof cut
    };
    size_t n = request.len <= ROOM ? request.len : ROOM;
    memcpy(mine->request, request.at, n);
    mine->request[n] = '\0';
    if (n < request.len)
        memcpy(mine->request + n, cut, sizeof cut);
}

void beat_enter(int64_t now)
{
    atomic_store_explicit(&mine->entered, now, memory_order_relaxed);
}

void beat_leave(void)
{
    atomic_store_explicit(&mine->entered, 0, memory_order_relaxed);
}
