/* SPDX-License-Identifier: MIT */
/*
 * worker_processes("auto"). A container usually sees all CPUs of its host and
 * is held back by a quota, so counting CPUs alone starts far too many workers.
 * The quota of every cgroup from ours to the root counts, of version 2 and of
 * version 1; a cpuset shows in the CPUs that the process is bound to.
 */
#include "config/cpus.h"

#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"

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

/* The next line of /proc/self/cgroup, "4:cpu,cpuacct:/docker/abc": its
 * controllers and its path, which it is cut into. */
static bool next_line(char **text, char **controllers, char **path)
{
    char *line = strsep(text, "\n");
    if (!line)
        return false;
    strsep(&line, ":");
    *controllers = strsep(&line, ":");
    *path = line;
    return true;
}

static bool has_cpu(char *controllers)
{
    for (char *name; (name = strsep(&controllers, ","));)
        if (strcmp(name, "cpu") == 0)
            return true;
    return false;
}

static char *read_in(const char *dir, const char *cgroup, const char *name)
{
    struct err ignored;
    size_t len;
    char *path = xasprintf("%s%s/%s", dir, cgroup, name);
    char *text = fd_read_file(path, &len, &ignored);
    free(path);
    return text;
}

/* Version 2: quota and period in one file. */
static int within_max(int cpus, const char *dir, const char *cgroup)
{
    char *text = read_in(dir, cgroup, "cpu.max");
    if (text)
        cpus = cpus_within_quota(cpus, text);
    free(text);
    return cpus;
}

/* Version 1: a file for each; a quota of -1 is none. */
static int within_cfs(int cpus, const char *dir, const char *cgroup)
{
    char *quota = read_in(dir, cgroup, "cpu.cfs_quota_us");
    char *period = read_in(dir, cgroup, "cpu.cfs_period_us");
    if (quota && period) {
        char *both = xasprintf("%s %s", quota, period);
        cpus = cpus_within_quota(cpus, both);
        free(both);
    }
    free(quota);
    free(period);
    return cpus;
}

/* From our cgroup to the root. In a container the path may be the host's and
 * its own files at the root: what is not there bounds nothing. */
static int within_all(int cpus, const char *dir, char *cgroup,
                      int (*within)(int, const char *, const char *))
{
    if (strcmp(cgroup, "/") == 0)
        *cgroup = '\0';
    for (;;) {
        cpus = within(cpus, dir, cgroup);
        char *last = strrchr(cgroup, '/');
        if (!last)
            return cpus;
        *last = '\0';
    }
}

int cpus_within_cgroups(int cpus, const char *memberships, const char *root)
{
    char *text = xstrdup(memberships);
    char *rest = text, *controllers, *path;
    char *cpu = xasprintf("%s/cpu", root);
    char *unified = xasprintf("%s/unified", root); /* beside version 1 */
    while (next_line(&rest, &controllers, &path)) {
        if (!path || path[0] != '/')
            continue;
        if (has_cpu(controllers)) {
            cpus = within_all(cpus, cpu, path, within_cfs);
        } else if (!*controllers) {
            char *again = xstrdup(path);
            cpus = within_all(cpus, root, path, within_max);
            cpus = within_all(cpus, unified, again, within_max);
            free(again);
        }
    }
    free(unified);
    free(cpu);
    free(text);
    return cpus;
}

int cpus_granted(void)
{
    struct err ignored;
    size_t len;
    int cpus = cpus_bound_to();
    char *memberships = fd_read_file("/proc/self/cgroup", &len, &ignored);
    if (memberships)
        cpus = cpus_within_cgroups(cpus, memberships, "/sys/fs/cgroup");
    free(memberships);
    return cpus > 0 ? cpus : 1;
}
