/* SPDX-License-Identifier: MIT */
/*
 * Handing work from thread to thread.
 */
#include "concurrency/queue.h"

#include <poll.h>
#include <stdlib.h>

#include <criterion/criterion.h>

static struct queue queue;

static void open_queue(void)
{
    queue_init(&queue);
}

static void close_queue(void)
{
    queue_fini(&queue);
}

TestSuite(queue, .init = open_queue, .fini = close_queue, .timeout = 20);

static bool awake(void)
{
    struct pollfd p = {.fd = queue.wake, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

Test(queue, gives_the_first_first)
{
    struct queue_node nodes[3];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++)
            queue_push(&queue, &nodes[i]);
        cr_expect_eq(queue_try(&queue), &nodes[0]);
        cr_expect_eq(queue_pop(&queue), &nodes[1]);
        queue_push(&queue, &nodes[0]);
        cr_expect_eq(queue_try(&queue), &nodes[2]);
        cr_expect_eq(queue_try(&queue), &nodes[0]);
        cr_expect_null(queue_try(&queue));
    }
}

Test(queue, wakes_whoever_watches_until_that_is_cleared)
{
    struct queue_node nodes[2];
    cr_expect_not(awake());
    queue_push(&queue, &nodes[0]);
    queue_push(&queue, &nodes[1]);
    cr_expect(awake());
    queue_clear_wake(&queue);
    cr_expect_not(awake());
    while (queue_try(&queue))
        ;
    queue_push(&queue, &nodes[0]);
    cr_expect(awake());
}

Test(queue, closed_gives_what_is_left_and_then_nothing)
{
    struct queue_node nodes[2];
    queue_push(&queue, &nodes[0]);
    queue_push(&queue, &nodes[1]);
    queue_close(&queue);
    cr_expect_eq(queue_pop(&queue), &nodes[0]);
    cr_expect_eq(queue_pop(&queue), &nodes[1]);
    cr_expect_null(queue_pop(&queue));
    cr_expect_null(queue_pop(&queue));
}

/* ---- between threads ---- */

enum {
    THREADS = 4,
    EACH = 2000
};

struct item {
    struct queue_node node; /* first: a node is its item */
    int taken;
};

static struct item items[THREADS][EACH];

static void *push_all(void *arg)
{
    struct item *mine = arg;
    for (int i = 0; i < EACH; i++)
        queue_push(&queue, &mine[i].node);
    return NULL;
}

static void *pop_all(void *arg)
{
    struct queue_node *node;
    while ((node = queue_pop(&queue)))
        ((struct item *)node)->taken++;
    return arg;
}

Test(queue, gives_each_to_one_thread)
{
    pthread_t pushers[THREADS], poppers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&poppers[i], NULL, pop_all, NULL);
        pthread_create(&pushers[i], NULL, push_all, items[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(pushers[i], NULL);
    queue_close(&queue);
    for (int i = 0; i < THREADS; i++)
        pthread_join(poppers[i], NULL);
    for (int i = 0; i < THREADS * EACH; i++)
        cr_expect_eq(items[i / EACH][i % EACH].taken, 1);
}

Test(queue, lets_threads_wait_for_what_comes)
{
    pthread_t popper;
    pthread_create(&popper, NULL, pop_all, NULL);
    for (int i = 0; i < 100; i++)
        queue_push(&queue, &items[0][i].node);
    queue_close(&queue);
    pthread_join(popper, NULL);
    for (int i = 0; i < 100; i++)
        cr_expect_eq(items[0][i].taken, 1);
}

Test(queue, loses_no_wake_between_threads)
{
    pthread_t pusher;
    int got = 0;
    pthread_create(&pusher, NULL, push_all, items[0]);
    while (got < EACH) {
        struct pollfd p = {.fd = queue.wake, .events = POLLIN};
        cr_assert_eq(poll(&p, 1, 10000), 1, "never woken, %d", got);
        queue_clear_wake(&queue);
        while (queue_try(&queue))
            got++;
    }
    pthread_join(pusher, NULL);
}
