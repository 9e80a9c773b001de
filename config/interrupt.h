/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONFIG_INTERRUPT_H
#define RAINBOWS_CONFIG_INTERRUPT_H

#include <lua.h>

/* Around everything that runs in a config's state: between the two,
 * config_interrupt() reaches it. */
void interrupt_begin(lua_State *L);
void interrupt_end(void);

#endif
