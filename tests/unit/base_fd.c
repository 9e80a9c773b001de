/* SPDX-License-Identifier: MIT */
/*
 * Small things around descriptors.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/err.h"

Test(fd, close_forgets_the_number)
{
    int fd = open("/dev/null", O_RDONLY);
    int number = fd;
    fd_close(&fd);
    cr_expect_eq(fd, -1);
    cr_expect_eq(fcntl(number, F_GETFD), -1);
    fd_close(&fd);
    cr_expect_eq(fd, -1);
}

Test(fd, pipe_reads_at_0_and_never_blocks_or_is_inherited)
{
    struct err err;
    int ends[2];
    char byte;
    cr_assert_eq(fd_pipe(ends, &err), 0);
    cr_expect_eq(read(ends[0], &byte, 1), -1);
    cr_expect_eq(errno, EAGAIN);
    cr_expect_eq(write(ends[1], "x", 1), 1);
    cr_expect_eq(read(ends[0], &byte, 1), 1);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(fcntl(ends[i], F_GETFD), FD_CLOEXEC);
        cr_expect(fcntl(ends[i], F_GETFL) & O_NONBLOCK);
    }
}

/* In a child with the streams of the mask closed: 0 if all three are open
 * afterwards, and nothing else is. */
static int fill_without(int mask)
{
    closefrom(3);
    for (int fd = 0; fd <= 2; fd++)
        if (mask & 1 << fd)
            close(fd);
    fd_fill_standard();
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) != 0)
            return 1;
    return fcntl(3, F_GETFD) == -1 ? 0 : 2;
}

Test(fd, fill_opens_each_standard_stream_that_is_closed)
{
    for (int mask = 0; mask < 8; mask++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            _exit(fill_without(mask));
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_expect_eq(status, 0, "closed streams: %d", mask);
    }
}

/* ---- reading files ---- */

static char path[] = "/tmp/fd_XXXXXX";

static void reads_back(const char *bytes, size_t size)
{
    struct err err;
    size_t len = 0;
    int fd = open(path, O_WRONLY | O_TRUNC);
    cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
    close(fd);
    char *text = fd_read_file(path, &len, &err);
    cr_assert_not_null(text, "%s", err.text);
    cr_expect_eq(len, size);
    cr_expect_eq(memcmp(text, bytes, size), 0);
    cr_expect_eq(text[len], '\0');
    free(text);
}

Test(fd, reads_a_whole_file_of_any_size)
{
    static char bytes[100000];
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, sizeof bytes};
    close(mkstemp(path));
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7); /* NULs among them */
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        reads_back(bytes, sizes[i]);
    unlink(path);
}

Test(fd, says_which_file_cannot_be_read_and_why)
{
    struct err err;
    size_t len = 7;
    cr_expect_null(fd_read_file("/nonexistent", &len, &err));
    cr_expect_str_eq(err.text,
                     "cannot read /nonexistent: No such file or directory");
    cr_expect_null(fd_read_file("/tmp", &len, &err));
    cr_expect_str_eq(err.text, "cannot read /tmp: Is a directory");
    cr_expect_eq(len, 7, "touched on failure");
}
