/* SPDX-License-Identifier: MIT */
/*
 * File bodies as browsers and download managers ask for them: in parts, and
 * only when they have changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

enum {
    SIZE = 300000
};

static struct server server;
static char content[SIZE + 1];
static char *path;

static void start(void)
{
    server_serve(&server, "bodies.lua", "worker_processes(1)");
    for (int i = 0; i < SIZE; i++)
        content[i] = (char)('a' + i * 7 / 5 % 26);
    server_write(&server, "file", content);
    path = server_path(&server, "file");
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(files, .init = start, .fini = stop, .timeout = 60);

/* On a connection of its own, which goes on. */
static struct answer request(const char *method, const char *fields)
{
    int fd = dial(&server);
    char *text = xasprintf("%s /file-named?%s HTTP/1.1\r\nHost: x\r\n%s\r\n",
                           method, path, fields);
    send_text(fd, text);
    struct answer a =
        strcmp(method, "HEAD") ? read_answer(fd) : read_head_answer(fd);
    cr_assert_null(field(&a, "connection"), "%s", a.head);
    cr_assert_eq(ask(fd, "GET /array HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
    free(text);
    close(fd);
    return a;
}

static struct answer get_with(const char *fields)
{
    return request("GET", fields);
}

static void assert_field(const struct answer *a, const char *name,
                         const char *value)
{
    const char *got = field(a, name);
    cr_assert_not_null(got, "no %s in %s", name, a->head);
    cr_assert_str_eq(got, value);
}

Test(files, have_a_date_and_a_tag)
{
    struct answer a = get_with("");
    cr_assert_eq(a.status, 200);
    cr_assert_eq(a.length, SIZE);
    cr_assert_eq(memcmp(a.body, content, SIZE), 0);
    assert_field(&a, "accept-ranges", "bytes");
    cr_assert_not_null(field(&a, "last-modified"));
    char *tag = xasprintf("%s", field(&a, "etag"));
    a = get_with("");
    assert_field(&a, "etag", tag);
    cr_assert_eq(truncate(path, SIZE - 1), 0);
    a = get_with("");
    cr_assert_str_neq(field(&a, "etag"), tag);
    free(tag);
}

/* A part of it: with the head in one send, and longer. */
static void assert_part(int first, int last)
{
    char range[64], said[64];
    snprintf(range, sizeof range, "Range: bytes=%d-%d\r\n", first, last);
    snprintf(said, sizeof said, "bytes %d-%d/%d", first, last, SIZE);
    struct answer a = get_with(range);
    cr_assert_eq(a.status, 206);
    assert_field(&a, "content-range", said);
    cr_assert_eq(a.length, (size_t)(last - first + 1));
    cr_assert_eq(memcmp(a.body, content + first, a.length), 0);
}

Test(files, come_in_parts)
{
    assert_part(0, 0);
    assert_part(7, 1000);
    assert_part(1, 65535);
    assert_part(1, 65536);
    assert_part(1, 65537);
    assert_part(100000, SIZE - 1);
    assert_part(SIZE - 1, SIZE - 1);
    struct answer a = get_with("Range: bytes=-3\r\n");
    cr_assert_eq(a.status, 206);
    cr_assert_str_eq(a.body, content + SIZE - 3);
}

Test(files, come_whole_when_the_range_is_none_or_several)
{
    cr_assert_eq(get_with("Range: bytes=0-1,4-5\r\n").length, SIZE);
    cr_assert_eq(get_with("Range: bytes=4-3\r\n").length, SIZE);
    cr_assert_eq(request("POST", "Range: bytes=0-1\r\n").length, SIZE);
}

Test(files, have_no_part_behind_their_end)
{
    char said[64];
    snprintf(said, sizeof said, "bytes */%d", SIZE);
    struct answer a = get_with("Range: bytes=300000-\r\n");
    cr_assert_eq(a.status, 416);
    assert_field(&a, "content-range", said);
    assert_field(&a, "content-length", "0");
}

Test(files, are_not_sent_to_who_has_them)
{
    struct answer a = get_with("");
    char *tag = xasprintf("If-None-Match: \"x\", %s\r\n", field(&a, "etag"));
    char *since =
        xasprintf("If-Modified-Since: %s\r\n", field(&a, "last-modified"));
    a = get_with(tag);
    cr_assert_eq(a.status, 304);
    cr_assert_eq(a.length, 0);
    cr_assert_not_null(field(&a, "etag"));
    cr_assert_eq(get_with(since).status, 304);
    cr_assert_eq(request("HEAD", tag).status, 304);
    cr_assert_eq(get_with("If-None-Match: \"x\"\r\n").status, 200);
    cr_assert_eq(get_with("If-Match: \"x\"\r\n").status, 412);
    free(tag);
    free(since);
}

Test(files, go_on_where_a_download_stopped_if_they_are_the_same)
{
    struct answer a = get_with("");
    char *same = xasprintf("Range: bytes=299990-\r\nIf-Range: %s\r\n",
                           field(&a, "etag"));
    a = get_with(same);
    cr_assert_eq(a.status, 206);
    cr_assert_str_eq(a.body, content + 299990);
    cr_assert_eq(truncate(path, SIZE - 1), 0);
    a = get_with(same);
    cr_assert_eq(a.status, 200);
    cr_assert_eq(a.length, SIZE - 1);
    free(same);
}

Test(files, tell_head_what_get_would_get)
{
    struct answer a = request("HEAD", "Range: bytes=0-1\r\n");
    cr_assert_eq(a.status, 200);
    assert_field(&a, "content-length", "300000");
    assert_field(&a, "accept-ranges", "bytes");
}
