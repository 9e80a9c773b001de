/* SPDX-License-Identifier: MIT */
/*
 * worker_processes("auto"). A container usually sees all CPUs of its host and
 * is held back by a quota, so counting CPUs alone starts far too many workers.
 * The quota of every cgroup from ours to the root counts.
 */
#include "config/cpus.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

int cpus_within_quota(int cpus, const char *cpu_max)
{
    int64_t quota, period;
    if (sscanf(cpu_max, "%" SCNd64 " %" SCNd64, &quota, &period) != 2 ||
        quota <= 0 || period <= 0)
        return cpus;
    int64_t granted = quota / period + (quota % period != 0);
    return granted < cpus ? (int)granted : cpus;
}

static int cpus_bound_to(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* over 1,024 CPUs */
    return online > 0 ? (int)online : 1;
}

/* Our place in the cgroup tree, "/" or "/system.slice/x.service"; free(3)
 * it. */
static char *own_cgroup(void)
{
    struct err ignored;
    size_t len;
    char *text = fd_read_file("/proc/self/cgroup", &len, &ignored);
    char *at = text;
    while (at && strncmp(at, "0::/", 4) != 0) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    char *path = at ? xstrdup(at + 3) : NULL;
    if (path)
        path[strcspn(path, "\n")] = '\0';
    free(text);
    return path;
}

static int within_quota_of(int cpus, const char *cgroup)
{
    struct err ignored;
    size_t len;
    char *file = xasprintf("%s%s/cpu.max", CGROUP_ROOT, cgroup);
    char *text = fd_read_file(file, &len, &ignored);
    if (text)
        cpus = cpus_within_quota(cpus, text);
    free(text);
    free(file);
    return cpus;
}

int cpus_granted(void)
{
    int cpus = cpus_bound_to();
    char *cgroup = own_cgroup();
    while (cgroup) {
        cpus = within_quota_of(cpus, cgroup);
        char *last = strrchr(cgroup, '/');
        if (!last)
            break;
        *last = '\0';
    }
    free(cgroup);
    return cpus > 0 ? cpus : 1;
}
