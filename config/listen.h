/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONFIG_LISTEN_H
#define RAINBOWS_CONFIG_LISTEN_H

#include "config/config.h"
#include "config/directives.h"

/* The options of listen(), rows as in directives[]; their fields lie in
 * struct listen_spec. */
extern const struct directive listen_options[];

/* Forgets all that was listened on. */
void listen_clear(struct config *config);

#endif
