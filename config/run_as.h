/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONFIG_RUN_AS_H
#define RAINBOWS_CONFIG_RUN_AS_H

struct run_as;

void run_as_init(struct run_as *as);
void run_as_fini(struct run_as *as);

#endif
