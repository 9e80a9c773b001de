/* SPDX-License-Identifier: MIT */
/*
 * The one door to libevent. A watch is a persistent event on a descriptor.
 * Deadlines are a heap of our own with one timerfd for its top: an event each
 * would cost an idle connection 128 bytes, and libevent would set a persistent
 * event's timeout anew at each activation, which is a heap operation per
 * request that nobody needs. A timerfd keeps microseconds; epoll_wait(2) is up
 * to a millisecond late.
 */
#include "concurrency/evloop.h"

#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    NOWHERE = UINT32_MAX
};

struct evloop {
    struct event_base *base; /* owned */
    int timer;               /* timerfd(2); owned */
    struct event timer_io;
    int64_t due;         /* when timer fires; CLOCK_NEVER: it does not */
    struct watch **heap; /* owned; of those that are armed, earliest first */
    uint32_t count, room;
};

struct watch {
    struct event io;
    struct evloop *loop; /* borrowed */
    watch_fn *fn;
    void *arg;        /* borrowed */
    int64_t deadline; /* what was asked for */
    int64_t armed;    /* its key in the heap, never later than deadline */
    uint32_t place;   /* in the heap, or NOWHERE */
    short events;     /* what io is added for */
};

/* ---- the heap ---- */

static void put(struct evloop *loop, uint32_t place, struct watch *w)
{
    loop->heap[place] = w;
    w->place = place;
}

/* w, whose place is free, goes up to where it belongs. */
static void sift_up(struct evloop *loop, uint32_t place, struct watch *w)
{
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;
        if (loop->heap[parent]->armed <= w->armed)
            break;
        put(loop, place, loop->heap[parent]);
        place = parent;
    }
    put(loop, place, w);
}

static void sift_down(struct evloop *loop, uint32_t place, struct watch *w)
{
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= loop->count)
            break;
        if (child + 1 < loop->count &&
            loop->heap[child + 1]->armed < loop->heap[child]->armed)
            child++;
        if (w->armed <= loop->heap[child]->armed)
            break;
        put(loop, place, loop->heap[child]);
        place = child;
    }
    put(loop, place, w);
}

static void heap_add(struct watch *w, int64_t armed)
{
    struct evloop *loop = w->loop;
    w->armed = armed;
    if (w->place == NOWHERE) {
        if (loop->count == loop->room) {
            loop->room = loop->room ? 2 * loop->room : 64;
            loop->heap =
                xrealloc(loop->heap, loop->room * sizeof(struct watch *));
        }
        w->place = loop->count++;
    }
    sift_up(loop, w->place, w);
}

static void heap_remove(struct watch *w)
{
    struct evloop *loop = w->loop;
    uint32_t place = w->place;
    if (place == NOWHERE)
        return;
    w->place = NOWHERE;
    w->armed = CLOCK_NEVER;
    struct watch *last = loop->heap[--loop->count];
    if (last == w)
        return;
    sift_down(loop, place, last);
    sift_up(loop, last->place, last);
}

/* ---- the timer ---- */

/* Sets the timer for the earliest, unless it fires before that anyway. */
static void set_timer(struct evloop *loop)
{
    if (!loop->count || loop->heap[0]->armed >= loop->due)
        return;
    loop->due = loop->heap[0]->armed;
    int64_t due = loop->due > 0 ? loop->due : 1; /* 0 would stop it */
    struct itimerspec at = {.it_value = {.tv_sec = due / CLOCK_SECOND,
                                         .tv_nsec = due % CLOCK_SECOND * 1000}};
    timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct evloop *loop = arg;
    int64_t now = clock_now();
    uint64_t times;
    ssize_t n = read(loop->timer, &times, sizeof times);
    (void)n; /* nothing, when it was set anew meanwhile */
    loop->due = CLOCK_NEVER;
    while (loop->count && loop->heap[0]->armed <= now) {
        struct watch *w = loop->heap[0];
        if (w->deadline <= now) {
            heap_remove(w);
            w->fn(w->arg, 0); /* may free w and others */
        } else if (w->deadline == CLOCK_NEVER) {
            heap_remove(w);
        } else { /* it has moved away meanwhile */
            w->armed = w->deadline;
            sift_down(loop, 0, w);
        }
    }
    set_timer(loop);
}

/* ---- the loop ---- */

/* It warns of descriptors that cannot be watched; an app may bring some. */
static void say(int severity, const char *text)
{
    (void)severity;
    log_debug("libevent: %s", text);
}

struct evloop *evloop_new(void)
{
    event_set_log_callback(say);
    struct event_config *config = event_config_new();
    struct evloop *loop = xcalloc(1, sizeof *loop);
    loop->due = CLOCK_NEVER;
    if (config)
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    loop->base = config ? event_base_new_with_config(config) : NULL;
    loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (!loop->base || loop->timer < 0) {
        log_error("cannot make an event loop");
        _Exit(1);
    }
    event_config_free(config);
    event_assign(&loop->timer_io, loop->base, loop->timer, EV_READ | EV_PERSIST,
                 on_timer, loop);
    event_add(&loop->timer_io, NULL);
    return loop;
}

void evloop_free(struct evloop *loop)
{
    event_del(&loop->timer_io);
    close(loop->timer);
    event_base_free(loop->base);
    free(loop->heap);
    free(loop);
}

void evloop_run(struct evloop *loop)
{
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void evloop_stop(struct evloop *loop)
{
    event_base_loopbreak(loop->base);
}

/* ---- watches ---- */

static void on_io(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    struct watch *w = arg;
    short events = 0;
    if (what & EV_READ)
        events |= POLLIN;
    if (what & EV_WRITE)
        events |= POLLOUT;
    if (what & EV_CLOSED)
        events |= POLLRDHUP;
    w->fn(w->arg, events);
}

struct watch *watch_new(struct evloop *loop, int fd, watch_fn *fn, void *arg)
{
    struct watch *w = xmalloc(sizeof *w);
    w->loop = loop;
    w->fn = fn;
    w->arg = arg;
    w->deadline = w->armed = CLOCK_NEVER;
    w->place = NOWHERE;
    w->events = 0;
    event_assign(&w->io, loop->base, fd, EV_PERSIST, on_io, w);
    return w;
}

/* False: it cannot be watched. */
static bool set_events(struct watch *w, short events)
{
    struct event_base *base = w->loop->base;
    short what = EV_PERSIST;
    if (events & POLLIN)
        what |= EV_READ;
    if (events & POLLOUT)
        what |= EV_WRITE;
    if (events & POLLRDHUP)
        what |= EV_CLOSED;
    event_del(&w->io);
    event_assign(&w->io, base, event_get_fd(&w->io), what, on_io, w);
    w->events = events;
    return !events || event_add(&w->io, NULL) == 0;
}

void watch_set(struct watch *w, short events, int64_t deadline)
{
    if (events != w->events && !set_events(w, events))
        deadline = clock_now();
    w->deadline = deadline;
    if (deadline >= w->armed)
        return;
    heap_add(w, deadline);
    set_timer(w->loop);
}

void watch_soon(struct watch *w)
{
    w->deadline = clock_now();
    if (w->deadline >= w->armed)
        return;
    heap_add(w, w->deadline);
    set_timer(w->loop);
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    event_del(&w->io);
    heap_remove(w);
    free(w);
}
