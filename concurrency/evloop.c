/* SPDX-License-Identifier: MIT */
/*
 * The one door to libevent. A watch is a persistent event on a descriptor and
 * a timer of its own; libevent would set a persistent event's timeout anew at
 * each event, which is a heap operation per request that nobody needs.
 */
#include "concurrency/evloop.h"

#include <poll.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

struct evloop {
    struct event_base *base; /* owned */
};

struct watch {
    struct event io, timer;
    watch_fn *fn;
    void *arg;        /* borrowed */
    int64_t deadline; /* what was asked for */
    int64_t armed;    /* when the timer fires; CLOCK_NEVER: it does not */
    short events;     /* what io is added for */
};

/* Without the cached time: a timer would be set from when the loop woke up,
 * fire that much too early, and wait a whole millisecond for the rest. */
struct evloop *evloop_new(void)
{
    struct event_config *config = event_config_new();
    struct evloop *loop = xmalloc(sizeof *loop);
    if (config)
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK |
                                          EVENT_BASE_FLAG_NO_CACHE_TIME);
    loop->base = config ? event_base_new_with_config(config) : NULL;
    if (!loop->base) {
        log_error("cannot make an event loop");
        _Exit(1);
    }
    event_config_free(config);
    return loop;
}

void evloop_free(struct evloop *loop)
{
    event_base_free(loop->base);
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

static void arm(struct watch *w, int64_t now)
{
    int64_t rest = w->deadline > now ? w->deadline - now : 0;
    struct timeval tv = {.tv_sec = rest / CLOCK_SECOND,
                         .tv_usec = rest % CLOCK_SECOND};
    event_add(&w->timer, &tv);
    w->armed = w->deadline;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct watch *w = arg;
    int64_t now = clock_now();
    w->armed = CLOCK_NEVER;
    if (w->deadline == CLOCK_NEVER)
        return;
    if (now < w->deadline)
        arm(w, now);
    else
        w->fn(w->arg, 0);
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    struct watch *w = arg;
    short events = 0;
    if (what & EV_READ)
        events |= POLLIN;
    if (what & EV_WRITE)
        events |= POLLOUT;
    w->fn(w->arg, events);
}

struct watch *watch_new(struct evloop *loop, int fd, watch_fn *fn, void *arg)
{
    struct watch *w = xmalloc(sizeof *w);
    w->fn = fn;
    w->arg = arg;
    w->deadline = w->armed = CLOCK_NEVER;
    w->events = 0;
    event_assign(&w->io, loop->base, fd, EV_PERSIST, on_io, w);
    evtimer_assign(&w->timer, loop->base, on_timer, w);
    return w;
}

static void set_events(struct watch *w, short events)
{
    struct event_base *base = event_get_base(&w->io);
    short what = EV_PERSIST;
    if (events & POLLIN)
        what |= EV_READ;
    if (events & POLLOUT)
        what |= EV_WRITE;
    event_del(&w->io);
    event_assign(&w->io, base, event_get_fd(&w->io), what, on_io, w);
    if (events)
        event_add(&w->io, NULL);
    w->events = events;
}

void watch_set(struct watch *w, short events, int64_t deadline)
{
    if (events != w->events)
        set_events(w, events);
    w->deadline = deadline;
    if (deadline < w->armed)
        arm(w, clock_now());
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    event_del(&w->io);
    event_del(&w->timer);
    free(w);
}
