/* SPDX-License-Identifier: MIT */
/*
 * The life of the server: starting, supervision, signals, the end.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/server.h"

static struct server server;

static void stop(void)
{
    server_stop(&server);
}

static const char *with(const char *more)
{
    static char config[8192];
    snprintf(config, sizeof config, "app(\"%s\")\n%s", app_path("plain.lua"),
             more);
    return config;
}

static void assert_serves(const char *body)
{
    struct answer a = get(&server, "/");
    cr_assert_eq(a.status, 200);
    cr_assert_str_eq(a.body, body);
}

TestSuite(life, .fini = stop, .timeout = 60);

Test(life, serves_and_tells_its_story)
{
    server_start(&server, with("worker_processes(2)"));
    assert_serves("hello\n");
    cr_assert(server_logged(&server, "starting version="));
    cr_assert(server_logged(&server, "listening on=http://127.0.0.1:"));
    server_await_times(&server, "ready model=", 2);
    cr_assert_eq(server_children(&server), 2);
}

static void title_of(pid_t pid, char *title, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(title, 1, size - 1, f) : 0;
    title[n] = '\0';
    if (f)
        fclose(f);
}

Test(life, names_its_processes)
{
    char title[256], want[64];
    server_start(&server, with(""));
    title_of(server.pid, title, sizeof title);
    cr_assert_str_eq(title, "rainbows master -c config.lua");
    snprintf(want, sizeof want, "rainbows worker[0] %s", model_under_test());
    title_of(server_worker(&server, 0), title, sizeof title);
    cr_assert_str_eq(title, want);
}

Test(life, replaces_a_killed_worker)
{
    server.errors_expected = true;
    server_start(&server, with("worker_processes(1)"));
    pid_t old = server_worker(&server, 0);
    kill(old, SIGKILL);
    server_await(&server, "signal=KILL");
    server_await(&server, "ready model=");
    cr_assert_neq(server_worker(&server, 0), old);
    assert_serves("hello\n");
}

Test(life, a_killed_worker_costs_only_its_own_clients)
{
    server.errors_expected = true;
    server_start(&server, with("worker_processes(2)"));
    server_await_times(&server, "ready model=", 2);
    int a = dial(&server);
    send_text(a, "GET /pid HTTP/1.1\r\nHost: x\r\n\r\n");
    pid_t mine = (pid_t)atoi(read_answer(a).body);
    pid_t other = server_worker(&server, 0) == mine ? server_worker(&server, 1)
                                                    : server_worker(&server, 0);
    kill(other, SIGKILL);
    server_await(&server, "signal=KILL");
    send_text(a, "GET /pid HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq((pid_t)atoi(read_answer(a).body), mine);
}

Test(life, workers_finish_and_leave_when_the_master_is_killed)
{
    server_start(&server, with("worker_processes(1)"));
    pid_t worker = server_worker(&server, 0);
    int fd = dial(&server);
    send_text(fd, "GET /sleep?0.3 HTTP/1.1\r\nHost: x\r\n\r\n");
    server_signal(&server, SIGKILL);
    cr_assert(WIFSIGNALED(server_wait(&server)));
    cr_assert_str_eq(read_answer(fd).body, "slept\n");
    await_gone(worker);
    server_await(&server, "the master is gone");
}

Test(life, ttin_and_ttou_change_the_number_of_workers)
{
    server_start(&server, with("worker_processes(1)"));
    server_signal(&server, SIGTTIN);
    server_await(&server, "workers=2");
    server_await(&server, "worker=1");
    server_signal(&server, SIGTTOU);
    server_await(&server, "workers=1");
    server_await(&server, "reaped worker=1");
    server_signal(&server, SIGTTOU);
    assert_serves("hello\n");
    cr_assert_eq(server_children(&server), 1);
}

static void graceful(int signo)
{
    server_start(&server, with("worker_processes(1)"));
    int fd = dial(&server);
    send_text(fd, "GET /sleep?0.3 HTTP/1.1\r\nHost: x\r\n\r\n");
    server_signal(&server, signo);
    struct answer a = read_answer(fd);
    cr_assert_str_eq(a.body, "slept\n");
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(life, quit_finishes_the_request_in_hand)
{
    graceful(SIGQUIT);
}

Test(life, term_is_graceful_too)
{
    graceful(SIGTERM);
}

Test(life, int_is_quick)
{
    server.errors_expected = true; /* a worker inside the app is killed */
    server_start(&server, with("worker_processes(2)"));
    int fd = dial(&server);
    send_text(fd, "GET /sleep?20 HTTP/1.1\r\nHost: x\r\n\r\n");
    server_signal(&server, SIGINT);
    cr_assert(WIFEXITED(server_wait(&server)));
    await_close(fd);
}

Test(life, int_is_quick_with_a_worker_that_is_stopped)
{
    server.errors_expected = true;
    server_start(&server, with("worker_processes(1) timeout(60)"));
    kill(server_worker(&server, 0), SIGSTOP);
    server_await(&server, "is stopped");
    server_signal(&server, SIGINT);
    cr_assert_eq(WEXITSTATUS(server_wait(&server)), 2);
}

Test(life, quit_serves_the_queue_and_closes_idle_connections)
{
    server_start(&server, with("worker_processes(1) keepalive_timeout(60)"));
    int idle = dial(&server);
    send_text(idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(read_answer(idle).status, 200);
    int queued = dial(&server);
    send_text(queued, "GET /sleep?0 HTTP/1.1\r\nHost: x\r\n\r\n");
    server_signal(&server, SIGQUIT);
    cr_assert_eq(read_answer(queued).status, 200);
    await_close(idle);
    cr_assert(WIFEXITED(server_wait(&server)));
}

Test(life, a_worker_that_still_starts_is_no_error_at_the_end)
{
    server_launch(&server, with("worker_processes(2) after_fork(function(w)\n"
                                "while w.number == 1 do end end)"));
    server_await_serving(&server);
    assert_serves("hello\n");
    server_signal(&server, SIGQUIT);
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cr_assert(server_logged(&server, "signal=KILL"));
}

/* ---- starting fails ---- */

static void assert_refuses(const char *config, const char *why)
{
    server.errors_expected = true;
    server_launch(&server, config);
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), 1, "%s", server.log);
    cr_assert_not_null(strstr(server.log, why), "no \"%s\" in:\n%s", why,
                       server.log);
}

Test(life, a_broken_config_ends_the_start_with_its_line)
{
    assert_refuses(with("\nworker_proceses(2)"),
                   "config.lua:5: worker_proceses");
    cr_assert(server_logged(&server, "worker_processes"));
}

Test(life, a_broken_app_ends_the_start_with_its_traceback)
{
    assert_refuses("app(\"broken.lua\")", "broken.lua");
    cr_assert_eq(server_children(&server), 0);
}

Test(life, an_app_that_raises_ends_the_start_with_its_line)
{
    char config[4200];
    snprintf(config, sizeof config, "worker_processes(2) app(\"%s\")",
             app_path("raises.lua"));
    assert_refuses(config, "raises.lua:4: no database");
    cr_assert(server_logged(&server, "stack traceback:"));
    cr_assert_null(strstr(server.log, "failures="), "%s", server.log);
}

Test(life, a_misspelt_model_is_refused_before_any_fork)
{
    assert_refuses("app(\"x.lua\") use(\"Reaktor\")", "use");
}

Test(life, a_taken_port_ends_the_start_with_its_address)
{
    char more[64];
    struct server other = {0};
    server_start(&other, with(""));
    snprintf(more, sizeof more, "listen(\"127.0.0.1:%d\", {tries=0})",
             other.port);
    assert_refuses(with(more), "Address already in use");
    server_stop(&other);
}

Test(life, a_live_pid_file_ends_the_start)
{
    char pid[32], why[160];
    snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    server_prepare(&server);
    server_write(&server, "pid", pid);
    snprintf(why, sizeof why, "already running: pid file %s/pid names",
             server.dir);
    assert_refuses(with("pid(\"pid\")"), why);
}

/* ---- patience ---- */

#define ANSWERS(text) "return function() return 200, {}, '" text "' end"

static void start_now(const char *more)
{
    char config[512];
    snprintf(config, sizeof config, "app(\"now.lua\") %s", more);
    server_prepare(&server);
    server_write(&server, "now.lua", ANSWERS("one"));
    server_start(&server, config);
}

static void start_and_break(const char *more)
{
    server.errors_expected = true;
    start_now(more);
    pid_t worker = server_worker(&server, 0);
    server_write(&server, "now.lua", "error('broken')");
    kill(worker, SIGKILL);
}

Test(life, workers_that_die_while_starting_are_not_started_in_a_loop)
{
    start_and_break("");
    const char *line = server_await(&server, "failures=1 next_try=0.");
    cr_assert_not_null(strstr(line, "now.lua:1: broken"), "%s", line);
    server_await(&server, "failures=2 next_try=");
    int lines = 0;
    for (char *at = server.log; (at = strstr(at, "cannot load")); at++)
        lines++;
    cr_assert_leq(lines, 3);
    server_write(&server, "now.lua", ANSWERS("two"));
    server_await(&server, "ready model=");
    assert_serves("two");
}

static void assert_interrupted(const char *path)
{
    char text[128];
    if (signals_come_late())
        cr_skip("ThreadSanitizer holds signals back");
    server.errors_expected = true;
    server_start(&server, with("worker_processes(1) timeout(0.4)"));
    pid_t worker = server_worker(&server, 0);
    int fd = dial(&server);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    send_text(fd, text);
    cr_assert_eq(read_answer(fd).status, 500);
    server_await(&server, "interrupted");
    server_await(&server, "plain.lua:");
    send_text(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(read_answer(fd).status, 200);
    cr_assert_eq(server_worker(&server, 0), worker);
}

Test(life, a_call_that_spins_is_interrupted_and_hurts_nobody_else)
{
    assert_interrupted("/spin");
}

Test(life, a_call_that_spins_and_catches_everything_is_interrupted)
{
    assert_interrupted("/stubborn");
}

Test(life, a_call_that_spins_in_a_coroutine_is_interrupted)
{
    assert_interrupted("/inner");
}

Test(life, a_worker_stuck_in_c_code_is_killed_and_replaced)
{
    server.errors_expected = true;
    server_start(&server, with("worker_processes(1) timeout(0.4)"));
    int fd = dial(&server);
    send_text(fd, "GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n");
    server_await(&server, "stuck in the app for more than timeout=0.4s");
    await_close(fd);
    server_await(&server, "ready model=");
    assert_serves("hello\n");
    cr_assert(signals_come_late() || server_logged(&server, "plain.lua:"));
}

Test(life, an_app_that_hangs_while_loading_is_ended_with_its_line)
{
    server.errors_expected = true;
    server_prepare(&server);
    server_write(&server, "hang.lua", "while true do end");
    server_launch(&server, "app(\"hang.lua\") boot_timeout(0.5)");
    const char *line = server_await(&server, "boot_timeout=0.5s");
    cr_assert(signals_come_late() || strstr(line, "hang.lua:1:"), "%s", line);
    int status = server_wait(&server);
    cr_assert_eq(WEXITSTATUS(status), 1);
}

Test(life, a_keepalive_client_never_starves_newcomers)
{
    server_start(&server, with("worker_processes(1) keepalive_timeout(60)"));
    int greedy = dial(&server);
    send_text(greedy, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(read_answer(greedy).status, 200);
    assert_serves("hello\n");
    int busy = dial(&server);
    int newcomer = dial(&server);
    send_text(newcomer, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0, closed = 0; i < 50 && !closed; i++) {
        send_text(busy, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        struct answer a = read_answer(busy);
        cr_assert(a.status == 200 || (i > 0 && a.status == 0));
        closed = a.status == 0 || field(&a, "connection") != NULL;
    }
    cr_assert_eq(read_answer(newcomer).status, 200);
}

Test(life, a_silent_connection_does_not_hold_up_newcomers)
{
    server_start(&server, with("worker_processes(1)"));
    int silent = dial(&server);
    assert_serves("hello\n");
    assert_serves("hello\n");
    close(silent);
}

Test(life, a_silent_connection_does_not_hold_up_a_stop)
{
    server_start(&server, with("worker_processes(1)"));
    int silent = dial(&server);
    server_signal(&server, SIGQUIT);
    int status = server_wait(&server); /* well before client_header_timeout */
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(silent);
}
