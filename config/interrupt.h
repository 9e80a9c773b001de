/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONFIG_INTERRUPT_H
#define RAINBOWS_CONFIG_INTERRUPT_H

#include <stdint.h>

#include <lua.h>

/* Around everything that runs in a config's state: between the two,
 * config_interrupt() reaches it. */
void interrupt_begin(lua_State *L);
void interrupt_end(void);

/* What runs from now on may take so many microseconds; 0: as long as it does.
 */
void interrupt_within(int64_t time);

#endif
