/* SPDX-License-Identifier: MIT */
/*
 * The log: who speaks and how loud, whole texts, one write for a line, and no
 * message that could pass for a line of its own.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/logs.h"

TestSuite(log, .init = logs_open);

#define INFO "INFO  rainbows "

/* Logs the text; it must come out so. */
static void shows(const char *text, const char *want)
{
    log_info("%s", text);
    const char *line = logs_line();
    size_t n = strlen(INFO);
    cr_assert_eq(strncmp(line, INFO, n), 0, "%s", line);
    cr_expect_str_eq(line + n, want);
}

/* A new string: n times the unit. */
static char *repeated(const char *unit, size_t n)
{
    size_t len = strlen(unit);
    char *text = malloc(n * len + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * len, unit, len);
    text[n * len] = '\0';
    return text;
}

Test(log, begins_with_time_level_and_actor)
{
    int year, month, day, hour, minute, second, ms, end = 0;
    log_set_actor("worker=%d pid=%d", 3, 812);
    log_warn("n=%d", 5);
    sscanf(logs_next(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day,
           &hour, &minute, &second, &ms, &end);
    cr_assert_eq(end, 24, "%s", logs.text);
    cr_expect_str_eq(logs.text + end, " WARN  worker=3 pid=812 n=5\n");
}

Test(log, drops_lines_below_the_level)
{
    static const char *const want[][4] = {
        [LOG_DEBUG] = {"DEBUG", "INFO ", "WARN ", "ERROR"},
        [LOG_INFO] = {"", "INFO ", "WARN ", "ERROR"},
        [LOG_WARN] = {"", "", "WARN ", "ERROR"},
        [LOG_ERROR] = {"", "", "", "ERROR"},
    };
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        log_set_level((enum log_level)level);
        for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
            log_msg((enum log_level)i, "x");
            const char *tag = want[level][i];
            cr_expect_eq(strncmp(logs_line(), tag, strlen(tag)), 0);
            cr_expect_eq(*tag != '\0', *logs.text != '\0');
        }
    }
}

Test(log, says_nothing_of_debug_by_default)
{
    log_debug("x");
    cr_expect_str_eq(logs_next(), "");
}

Test(log, knows_its_levels_in_any_case)
{
    enum log_level level;
    static const char *const names[] = {"debug", "Info", "WARN", "eRROR"};
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        cr_expect(log_level_parse(names[i], &level));
        cr_expect_eq((int)level, i);
        cr_expect(log_level_parse(log_level_name(level), &level));
        cr_expect_eq((int)level, i);
    }
}

Test(log, refuses_other_words_for_levels)
{
    enum log_level level = LOG_WARN;
    static const char *const names[] = {"", "warning", "inf", "info ", "1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect_not(log_level_parse(names[i], &level), "%s", names[i]);
    cr_expect_eq(level, LOG_WARN);
}

Test(log, shows_control_bytes_as_numbers)
{
    char byte[2] = "", want[8];
    for (int c = 1; c <= 0x7f; c++) {
        if ((c >= ' ' && c < 0x7f) || c == '\t' || c == '\n')
            continue;
        byte[0] = (char)c;
        snprintf(want, sizeof want, "\\x%02x\n", c);
        shows(byte, want);
    }
    shows("a\033[31mb\r", "a\\x1b[31mb\\x0d\n");
}

Test(log, leaves_tabs_and_utf_8_alone)
{
    shows("a\tZo\xc3\xab \\x41 %s", "a\tZo\xc3\xab \\x41 %s\n");
}

Test(log, indents_the_further_lines_of_a_text)
{
    shows("a\nb\n\n  c", "a\n    b\n    \n      c\n");
    shows("\na", "\n    a\n");
}

Test(log, ends_with_one_line_end)
{
    shows("", "\n");
    shows("a\n", "a\n");
    shows("a\n\n\n", "a\n");
    shows("\n\n", "\n");
}

Test(log, cannot_be_made_to_write_another_line)
{
    log_info("x\n2026-11-21T22:08:17.123Z ERROR master pid=1 killed\ry");
    for (char *line = strchr(logs_next(), '\n') + 1; *line;
         line = strchr(line, '\n') + 1)
        cr_expect_eq(strncmp(line, "    ", 4), 0, "%s", line);
    cr_expect_null(strchr(logs.text, '\r'));
}

/* Around the sizes up to which the stack is used. */
Test(log, writes_texts_of_any_length_whole_and_at_once)
{
    static const size_t sizes[] = {790,  793,  794,  795,   1022,  1023,
                                   1024, 1025, 4096, 65536, 200000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *text = repeated("x", sizes[i]);
        log_info("%s", text);
        size_t got = strlen(logs_line());
        cr_expect_eq(got, strlen(INFO) + sizes[i] + 1, "%zu", sizes[i]);
        free(text);
    }
    cr_expect_str_eq(logs_next(), "");
}

Test(log, has_room_for_texts_that_grow_when_shown)
{
    static const size_t sizes[] = {700, 793, 794, 1023, 1024, 40000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *text = repeated("\nx", sizes[i]);
        log_info("%s", text);
        cr_expect_eq(strlen(logs_line()), strlen(INFO) + 6 * sizes[i] + 1);
        free(text);
    }
}

Test(log, cuts_the_actor_and_not_the_text)
{
    char *name = repeated("a", 100);
    log_set_actor("%s", name);
    log_info("text");
    name[63] = '\0';
    char want[128];
    snprintf(want, sizeof want, "INFO  %s text\n", name);
    cr_expect_str_eq(logs_line(), want);
    free(name);
}

Test(log, loses_lines_and_nothing_else_when_nobody_reads)
{
    close(logs.fd);
    log_error("lost");
    close(STDERR_FILENO);
    log_error("lost");
}

/* ---- reopening ---- */

static char path[] = "/tmp/log_XXXXXX";

static off_t size_of(const char *file)
{
    struct stat st;
    return stat(file, &st) == 0 ? st.st_size : -1;
}

Test(log, reopen_appends_to_what_is_there)
{
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "old\n", 4), 4);
    cr_assert_eq(log_reopen(path, STDERR_FILENO), 0);
    log_info("new");
    cr_expect_eq(size_of(path), 4 + 25 + (off_t)strlen(INFO "new\n"));
    unlink(path);
    close(fd);
}

Test(log, reopen_makes_the_file_that_was_moved_away)
{
    close(mkstemp(path));
    cr_assert_eq(log_reopen(path, STDERR_FILENO), 0);
    unlink(path);
    cr_assert_eq(log_reopen(path, STDERR_FILENO), 0);
    log_info("x");
    cr_expect_gt(size_of(path), 0);
    unlink(path);
}

Test(log, reopen_leaves_all_as_it_is_when_it_fails)
{
    cr_expect_eq(log_reopen("/nonexistent/log", STDERR_FILENO), -1);
    cr_expect_eq(errno, ENOENT);
    log_info("still here");
    cr_expect_str_eq(logs_line(), INFO "still here\n");
}

Test(log, reopened_descriptors_reach_programs_but_no_copy_does)
{
    close(mkstemp(path));
    int before = open("/dev/null", O_RDONLY);
    cr_assert_eq(log_reopen(path, STDERR_FILENO), 0);
    cr_expect_eq(fcntl(STDERR_FILENO, F_GETFD), 0);
    int after = open("/dev/null", O_RDONLY);
    cr_expect_eq(after, before + 1, "a descriptor is left open");
    unlink(path);
}
