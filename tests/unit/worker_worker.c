/* SPDX-License-Identifier: MIT */
/*
 * What a worker hears from its master and by signals, and when it accepts.
 */
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/sig.h"
#include "config/config.h"
#include "tests/support/calls.h"
#include "tests/support/logs.h"
#include "worker/heartbeat.h"
#include "worker/model.h"

static const struct model model = {.name = "Test"};
static struct config config = {.graceful_timeout = 3600 * CLOCK_SECOND};
static struct worker worker = {.config = &config, .model = &model};
static int master; /* its end of the control pipe */

static void set_up(void)
{
    static const int signals[] = {SIGTERM, SIGQUIT, SIGINT, SIGUSR1};
    struct err err;
    int ends[2];
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    worker.control = ends[0];
    worker.signals = sig_open(signals, 4, &err);
    master = ends[1];
    logs_open();
}

TestSuite(worker, .init = set_up);

static void tell(const char *bytes)
{
    size_t n = strlen(bytes);
    cr_assert_eq(write(master, bytes, n), (ssize_t)n);
    worker_notice(&worker);
}

Test(worker, serves_until_it_is_told_otherwise)
{
    worker_notice(&worker);
    cr_expect_eq(worker.quit, QUIT_NOT);
    cr_expect(worker_accepts(&worker));
    tell("?");
    cr_expect_eq(worker.quit, QUIT_NOT);
}

Test(worker, leaves_as_the_master_says)
{
    tell("R");
    cr_expect_eq(worker.quit, QUIT_RETIRE);
    cr_expect_not(worker_accepts(&worker));
    tell("S");
    cr_expect_eq(worker.quit, QUIT_STOP);
    tell("R");
    cr_expect_eq(worker.quit, QUIT_STOP, "takes it back");
    cr_expect_str_eq(logs_line(), "INFO  rainbows leaving how=retire\n");
    cr_expect_str_eq(logs_line(), "INFO  rainbows leaving how=stop\n");
    cr_expect_str_eq(logs_next(), "");
}

Test(worker, takes_all_that_the_master_said)
{
    tell("RS");
    cr_expect_eq(worker.quit, QUIT_STOP);
}

Test(worker, stops_when_the_master_is_gone)
{
    int fds[NOTICE_FDS];
    close(master);
    worker_notice(&worker);
    cr_expect_eq(worker.quit, QUIT_STOP);
    worker_notice_fds(&worker, fds);
    cr_expect_eq(fds[0], -1);
    cr_expect_eq(fds[1], worker.signals);
    unsigned left = alarm(0);
    cr_expect(left >= 3600 && left <= 3602, "nobody kills it if it hangs");
    worker_notice(&worker);
}

Test(worker, stops_at_signals)
{
    static const int signals[] = {SIGTERM, SIGQUIT};
    for (int i = 0; i < 2; i++) {
        worker.quit = QUIT_NOT;
        raise(signals[i]);
        worker_notice(&worker);
        cr_expect_eq(worker.quit, QUIT_STOP);
    }
}

Test(worker, is_gone_at_once_after_sigint)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGINT);
        worker_notice(&worker);
        _exit(9);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == WORKER_DONE);
}

Test(worker, reopens_its_logs_when_told_and_by_signal)
{
    config.stderr_path = (char *)"/nonexistent/log";
    tell("L");
    cr_expect_str_eq(logs_line(), "ERROR rainbows cannot reopen /nonexistent/"
                                  "log: No such file or directory\n");
    raise(SIGUSR1);
    worker_notice(&worker);
    cr_expect_neq(*logs_next(), '\0');
    cr_expect_eq(worker.quit, QUIT_NOT);
}

/* ---- a start that fails ---- */

static struct heartbeat heartbeat;

/* The app of that file cannot be loaded; returns the master's end of the status
 * pipe. */
static int prepare_start(const char *app)
{
    struct err err;
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(heartbeat_open(&heartbeat, 1, &err), 0, "%s", err.text);
    config.app = (char *)app;
    worker.heartbeat = &heartbeat;
    worker.status = ends[1];
    return ends[0];
}

Test(worker, tells_the_master_why_it_cannot_start)
{
    char text[8192] = "";
    int status = prepare_start("/nonexistent.lua");
    cr_assert_eq(worker_main(&worker), WORKER_BOOT_FAILED);
    cr_assert_gt(read(status, text, sizeof text - 1), 0);
    const char *want = "Fcannot load the app: cannot open /nonexistent.lua";
    cr_expect_eq(strncmp(text, want, strlen(want)), 0, "%s", text);
    cr_expect_str_eq(logs_next(), "");
}

Test(worker, tells_no_more_than_one_write_holds)
{
    char text[8192] = "", path[32];
    app_file(path, "error(('x'):rep(10000))");
    int status = prepare_start(path);
    cr_assert_eq(worker_main(&worker), WORKER_BOOT_FAILED);
    unlink(path);
    cr_expect_eq(read(status, text, sizeof text), 1 + STATUS_TEXT);
    cr_expect_leq(1 + STATUS_TEXT, PIPE_BUF);
}

Test(worker, logs_itself_why_it_cannot_start_without_a_master)
{
    close(prepare_start("/nonexistent.lua"));
    cr_assert_eq(worker_main(&worker), WORKER_BOOT_FAILED);
    cr_expect_not_null(strstr(logs_line(), "ERROR worker=0 "));
    cr_expect_not_null(strstr(logs.text, " cannot start: cannot load the app: "
                                         "cannot open /nonexistent.lua"),
                       "%s", logs.text);
}

Test(worker, serves_the_queue_for_a_while_when_it_stops)
{
    tell("S");
    cr_expect(worker_accepts(&worker));
    worker.quit_since = clock_now() - STOP_QUEUE_TIME;
    cr_expect_not(worker_accepts(&worker));
}

Test(worker, pauses_accepting_when_the_system_is_at_its_limits)
{
    static const int limits[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    static const int others[] = {EAGAIN, ECONNABORTED, EINTR, EPERM};
    for (int i = 0; i < 4; i++) {
        cr_expect(worker_accept_failed(limits[i]));
        cr_expect_not_null(strstr(logs_line(), "ERROR rainbows cannot accept"));
        cr_expect_not(worker_accept_failed(others[i]));
        cr_expect_str_eq(logs_next(), "");
    }
}

Test(worker, app_comes_from_the_file_or_the_text_of_the_config)
{
    config.app = (char *)"app.lua";
    config.path = (char *)"config.lua";
    config.text = (char *)"text";
    config.text_size = 4;
    config.lua_path = (char *)"p";
    config.lua_cpath = (char *)"c";
    config.lua_memory_limit = 4711;
    struct app_source source = worker_app_source(&worker);
    cr_expect_str_eq(source.path, "app.lua");
    cr_expect_str_eq(source.config_path, "config.lua");
    cr_expect_eq(source.config_size, 4);
    cr_expect_eq(source.memory_limit, 4711);
    cr_expect_str_eq(source.lua_path, "p");
    cr_expect_str_eq(source.lua_cpath, "c");
    cr_expect_not_null(source.directives[0]);
    config.lua_memory_limit = -1;
    cr_expect_eq(worker_app_source(&worker).memory_limit, 0);
}
