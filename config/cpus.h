/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONFIG_CPUS_H
#define RAINBOWS_CONFIG_CPUS_H

/* How many CPUs this process may use: those it is bound to, bounded by the
 * quota of its cgroups where that can be read; at least 1. */
int cpus_granted(void);

/* cpus, bounded by the quotas of the cgroups in memberships, the text of
 * /proc/self/cgroup; they are mounted at root. */
int cpus_within_cgroups(int cpus, const char *memberships, const char *root);

/* cpus, bounded by the text of a cpu.max file, "200000 100000": two. A part of
 * a CPU counts as one; "max" and what cannot be read bound nothing. */
int cpus_within_quota(int cpus, const char *cpu_max);

#endif
