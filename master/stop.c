/* SPDX-License-Identifier: MIT */
/*
 * Ending the server, and the small things that go to all workers.
 */
#include <signal.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/title.h"
#include "master/master.h"
#include "worker/listener.h"
#include "worker/worker.h"

/* How long a quick stop waits before SIGKILL. */
#define QUICK_TIME CLOCK_SECOND

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
        slot_tell(slot,
                  m->stop == STOP_HANDOVER ? CONTROL_DRAIN : CONTROL_STOP);
        slot_set(slot, SLOT_LEAVING);
        slot->kill_at = slot->since + slot->graceful_timeout;
    }
}

static const char *const hows[] = {
    [STOP_HANDOVER] = "handover",
    [STOP_GRACEFUL] = "graceful",
    [STOP_QUICK] = "quick",
};

/* Nobody new: the socket files go, and the master's copies of the sockets. The
 * workers serve what their queues hold. */
static void close_listeners(struct master *m)
{
    for (size_t i = 0; i < m->setup.listener_count; i++)
        if (m->stop == STOP_HANDOVER &&
            m->setup.listeners[i]->owner == LISTENER_OURS)
            m->setup.listeners[i]->owner = LISTENER_LENT;
    sockets_close(&m->setup);
}

void stop_begin(struct master *m, enum stop how)
{
    if (how <= m->stop)
        return;
    m->stop = how;
    log_info("stopping how=%s", hows[how]);
    title_set("rainbows master (stopping)");
    reload_cancel(m);
    upgrade_cancel(m);
    for (size_t i = 0; i < SLOT_COUNT; i++)
        stop_slot(m, &m->slots.slot[i]);
    notify_stopping(m);
    close_listeners(m);
}

static void reopen(const struct master *m, int fd)
{
    struct err err;
    if (log_open(m->setup.config, fd, &err) < 0)
        log_error("logs not reopened: %s", err.text);
}

void reopen_logs(struct master *m)
{
    reopen(m, 2);
    reopen(m, 1);
    setup_reopen_access_log(&m->setup);
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (slot_works(&m->slots.slot[i]) ||
            m->slots.slot[i].state == SLOT_LEAVING)
            slot_tell(&m->slots.slot[i], CONTROL_REOPEN);
    log_info("logs reopened");
}
