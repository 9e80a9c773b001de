/* SPDX-License-Identifier: MIT */
/*
 * worker_processes("auto"): a cgroup's quota bounds the CPUs.
 */
#include "config/cpus.h"

#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

static char root[] = "/tmp/cgroup_XXXXXX";

static void remove_root(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", root);
    cr_expect_eq(system(command), 0);
}

/* A file below a made-up /sys/fs/cgroup. */
static void make(const char *dir, const char *name, const char *text)
{
    char command[256];
    if (root[sizeof root - 2] == 'X')
        cr_assert_not_null(mkdtemp(root));
    snprintf(command, sizeof command,
             "mkdir -p '%s/%s' && echo '%s' >'%s/%s/%s'", root, dir, text, root,
             dir, name);
    cr_assert_eq(system(command), 0);
}

static int within(const char *memberships)
{
    return cpus_within_cgroups(16, memberships, root);
}

Test(config_cpus, are_bounded_by_the_quota)
{
    cr_expect_eq(cpus_within_quota(8, "200000 100000\n"), 2);
    cr_expect_eq(cpus_within_quota(8, "50000 25000\n"), 2);
}

Test(config_cpus, count_a_part_of_a_cpu_as_one)
{
    cr_expect_eq(cpus_within_quota(8, "150000 100000\n"), 2);
    cr_expect_eq(cpus_within_quota(8, "1000 100000\n"), 1);
}

Test(config_cpus, are_not_raised_by_a_large_quota)
{
    cr_expect_eq(cpus_within_quota(2, "800000 100000\n"), 2);
    cr_expect_eq(cpus_within_quota(2, "9000000000000000 1\n"), 2);
}

Test(config_cpus, are_all_granted_without_a_quota)
{
    cr_expect_eq(cpus_within_quota(8, "max 100000\n"), 8);
    cr_expect_eq(cpus_within_quota(8, ""), 8);
    cr_expect_eq(cpus_within_quota(8, "0 0\n"), 8);
    cr_expect_eq(cpus_within_quota(8, "-1 100000\n"), 8);
}

Test(config_cpus, are_at_least_one)
{
    cr_expect_geq(cpus_granted(), 1);
}

Test(config_cpus, are_bounded_by_the_own_cgroup, .fini = remove_root)
{
    make("a/b", "cpu.max", "300000 100000");
    cr_expect_eq(within("0::/a/b\n"), 3);
    cr_expect_eq(within("0::/a\n"), 16);
    cr_expect_eq(within("0::/a/b/c\n"), 3, "and by those around it");
}

Test(config_cpus, are_bounded_by_the_narrowest_cgroup, .fini = remove_root)
{
    make(".", "cpu.max", "max 100000");
    make("a", "cpu.max", "250000 100000");
    make("a/b", "cpu.max", "800000 100000");
    make("a/b/c", "cpu.max", "max 100000");
    cr_expect_eq(within("0::/a/b/c\n"), 3);
}

/* The path is the host's, what is mounted is the container's. */
Test(config_cpus, are_bounded_by_the_root_of_a_container, .fini = remove_root)
{
    make(".", "cpu.max", "150000 100000");
    cr_expect_eq(within("0::/\n"), 2);
    cr_expect_eq(within("0::/docker/0123\n"), 2);
    cr_expect_eq(within("0::/../other\n"), 2);
}

Test(config_cpus, are_bounded_by_cgroups_of_version_1, .fini = remove_root)
{
    make("cpu/docker/x", "cpu.cfs_quota_us", "50000");
    make("cpu/docker/x", "cpu.cfs_period_us", "20000");
    make("cpu/docker", "cpu.cfs_quota_us", "-1");
    make("cpu/docker", "cpu.cfs_period_us", "100000");
    cr_expect_eq(within("5:memory:/\n4:cpu,cpuacct:/docker/x\n0::/\n"), 3);
    cr_expect_eq(within("4:cpuacct,cpu:/docker\n"), 16);
    cr_expect_eq(within("4:cpuset,cpuacct:/docker/x\n"), 16);
}

Test(config_cpus, are_bounded_by_version_2_beside_version_1,
     .fini = remove_root)
{
    make("unified/a", "cpu.max", "100000 100000");
    cr_expect_eq(within("1:name=systemd:/a\n0::/a\n"), 1);
}

Test(config_cpus, are_not_bounded_by_nonsense, .fini = remove_root)
{
    make(".", "cpu.max", "");
    cr_expect_eq(within(""), 16);
    cr_expect_eq(within("\n:\n::\n0:\n0::\n0::a\n4:cpu:\n0::/\n"), 16);
}
