/* SPDX-License-Identifier: MIT */
/*
 * The slot table: which worker processes there are and how far each is.
 */
#include "master/slots.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"

static const char *const names[] = {
    [SLOT_EMPTY] = "empty",   [SLOT_STARTING] = "starting",
    [SLOT_READY] = "ready",   [SLOT_LEAVING] = "leaving",
    [SLOT_KILLED] = "killed",
};

enum {
    REASON_MAX = 8192
};

void slots_init(struct slots *slots)
{
    *slots = (struct slots){0};
    for (size_t i = 0; i < SLOT_COUNT; i++)
        slots->slot[i].control = slots->slot[i].status = -1;
}

void slot_set(struct slot *slot, enum slot_state state)
{
    log_debug("worker=%d pid=%d %s -> %s", slot->number, (int)slot->pid,
              names[slot->state], names[state]);
    slot->state = state;
    slot->since = clock_now();
    slot->kill_at = CLOCK_NEVER;
}

void slot_clear(struct slot *slot)
{
    fd_close(&slot->control);
    fd_close(&slot->status);
    heartbeat_close(&slot->heartbeat);
    free(slot->reason);
    slot_set(slot, SLOT_EMPTY);
    *slot = (struct slot){.control = -1, .status = -1};
}

struct slot *slot_free(struct slots *slots)
{
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (slots->slot[i].state == SLOT_EMPTY)
            return &slots->slot[i];
    return NULL;
}

struct slot *slot_by_pid(struct slots *slots, pid_t pid)
{
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (slots->slot[i].state != SLOT_EMPTY && slots->slot[i].pid == pid)
            return &slots->slot[i];
    return NULL;
}

void slot_reason(struct slot *slot, const char *text, size_t len)
{
    size_t old = slot->reason ? strlen(slot->reason) : 0;
    if (old + len > REASON_MAX) /* whoever sends so much is not to be trusted */
        len = old < REASON_MAX ? REASON_MAX - old : 0;
    slot->reason = xrealloc(slot->reason, old + len + 1);
    memcpy(slot->reason + old, text, len);
    slot->reason[old + len] = '\0';
}

void slot_tell(const struct slot *slot, char byte)
{
    ssize_t wrote = write(slot->control, &byte, 1);
    (void)wrote; /* a worker that is gone will be reaped */
}
