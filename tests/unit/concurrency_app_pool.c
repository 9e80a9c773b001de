/* SPDX-License-Identifier: MIT */
/*
 * Lending Lua states: each to one thread at a time, with its heartbeat.
 */
#include "concurrency/app_pool.h"

#include <pthread.h>
#include <stdatomic.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "worker/heartbeat.h"
#include "worker/worker.h"

enum {
    APPS = 3
};

/* The pool does not look into an app: any three addresses do. */
static char places[APPS];
static struct app *apps[APPS];
static struct heartbeat heartbeat;
static struct worker worker = {
    .apps = apps, .app_count = APPS, .heartbeat = &heartbeat};
static struct app_pool *pool;

static void set_up(void)
{
    struct err err;
    cr_assert_eq(heartbeat_open(&heartbeat, APPS, &err), 0);
    for (int i = 0; i < APPS; i++)
        apps[i] = (struct app *)&places[i];
    pool = app_pool_new(&worker);
}

static void tear_down(void)
{
    app_pool_free(pool);
    heartbeat_close(&heartbeat);
}

TestSuite(app_pool, .init = set_up, .fini = tear_down, .timeout = 20);

static int number_of(const struct app *app)
{
    return (int)((const char *)app - places);
}

Test(app_pool, lends_each_state_once)
{
    bool seen[APPS] = {false};
    for (int i = 0; i < APPS; i++) {
        int n = number_of(app_pool_take(pool));
        cr_expect_not(seen[n]);
        seen[n] = true;
    }
    for (int i = 0; i < APPS; i++)
        app_pool_give(pool, apps[i]);
}

Test(app_pool, lends_the_state_first_that_came_back_last)
{
    cr_expect_eq(app_pool_take(pool), apps[0], "the preloaded one");
    struct app *second = app_pool_take(pool);
    app_pool_give(pool, apps[0]);
    app_pool_give(pool, second);
    cr_expect_eq(app_pool_take(pool), second);
    cr_expect_eq(app_pool_take(pool), apps[0]);
    app_pool_give(pool, apps[0]);
    app_pool_give(pool, second);
}

Test(app_pool, sets_the_heartbeat_of_who_borrows)
{
    for (int i = 0; i < APPS; i++) {
        int n = number_of(app_pool_take(pool));
        cr_expect_eq(beat_mine(), &heartbeat.lines[n]);
    }
    for (int i = 0; i < APPS; i++)
        app_pool_give(pool, apps[i]);
}

static _Atomic int users[APPS];
static _Atomic int clashes;

static void *borrow_often(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        struct app *app = app_pool_take(pool);
        clashes += atomic_fetch_add(&users[number_of(app)], 1) != 0;
        atomic_fetch_sub(&users[number_of(app)], 1);
        app_pool_give(pool, app);
    }
    return arg;
}

Test(app_pool, lends_a_state_to_one_thread_at_a_time)
{
    pthread_t threads[2 * APPS];
    for (int i = 0; i < 2 * APPS; i++)
        pthread_create(&threads[i], NULL, borrow_often, NULL);
    for (int i = 0; i < 2 * APPS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(clashes, 0);
}

static void *borrow_once(void *arg)
{
    struct app **got = arg;
    *got = app_pool_take(pool);
    return NULL;
}

Test(app_pool, lets_a_thread_wait_for_a_state)
{
    pthread_t thread;
    struct app *got = NULL;
    for (int i = 0; i < APPS; i++)
        app_pool_take(pool);
    pthread_create(&thread, NULL, borrow_once, &got);
    app_pool_give(pool, apps[1]);
    pthread_join(thread, NULL);
    cr_expect_eq(got, apps[1]);
    for (int i = 0; i < APPS; i++)
        app_pool_give(pool, apps[i]);
}
