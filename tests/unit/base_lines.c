/* SPDX-License-Identifier: MIT */
/*
 * Lines that wait for a log file: all of them, in order, whole, and no more
 * than there is room for; into files, pipes that are full, and devices that
 * take nothing.
 */
#include "base/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/logfile.h"
#include "base/mem.h"

static struct lines lines;
static struct logfile file;
static int reader = -1;
static char got[1 << 20];

static void set_up(void)
{
    lines_init(&lines, 16384);
}

static void tear_down(void)
{
    lines_fini(&lines);
    logfile_close(&file);
    if (reader >= 0)
        close(reader);
}

TestSuite(lines, .init = set_up, .fini = tear_down, .timeout = 20);

/* The file becomes the writing end of a full or an empty pipe. */
static void open_pipe(void)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    reader = ends[0];
    logfile_take(&file, ends[1]);
}

static const char *read_some(void)
{
    ssize_t n = read(reader, got, sizeof got - 1);
    got[n > 0 ? n : 0] = '\0';
    return got;
}

static bool put(const char *line)
{
    return lines_put(&lines, line, strlen(line));
}

Test(lines, are_written_in_order_with_one_write)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    reader = ends[0];
    logfile_take(&file, ends[1]);
    cr_expect(put("one\n") && put("two\n"));
    cr_expect_eq(lines_write(&lines, &file), 0);
    cr_expect_str_eq(read_some(), "one\ntwo\n");
    cr_expect_eq(lines_len(&lines), 0);
}

Test(lines, that_do_not_fit_are_not_taken)
{
    char line[5000];
    memset(line, 'x', sizeof line);
    for (int i = 0; i < 3; i++)
        cr_expect(lines_put(&lines, line, sizeof line));
    cr_expect_not(lines_put(&lines, line, sizeof line));
    cr_expect(put("short\n"));
}

Test(lines, go_into_a_pipe_as_many_as_it_takes_whole)
{
    char line[1001];
    memset(line, 'x', 1000);
    line[999] = '\n';
    line[1000] = '\0';
    open_pipe();
    for (int i = 0; i < 6; i++)
        cr_expect(put(line));
    cr_expect_eq(lines_write(&lines, &file), -1);
    cr_expect_eq(errno, EAGAIN);
    cr_expect_eq(lines_len(&lines), 2000);
    cr_expect_eq(strlen(read_some()), 4000);
    cr_expect_eq(lines_write(&lines, &file), 0);
    cr_expect_eq(strlen(read_some()), 2000);
}

Test(lines, wait_behind_what_was_not_taken)
{
    char block[4096];
    memset(block, 'x', sizeof block);
    open_pipe();
    cr_assert_eq(write(file.fd, block, sizeof block), (ssize_t)sizeof block);
    cr_expect(put("one\n"));
    cr_expect_eq(lines_write(&lines, &file), -1);
    cr_expect(put("two\n"));
    read_some();
    cr_expect_eq(lines_write(&lines, &file), 0);
    cr_expect_str_eq(read_some(), "one\ntwo\n");
}

Test(lines, stay_when_the_disk_is_full)
{
    logfile_take(&file, logfile_open("/dev/full"));
    cr_expect(put("one\n"));
    cr_expect_eq(lines_write(&lines, &file), -1);
    cr_expect_eq(errno, ENOSPC);
    cr_expect_eq(lines_len(&lines), 4);
}

static char torn_path[] = "/tmp/lines_XXXXXX";

static void limit_files(rlim_t size)
{
    struct rlimit limit = {size, RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file that may not grow any more tears the second of two lines; returns the
 * bytes of it that went there. */
static size_t tear(void)
{
    char line[8000];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    close(mkstemp(torn_path));
    logfile_take(&file, logfile_open(torn_path));
    unlink(torn_path);
    signal(SIGXFSZ, SIG_IGN);
    limit_files(12000);
    for (int i = 0; i < 2; i++)
        lines_put(&lines, line, sizeof line);
    while (lines_write(&lines, &file) == 0)
        ;
    limit_files(RLIM_INFINITY);
    return lines.torn;
}

Test(lines, torn_by_a_write_are_finished_by_the_next)
{
    char end[5];
    cr_assert_eq(tear(), 4000);
    cr_expect(put("next\n"));
    cr_expect_eq(lines_write(&lines, &file), 0);
    char *self = xasprintf("/proc/self/fd/%d", file.fd);
    int fd = open(self, O_RDONLY);
    free(self);
    cr_expect_eq(lseek(fd, 0, SEEK_END), 16005);
    cr_expect_eq(pread(fd, end, sizeof end, 16000), 5);
    cr_expect_eq(memcmp(end, "next\n", sizeof end), 0);
    close(fd);
}

Test(lines, torn_by_a_write_are_whole_in_another_file)
{
    cr_assert_eq(tear(), 4000);
    size_t waiting = lines_len(&lines);
    logfile_close(&file);
    open_pipe();
    fcntl(file.fd, F_SETPIPE_SZ, 65536);
    lines_moved(&lines);
    cr_expect_eq(lines_write(&lines, &file), 0);
    cr_expect_eq(strlen(read_some()), waiting);
    cr_expect_eq(waiting % 8000, 0);
}

/* ---- files ---- */

Test(lines, of_a_borrowed_pipe_leave_its_flags_alone)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    reader = ends[0];
    logfile_borrow(&file, ends[1]);
    cr_expect_neq(file.fd, ends[1]);
    cr_expect(fcntl(file.fd, F_GETFL) & O_NONBLOCK);
    cr_expect_not(fcntl(ends[1], F_GETFL) & O_NONBLOCK);
    cr_expect_eq(logfile_write(&file, "one\n", 4), 4);
    cr_expect_str_eq(read_some(), "one\n");
    close(ends[1]);
}

Test(lines, of_a_borrowed_pipe_that_is_full_do_not_wait_without_proc)
{
    char block[4096];
    int ends[2];
    memset(block, 'x', sizeof block);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    reader = ends[0];
    file = (struct logfile){.fd = ends[1],
                            .kind = LOGFILE_STREAM,
                            .borrowed = true,
                            .blocks = true};
    cr_expect_eq(logfile_write(&file, block, sizeof block), 4096);
    cr_expect_eq(logfile_write(&file, "one\n", 4), -1);
    cr_expect_eq(errno, EAGAIN);
    close(ends[1]);
}

Test(lines, may_go_into_a_fifo_that_nobody_reads)
{
    char path[] = "/tmp/lines_XXXXXX";
    cr_assert_not_null(mkdtemp(path));
    char *fifo = strcat(strcpy(got, path), "/fifo");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    logfile_take(&file, logfile_open(fifo));
    cr_expect_geq(file.fd, 0);
    cr_expect_eq(file.kind, LOGFILE_STREAM);
    unlink(fifo);
    rmdir(path);
}
