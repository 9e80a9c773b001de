/* SPDX-License-Identifier: MIT */
/*
 * Looking at what grows in a worker. Nothing here costs a system call for each
 * request: the resident memory is read once a second, and only while there are
 * requests.
 */
#include "worker/tired.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "lua/app.h"
#include "worker/worker.h"

#define LOOK_EVERY CLOCK_SECOND

static void ask(struct worker *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void ask(struct worker *w, const char *fmt, ...)
{
    char why[160];
    if (w->quit || atomic_exchange(&w->tired, true))
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    log_info("wants to be replaced: %s", why);
    char byte = STATUS_TIRED;
    ssize_t wrote = write(w->status, &byte, 1);
    (void)wrote; /* no master: the control pipe says so as well */
}

/* The process's resident memory in bytes; -1: not known. */
static int64_t resident(void)
{
    char text[128];
    int64_t pages = -1;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    fd_close(&fd);
    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "%*s %" SCNd64, &pages) != 1)
        return -1;
    return pages * sysconf(_SC_PAGESIZE);
}

/* A worker that is too large from the start would be replaced for ever, if
 * only once a second. */
static void check_start(const struct worker *w)
{
    int64_t now = resident();
    if (now < 0)
        log_warn("max_memory is not kept: cannot read /proc/self/statm");
    else if (now > w->config->max_memory)
        log_warn("max_memory=%" PRId64 " is less than a worker has when its "
                 "app is loaded, resident=%" PRId64 "; raise it",
                 w->config->max_memory, now);
}

static int64_t with_jitter(const struct requests_spec *spec)
{
    uint64_t bits = 0;
    if (!spec->jitter || getrandom(&bits, sizeof bits, 0) != sizeof bits)
        return spec->count;
    uint64_t range = 2 * (uint64_t)spec->jitter + 1;
    int64_t count = spec->count - spec->jitter + (int64_t)(bits % range);
    return count > 1 ? count : 1;
}

void tired_begin(struct worker *w)
{
    const struct config *config = w->config;
    if (config->max_requests.count)
        w->max_requests = with_jitter(&config->max_requests);
    if (config->max_memory > 0) {
        check_start(w);
        w->next_look = clock_now() + LOOK_EVERY;
    }
}

/* One thread at a time: the one that moves the next look. */
static void look_at_memory(struct worker *w, int64_t now)
{
    int64_t due = atomic_load_explicit(&w->next_look, memory_order_relaxed);
    if (now < due ||
        !atomic_compare_exchange_strong(&w->next_look, &due, now + LOOK_EVERY))
        return;
    int64_t bytes = resident();
    if (bytes > w->config->max_memory)
        ask(w, "max_memory=%" PRId64 " exceeded resident=%" PRId64,
            w->config->max_memory, bytes);
}

void tired_look(struct worker *w, const struct app *app, int64_t now)
{
    const struct config *config = w->config;
    size_t used;
    if (w->max_requests &&
        atomic_fetch_add(&w->requests, 1) + 1 == w->max_requests)
        ask(w, "max_requests=%" PRId64 " reached requests=%" PRId64,
            config->max_requests.count, w->max_requests);
    if (config->max_memory > 0)
        look_at_memory(w, now);
    if (app && app_is_full(app, &used))
        ask(w, "lua_memory_limit=%" PRId64 " nearly reached used=%zu",
            config->lua_memory_limit, used);
}
