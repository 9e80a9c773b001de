/* SPDX-License-Identifier: MIT */
/*
 * HUP: a reload brings everything of the new config and code, or nothing.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

TestSuite(reload, .fini = stop, .timeout = 60);

#define ANSWERS(text) "return function() return 200, {}, '" text "' end"

static void start_now(const char *more)
{
    char config[512];
    snprintf(config, sizeof config, "app(\"now.lua\") %s", more);
    server_prepare(&server);
    server_write(&server, "now.lua", ANSWERS("one"));
    server_start(&server, config);
}

Test(reload, brings_new_code)
{
    start_now("worker_processes(2)");
    server_write(&server, "now.lua", ANSWERS("two"));
    server_signal(&server, SIGHUP);
    server_await_times(&server, "exit=0", 2);
    assert_serves("two");
    cr_assert_eq(server_children(&server), 2);
}

Test(reload, brings_new_preloaded_code)
{
    start_now("preload_app(true)");
    server_write(&server, "now.lua", ANSWERS("two"));
    server_signal(&server, SIGHUP);
    server_await(&server, "exit=0");
    assert_serves("two");
}

Test(reload, brings_a_new_config)
{
    char config[256];
    start_now("");
    int port = server.port;
    snprintf(config, sizeof config,
             "app(\"now.lua\") worker_processes(3) "
             "listen(\"127.0.0.1:%d\") listen(\"unix:%s/sock\")",
             port, server.dir);
    server_rewrite(&server, config);
    server_signal(&server, SIGHUP);
    server_await(&server, "exit=0");
    server_await_times(&server, "ready model=", 4);
    assert_serves("one");
    char path[128];
    snprintf(path, sizeof path, "%s/sock", server.dir);
    int fd = dial_unix(path);
    send_text(fd, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    cr_assert_str_eq(read_answer(fd).body, "one");
}

Test(reload, with_a_broken_config_changes_nothing)
{
    server.errors_expected = true;
    start_now("");
    pid_t worker = server_worker(&server, 0);
    server_rewrite(&server, "app(\"now.lua\")\nkeepalive_timeout(\"long\")");
    server_signal(&server, SIGHUP);
    server_await(&server, "config.lua:4: keepalive_timeout");
    assert_serves("one");
    cr_assert_eq(server_worker(&server, 0), worker);
}

Test(reload, with_a_broken_app_changes_nothing)
{
    server.errors_expected = true;
    start_now("worker_processes(2)");
    pid_t worker = server_worker(&server, 1);
    server_write(&server, "now.lua", "error('half written')");
    server_signal(&server, SIGHUP);
    const char *line = server_await(&server, "reload failed");
    cr_assert_not_null(strstr(line, "now.lua:1: half written"), "%s", line);
    assert_serves("one");
    cr_assert_eq(server_worker(&server, 1), worker);
    server_write(&server, "now.lua", ANSWERS("two"));
    server_signal(&server, SIGHUP);
    server_await_times(&server, "exit=0", 2);
    assert_serves("two");
}

Test(reload, leaves_calls_the_timeout_they_began_with)
{
    server_start(&server, with("worker_processes(1)"));
    int fd = dial(&server);
    send_text(fd, "GET /nap?2 HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!server_has(&server, "napping"))
        cr_assert(!readable_within(fd, 10));
    server_rewrite(&server, with("worker_processes(1) timeout(0.2)"));
    server_signal(&server, SIGHUP);
    server_await(&server, "reloaded generation=2");
    cr_assert_str_eq(read_answer(fd).body, "slept\n");
}

Test(reload, that_fails_leaves_the_working_directory)
{
    char config[512];
    server.errors_expected = true;
    start_now("");
    snprintf(config, sizeof config,
             "app(\"now.lua\") working_directory(\"/\") "
             "listen(\"127.0.0.1:%d\") listen(\"192.0.2.1:1\")",
             server.port);
    server_rewrite(&server, config);
    server_signal(&server, SIGHUP);
    server_await(&server, "reload failed");
    kill(server_worker(&server, 0), SIGKILL);
    server_await_times(&server, "ready model=", 2);
    assert_serves("one");
}

Test(reload, that_drops_an_address_serves_its_queue)
{
    char more[256];
    server_start(&server, with("worker_processes(1)"));
    int busy = dial(&server);
    send_text(busy, "GET /sleep?0.5 HTTP/1.1\r\nHost: x\r\n\r\n");
    int queued = dial(&server);
    send_text(queued, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    snprintf(more, sizeof more, "listen(\"unix:%s/sock\")", server.dir);
    server_rewrite(&server, with(more));
    server_signal(&server, SIGHUP);
    cr_assert_str_eq(read_answer(busy).body, "slept\n");
    cr_assert_str_eq(read_answer(queued).body, "hello\n");
}

/* HUP with this config must fail for this reason, in one line, and the worker
 * there was goes on. */
static void assert_undone(const char *config, const char *why)
{
    pid_t worker = server_worker(&server, 0);
    server.errors_expected = true;
    server_rewrite(&server, config);
    server_signal(&server, SIGHUP);
    const char *line = server_await(&server, "reload failed, everything stays");
    cr_assert_not_null(strstr(line, why), "no \"%s\" in: %s", why, line);
    assert_serves("one");
    cr_assert_eq(server_worker(&server, 0), worker);
}

Test(reload, that_fails_is_one_error_in_the_log)
{
    start_now("");
    assert_undone("app(\"now.lua\")\nsend_timeout(\"x\")",
                  "config.lua:4: send_timeout");
    int errors = 0;
    for (char *at = server.log; (at = strstr(at, " ERROR ")); at++)
        errors++;
    cr_assert_eq(errors, 1, "%s", server.log);
}

Test(reload, with_a_config_that_crashes_or_ends_is_undone)
{
    start_now("");
    assert_undone("app(\"now.lua\")\nos.exit(0)", "config.lua:4: os.exit");
    assert_undone("app(\"now.lua\")\nlocal f <close> = io.popen('kill -9 ' "
                  ".. io.open('/proc/self/stat'):read('n'))\nf:read('a')",
                  "signal=KILL");
}

Test(reload, with_an_app_that_ends_the_process_is_undone)
{
    start_now("");
    server_write(&server, "now.lua", "os.exit(3)");
    assert_undone("app(\"now.lua\")", "while loading exit=3");
}

Test(reload, with_a_taken_port_is_undone)
{
    char config[256];
    struct server other = {0};
    server_start(&other, with(""));
    start_now("");
    snprintf(config, sizeof config,
             "app(\"now.lua\") listen(\"127.0.0.1:%d\")\n"
             "listen(\"unix:%s/new\") listen(\"127.0.0.1:%d\")",
             server.port, server.dir, other.port);
    assert_undone(config, "Address already in use");
    cr_assert_not(server_has(&server, "new"));
    server_stop(&other);
}

Test(reload, with_a_log_or_a_pid_file_that_cannot_be_written_is_undone)
{
    start_now("pid(\"pid\")");
    assert_undone("app(\"now.lua\") pid(\"pid\") "
                  "stderr_path(\"/nonexistent/log\")",
                  "stderr_path: cannot open /nonexistent/log");
    assert_undone("app(\"now.lua\") pid(\"/nonexistent/pid\")",
                  "cannot write the pid file /nonexistent/pid");
    cr_assert(server_has(&server, "pid"));
}

Test(reload, with_a_config_that_hangs_is_undone)
{
    start_now("boot_timeout(0.2)");
    assert_undone("app(\"now.lua\")\nwhile true do end", "boot_timeout=");
}

Test(reload, with_an_app_that_hangs_is_undone)
{
    start_now("boot_timeout(0.2)");
    server_write(&server, "now.lua", "\nwhile true do end");
    assert_undone("app(\"now.lua\") boot_timeout(0.2)", "boot_timeout=");
}

Test(reload, moves_the_pid_file)
{
    start_now("pid(\"old\")");
    server_rewrite(&server, "app(\"now.lua\") pid(\"new\")");
    server_signal(&server, SIGHUP);
    server_await(&server, "reloaded generation=2");
    cr_assert(server_has(&server, "new") && !server_has(&server, "old"));
}

Test(reload, keeps_the_workers_that_ttin_made_unless_the_file_says_otherwise)
{
    start_now("");
    server_signal(&server, SIGTTIN);
    server_await(&server, "workers=2");
    server_signal(&server, SIGHUP);
    server_await(&server, "reloaded generation=2 model=");
    cr_assert(server_logged(&server, "workers=2"));
    server_await_times(&server, "exit=0", 2);
    server_rewrite(&server, "app(\"now.lua\") worker_processes(3)");
    server_signal(&server, SIGHUP);
    server_await_times(&server, "exit=0", 4);
    server_await_times(&server, "ready model=", 7);
    cr_assert_eq(server_children(&server), 3);
}

Test(reload, that_is_asked_for_many_times_happens_once_more)
{
    start_now("worker_processes(2)");
    server_write(&server, "now.lua",
                 "while not io.open('go') do end "
                 "return function() return 200, {}, 'two' end");
    server_signal(&server, SIGHUP);
    server_await(&server, "reloading");
    for (int i = 0; i < 20; i++)
        server_signal(&server, SIGHUP);
    server_await(&server, "another one follows");
    server_write(&server, "go", "");
    server_await(&server, "reloaded generation=3");
    server_await_times(&server, "exit=0", 4);
    cr_assert_not(server_logged(&server, "generation=4"));
    assert_serves("two");
}

Test(reload, is_cancelled_by_a_stop)
{
    start_now("");
    server_write(&server, "now.lua",
                 "io.open('loading', 'w'):close() "
                 "while true do end");
    server_signal(&server, SIGHUP);
    while (!server_has(&server, "loading"))
        assert_serves("one");
    server_signal(&server, SIGQUIT);
    server_await(&server, "reload cancelled");
    int status = server_wait(&server);
    cr_assert_eq(status, 0);
}

Test(reload, changes_the_model)
{
    char config[128], ready[64];
    bool base = strcmp(model_under_test(), "Base") == 0;
    const char *other = base ? "Reactor" : "Base";
    start_now("");
    snprintf(config, sizeof config,
             "use('%s') app('now.lua') listen('127.0.0.1:%d')", other,
             server.port);
    snprintf(ready, sizeof ready, "ready model=%s generation=2", other);
    server_write(&server, "config.lua", config);
    server_signal(&server, SIGHUP);
    server_await(&server, ready);
    server_await(&server, "exit=0");
    assert_serves("one");
}

static bool refuses(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int rc = connect(fd, (struct sockaddr *)&to, sizeof to);
    close(fd);
    return rc < 0;
}

Test(reload, closes_an_address_that_it_drops_everywhere)
{
    char config[256];
    start_now("");
    snprintf(config, sizeof config, "app('now.lua') listen('unix:%s/sock')",
             server.dir);
    server_rewrite(&server, config);
    server_signal(&server, SIGHUP);
    server_await(&server, "exit=0");
    cr_assert(refuses(server.port));
}

Test(reload, finds_the_config_again_after_it_has_named_a_directory)
{
    char config[256];
    start_now("");
    mkdir(server_path(&server, "sub"), 0755);
    server_write(&server, "sub/now.lua", ANSWERS("sub"));
    snprintf(config, sizeof config,
             "app('now.lua') working_directory('sub') listen('127.0.0.1:%d')",
             server.port);
    server_rewrite(&server, config);
    for (int i = 1; i <= 2; i++) {
        server_signal(&server, SIGHUP);
        server_await_times(&server, "reloaded generation=", i);
        server_await_times(&server, "exit=0", i);
    }
    assert_serves("sub");
    cr_expect_eq(unlink(server_path(&server, "sub/now.lua")), 0);
    cr_expect_eq(rmdir(server_path(&server, "sub")), 0);
}

Test(reload, writes_a_pid_file_that_has_gone)
{
    start_now("pid(\"pid\")");
    unlink(server_path(&server, "pid"));
    server_signal(&server, SIGHUP);
    server_await(&server, "exit=0");
    cr_assert(server_has(&server, "pid"));
}

/* Opening it would wait for a reader, and the master with it. */
Test(reload, with_a_log_that_nobody_reads_is_undone)
{
    start_now("");
    cr_assert_eq(mkfifo(server_path(&server, "fifo"), 0600), 0);
    assert_undone("app(\"now.lua\") stderr_path(\"fifo\")",
                  "stderr_path: cannot open fifo");
}

Test(reload, is_not_disturbed_by_a_stray_signal)
{
    start_now("");
    for (int i = 0; i < 5; i++)
        server_signal(&server, SIGURG);
    assert_serves("one");
    server_signal(&server, SIGHUP);
    server_await(&server, "reloaded generation=2");
    server_await(&server, "exit=0");
    assert_serves("one");
}

Test(reload, that_fails_leaves_no_log_behind)
{
    start_now("");
    assert_undone("app(\"now.lua\") stderr_path(\"other\") "
                  "stdout_path(\"/nonexistent/log\")",
                  "stdout_path: cannot open");
    cr_assert_not(server_has(&server, "other"));
}
