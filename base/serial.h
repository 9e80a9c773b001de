/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_SERIAL_H
#define RAINBOWS_BASE_SERIAL_H

#include <stdint.h>

/*
 * Numbers that no two requests share, and names made of them that no two
 * requests of any process share, before a restart or after it. A number costs
 * an increment; the name is made when somebody asks for it.
 */

/* In each process that hands out names, before it has threads. */
void serial_seed(void);

/* Any thread; never 0. */
uint64_t serial_next(void);

enum {
    SERIAL_TEXT = 32
};

/* The name: hexadecimal digits, not terminated. */
void serial_text(uint64_t serial, char text[SERIAL_TEXT]);

#endif
