/* SPDX-License-Identifier: MIT */
/*
 * A name is 64 random bits of the process and the number, mixed so that names
 * do not look alike. The mixing can be undone, so different numbers stay
 * different.
 */
#include "base/serial.h"

#include <stdatomic.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    BLOCK = 1024 /* numbers that a thread takes at a time */
};

static _Atomic uint64_t next_block; /* any thread */

/* Of the process; written before it has threads. */
static uint64_t seed[2];

void serial_seed(void)
{
    if (getrandom(seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed)
        return;
    seed[0] = (uint64_t)clock_now() << 22 ^ (uint64_t)getpid();
    seed[1] = seed[0];
}

uint64_t serial_next(void)
{
    static _Thread_local uint64_t next, end;
    if (next == end) {
        next = 1 + BLOCK * atomic_fetch_add_explicit(&next_block, 1,
                                                     memory_order_relaxed);
        end = next + BLOCK;
    }
    return next++;
}

/* The last steps of splitmix64. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void put_hex(uint64_t number, char *to)
{
    for (int i = 0; i < 16; i++)
        to[i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
}

void serial_text(uint64_t serial, char text[SERIAL_TEXT])
{
    put_hex(seed[0], text);
    put_hex(mix(seed[1] + serial), text + 16);
}
