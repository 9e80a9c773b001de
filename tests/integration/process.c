/* SPDX-License-Identifier: MIT */
/*
 * What the server is to the system: whose its workers are, whose the files that
 * it makes, and how many it may have open. Most of it needs root.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <linux/capability.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define USER  "user(65534, 65533)\n"
#define HELLO "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#define SPIN  "GET /spin HTTP/1.1\r\nHost: x\r\n\r\n"
#define ONE   "app('app.lua') worker_processes(1)\n"

/* Says whether it could make a file while it was loaded, and prints. */
#define APP                                                                    \
    "local made = io.open('made-by-app', 'w')\n"                               \
    "local home = os.getenv('HOME')\n"                                         \
    "return function(env)\n"                                                   \
    "  if env.PATH_INFO == '/spin' then while true do end end\n"               \
    "  print('the app speaks') io.stdout:flush()\n"                            \
    "  return 200, {}, (made and 'root' or 'user') .. ' ' .. home\n"           \
    "end"

static struct server server;

static void stop(void)
{
    server_stop(&server);
}

TestSuite(process, .fini = stop, .timeout = 60);

/* A directory that the user may enter, and no more. */
static void prepare(void)
{
    server_prepare(&server);
    cr_assert_eq(chmod(server.dir, 0755), 0);
    server_write(&server, "app.lua", APP);
}

static void start(const char *config)
{
    prepare();
    server_start(&server, config);
}

static void need_root(void)
{
    if (geteuid() != 0)
        cr_skip("needs root");
}

/* The line of /proc/PID/FILE that begins so, without that. */
static const char *proc_line(pid_t pid, const char *file, const char *start)
{
    static char line[256];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    bool found = false;
    while (!found && fgets(line, sizeof line, f))
        found = strncmp(line, start, strlen(start)) == 0;
    fclose(f);
    cr_assert(found, "no %s", start);
    line[strcspn(line, "\n")] = '\0';
    return line + strlen(start);
}

static void assert_status(pid_t pid, const char *start, const char *want)
{
    cr_assert_str_eq(proc_line(pid, "status", start), want);
}

static struct stat stat_of(const char *name)
{
    struct stat st;
    cr_assert_eq(stat(server_path(&server, name), &st), 0, "no %s", name);
    return st;
}

/* ---- whose the workers are ---- */

Test(process, workers_are_the_user_and_the_master_is_not)
{
    need_root();
    start(ONE USER);
    pid_t worker = server_worker(&server, 0);
    assert_status(worker, "Uid:", "\t65534\t65534\t65534\t65534");
    assert_status(worker, "Gid:", "\t65533\t65533\t65533\t65533");
    cr_assert_not_null(strstr(proc_line(worker, "status", "Groups:"), "65533"));
    assert_status(worker, "CapPrm:", "\t0000000000000000");
    assert_status(server.pid, "Uid:", "\t0\t0\t0\t0");
    cr_assert_eq(strncmp(get(&server, "/").body, "user ", 5), 0);
}

Test(process, hooks_run_before_the_change_and_the_app_after_it)
{
    need_root();
    start(ONE "user('nobody')\n"
              "after_fork(function() io.open('made-by-hook', 'w') end)");
    cr_assert(server_has(&server, "made-by-hook"));
    cr_assert_eq(strncmp(get(&server, "/").body, "user /", 6), 0);
    cr_assert_not(server_has(&server, "made-by-app"));
}

Test(process, a_late_call_of_another_user_is_interrupted)
{
    need_root();
    if (signals_come_late())
        cr_skip("ThreadSanitizer holds signals back");
    server.errors_expected = true;
    start(ONE USER "timeout(0.4)");
    int fd = dial(&server);
    send_text(fd, SPIN);
    cr_assert_eq(read_answer(fd).status, 500);
    cr_assert_eq(ask(fd, HELLO).status, 200);
}

Test(process, workers_of_another_user_obey)
{
    need_root();
    start(ONE USER);
    pid_t worker = server_worker(&server, 0);
    server_signal(&server, SIGHUP);
    await_gone(worker);
    server_await_times(&server, "ready model=", 2);
    worker = server_worker(&server, 0);
    server.errors_expected = signals_come_late(); /* killed, as it does not */
    server_signal(&server, SIGINT);
    int status = server_wait(&server);
    cr_assert(signals_come_late() || status == 0);
    await_gone(worker);
}

Test(process, a_preloaded_app_is_loaded_as_root_and_the_log_says_so)
{
    need_root();
    start(ONE USER "preload_app(true)");
    cr_assert(server_has(&server, "made-by-app"));
    cr_assert(server_logged(&server, "WARN  master"));
    cr_assert(server_logged(&server, "the app is loaded as root"));
    assert_status(server_worker(&server, 0),
                  "Uid:", "\t65534\t65534\t65534\t65534");
}

/* ---- files ---- */

static void assert_belongs(const char *name, uid_t uid, gid_t gid)
{
    struct stat st = stat_of(name);
    cr_assert(st.st_uid == uid && st.st_gid == gid, "%s: %u", name, st.st_uid);
}

/* Asks until what the app prints has come to the file. */
static void await_print(const char *name)
{
    int fd = dial(&server);
    do
        cr_assert_eq(ask(fd, HELLO).status, 200);
    while (stat_of(name).st_size == 0);
}

static void rotate(void)
{
    cr_assert_eq(
        rename(server_path(&server, "out"), server_path(&server, "out.1")), 0);
}

Test(process, logs_belong_to_the_workers_after_rotation_too)
{
    need_root();
    start(ONE USER "stdout_path('out')");
    assert_belongs("out", 65534, 65533);
    rotate();
    server_signal(&server, SIGUSR1);
    server_await(&server, "logs reopened");
    assert_belongs("out", 65534, 65533);
    await_print("out");
    cr_assert_not(server_logged(&server, "cannot reopen"));
}

Test(process, a_log_that_is_somebody_elses_is_left_so_and_the_old_one_kept)
{
    need_root();
    server.errors_expected = true;
    start(ONE USER "stdout_path('out')");
    cr_assert_eq(chmod(server.dir, 0777), 0);
    rotate();
    server_write(&server, "out", "");
    server_signal(&server, SIGUSR1);
    server_await(&server, "out belongs to uid=0 gid=0");
    server_await(&server, "cannot reopen out: Permission denied");
    assert_belongs("out", 0, 0);
    await_print("out.1");
    cr_assert_eq(stat_of("out").st_size, 0);
}

Test(process, a_umask_holds_for_all_that_is_made)
{
    prepare();
    char *config = xasprintf(
        ONE "umask(tonumber('027', 8)) pid('pid') stdout_path('out')\n"
            "after_fork(function() io.open('hook', 'w') end)\n"
            "listen('unix:%s/sock', { umask = tonumber('0117', 8) })\n"
            "listen('127.0.0.1:0')",
        server.dir);
    server_start(&server, config);
    cr_assert_eq(stat_of("pid").st_mode & 0777, 0640);
    cr_assert_eq(stat_of("out").st_mode & 0777, 0640);
    cr_assert_eq(stat_of("hook").st_mode & 0777, 0640);
    cr_assert_eq(stat_of("sock").st_mode & 0777, 0660);
    assert_status(server_worker(&server, 0), "Umask:", "\t0027");
}

Test(process, a_umask_comes_and_goes_with_a_reload)
{
    umask(022);
    start(ONE);
    assert_status(server_worker(&server, 0), "Umask:", "\t0022");
    server_rewrite(&server, ONE "umask(tonumber('077', 8))");
    server_signal(&server, SIGHUP);
    server_await(&server, "generation=2");
    server_await(&server, "exit=0");
    assert_status(server_worker(&server, 0), "Umask:", "\t0077");
    server_rewrite(&server, ONE);
    server_signal(&server, SIGHUP);
    server_await(&server, "exit=0");
    assert_status(server_worker(&server, 0), "Umask:", "\t0022");
}

static rlim_t open_files(pid_t pid)
{
    return strtoul(proc_line(pid, "limits", "Max open files"), NULL, 10);
}

static void limit_files(rlim_t soft, rlim_t hard)
{
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0); /* it is inherited */
    prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE); /* root could go beyond it */
}

Test(process, the_limit_of_open_files_is_raised_to_what_is_needed)
{
    limit_files(100, 5000);
    start(ONE "worker_connections(500) pool_size(300)");
    rlim_t limit = open_files(server_worker(&server, 0));
    bool one = strcmp(model_under_test(), "Base") == 0;
    cr_assert(one ? limit == 100 : limit > 1000 && limit < 5000, "%lu", limit);
    cr_assert_not(server_logged(&server, "open files"));
}

Test(process, a_limit_of_open_files_that_is_too_low_is_told_once)
{
    if (strcmp(model_under_test(), "Base") == 0)
        cr_skip("one client needs few files");
    limit_files(100, 300);
    start("app('app.lua') worker_processes(2) worker_connections(500)\n"
          "pool_size(120) app_pool(2)");
    cr_assert(server_logged(&server, "open files: limit=300, but a worker "
                                     "may need "));
    cr_assert_eq(open_files(server_worker(&server, 0)), 300);
    cr_assert_eq(get(&server, "/").status, 200);
    cr_assert_null(strstr(strstr(server.log, "open files") + 1, "open files"));
}
