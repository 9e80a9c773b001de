/* SPDX-License-Identifier: MIT */
/*
 * USR2: a new master on the same sockets takes over, or the old one goes on.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"

static struct server server;

static void stop(void)
{
    server_stop(&server);
}

TestSuite(upgrade, .fini = stop, .timeout = 60);

static const char *with(const char *more)
{
    static char config[4096];
    snprintf(config, sizeof config,
             "app(\"%s\") worker_processes(2) pid(\"pid\")\n%s",
             app_path("plain.lua"), more);
    return config;
}

/* The config names the port that the server has by now. */
static void keep_port(const char *more)
{
    char config[4200];
    snprintf(config, sizeof config, "%s\nlisten(\"127.0.0.1:%d\")", with(more),
             server.port);
    server_rewrite(&server, config);
}

static void start(const char *more)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    server_start(&server, with(more));
    keep_port(more);
}

/* A socket file of that name. Valid until the next call. */
static const char *listen_on(const char *name)
{
    static char text[256];
    snprintf(text, sizeof text, "listen(\"unix:%s\")",
             server_path(&server, name));
    return text;
}

static void start_with_socket(const char *name)
{
    char more[512];
    server_prepare(&server);
    snprintf(more, sizeof more, "%s listen(\"127.0.0.1:0\")", listen_on(name));
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    server_start(&server, with(more));
    keep_port(listen_on(name));
}

static void upgrade(void)
{
    server_signal(&server, SIGUSR2);
    server_follow_upgrade(&server);
}

static void assert_serves(void)
{
    struct answer a = get(&server, "/");
    cr_assert_eq(a.status, 200);
    cr_assert_str_eq(a.body, "hello\n");
}

/* 0: there is none. */
static pid_t in_file(const char *name)
{
    FILE *f = fopen(server_path(&server, name), "r");
    int pid = 0;
    if (f && fscanf(f, "%d", &pid) != 1)
        pid = 0;
    if (f)
        fclose(f);
    return pid;
}

static int descriptors(pid_t pid)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* Some are open for a moment only. */
static void await_at_most(pid_t pid, int n)
{
    for (int i = 0; i < 1000 && descriptors(pid) > n; i++)
        assert_serves();
    cr_assert_leq(descriptors(pid), n);
}

Test(upgrade, takes_over_when_it_is_ready)
{
    start("");
    pid_t old = server.pid;
    upgrade();
    cr_assert_neq(server.pid, old);
    cr_assert_eq(in_file("pid"), server.pid);
    cr_assert_not(server_has(&server, "pid.oldbin"));
    assert_serves();
    cr_assert_eq(server_children(&server), 2);
}

Test(upgrade, works_again_and_leaks_no_descriptor)
{
    start("");
    upgrade();
    int masters = descriptors(server.pid);
    int workers = descriptors(server_worker(&server, 0));
    for (int i = 0; i < 3; i++)
        upgrade();
    await_at_most(server.pid, masters);
    await_at_most(server_worker(&server, 0), workers);
}

Test(upgrade, lets_requests_in_hand_be_answered)
{
    start("");
    int fd = dial(&server);
    send_text(fd, "GET /nap?1 HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!server_has(&server, "napping"))
        cr_assert(!readable_within(fd, 10));
    server_signal(&server, SIGUSR2);
    server_await(&server, "handing over");
    struct answer a = read_answer(fd);
    cr_assert_str_eq(a.body, "slept\n");
    close(fd);
    server.seen = 0; /* it looks for the same line */
    server_follow_upgrade(&server);
    assert_serves();
}

Test(upgrade, is_not_undone_by_a_stop_of_the_old_master)
{
    start("");
    int fd = dial(&server);
    send_text(fd, "GET /nap?1 HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!server_has(&server, "napping"))
        cr_assert(!readable_within(fd, 10));
    server_signal(&server, SIGUSR2);
    server_await(&server, "handing over");
    server_signal(&server, SIGQUIT);
    server_await(&server, "stopping how=graceful");
    cr_assert_str_eq(read_answer(fd).body, "slept\n");
    close(fd);
    server.seen = 0;
    server_follow_upgrade(&server);
    assert_serves();
}

Test(upgrade, takes_socket_files_over_and_removes_them_at_the_end)
{
    start_with_socket("sock");
    upgrade();
    int fd = dial_unix(server_path(&server, "sock"));
    cr_assert_str_eq(ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").body,
                     "hello\n");
    close(fd);
    server_signal(&server, SIGQUIT);
    cr_assert_eq(server_wait(&server), 0);
    cr_assert_not(server_has(&server, "sock"));
    cr_assert_not(server_has(&server, "pid"));
}

Test(upgrade, drops_and_adds_addresses)
{
    start_with_socket("old");
    keep_port(listen_on("new"));
    upgrade();
    close(dial_unix(server_path(&server, "new")));
    cr_assert_not(server_has(&server, "old"));
    assert_serves();
}

Test(upgrade, runs_before_exec_in_the_new_process)
{
    start("before_exec(function(p) local f <close> = io.open('who', 'w') "
          "f:write(p.pid, tostring(p.number)) error('oh') end)");
    server.errors_expected = true;
    upgrade();
    cr_assert_eq(in_file("who"), server.pid);
    cr_assert(server_logged(&server, "before_exec: "));
}

static void assert_backs_out(const char *why)
{
    pid_t old = server.pid;
    pid_t worker = server_worker(&server, 1);
    server.errors_expected = true;
    server_signal(&server, SIGUSR2);
    server_await(&server, "upgrade failed, the old master goes on");
    cr_assert(server_logged(&server, why), "%s", server.log);
    while (in_file("pid") != old || server_has(&server, "pid.oldbin"))
        assert_serves();
    assert_serves();
    cr_assert_eq(server_worker(&server, 1), worker);
}

Test(upgrade, with_a_broken_config_is_backed_out_and_works_when_mended)
{
    start_with_socket("sock");
    keep_port("nonsense()");
    assert_backs_out("config.lua:3: nonsense: no such directive");
    cr_assert(server_has(&server, "sock"));
    keep_port(listen_on("sock"));
    upgrade();
    assert_serves();
}

Test(upgrade, with_an_app_that_cannot_load_is_backed_out)
{
    start("");
    keep_port("after_fork(function(w) "
              "if w.number == 1 then os.execute('kill -9 ' .. w.pid) end end)");
    assert_backs_out("worker=1 ");
}

Test(upgrade, that_is_not_ready_in_time_is_backed_out)
{
    start("boot_timeout(0.4)");
    keep_port("boot_timeout(60) after_fork(function(w) "
              "while w.number == 1 do end end)");
    assert_backs_out("was not ready in time");
}

Test(upgrade, waits_for_a_reload_and_a_reload_for_it)
{
    char config[256];
    server_prepare(&server);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    server_write(&server, "slow.lua",
                 "while not io.open('go') do end "
                 "return function() return 200, {}, 'slow' end");
    server_write(&server, "go", "");
    server_start(&server, "app('slow.lua') pid('pid')");
    unlink(server_path(&server, "go"));
    snprintf(config, sizeof config,
             "app('slow.lua') pid('pid') listen('127.0.0.1:%d')", server.port);
    server_rewrite(&server, config);
    server_signal(&server, SIGHUP);
    server_await(&server, "reloading");
    server_signal(&server, SIGUSR2);
    server_await(&server, "the upgrade follows it");
    server_write(&server, "go", "");
    server_await(&server, "reloaded generation=2");
    server_follow_upgrade(&server);
    cr_assert_str_eq(get(&server, "/").body, "slow");
}
