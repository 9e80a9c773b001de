/* SPDX-License-Identifier: MIT */
/*
 * The access log: a line for each request, whatever becomes of it; none lost,
 * none twice, also while files are renamed; and nothing that is written to can
 * hold the server up.
 *
 * Most tests let it write to standard output, which is the log here, so that a
 * line can be waited for like any other.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static struct server server;

static void stop(void)
{
    server_stop(&server);
}

TestSuite(access_log, .fini = stop, .timeout = 60);

static void start(const char *access_log, const char *more)
{
    char *config = xasprintf("worker_processes(1) pool_size(2) app_pool(2) "
                             "access_log(%s) %s",
                             access_log, more);
    server_serve(&server, "access.lua", config);
    free(config);
}

/* The server ends well; what waited to be written is. */
static void finish(void)
{
    server_signal(&server, SIGQUIT);
    int status = server_wait(&server);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* How often the text is in the log. */
static int times(const char *text)
{
    int n = 0;
    for (char *at = server.log; (at = strstr(at, text)); at++)
        n++;
    return n;
}

/* After finish(): the request has one line, which goes on so. */
static void has_one(const char *request, const char *rest)
{
    char *all = xasprintf("] \"%s\"", request);
    char *want = xasprintf("] \"%s\" %s \"", request, rest);
    cr_expect_eq(times(all), 1, "%d lines of %s:\n%s", times(all), request,
                 server.log);
    cr_expect_eq(times(want), 1, "%s is not %s:\n%s", request, rest,
                 server.log);
    free(all);
    free(want);
}

#define HTTP " HTTP/1.1\r\nHost: a\r\n"

/* ---- a line for each ---- */

Test(access_log, has_the_line_of_an_idle_server_soon)
{
    start("'stdout', {format='common'}", "");
    get(&server, "/hello");
    const char *line = server_await(&server, "\"GET /hello HTTP/1.1\" 200 5");
    cr_expect_eq(strncmp(line, "127.0.0.1 - - [", 15), 0, "%s", line);
    cr_expect_str_eq(line + 41, "] \"GET /hello HTTP/1.1\" 200 5");
}

Test(access_log, has_one_line_for_each_kind_of_answer)
{
    server.errors_expected = true;
    server_prepare(&server);
    server_write(&server, "data", "from a file");
    start("'stdout'", "");
    get(&server, "/hello");
    get(&server, "/pieces");
    get(&server, "/half");
    get(&server, "/fails");
    get(&server, "/file");
    get(&server, "/large");
    int fd = dial(&server);
    send_text(fd, "HEAD /hello?head" HTTP "\r\n");
    read_head_answer(fd);
    ask(fd, "POST /hello" HTTP "Content-Length: 3\r\n\r\nabc");
    finish();
    has_one("GET /hello HTTP/1.1", "200 5");
    has_one("GET /pieces HTTP/1.1", "200 15");
    has_one("GET /half HTTP/1.1", "200 10");
    has_one("GET /fails HTTP/1.1", "500 26");
    has_one("GET /file HTTP/1.1", "200 11");
    has_one("GET /large HTTP/1.1", "200 8388608");
    has_one("HEAD /hello?head HTTP/1.1", "200 0");
    has_one("POST /hello HTTP/1.1", "200 5");
}

Test(access_log, has_one_line_for_each_that_the_server_refuses)
{
    start("'stdout'", "client_header_timeout(0.3)");
    talk(&server, "GET  /double" HTTP "\r\n");
    talk(&server,
         "POST /chunks" HTTP "Transfer-Encoding: chunked\r\n\r\nz\r\n");
    talk(&server, "POST /size" HTTP "Content-Length: 99999999\r\n\r\n");
    char name[400];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    char *text = xasprintf("GET /name" HTTP "%s: a\r\n\r\n", name);
    talk(&server, text);
    free(text);
    talk(&server, "GET /late HT");
    finish();
    has_one("GET  /double HTTP/1.1", "400 16");
    has_one("POST /chunks HTTP/1.1", "400 16");
    has_one("POST /size HTTP/1.1", "413 22");
    has_one("GET /name HTTP/1.1", "431 36");
    has_one("GET /late HT", "408 20");
}

Test(access_log, has_one_line_for_each_pipelined_request)
{
    enum {
        COUNT = 300
    };
    start("'stdout', {format='common'}", "");
    int fd = dial(&server);
    for (int i = 0; i < COUNT; i++) {
        char *text = xasprintf("GET /hello?%d.%s" HTTP "\r\n", i,
                               i == COUNT - 1 ? "last" : "");
        send_text(fd, text);
        free(text);
    }
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(read_answer(fd).status, 200);
    finish();
    const char *at = server.log;
    for (int i = 0; i < COUNT; i++) {
        char *want = xasprintf("\"GET /hello?%d.%s HTTP/1.1\" 200 5\n", i,
                               i == COUNT - 1 ? "last" : "");
        at = strstr(at, want);
        cr_assert_not_null(at, "no line in order for %s", want);
        cr_assert_eq(times(want), 1);
        free(want);
    }
}

Test(access_log, tells_of_clients_that_leave)
{
    start("'stdout'", "");
    int fd = dial(&server);
    send_text(fd, "GET /large" HTTP "\r\n");
    char head[500];
    read_bytes(fd, head, sizeof head);
    reset_connection(fd);
    fd = dial(&server);
    send_text(fd, "GET /nothing HT");
    close(fd);
    finish();
    has_one("GET /nothing HT", "499 0");
    cr_expect_eq(times("] \"GET /large HTTP/1.1\" 200 "), 1);
    cr_expect_eq(times("] \"GET /large HTTP/1.1\" 200 8388608 "), 0);
}

Test(access_log, has_answers_that_come_later)
{
    if (!model_is_async())
        return;
    start("'stdout'", "");
    int fd = dial(&server);
    send_text(fd, "GET /park" HTTP "\r\n");
    server_await(&server, "parked");
    get(&server, "/wake");
    cr_expect_str_eq(read_answer(fd).body, "woken");
    finish();
    has_one("GET /park HTTP/1.1", "200 5");
}

/* ---- formats ---- */

Test(access_log, tells_trusted_proxies_clients_in_json)
{
    start("'stdout', {format='json'}", "trusted_proxies('127.0.0.1')");
    struct answer a =
        ask(dial(&server), "GET /id" HTTP "X-Forwarded-For: 192.0.2.7\r\n"
                           "X-Forwarded-Proto: https\r\n"
                           "X-Request-Id: from-the-proxy/1\r\n"
                           "Referer: \"\xff\"\r\n\r\n");
    cr_expect_str_eq(a.body, "from-the-proxy/1");
    finish();
    char *uri = strstr(server.log, "\"uri\":\"/id\"");
    cr_assert_not_null(uri, "%s", server.log);
    *strchr(uri, '\n') = '\0';
    const char *line = strrchr(server.log, '\n') + 1;
    static const char *const parts[] = {
        "{\"time\":\"20",
        "\"remote_addr\":\"192.0.2.7\",\"scheme\":\"https\",\"host\":\"a\","
        "\"method\":\"GET\",\"uri\":\"/id\",\"protocol\":\"HTTP/1.1\","
        "\"status\":200,\"bytes\":16,\"duration\":0.",
        ",\"referer\":\"\\\"\xef\xbf\xbd\\\"\",\"user_agent\":null,"
        "\"request_id\":\"from-the-proxy/1\",\"worker\":0,\"pid\":"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_expect_not_null(strstr(line, parts[i]), "%s\n  not in %s", parts[i],
                           line);
}

Test(access_log, is_what_a_function_makes_of_it)
{
    server.errors_expected = true;
    start("'stdout', {format=function(e)\n"
          "  if e.uri == '/hello?bad' then error('no format') end\n"
          "  if e.uri == '/hello?none' then return nil end\n"
          "  return ('made %s %s %d\\nforged'):format(e.method, e.request_id,\n"
          "      e.status) end}",
          "");
    int fd = dial(&server);
    cr_expect_eq(ask(fd, "GET /hello?bad" HTTP "\r\n").status, 200);
    cr_expect_eq(ask(fd, "GET /hello?bad" HTTP "\r\n").status, 200);
    cr_expect_eq(ask(fd, "GET /hello?none" HTTP "\r\n").status, 200);
    char *id = ask(fd, "GET /id" HTTP "\r\n").body;
    finish();
    char *want = xasprintf("\nmade GET %s 200\\x0Aforged\n", id);
    cr_expect_eq(times(want), 1, "no %s in %s", want, server.log);
    cr_expect_eq(times("made GET"), 1);
    cr_expect_eq(times("no format"), 1, "%s", server.log);
    cr_expect_eq(times("access_log: the function failed times=1: "), 1);
    free(want);
}

/* Many at once: the config's state belongs to one thread at a time. */
Test(access_log, calls_its_function_for_one_request_at_a_time)
{
#define ONE "GET /hello" HTTP "\r\n"
    enum {
        CLIENTS = 8,
        EACH = 20
    };
    int fds[CLIENTS];
    start("'stdout', {format=(function() local n, inside = 0, false\n"
          "  return function(e) assert(not inside) inside = true n = n + 1\n"
          "    local t = {} for i = 1, 2000 do t[i] = e.uri .. i end\n"
          "    inside = false return 'number ' .. n end end)()}",
          "worker_connections(10)");
    char all[EACH * sizeof ONE] = ""; /* at once: who pauses may lose its place
                                         in Base */
    for (int n = 0; n < EACH; n++)
        strcat(all, ONE);
    for (int i = 0; i < CLIENTS; i++)
        send_text(fds[i] = dial(&server), all);
    for (int i = 0; i < CLIENTS; i++) {
        for (int n = 0; n < EACH; n++)
            cr_assert_eq(read_answer(fds[i]).status, 200);
        close(fds[i]);
    }
    finish();
    cr_expect_eq(times("\nnumber "), CLIENTS * EACH);
    cr_expect_eq(times("\nnumber 160\n"), 1);
}

/* ---- files that are renamed ---- */

/* All of the server's files of that name with a number behind it, or none. */
static char *read_files(const char *name, int count)
{
    char *all = xstrdup("");
    for (int i = 0; i < count; i++) {
        char *file = xasprintf(i ? "%s.%d" : "%s", name, i);
        FILE *f = fopen(server_path(&server, file), "re");
        char text[4096];
        for (size_t n; f && (n = fread(text, 1, sizeof text, f)) > 0;) {
            char *more = xasprintf("%s%.*s", all, (int)n, text);
            free(all);
            all = more;
        }
        if (f)
            fclose(f);
        free(file);
    }
    return all;
}

static void rotate(const char *name, int number)
{
    char *file = xasprintf("%s.%d", name, number);
    cr_assert_eq(rename(server_path(&server, name), server_path(&server, file)),
                 0);
    free(file);
    server_signal(&server, SIGUSR1);
}

/* Asks n times, the requests numbered from `from`, and on other connections,
 * so that other workers and threads have some. */
static void hammer(int from, int n)
{
    int fd = -1;
    for (int i = from; i < from + n; i++) {
        if (fd < 0 || i % 25 == 0) {
            close(fd);
            fd = dial(&server);
        }
        char *text = xasprintf("GET /hello?%d." HTTP "\r\n", i);
        cr_assert_eq(ask(fd, text).status, 200);
        free(text);
    }
    close(fd);
}

Test(access_log, loses_no_line_while_it_is_renamed)
{
    enum {
        ROUNDS = 6,
        EACH = 100
    };
    server_serve(&server, "access.lua",
                 "worker_processes(2) pool_size(2) app_pool(2)"
                 "access_log('access.log', {format='common'})");
    for (int i = 0; i < ROUNDS; i++) {
        hammer(EACH * i, EACH / 2);
        rotate("access.log", i + 1);
        hammer(EACH * i + EACH / 2, EACH / 2);
        server_await_times(&server, "logs reopened", i + 1);
    }
    finish();
    char *all = read_files("access.log", ROUNDS + 1);
    for (int i = 0; i < ROUNDS * EACH; i++) {
        char *want = xasprintf("\"GET /hello?%d. HTTP/1.1\" 200 5\n", i);
        const char *at = strstr(all, want);
        cr_assert_not_null(at, "%s is lost", want);
        cr_assert_null(strstr(at + 1, want), "%s is there twice", want);
        free(want);
    }
    char *last = read_files("access.log", 1);
    cr_expect_not_null(strstr(last, "/hello?599."), "the new file is not used");
    free(last);
    free(all);
}

Test(access_log, stays_where_it_is_when_it_cannot_be_opened_again)
{
    server.errors_expected = true;
    server_prepare(&server);
    cr_assert_eq(mkdir(server_path(&server, "logs"), 0755), 0);
    start("'logs/access.log'", "");
    get(&server, "/hello?1");
    cr_assert_eq(
        rename(server_path(&server, "logs"), server_path(&server, "moved")), 0);
    server_signal(&server, SIGUSR1);
    server_await(&server, "access_log: cannot open logs/access.log: No such "
                          "file or directory; lines go on to the old file");
    server_await(&server, "worker=0");
    get(&server, "/hello?2");
    finish();
    char *all = read_files("moved/access.log", 1);
    cr_expect_not_null(strstr(all, "/hello?1"), "%s", all);
    cr_expect_not_null(strstr(all, "/hello?2"), "%s", all);
    free(all);
    unlink(server_path(&server, "moved/access.log"));
    rmdir(server_path(&server, "moved"));
}

Test(access_log, that_cannot_be_opened_ends_the_start)
{
    server.errors_expected = true;
    char *config = xasprintf("app('%s') access_log('no/such/dir/a.log')",
                             app_path("access.lua"));
    server_launch(&server, config);
    int status = server_wait(&server);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    cr_expect(server_logged(&server, "access_log: cannot open "
                                     "no/such/dir/a.log: No such file"));
    free(config);
}

Test(access_log, of_a_new_config_is_used_after_hup)
{
    start("'one.log'", "");
    get(&server, "/hello?1");
    char *config = xasprintf("app('%s') access_log('two.log', "
                             "{format='common'}) listen('127.0.0.1:%d')",
                             app_path("access.lua"), server.port);
    server_rewrite(&server, config);
    server_signal(&server, SIGHUP);
    server_await(&server, "exit=0");
    get(&server, "/hello?2");
    finish();
    char *one = read_files("one.log", 1), *two = read_files("two.log", 1);
    cr_expect(strstr(one, "?1 HTTP/1.1\" 200 5 \"-\"") && !strstr(one, "?2"));
    cr_expect(strstr(two, "?2 HTTP/1.1\" 200 5\n") && !strstr(two, "?1"));
    free(one);
    free(two);
    free(config);
}

/* ---- what takes nothing ---- */

/* A thousand requests with long lines are answered. */
static void fill(void)
{
    char target[1200];
    memset(target, 'x', sizeof target);
    target[0] = '/';
    target[sizeof target - 1] = '\0';
    char *text = xasprintf("GET %s" HTTP "\r\n", target);
    for (int i = 0; i < 20; i++) {
        int fd = dial(&server);
        for (int n = 0; n < 50; n++)
            cr_assert_eq(ask(fd, text).status, 200);
        close(fd);
    }
    free(text);
}

Test(access_log, into_a_pipe_that_is_full_loses_lines_and_says_so)
{
    server.errors_expected = true;
    server_prepare(&server);
    char *fifo = server_path(&server, "fifo");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    int reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    start("'fifo'", "");
    fill();
    server_await(&server, "access_log: cannot write to fifo: its reader is too "
                          "slow lost=1");
    char line[4096];
    cr_assert_eq(read(reader, line, sizeof line), (ssize_t)sizeof line);
    cr_expect_eq(strncmp(line, "127.0.0.1 - - [", 15), 0);
    close(reader);
    finish();
}

Test(access_log, on_a_full_disk_harms_nobody)
{
    server.errors_expected = true;
    start("'/dev/full'", "");
    fill();
    server_await(&server, "access_log: cannot write to /dev/full: No space "
                          "left on device lost=");
    cr_expect_eq(get(&server, "/hello").status, 200);
    server_signal(&server, SIGUSR1);
    server_await(&server, "logs reopened");
    cr_expect_eq(get(&server, "/hello").status, 200);
    finish();
    cr_expect_leq(times("No space left on device"), 3, "%s", server.log);
}
