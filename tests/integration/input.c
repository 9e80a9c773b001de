/* SPDX-License-Identifier: MIT */
/*
 * Request bodies: rack.input as a file of Lua's, in memory and in a temporary
 * file, and uploads of any size and shape.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define MEBIBYTE (1024 * 1024)
#define LARGE    (3 * MEBIBYTE)

static struct server server;

static void serve(const char *more)
{
    server_prepare(&server);
    setenv("TMPDIR", server.dir, 0);
    char *config = xasprintf("worker_processes(1)\n%s", more);
    server_serve(&server, "input.lua", config);
    free(config);
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(input, .fini = stop, .timeout = 120);

/* Bytes in which any piece that is lost, doubled or swapped shows. */
static char *pattern(size_t n)
{
    char *bytes = xmalloc(n + 1);
    uint32_t x = 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (char)(x >> 24);
    }
    bytes[n] = '\0';
    return bytes;
}

static void send_head(int fd, const char *path, const char *framing)
{
    char *head =
        xasprintf("POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", path, framing);
    send_text(fd, head);
    free(head);
}

static struct answer post(const char *path, const char *body, size_t n)
{
    char length[64];
    snprintf(length, sizeof length, "Content-Length: %zu", n);
    int fd = dial(&server);
    send_head(fd, path, length);
    send_bytes(fd, body, n);
    struct answer a = read_answer(fd);
    close(fd);
    return a;
}

/* Chunks of `step` bytes, put into packets of several. */
static void send_chunks(int fd, const char *body, size_t n, size_t step)
{
    size_t room = n + (n / step + 1) * 24, len = 0;
    char *packet = xmalloc(room);
    for (size_t at = 0; at < n; at += step) {
        size_t part = n - at < step ? n - at : step;
        len += (size_t)snprintf(packet + len, room - len, "%zx\r\n", part);
        memcpy(packet + len, body + at, part);
        len += part;
        memcpy(packet + len, "\r\n", 2);
        len += 2;
    }
    send_bytes(fd, packet, len);
    free(packet);
}

static struct answer post_chunks(const char *path, const char *body, size_t n,
                                 size_t step)
{
    int fd = dial(&server);
    send_head(fd, path, "Transfer-Encoding: chunked");
    send_chunks(fd, body, n, step);
    send_text(fd, "0\r\n\r\n");
    struct answer a = read_answer(fd);
    close(fd);
    return a;
}

static void assert_same(const struct answer *a, const char *body, size_t n)
{
    cr_assert_eq(a->status, 200, "%d: %s", a->status, a->body);
    cr_assert_eq(a->length, n, "%zu bytes, not %zu", a->length, n);
    cr_assert(memcmp(a->body, body, n) == 0, "other bytes came back");
}

/* ---- the object ---- */

static const char *const claims[] = {
    "pieces", "all",    "lines", "several-formats", "iterators",
    "rewind", "length", "close", "mistakes"};

static void assert_claims(void)
{
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        char *path = xasprintf("/%s", claims[i]);
        struct answer a = post(path, "one\ntwo\n\nfour", 13);
        cr_assert_str_eq(a.body, "ok", "%s", server_await(&server, "error"));
        a = post_chunks(path, "one\ntwo\n\nfour", 13, 5);
        cr_assert_str_eq(a.body, "ok", "%s", server_await(&server, "error"));
        free(path);
    }
}

Test(input, reads_like_a_file_of_lua)
{
    serve("");
    assert_claims();
}

Test(input, reads_the_same_from_a_temporary_file)
{
    serve("client_body_buffer_size(4)");
    assert_claims();
}

Test(input, is_there_and_empty_without_a_body)
{
    serve("");
    cr_assert_str_eq(get(&server, "/none").body, "ok");
    cr_assert_str_eq(post("/none", "", 0).body, "ok");
    cr_assert_str_eq(post_chunks("/none", "", 0, 1).body, "ok");
}

Test(input, gives_lines_of_any_length)
{
    serve("client_body_buffer_size(1000) client_max_body_size(nil)");
    char *body = pattern(LARGE);
    for (size_t i = 0, next = 1; i < LARGE; i++) {
        bool end = i == next; /* 1, 2, 4 ... bytes apart */
        body[i] = end ? '\n' : 'x';
        next += end ? i + 1 : 0;
    }
    struct answer a = post("/echo-lines", body, LARGE);
    assert_same(&a, body, LARGE);
    a = post("/long-lines", body, LARGE);
    cr_assert_str_eq(a.body, "22 lines, 3145728 bytes");
}

/* ---- sizes and shapes ---- */

Test(input, is_the_same_bytes_around_the_buffer_size)
{
    serve("client_body_buffer_size(1000)");
    char *body = pattern(2000);
    for (size_t n = 999; n <= 1001; n++) {
        struct answer a = post("/echo", body, n);
        assert_same(&a, body, n);
        a = post_chunks("/echo", body, n, 100);
        assert_same(&a, body, n);
    }
}

Test(input, is_the_same_bytes_of_a_large_upload)
{
    serve("client_max_body_size(nil)");
    char *body = pattern(LARGE);
    struct answer a = post("/echo", body, LARGE);
    assert_same(&a, body, LARGE);
    a = post_chunks("/echo", body, LARGE, 100000);
    assert_same(&a, body, LARGE);
}

Test(input, is_the_same_bytes_of_small_chunks)
{
    serve("client_body_buffer_size(1000)");
    char *body = pattern(5000);
    for (size_t step = 1; step < 4; step++) {
        struct answer a = post_chunks("/echo", body, 5000, step);
        assert_same(&a, body, 5000);
    }
}

Test(input, is_the_same_bytes_sent_one_by_one)
{
    serve("");
    const char *body = "3\r\none\r\n1;x=y\r\n \r\n3\r\ntwo\r\n0\r\n\r\n";
    int fd = dial(&server);
    send_head(fd, "/echo", "Transfer-Encoding: chunked");
    for (const char *at = body; *at; at++)
        send_bytes(fd, at, 1);
    cr_assert_str_eq(read_answer(fd).body, "one two");
}

Test(input, leaves_trailers_out_of_env)
{
    serve("");
    int fd = dial(&server);
    send_head(fd, "/trailer", "Transfer-Encoding: chunked");
    send_text(fd, "3\r\none\r\n0\r\nX-Trailer: a\r\nTrailer: b\r\n\r\n");
    cr_assert_str_eq(read_answer(fd).body, "one");
    cr_assert_eq(ask(fd, "GET /none HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
}

/* ---- the temporary file ---- */

/* How many files without a name the process has in the server's directory. */
static int unnamed_files(pid_t pid)
{
    char path[64], target[4096];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        ssize_t len =
            readlinkat(dirfd(d), e->d_name, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        n += strstr(target, server.dir) && strstr(target, "(deleted)");
    }
    closedir(d);
    return n;
}

static int entries(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    while (d && readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Stops the app in the middle of a call and looks at the worker. */
static void assert_unnamed_files(const char *body, int files)
{
    char *fifo = server_path(&server, "fifo");
    pid_t worker = server_worker(&server, 0);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    int names = entries(server.dir);
    int fd = dial(&server);
    char *path = xasprintf("/hold?%s", fifo);
    send_head(fd, path, xasprintf("Content-Length: %zu", strlen(body)));
    send_text(fd, body);
    int hold = open(fifo, O_WRONLY); /* when the app opens it */
    cr_assert_eq(unnamed_files(worker), files);
    cr_assert_eq(entries(server.dir), names);
    close(hold);
    cr_assert_str_eq(read_answer(fd).body, body);
    unlink(fifo);
}

Test(input, lies_in_memory_when_it_is_small_and_in_an_unnamed_file_else)
{
    serve("client_body_buffer_size(8)");
    assert_unnamed_files("12345678", 0);
    assert_unnamed_files("123456789", 1);
    cr_assert_str_eq(get(&server, "/none").body, "ok");
    cr_assert_eq(unnamed_files(server_worker(&server, 0)), 0);
}

Test(input, needs_a_directory_for_the_temporary_file)
{
    server.errors_expected = true;
    setenv("TMPDIR", "/nonexistent", 1);
    serve("client_body_buffer_size(8)");
    cr_assert_eq(post("/count", "123456789", 9).status, 500);
    server_await(&server, "cannot make a temporary file in /nonexistent");
    cr_assert_str_eq(post("/echo", "12345678", 8).body, "12345678");
}

/* ---- bounds ---- */

static void upload(int fd, size_t mebibytes, bool chunked)
{
    static char part[MEBIBYTE];
    for (size_t i = 0; i < mebibytes; i++) {
        if (chunked)
            send_text(fd, "100000\r\n");
        send_bytes(fd, part, sizeof part);
        if (chunked)
            send_text(fd, "\r\n");
    }
    if (chunked)
        send_text(fd, "0\r\n\r\n");
}

static void assert_bounded(const char *framing, bool chunked)
{
    pid_t worker = server_worker(&server, 0);
    struct answer a = post("/count", "warm", 4);
    cr_assert_str_eq(a.body, "4");
    long before = server_peak(worker);
    int fd = dial(&server);
    send_head(fd, "/count", framing);
    upload(fd, 64, chunked);
    cr_assert_str_eq(read_answer(fd).body, "67108864");
    long grown = server_peak(worker) - before;
    cr_assert(SANITIZED || grown < 4096, "%ld KiB", grown);
    close(fd);
}

Test(input, never_holds_an_upload_in_memory)
{
    serve("client_max_body_size(nil)");
    assert_bounded("Content-Length: 67108864", false);
    assert_bounded("Transfer-Encoding: chunked", true);
}

Test(input, costs_nobody_when_a_client_stops_half_way)
{
    serve("client_body_buffer_size(8) client_body_timeout(60)");
    pid_t worker = server_worker(&server, 0);
    for (int i = 0; i < 10; i++) {
        int fd = dial(&server);
        send_head(fd, "/count",
                  i % 2 ? "Content-Length: 1000"
                        : "Transfer-Encoding: chunked");
        send_text(fd, "10\r\n0123456789");
        close(fd);
    }
    cr_assert_str_eq(post("/count", "123456789", 9).body, "9");
    while (unnamed_files(worker)) /* until it has seen all of them leave */
        cr_assert_str_eq(get(&server, "/none").body, "ok");
}
