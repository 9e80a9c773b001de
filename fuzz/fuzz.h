/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_FUZZ_FUZZ_H
#define RAINBOWS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* One input; called by libFuzzer or by replay.c. Ends the process when a
 * property does not hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(3): a release build must check the properties, too. */
#define CHECK(property)                                                        \
    do {                                                                       \
        if (!(property)) {                                                     \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,  \
                    #property);                                                \
            abort();                                                           \
        }                                                                      \
    } while (0)

/* A place to cut the input at, of which the input itself is the seed. */
static inline size_t cut_of(const uint8_t *data, size_t size)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 16777619u;
    return hash % (size + 1);
}

#endif
