/* SPDX-License-Identifier: MIT */
/*
 * ThreadPool: pool_size threads, each with its own Lua state, each serving one
 * client at a time. The main thread only listens to the master.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "concurrency/blocking.h"
#include "concurrency/threads.h"
#include "config/config.h"
#include "worker/heartbeat.h"
#include "worker/model.h"
#include "worker/worker.h"

struct member {
    pthread_t id;
    size_t number;
    int ended; /* eventfd that counts those that have */
    struct blocking b;
};

static void *member_run(void *arg)
{
    struct member *member = arg;
    beat_use(&member->b.worker->heartbeat->lines[member->number]);
    blocking_init(&member->b, true);
    blocking_run(&member->b);
    blocking_fini(&member->b);
    conn_trim();
    eventfd_write(member->ended, 1);
    return NULL;
}

/* Returns how many could be started. */
static size_t start_members(struct member *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        members[i].number = i;
        int rc = thread_start(&members[i].id, member_run, &members[i]);
        if (rc != 0) {
            log_error("only %zu of %zu threads: %s", i, n, strerror(rc));
            return i;
        }
    }
    return n;
}

static size_t states(const struct config *config)
{
    return (size_t)config->pool_size;
}

/* The main thread: hears what the master says and passes it on, until all n
 * threads have ended. */
static void listen_to_master(struct worker *w, struct crew *crew, int ended,
                             size_t n)
{
    eventfd_t count;
    while (n) {
        int notices[NOTICE_FDS];
        struct pollfd fds[NOTICE_FDS + 1];
        worker_notice_fds(w, notices);
        for (size_t i = 0; i < NOTICE_FDS; i++)
            fds[i] = (struct pollfd){.fd = notices[i], .events = POLLIN};
        fds[NOTICE_FDS] = (struct pollfd){.fd = ended, .events = POLLIN};
        if (poll(fds, NOTICE_FDS + 1, -1) <= 0)
            continue;
        worker_notice(w);
        crew_tell(crew, w);
        if (eventfd_read(ended, &count) == 0)
            n -= count;
    }
}

static int thread_pool_run(struct worker *w)
{
    size_t n = w->app_count;
    struct crew crew;
    crew_init(&crew);
    int ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct member *members = xcalloc(n, sizeof *members);
    for (size_t i = 0; i < n; i++) {
        members[i].ended = ended;
        members[i].b =
            (struct blocking){.worker = w, .app = w->apps[i], .crew = &crew};
    }
    n = start_members(members, n);
    listen_to_master(w, &crew, ended, n);
    for (size_t i = 0; i < n; i++)
        pthread_join(members[i].id, NULL);
    free(members);
    fd_close(&ended);
    crew_fini(&crew);
    return n ? WORKER_DONE : WORKER_BOOT_FAILED;
}

static const char *const unused[] = {"worker_connections", "app_pool", NULL};

const struct model model_thread_pool = {
    .name = "ThreadPool",
    .flags = MODEL_THREADS,
    .summary = "pool_size threads, each serving one client at a time",
    .unused = unused,
    .states = states,
    .run = thread_pool_run,
};
