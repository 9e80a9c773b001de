/* SPDX-License-Identifier: MIT */
/*
 * The slot table.
 */
#include "master/slots.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "tests/support/logs.h"

static struct slots slots;

static void init(void)
{
    slots_init(&slots);
}

TestSuite(slots, .init = init);

/* Takes an empty slot for that process. */
static struct slot *taken(pid_t pid)
{
    struct slot *slot = slot_free(&slots);
    cr_assert_not_null(slot);
    slot->pid = pid;
    slot_set(slot, SLOT_STARTING);
    return slot;
}

Test(slots, are_empty_and_hold_no_descriptor_at_first)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        cr_expect_eq(slots.slot[i].state, SLOT_EMPTY);
        cr_expect_eq(slots.slot[i].control, -1);
        cr_expect_eq(slots.slot[i].status, -1);
    }
}

Test(slots, run_out)
{
    for (int i = 0; i < SLOT_COUNT; i++)
        taken(100 + i);
    cr_expect_null(slot_free(&slots));
    slot_set(&slots.slot[7], SLOT_EMPTY);
    cr_expect_eq(slot_free(&slots), &slots.slot[7]);
}

Test(slots, are_found_by_pid_while_they_are_taken)
{
    struct slot *one = taken(11);
    struct slot *two = taken(12);
    cr_expect_eq(slot_by_pid(&slots, 11), one);
    cr_expect_eq(slot_by_pid(&slots, 12), two);
    cr_expect_null(slot_by_pid(&slots, 13));
    cr_expect_null(slot_by_pid(&slots, 0), "an empty slot");
    slot_set(one, SLOT_EMPTY);
    cr_expect_null(slot_by_pid(&slots, 11));
}

Test(slots, change_their_state_and_forget_when_to_kill)
{
    struct slot *slot = taken(11);
    slot->kill_at = 5;
    slot->since = 0;
    int64_t before = clock_now();
    slot_set(slot, SLOT_READY);
    cr_expect_eq(slot->state, SLOT_READY);
    cr_expect_eq(slot->kill_at, CLOCK_NEVER);
    cr_expect_geq(slot->since, before);
}

Test(slots, log_each_change)
{
    static const char *const names[] = {"empty", "starting", "ready", "leaving",
                                        "killed"};
    struct slot slot = {.number = 3, .pid = 812};
    log_set_level(LOG_DEBUG);
    logs_open();
    for (int i = SLOT_STARTING; i <= SLOT_KILLED; i++) {
        char want[128];
        slot_set(&slot, (enum slot_state)i);
        snprintf(want, sizeof want,
                 "DEBUG rainbows worker=3 pid=812 %s -> %s\n", names[i - 1],
                 names[i]);
        cr_expect_str_eq(logs_line(), want);
    }
}

Test(slots, work_while_they_serve_or_are_going_to)
{
    static const bool want[] = {[SLOT_EMPTY] = false,
                                [SLOT_STARTING] = true,
                                [SLOT_READY] = true,
                                [SLOT_LEAVING] = false,
                                [SLOT_KILLED] = false};
    for (int i = SLOT_EMPTY; i <= SLOT_KILLED; i++) {
        struct slot slot = {.state = (enum slot_state)i};
        cr_expect_eq(slot_works(&slot), want[i]);
    }
}

Test(slots, tell_a_byte_and_survive_a_worker_that_is_gone)
{
    int ends[2];
    char byte = 0;
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    struct slot slot = {.control = ends[1]};
    slot_tell(&slot, 'R');
    cr_expect_eq(read(ends[0], &byte, 1), 1);
    cr_expect_eq(byte, 'R');
    for (int i = 0; i < 100000; i++) /* a full pipe does not block */
        slot_tell(&slot, 'L');
    slot.control = -1;
    slot_tell(&slot, 'R');
}
