/* SPDX-License-Identifier: MIT */
/*
 * Ending the server, and the small things that go to all workers.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/title.h"
#include "master/master.h"
#include "worker/listener.h"
#include "worker/worker.h"

/* How long a quick stop waits before SIGKILL. */
#define QUICK_TIME CLOCK_SECOND

/* Nobody new: the socket files go, and the master's copies of the sockets.
 * The workers serve what their queues hold. */
static void close_listeners(struct setup *setup)
{
    for (size_t i = 0; i < setup->listener_count; i++) {
        if (setup->listeners[i])
            listener_unlink(setup->listeners[i]);
        listener_close(setup->listeners[i]);
        setup->listeners[i] = NULL;
    }
}

static void stop_slot(struct master *m, struct slot *slot)
{
    if (slot->state == SLOT_EMPTY || slot->state == SLOT_KILLED)
        return;
    if (slot->status >= 0)
        read_status(m, slot); /* it may be ready, and serve, since just now */
    if (slot->state == SLOT_STARTING) { /* it has no clients */
        kill(slot->pid, SIGKILL);
        slot_set(slot, SLOT_KILLED);
    } else if (m->stop == STOP_QUICK) {
        kill(slot->pid, SIGINT);
        slot_set(slot, SLOT_LEAVING);
        slot->kill_at = slot->since + QUICK_TIME;
    } else {
        slot_tell(slot, CONTROL_STOP);
        slot_set(slot, SLOT_LEAVING);
        slot->kill_at = slot->since + slot->graceful_timeout;
    }
}

void stop_begin(struct master *m, enum stop how)
{
    if (how <= m->stop)
        return;
    m->stop = how;
    m->workers = 0;
    log_info("stopping how=%s", how == STOP_QUICK ? "quick" : "graceful");
    title_set("rainbows master (stopping)");
    for (size_t i = 0; i < SLOT_COUNT; i++)
        stop_slot(m, &m->slots.slot[i]);
    close_listeners(&m->setup);
}

static void reopen(const char *path, int fd)
{
    if (path && log_reopen(path, fd) < 0)
        log_error("cannot reopen %s: %s", path, strerror(errno));
}

void reopen_logs(struct master *m)
{
    reopen(m->setup.config->stderr_path, 2);
    reopen(m->setup.config->stdout_path, 1);
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (m->slots.slot[i].state == SLOT_READY ||
            m->slots.slot[i].state == SLOT_LEAVING)
            slot_tell(&m->slots.slot[i], CONTROL_REOPEN);
    log_info("logs reopened");
}
