/* SPDX-License-Identifier: MIT */
/*
 * Spools: memory up to the limit, then a file without a name, and the same
 * bytes from anywhere in them.
 */
#include "base/spool.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/err.h"

static struct spool spool;

static void open_spool(void)
{
    spool = SPOOL_INIT;
}

static void close_spool(void)
{
    spool_fini(&spool);
}

TestSuite(spool, .init = open_spool, .fini = close_spool);

static void put(const char *text, size_t limit)
{
    struct err err;
    cr_assert_eq(spool_put(&spool, text, strlen(text), limit, &err), 0, "%s",
                 err.text);
}

static void reads(int64_t at, size_t n, const char *want)
{
    char bytes[64] = "";
    ssize_t got = spool_read(&spool, at, bytes, n);
    cr_expect_eq(got, (ssize_t)strlen(want), "%zd at %ld", got, (long)at);
    cr_expect_str_eq(bytes, want);
}

Test(spool, stays_in_memory_up_to_the_limit)
{
    put("01234", 10);
    put("56789", 10);
    cr_expect_eq(spool.fd, -1);
    put("", 10);
    cr_expect_eq(spool.fd, -1);
    cr_expect_eq(spool.size, 10);
}

Test(spool, moves_to_a_file_when_more_than_the_limit_comes)
{
    put("0123456789", 10);
    put("a", 10);
    cr_assert_geq(spool.fd, 0);
    cr_expect_null(spool.memory.data, "the memory is kept");
    cr_expect_eq(spool.size, 11);
    reads(0, 20, "0123456789a");
}

Test(spool, takes_the_file_at_once_for_what_is_too_large_from_the_start)
{
    put("0123456789a", 10);
    cr_expect_geq(spool.fd, 0);
    reads(0, 20, "0123456789a");
}

Test(spool, reads_any_range_from_memory_and_file_alike)
{
    for (size_t limit = 0; limit <= 20; limit += 4) {
        open_spool();
        put("01234", limit);
        put("56789", limit);
        reads(0, 10, "0123456789");
        reads(0, 0, "");
        reads(3, 4, "3456"); /* across the two puts, and the move */
        reads(9, 10, "9");
        reads(10, 1, "");
        reads(99, 1, "");
        reads(0, 3, "012"); /* reading moves nothing */
        close_spool();
    }
}

Test(spool, goes_on_behind_what_was_read)
{
    put("0123", 2);
    reads(1, 2, "12");
    put("4567", 2);
    reads(0, 20, "01234567");
}

Test(spool, holds_no_bytes_when_new)
{
    reads(0, 10, "");
}

Test(spool, file_has_no_name_and_is_not_inherited)
{
    put("x", 0);
    struct stat st;
    cr_assert_eq(fstat(spool.fd, &st), 0);
    cr_expect_eq(st.st_nlink, 0);
    cr_expect_eq(st.st_mode & 077, 0, "others may read it");
    cr_expect_eq(fcntl(spool.fd, F_GETFD), FD_CLOEXEC);
}

/* Where the descriptor's file lies (or lay). */
static const char *place(void)
{
    static char path[256];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", spool.fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    return path;
}

Test(spool, file_lies_in_tmpdir)
{
    char dir[] = "/tmp/spool_XXXXXX";
    cr_assert_not_null(mkdtemp(dir));
    setenv("TMPDIR", dir, 1);
    put("x", 0);
    cr_expect_eq(strncmp(place(), dir, strlen(dir)), 0, "%s", place());
    spool_fini(&spool);
    cr_expect_eq(rmdir(dir), 0, "something is left in it");
}

Test(spool, file_lies_in_tmp_when_tmpdir_says_nothing)
{
    unsetenv("TMPDIR");
    put("x", 0);
    cr_expect_eq(strncmp(place(), "/tmp/", 5), 0, "%s", place());
    spool_fini(&spool);
    setenv("TMPDIR", "", 1);
    put("x", 0);
    cr_expect_eq(strncmp(place(), "/tmp/", 5), 0, "%s", place());
}

Test(spool, keeps_what_it_has_when_no_file_can_be_made)
{
    struct err err;
    setenv("TMPDIR", "/nonexistent", 1);
    put("0123", 4);
    cr_expect_eq(spool_put(&spool, "4", 1, 4, &err), -1);
    cr_expect_str_eq(err.text, "cannot make a temporary file in /nonexistent: "
                               "No such file or directory");
    cr_expect_eq(spool.fd, -1);
    reads(0, 9, "0123");
}

Test(spool, says_so_when_the_disk_is_full)
{
    struct err err;
    static char much[4096];
    spool.fd = open("/dev/full", O_RDWR);
    cr_expect_eq(spool_put(&spool, much, sizeof much, 0, &err), -1);
    cr_expect_str_eq(err.text, "cannot write 4096 bytes to a temporary file: "
                               "No space left on device");
    cr_expect_eq(spool.size, 0);
}

Test(spool, fini_empties_it_and_closes_the_file)
{
    put("0123", 0);
    int fd = spool.fd;
    spool_fini(&spool);
    cr_expect_eq(fcntl(fd, F_GETFD), -1);
    cr_expect_eq(spool.fd, -1);
    reads(0, 9, "");
    put("ab", 9);
    reads(0, 9, "ab");
    cr_expect_eq(spool.fd, -1);
}
