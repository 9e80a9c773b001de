/* SPDX-License-Identifier: MIT */
/*
 * worker_processes("auto"): a cgroup's quota bounds the CPUs.
 */
#include "config/cpus.h"

#include <criterion/criterion.h>

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
