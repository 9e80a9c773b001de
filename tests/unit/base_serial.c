/* SPDX-License-Identifier: MIT */
/*
 * Numbers and names of requests: different from thread to thread and from
 * process to process.
 */
#include "base/serial.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

enum {
    EACH = 5000,
    THREADS = 4
};

static uint64_t numbers[THREADS * EACH];

static void *take(void *arg)
{
    uint64_t *into = arg;
    for (int i = 0; i < EACH; i++)
        into[i] = serial_next();
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

Test(serial, is_different_for_each_in_every_thread)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, take, numbers + i * EACH);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(numbers, THREADS * EACH, sizeof *numbers, compare);
    cr_expect_neq(numbers[0], 0);
    for (int i = 1; i < THREADS * EACH; i++)
        cr_assert_neq(numbers[i], numbers[i - 1]);
}

Test(serial, has_a_name_of_hexadecimal_digits)
{
    char text[SERIAL_TEXT + 1] = {0};
    serial_seed();
    serial_text(serial_next(), text);
    cr_expect_eq(strspn(text, "0123456789abcdef"), SERIAL_TEXT);
}

Test(serial, has_the_same_name_whenever_it_is_asked_for)
{
    char one[SERIAL_TEXT], again[SERIAL_TEXT], other[SERIAL_TEXT];
    serial_seed();
    serial_text(7, one);
    serial_text(7, again);
    serial_text(8, other);
    cr_expect_eq(memcmp(one, again, SERIAL_TEXT), 0);
    cr_expect_neq(memcmp(one, other, SERIAL_TEXT), 0);
}

Test(serial, has_another_name_in_another_process)
{
    char one[SERIAL_TEXT], other[SERIAL_TEXT];
    serial_seed();
    serial_text(7, one);
    serial_seed(); /* as the process after a fork does */
    serial_text(7, other);
    cr_expect_neq(memcmp(one, other, 16), 0);
    cr_expect_neq(memcmp(one + 16, other + 16, 16), 0);
}
