/* SPDX-License-Identifier: MIT */
/*
 * The master killed, stopped, or told many things at once.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/load.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

static struct server server;

static void stop(void)
{
    server_stop(&server);
}

TestSuite(master, .fini = stop, .timeout = 90);

/* Few states and threads, so that a worker starts quickly. */
static char *with(const char *more)
{
    return xasprintf("app(\"%s\") pool_size(3) app_pool(3)\n%s",
                     app_path("faults.lua"), more);
}

static void serve(const char *more)
{
    server_start(&server, with(more));
}

/* ---- killed ---- */

static void kill_master(void)
{
    server_signal(&server, SIGKILL);
    cr_assert(WIFSIGNALED(server_wait(&server)));
}

/* Nothing that is left of it holds the port. */
static void assert_port_is_free(int port)
{
    struct server next = {0};
    server_start(&next, with(xasprintf(
                            "listen(\"127.0.0.1:%d\", { tries = 0 })", port)));
    cr_assert_eq(get(&next, "/version").status, 200);
    server_stop(&next);
}

Test(master, killed_leaves_a_free_port_and_no_process)
{
    serve("worker_processes(2)");
    pid_t workers[] = {server_worker(&server, 0), server_worker(&server, 1)};
    kill_master();
    await_gone(workers[0]);
    await_gone(workers[1]);
    assert_port_is_free(server.port);
}

Test(master, killed_under_load_costs_no_request_that_has_a_connection)
{
    serve("worker_processes(2)");
    pid_t workers[] = {server_worker(&server, 0), server_worker(&server, 1)};
    struct load *load = load_begin(server.port, NULL);
    load_last(load);
    kill_master();
    await_gone(workers[0]);
    await_gone(workers[1]);
    load_end_well(load);
    assert_port_is_free(server.port);
}

/* Nobody is there any more to kill a worker that cannot hear of it. */
Test(master, killed_while_a_worker_hangs_leaves_a_free_port)
{
    serve("worker_processes(1) timeout(0.3) graceful_timeout(0.5)");
    pid_t worker = server_worker(&server, 0);
    int fd = dial(&server);
    send_text(fd, "GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n");
    server_await(&server, "stuck");
    kill_master();
    int64_t deadline = clock_now() + PATIENCE * CLOCK_SECOND;
    while (process_state(worker) && clock_now() < deadline)
        poll(NULL, 0, 10);
    bool outlives = kill(worker, SIGKILL) == 0;
    cr_assert_not(outlives, "the worker still hangs");
    assert_port_is_free(server.port);
    close(fd);
}

/* ---- stopped ---- */

static void pass_for(struct load *load, int64_t time)
{
    int64_t until = clock_now() + time;
    while (clock_now() < until)
        load_pass(load, 1);
}

Test(master, stopped_for_longer_than_timeout_kills_nobody)
{
    serve("worker_processes(2) timeout(1)");
    pid_t workers[] = {server_worker(&server, 0), server_worker(&server, 1)};
    struct load *load = load_begin(server.port, NULL);
    server_signal(&server, SIGSTOP);
    process_await_state(server.pid, 'T');
    pass_for(load, 2 * CLOCK_SECOND);
    server_signal(&server, SIGCONT);
    server_signal(&server, SIGUSR1);
    server_await(&server, "logs reopened");
    load_pass(load, 3);
    load_end_well(load);
    cr_assert_not(server_logged(&server, "killing"));
    cr_assert_not(server_logged(&server, "is late"));
    for (int n = 0; n < 2; n++)
        cr_assert_eq(server_worker(&server, n), workers[n]);
}

/* What it cannot hear while it is stopped, it hears before it judges. */
Test(master, stopped_while_a_worker_starts_does_not_blame_the_worker)
{
    server_start(&server, with("worker_processes(1) boot_timeout(0.5)"
                               "after_fork(function(worker)"
                               " if worker.number == 1 then"
                               "  os.execute('sleep 0.2')"
                               " end end)"));
    server_signal(&server, SIGTTIN);
    server_await(&server, "workers=2");
    process_await_children(server.pid, 2);
    server_signal(&server, SIGSTOP);
    server_await(&server, "worker=1 ");
    struct load *load = load_begin(server.port, NULL);
    pass_for(load, 3 * CLOCK_SECOND);
    server_signal(&server, SIGCONT);
    server_signal(&server, SIGUSR1);
    server_await(&server, "logs reopened");
    load_end_well(load);
    cr_assert_not(server_logged(&server, "killing"));
    cr_assert_eq(server_children(&server), 2);
}

/* ---- more and fewer workers ---- */

Test(master, counts_every_ttin_and_ttou_while_no_request_fails)
{
    serve("worker_processes(2)");
    struct load *load = load_begin(server.port, NULL);
    for (int workers = 3; workers <= 5; workers++) {
        server_signal(&server, SIGTTIN);
        server_await(&server, xasprintf(" workers=%d", workers));
    }
    load_pass(load, 2);
    for (int workers = 4; workers >= 1; workers--) {
        server_signal(&server, SIGTTOU);
        server_await(&server, xasprintf(" workers=%d", workers));
        load_pass(load, 2);
    }
    server_signal(&server, SIGTTOU); /* never the last one */
    load_pass(load, 2);
    load_end_well(load);
    cr_assert_eq(get(&server, "/version").status, 200);
}

/* Signals of one kind that come too quickly are one: nobody can say how many
 * workers there are in the end. */
Test(master, survives_a_storm_of_ttin_and_ttou_while_no_request_fails)
{
    serve("worker_processes(2)");
    struct load *load = load_begin(server.port, NULL);
    for (int i = 0; i < 60; i++)
        server_signal(&server, i % 2 ? SIGTTOU : SIGTTIN);
    load_pass(load, 3);
    server_rewrite(&server, with("worker_processes(3)"));
    server_signal(&server, SIGHUP);
    server_await(&server, "reloaded generation=2");
    server_await_times(&server, " generation=2", 4);
    load_pass(load, 3);
    load_end_well(load);
    process_await_children(server.pid, 3);
    cr_assert_eq(process_zombies(server.pid), 0);
}

Test(master, without_workers_after_winch_keeps_its_clients_waiting)
{
    serve("worker_processes(2)");
    server_signal(&server, SIGWINCH);
    process_await_children(server.pid, 0);
    int fd = dial(&server);
    send_text(fd, "GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_not(readable_within(fd, 300));
    server_signal(&server, SIGTTIN);
    cr_assert_eq(read_answer(fd).status, 200);
    close(fd);
    process_await_children(server.pid, 1);
}

Test(master, told_winch_under_load_fails_no_request)
{
    serve("worker_processes(2)");
    struct load *load = load_begin(server.port, NULL);
    for (int i = 0; i < 3; i++) {
        server_signal(&server, SIGWINCH);
        process_await_children(server.pid, 0);
        server_signal(&server, SIGHUP);
        load_pass(load, 2);
        process_await_children(server.pid, 2);
    }
    load_end_well(load);
}

/* ---- logs ---- */

/* The file that a process has as its standard error. */
static ino_t log_of(pid_t pid)
{
    struct stat st;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/2", (int)pid);
    cr_assert_eq(stat(path, &st), 0);
    return st.st_ino;
}

/* Moves the log away as logrotate does, and has it opened again. */
static void rotate(const char *to)
{
    pid_t workers[] = {server_worker(&server, 0), server_worker(&server, 1)};
    cr_assert_eq(rename(server_path(&server, "log"), to), 0);
    server_write(&server, "log", "");
    server.log_read = server.seen = 0;
    server_signal(&server, SIGUSR1);
    server_await(&server, "logs reopened");
    ino_t now = log_of(server.pid);
    for (int n = 0; n < 2; n++)
        while (log_of(workers[n]) != now)
            get(&server, "/version");
}

static void assert_has_notes(const char *path, int from, int to)
{
    static char all[1 << 16];
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    all[fread(all, 1, sizeof all - 1, f)] = '\0';
    fclose(f);
    for (int i = from; i < to; i++)
        cr_assert_not_null(strstr(all, xasprintf("note %d.", i)), "note %d", i);
}

Test(master, opens_the_logs_of_all_processes_again_and_loses_no_line)
{
    serve("worker_processes(2) stderr_path('log')");
    char *old = server_path(&server, "log.1");
    for (int i = 0; i < 20; i++)
        get(&server, xasprintf("/note?%d.", i));
    rotate(old);
    for (int i = 20; i < 40; i++)
        get(&server, xasprintf("/note?%d.", i));
    assert_has_notes(old, 0, 20);
    assert_has_notes(server_path(&server, "log"), 20, 40);
}
