/* SPDX-License-Identifier: MIT */
/*
 * The event loop: who is called, with what, and when.
 */
#include "concurrency/evloop.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"

#define MS INT64_C(1000)

static struct evloop *loop;
static int ends[2];

static void open_loop(void)
{
    loop = evloop_new();
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void close_loop(void)
{
    evloop_free(loop);
}

TestSuite(evloop, .init = open_loop, .fini = close_loop, .timeout = 10);

/* What a watch was called with, and when. */
struct calls {
    struct watch *watch;
    int count;
    short events;
    int64_t when;
    int stop_after; /* the loop ends with that call; 0: with none */
    void (*then)(struct calls *calls);
};

static void note(void *arg, short events)
{
    struct calls *calls = arg;
    calls->count++;
    calls->events = events;
    calls->when = clock_now();
    if (calls->count == calls->stop_after)
        evloop_stop(loop);
    if (calls->then)
        calls->then(calls);
}

static void watch(struct calls *calls, int fd)
{
    calls->watch = watch_new(loop, fd, note, calls);
}

/* Runs the loop for so long, whatever else is called. */
static void run_for(int64_t time)
{
    struct calls end = {.stop_after = 1};
    watch(&end, -1);
    watch_set(end.watch, 0, clock_now() + time);
    evloop_run(loop);
    watch_free(end.watch);
}

/* ---- events ---- */

Test(evloop, calls_with_the_events_that_came)
{
    struct calls calls = {.stop_after = 1};
    watch(&calls, ends[0]);
    watch_set(calls.watch, POLLIN | POLLOUT, CLOCK_NEVER);
    evloop_run(loop);
    cr_expect_eq(calls.events, POLLOUT);
    cr_expect_eq(write(ends[1], "x", 1), 1);
    calls.count = 0;
    evloop_run(loop);
    cr_expect_eq(calls.events, POLLIN | POLLOUT);
    watch_free(calls.watch);
}

Test(evloop, calls_again_as_long_as_the_event_is_there)
{
    struct calls calls = {.stop_after = 5};
    watch(&calls, ends[0]);
    watch_set(calls.watch, POLLIN, CLOCK_NEVER);
    cr_expect_eq(write(ends[1], "x", 1), 1);
    evloop_run(loop);
    cr_expect_eq(calls.count, 5);
    watch_free(calls.watch);
}

Test(evloop, tells_a_hang_up_as_the_event_that_is_watched)
{
    static const short events[] = {POLLIN, POLLOUT, POLLIN | POLLOUT};
    close(ends[1]);
    for (int i = 0; i < 3; i++) {
        struct calls calls = {.stop_after = 1};
        watch(&calls, ends[0]);
        watch_set(calls.watch, events[i], CLOCK_NEVER);
        evloop_run(loop);
        cr_expect_eq(calls.events, events[i]);
        watch_free(calls.watch);
    }
}

Test(evloop, watches_for_nothing_at_first)
{
    struct calls calls = {0};
    watch(&calls, ends[0]);
    cr_expect_eq(write(ends[1], "x", 1), 1);
    run_for(2 * MS);
    cr_expect_eq(calls.count, 0);
    watch_free(calls.watch);
}

Test(evloop, watches_for_other_events_from_when_it_is_told)
{
    static const short rounds[] = {POLLIN, POLLOUT, 0,      POLLIN | POLLOUT,
                                   POLLIN, 0,       POLLOUT};
    struct calls calls = {0};
    watch(&calls, ends[0]);
    cr_expect_eq(write(ends[1], "x", 1), 1);
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
        calls.events = 0;
        calls.count = 0;
        watch_set(calls.watch, rounds[i], CLOCK_NEVER);
        run_for(2 * MS);
        cr_expect_eq(calls.events, rounds[i], "round %zu", i);
        cr_expect_eq(calls.count > 0, rounds[i] != 0);
    }
    watch_free(calls.watch);
}

/* ---- deadlines ---- */

Test(evloop, calls_with_no_events_when_the_deadline_has_passed)
{
    struct calls calls = {.stop_after = 1, .events = -1};
    int64_t deadline = clock_now() + 3 * MS;
    watch(&calls, ends[0]);
    watch_set(calls.watch, POLLIN, deadline);
    evloop_run(loop);
    cr_expect_eq(calls.events, 0);
    cr_expect_geq(calls.when, deadline);
    watch_free(calls.watch);
}

Test(evloop, calls_once_for_a_deadline)
{
    struct calls calls = {0};
    watch(&calls, -1);
    watch_set(calls.watch, 0, clock_now() + 2 * MS);
    run_for(20 * MS);
    cr_expect_eq(calls.count, 1);
    watch_set(calls.watch, 0, clock_now() + 2 * MS);
    run_for(20 * MS);
    cr_expect_eq(calls.count, 2);
    watch_free(calls.watch);
}

Test(evloop, calls_at_once_for_a_deadline_that_has_passed)
{
    static const int64_t deadlines[] = {0, 1, -5};
    for (int i = 0; i < 3; i++) {
        struct calls calls = {.stop_after = 1};
        watch(&calls, -1);
        watch_set(calls.watch, 0, deadlines[i]);
        evloop_run(loop);
        cr_expect_eq(calls.count, 1);
        watch_free(calls.watch);
    }
}

Test(evloop, calls_at_the_later_deadline_when_it_moved_away)
{
    struct calls calls = {.stop_after = 1};
    int64_t start = clock_now(), deadline = 0;
    watch(&calls, -1);
    for (int i = 2; i <= 30; i++)
        watch_set(calls.watch, 0, deadline = start + i * MS);
    evloop_run(loop);
    cr_expect_eq(calls.count, 1);
    cr_expect_geq(calls.when, deadline);
    watch_free(calls.watch);
}

Test(evloop, calls_at_the_shorter_deadline_when_it_came_nearer)
{
    struct calls calls = {.stop_after = 1};
    watch(&calls, ends[0]);
    watch_set(calls.watch, POLLIN, clock_now() + 3600 * CLOCK_SECOND);
    int64_t deadline = clock_now() + 3 * MS;
    watch_set(calls.watch, POLLIN, deadline);
    evloop_run(loop);
    cr_expect_geq(calls.when, deadline);
    cr_expect_lt(calls.when, deadline + CLOCK_SECOND);
    watch_free(calls.watch);
}

Test(evloop, calls_never_for_a_deadline_that_was_taken_back)
{
    struct calls calls = {0};
    watch(&calls, -1);
    watch_set(calls.watch, 0, clock_now() + 2 * MS);
    watch_set(calls.watch, 0, CLOCK_NEVER);
    run_for(10 * MS);
    cr_expect_eq(calls.count, 0);
    watch_set(calls.watch, 0, clock_now() + 2 * MS);
    run_for(10 * MS);
    cr_expect_eq(calls.count, 1);
    watch_free(calls.watch);
}

static void stop_at_deadline(struct calls *calls)
{
    if (!calls->events)
        evloop_stop(loop);
}

Test(evloop, events_leave_the_deadline_as_it_is)
{
    struct calls calls = {.then = stop_at_deadline};
    int64_t deadline = clock_now() + 20 * MS;
    watch(&calls, ends[0]);
    watch_set(calls.watch, POLLOUT, deadline);
    evloop_run(loop);
    cr_expect_geq(calls.when, deadline);
    cr_expect_gt(calls.count, 1);
    watch_free(calls.watch);
}

static void set_again(struct calls *calls)
{
    watch_set(calls->watch, 0, clock_now() + MS);
}

Test(evloop, deadline_may_be_set_anew_by_the_one_that_is_called)
{
    struct calls calls = {.stop_after = 5, .then = set_again};
    int64_t start = clock_now();
    watch(&calls, -1);
    watch_set(calls.watch, 0, start + MS);
    evloop_run(loop);
    cr_expect_eq(calls.count, 5);
    cr_expect_geq(clock_now() - start, 5 * MS);
    watch_free(calls.watch);
}

/* ---- many deadlines ---- */

enum {
    MANY = 500
};

static struct calls many[MANY];
static int64_t due[MANY]; /* 0: it is not to be called */

/* Deadlines come, move both ways, are taken back and freed, at random. */
static void shuffle(int64_t start)
{
    srand(4711);
    for (int i = 0; i < 6 * MANY; i++) {
        int64_t when = start + rand() % 20000;
        due[i % MANY] = rand() % 4 ? when : 0;
        watch_set(many[i % MANY].watch, 0, due[i % MANY] ? when : CLOCK_NEVER);
    }
    for (int i = 0; i < MANY; i += 5) {
        watch_free(many[i].watch);
        many[i].watch = NULL;
        due[i] = 0;
    }
}

Test(evloop, calls_each_of_many_at_its_own_deadline)
{
    for (int i = 0; i < MANY; i++)
        watch(&many[i], -1);
    shuffle(clock_now() + 5 * MS);
    run_for(100 * MS);
    for (int i = 0; i < MANY; i++) {
        cr_expect_eq(many[i].count, due[i] ? 1 : 0);
        cr_expect_geq(many[i].when, due[i]);
        watch_free(many[i].watch);
    }
}

/* ---- freeing ---- */

static void free_itself(struct calls *calls)
{
    watch_free(calls->watch);
    calls->watch = NULL;
}

Test(evloop, watch_may_free_itself_when_it_is_called)
{
    struct calls by_event = {.then = free_itself};
    struct calls by_deadline = {.then = free_itself};
    watch(&by_event, ends[0]);
    watch(&by_deadline, -1);
    watch_set(by_event.watch, POLLOUT, clock_now() + MS);
    watch_set(by_deadline.watch, 0, clock_now() + MS);
    run_for(5 * MS);
    cr_expect_eq(by_event.count, 1);
    cr_expect_eq(by_deadline.count, 1);
}

static struct calls pair[2];

static void free_both(struct calls *calls)
{
    (void)calls;
    for (int i = 0; i < 2; i++)
        free_itself(&pair[i]);
}

/* Both have their events in the same turn; who is called frees both. */
Test(evloop, watch_that_is_freed_is_not_called_even_if_its_event_is_here)
{
    for (int i = 0; i < 2; i++) {
        pair[i].then = free_both;
        watch(&pair[i], ends[i]);
        watch_set(pair[i].watch, POLLOUT, CLOCK_NEVER);
    }
    run_for(2 * MS);
    cr_expect_eq(pair[0].count + pair[1].count, 1);
}

Test(evloop, watch_that_is_freed_is_not_called_even_if_its_deadline_is_here)
{
    for (int i = 0; i < 2; i++) {
        pair[i].then = free_both;
        watch(&pair[i], -1);
        watch_set(pair[i].watch, 0, 1);
    }
    run_for(2 * MS);
    cr_expect_eq(pair[0].count + pair[1].count, 1);
}

Test(evloop, descriptor_can_be_watched_by_another_after_it_was_freed)
{
    for (int i = 0; i < 3; i++) {
        struct calls calls = {.stop_after = 1};
        watch(&calls, ends[0]);
        watch_set(calls.watch, POLLOUT, CLOCK_NEVER);
        evloop_run(loop);
        cr_expect_eq(calls.count, 1);
        watch_free(calls.watch);
    }
    watch_free(NULL);
}

/* ---- what cannot be watched, and what shall not wait ---- */

Test(evloop, calls_at_once_for_a_descriptor_that_cannot_be_watched)
{
    struct calls closed = {.stop_after = 1}, file = {.stop_after = 1};
    int fd = open("/etc/passwd", O_RDONLY);
    cr_assert_geq(fd, 0);
    watch(&file, fd);
    watch_set(file.watch, POLLIN, CLOCK_NEVER);
    evloop_run(loop);
    cr_expect(file.count == 1 && file.events == 0);
    watch_free(file.watch);
    close(fd);
    watch(&closed, fd);
    watch_set(closed.watch, POLLIN, CLOCK_NEVER);
    evloop_run(loop);
    cr_expect(closed.count == 1 && closed.events == 0);
    watch_free(closed.watch);
}

Test(evloop, calls_soon_what_waits_for_something_else)
{
    struct calls calls = {.stop_after = 1};
    watch(&calls, ends[0]);
    watch_set(calls.watch, POLLIN, clock_now() + 5000 * MS);
    watch_soon(calls.watch);
    evloop_run(loop);
    cr_expect(calls.count == 1 && calls.events == 0);
    cr_assert_eq(write(ends[1], "x", 1), 1);
    calls.stop_after = 2;
    evloop_run(loop);
    cr_expect_eq(calls.events, POLLIN, "it still watches");
    watch_free(calls.watch);
}

static void call_it_again(struct calls *calls)
{
    watch_soon(calls->watch);
}

/* One that always has something to do does not keep the others from theirs. */
Test(evloop, calls_soon_in_another_turn)
{
    struct calls busy = {.then = call_it_again}, other = {.stop_after = 1};
    watch(&busy, -1);
    watch(&other, ends[0]);
    watch_set(other.watch, POLLIN, CLOCK_NEVER);
    watch_soon(busy.watch);
    cr_assert_eq(write(ends[1], "x", 1), 1);
    evloop_run(loop);
    cr_expect_eq(other.events, POLLIN);
    cr_expect_geq(busy.count, 1);
    watch_free(busy.watch);
    watch_free(other.watch);
}
