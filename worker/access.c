/* SPDX-License-Identifier: MIT */
/*
 * The access log of a worker. The threads of a worker share one buffer, as a
 * thread that is inside an app for a minute could not write what it has itself;
 * a timer that every model hears among its notices does. Lines are made outside
 * the lock, which is held to copy them, and to write.
 */
#include "worker/access.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/lines.h"
#include "base/log.h"
#include "base/logfile.h"
#include "base/mem.h"
#include "base/wait.h"
#include "config/config.h"
#include "http/access_line.h"
#include "http/date.h"
#include "worker/worker.h"

#define FLUSH_TIME  CLOCK_SECOND        /* a line waits no longer */
#define FULL_PAUSE  (CLOCK_SECOND / 20) /* until a full pipe is tried again */
#define ERROR_PAUSE CLOCK_SECOND        /* until any other failure is */
#define SAY_PAUSE   (10 * CLOCK_SECOND) /* between two complaints */

enum {
    ENOUGH = 32 * 1024, /* bytes that are written at once */
    ROOM = 256 * 1024   /* bytes that may wait */
};

struct access {
    const char *target; /* borrowed from the config, like the format */
    enum access_format format;
    int64_t pid;
    int timer; /* timerfd(2); owned */
    /* Bytes; written by the main thread, which opens files, read by all. */
    _Atomic size_t line_most;

    /* The rest under SHARED_LOG. */
    struct logfile file;
    struct lines lines;
    bool blocked;    /* they could not be written */
    int64_t due;     /* when they are to be written; CLOCK_NEVER: none waits */
    int64_t armed;   /* when the timer fires; CLOCK_NEVER: it does not */
    size_t lost;     /* lines, not told of yet */
    int why;         /* errno of the last failure */
    int64_t said_at; /* when that was said */

    /* Under SHARED_CONFIG. */
    size_t failures; /* of the function, not told of yet */
    int64_t failure_said_at;
};

/* ---- writing ---- */

static void arm(struct access *a, int64_t at)
{
    if (at >= a->armed)
        return;
    a->armed = at;
    struct itimerspec when = {
        .it_value = {.tv_sec = at / CLOCK_SECOND,
                     .tv_nsec = at % CLOCK_SECOND * 1000}};
    timerfd_settime(a->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static const char *reason(const struct access *a)
{
    return a->why == EAGAIN ? "its reader is too slow" : strerror(a->why);
}

/* A failure and the lines that were lost, but not too often. */
static void complain(struct access *a, int64_t now)
{
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&log, 1, 0) == 0) { /* the log may be the pipe that is full */
        arm(a, now + ERROR_PAUSE);
        return;
    }
    if (now - a->said_at < SAY_PAUSE) {
        arm(a, a->said_at + SAY_PAUSE);
        return;
    }
    log_error("access_log: cannot write to %s: %s lost=%zu", a->target,
              reason(a), a->lost);
    a->said_at = now;
    a->lost = 0;
}

static void flush(struct access *a, int64_t now)
{
    a->blocked = lines_write(&a->lines, &a->file) < 0;
    if (!a->blocked) {
        a->due = CLOCK_NEVER;
        return;
    }
    a->why = errno;
    a->due = now + (a->why == EAGAIN ? FULL_PAUSE : ERROR_PAUSE);
    arm(a, a->due);
    if (a->why != EAGAIN)
        complain(a, now);
}

static void add(struct access *a, const char *line, size_t n, int64_t now)
{
    if (now >= a->due)
        flush(a, now);
    if (!lines_put(&a->lines, line, n)) {
        a->lost++;
        complain(a, now);
        return;
    }
    if (a->due == CLOCK_NEVER)
        a->due = now + FLUSH_TIME;
    if (!a->blocked && lines_len(&a->lines) >= ENOUGH)
        flush(a, now);
    else
        arm(a, a->due);
}

void access_flush(struct worker *w)
{
    struct access *a = w->access;
    if (!a)
        return;
    worker_enter(w, SHARED_LOG);
    flush(a, clock_now());
    worker_leave(w, SHARED_LOG);
}

void access_tick(struct worker *w)
{
    struct access *a = w->access;
    uint64_t times;
    if (!a || read(a->timer, &times, sizeof times) < 0)
        return;
    int64_t now = clock_now();
    worker_enter(w, SHARED_LOG);
    a->armed = CLOCK_NEVER;
    if (now >= a->due)
        flush(a, now);
    if (a->lost)
        complain(a, now);
    if (a->due != CLOCK_NEVER)
        arm(a, a->due);
    worker_leave(w, SHARED_LOG);
}

/* ---- lines ---- */

/* The time as the format has it. The text is the calling thread's. */
static struct span time_text(enum access_format format)
{
    static _Thread_local struct {
        time_t when;
        char log[DATE_LOG_SIZE];
        char iso[DATE_ISO_SIZE + 5]; /* ".123Z" */
    } cache;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != cache.when) {
        cache.when = now.tv_sec;
        date_format_log(now.tv_sec, cache.log);
        date_format_iso(now.tv_sec, cache.iso);
    }
    if (format == ACCESS_COMMON || format == ACCESS_COMBINED)
        return (struct span){cache.log, sizeof cache.log};
    long ms = now.tv_nsec / 1000000;
    char *end = cache.iso + DATE_ISO_SIZE;
    end[0] = '.';
    end[1] = (char)('0' + ms / 100);
    end[2] = (char)('0' + ms / 10 % 10);
    end[3] = (char)('0' + ms % 10);
    end[4] = 'Z';
    return (struct span){cache.iso, sizeof cache.iso};
}

/* What the config's function makes of the entry; 0: nothing. */
static size_t function_line(struct worker *w, const struct access_entry *entry,
                            int64_t now, char line[ACCESS_LINE_MAX])
{
    struct access *a = w->access;
    struct buf text = {0};
    struct err err;
    worker_enter(w, SHARED_CONFIG);
    if (config_access_line(w->config, entry, &text, &err) < 0) {
        a->failures++;
        if (now - a->failure_said_at >= SAY_PAUSE) {
            log_error("access_log: the function failed times=%zu: %s",
                      a->failures, err.text);
            a->failure_said_at = now;
            a->failures = 0;
        }
    }
    worker_leave(w, SHARED_CONFIG);
    size_t n = 0;
    if (text.data)
        n = access_line_of((struct span){buf_at(&text), buf_len(&text)},
                           a->line_most, line);
    buf_drop(&text);
    return n;
}

bool access_tells_all(const struct access *a)
{
    return a->format == ACCESS_JSON || a->format == ACCESS_FUNCTION;
}

void access_put(struct worker *w, struct access_entry *entry, int64_t now)
{
    struct access *a = w->access;
    char line[ACCESS_LINE_MAX];
    entry->time = time_text(a->format);
    entry->worker = w->number;
    entry->pid = a->pid;
    size_t n = a->format == ACCESS_FUNCTION
                   ? function_line(w, entry, now, line)
                   : access_line(a->format, entry, a->line_most, line);
    if (!n)
        return;
    worker_enter(w, SHARED_LOG);
    add(a, line, n, now);
    worker_leave(w, SHARED_LOG);
}

/* ---- files ---- */

static void set_line_most(struct access *a)
{
    size_t atomic = logfile_atomic(&a->file);
    a->line_most = atomic < ACCESS_LINE_MAX ? atomic : ACCESS_LINE_MAX;
}

static int open_file(struct worker *w, struct access *a, struct err *err)
{
    int fd = config_access_standard(w->config);
    if (fd >= 0) {
        logfile_borrow(&a->file, fd);
    } else {
        fd = w->access_fd ? w->access_fd : logfile_open(a->target);
        if (fd < 0)
            return err_sys(err, "access_log: cannot open %s", a->target);
        logfile_take(&a->file, fd);
        w->access_fd = 0;
    }
    set_line_most(a);
    return 0;
}

int access_open(struct worker *w, struct err *err)
{
    const struct config *config = w->config;
    if (!config->access_log)
        return 0;
    struct access *a = xcalloc(1, sizeof *a);
    *a = (struct access){
        .target = config->access_log,
        .format = (enum access_format)config->access_format,
        .pid = getpid(),
        .timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
        .file.fd = -1,
        .due = CLOCK_NEVER,
        .armed = CLOCK_NEVER,
        .said_at = -SAY_PAUSE,
        .failure_said_at = -SAY_PAUSE,
    };
    w->access = a;
    if (a->timer < 0)
        return err_sys(err, "access_log: cannot make a timer");
    lines_init(&a->lines, ROOM);
    return open_file(w, a, err);
}

int access_timer(const struct worker *w)
{
    return w->access ? w->access->timer : -1;
}

/* With the lock held. */
static void reopen(struct worker *w, int64_t now)
{
    struct access *a = w->access;
    struct logfile old = a->file;
    struct err err;
    flush(a, now);
    if (open_file(w, a, &err) < 0) {
        log_error("%s; lines go on to the old file", err.text);
        return;
    }
    logfile_close(&old);
    lines_moved(&a->lines);
    flush(a, now);
}

void access_reopen(struct worker *w)
{
    if (!w->access)
        return;
    worker_enter(w, SHARED_LOG);
    reopen(w, clock_now());
    worker_leave(w, SHARED_LOG);
}

static size_t count_lines(const struct lines *lines)
{
    size_t n = 0;
    for (size_t i = lines->at; i < lines->end; i++)
        n += lines->data[i] == '\n';
    return n;
}

static void write_last(struct access *a)
{
    struct wait wait = {.fd = a->file.fd,
                        .events = POLLOUT,
                        .deadline = clock_now() + CLOCK_SECOND};
    while (lines_write(&a->lines, &a->file) < 0) {
        a->why = errno;
        if (errno != EAGAIN || !wait_block(&wait))
            break;
    }
    a->lost += count_lines(&a->lines);
    if (!a->lost)
        return;
    a->said_at = clock_now() - SAY_PAUSE;
    complain(a, clock_now());
}

void access_close(struct worker *w)
{
    struct access *a = w->access;
    if (!a)
        return;
    if (a->lines.data)
        write_last(a);
    lines_fini(&a->lines);
    logfile_close(&a->file);
    fd_close(&a->timer);
    free(a);
    w->access = NULL;
}
