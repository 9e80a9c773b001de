/* SPDX-License-Identifier: MIT */
/*
 * The limit of open files: what a setup needs, and what is done about it.
 */
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "concurrency/models.h"
#include "master/master.h"
#include "tests/support/config_text.h"
#include "tests/support/logs.h"
#include "worker/model.h"

static struct setup setup;

static rlim_t needs(const char *text)
{
    char whole[256];
    struct err err = {0};
    snprintf(whole, sizeof whole, "app('app.lua') %s", text);
    setup.config = load_text(whole);
    setup.model = model_find(setup.config->use, &err);
    cr_assert_not_null(setup.model, "%s", err.text);
    setup.listener_count = setup.config->listen_count;
    return files_needed(&setup);
}

static void limit(rlim_t soft, rlim_t hard)
{
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void is_limited(rlim_t soft, rlim_t hard)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    cr_expect_eq(limit.rlim_cur, soft, "%lu", limit.rlim_cur);
    cr_expect_eq(limit.rlim_max, hard, "%lu", limit.rlim_max);
}

TestSuite(files, .init = logs_open);

Test(files, grow_with_the_clients_that_the_model_takes)
{
    rlim_t base = needs("use('Base') worker_connections(1000)");
    cr_expect_eq(base, needs("use('Base') worker_connections(1)"));
    rlim_t few = needs("use('Reactor') worker_connections(1)");
    cr_expect_eq(few, base);
    cr_expect_eq(needs("use('Reactor') worker_connections(1001)"),
                 few + 1000 * 3);
    rlim_t pool = needs("use('ThreadPool') pool_size(10)");
    cr_expect_gt(needs("use('ThreadPool') pool_size(20)"), pool + 30);
}

Test(files, grow_with_listeners_and_workers)
{
    rlim_t one = needs("listen(1)");
    cr_expect_eq(needs("listen(1) listen(2) listen(3)"), one + 2);
    cr_expect_gt(needs("worker_processes(500)"), 2000); /* in the master */
}

Test(files, are_raised_to_what_is_needed)
{
    rlim_t need = needs("use('Reactor') worker_connections(100)");
    limit(64, 1000);
    files_allow(&setup);
    is_limited(need, 1000);
    cr_expect_str_eq(logs_next(), "");
}

Test(files, stay_where_that_is_enough)
{
    needs("");
    limit(900, 1000);
    files_allow(&setup);
    is_limited(900, 1000);
}

Test(files, that_cannot_be_had_are_told_of)
{
    char want[256];
    rlim_t need = needs("use('Reactor') worker_connections(1000)");
    if (geteuid() == 0) { /* who could raise the hard limit, too */
        struct __user_cap_header_struct head = {
            .version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none[2] = {0};
        cr_assert_eq(syscall(SYS_capset, &head, none), 0);
    }
    limit(64, 500);
    files_allow(&setup);
    is_limited(500, 500);
    snprintf(want, sizeof want,
             "WARN  rainbows open files: limit=500, but a worker may need %lu; "
             "raise it (ulimit -n, LimitNOFILE of systemd) or lower "
             "worker_connections\n",
             need);
    cr_expect_str_eq(logs_line(), want);
    cr_expect_str_eq(logs_next(), "");
}
