/* SPDX-License-Identifier: MIT */
/*
 * The pid file: refused when its process lives, whole or not there at all, and
 * removed only by the one it names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "master/master.h"

static char dir[] = "/tmp/pidfile_XXXXXX";
static char path[64];

static void make_dir(void)
{
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/pid", dir);
}

static void remove_dir(void)
{
    unlink(path);
    cr_expect_eq(rmdir(dir), 0, "something else is left in it");
}

TestSuite(pidfile, .init = make_dir, .fini = remove_dir);

static void put(const char *text)
{
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

static void holds(const char *want)
{
    char text[64] = "";
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    cr_expect_str_eq(text, want);
}

static const char *own(void)
{
    static char text[32];
    snprintf(text, sizeof text, "%ld\n", (long)getpid());
    return text;
}

static void written(void)
{
    struct err err;
    cr_assert_eq(pidfile_write(path, &err), 0, "%s", err.text);
    holds(own());
}

/* The pid of a process that has been. */
static pid_t past_pid(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    return pid;
}

Test(pidfile, names_this_process)
{
    written();
    written();
}

Test(pidfile, is_taken_over_when_it_makes_no_sense)
{
    static const char *const texts[] = {
        "",    "\n",   "x",
        "0\n", "-1\n", "-99999999\n",
        " ",   "pid",  "99999999999999999999\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put(texts[i]);
        written();
    }
}

/* 4294967297 is 1 when it is cut to 32 bits, and process 1 lives. */
Test(pidfile, is_taken_over_when_the_number_is_no_pid)
{
    put("4294967297\n");
    written();
}

Test(pidfile, is_taken_over_when_its_process_is_gone)
{
    char text[32];
    snprintf(text, sizeof text, "%d\n", (int)past_pid());
    put(text);
    written();
}

Test(pidfile, is_refused_when_its_process_lives)
{
    struct err err = {0};
    char text[32], want[256];
    snprintf(text, sizeof text, "%d\n", (int)getppid());
    put(text);
    cr_expect_eq(pidfile_write(path, &err), -1);
    snprintf(want, sizeof want,
             "already running: pid file %s names process %d; stop it, or "
             "remove the file if that is something else",
             path, (int)getppid());
    cr_expect_str_eq(err.text, want);
    holds(text);
}

Test(pidfile, is_replaced_in_one_step)
{
    struct stat before, after;
    put("x");
    FILE *reader = fopen(path, "r"); /* who has it open sees the old text */
    stat(path, &before);
    written();
    stat(path, &after);
    cr_expect_neq(before.st_ino, after.st_ino);
    cr_expect_eq(fgetc(reader), 'x');
    fclose(reader);
}

Test(pidfile, that_cannot_be_written_is_an_error)
{
    struct err err = {0};
    cr_expect_eq(pidfile_write("/nonexistent/pid", &err), -1);
    cr_expect_not_null(strstr(err.text, "cannot write the pid file "
                                        "/nonexistent/pid"));
    cr_expect_not_null(strstr(err.text, ": No such file or directory"));
}

Test(pidfile, leaves_no_other_file_when_it_cannot_take_its_place)
{
    struct err err = {0};
    cr_assert_eq(mkdir(path, 0700), 0); /* rename() cannot replace it */
    cr_expect_eq(pidfile_write(path, &err), -1);
    cr_expect_not_null(strstr(err.text, path));
    cr_expect_eq(rmdir(path), 0); /* the rest is checked by remove_dir() */
}

Test(pidfile, is_removed_when_it_names_this_process)
{
    written();
    pidfile_remove(path);
    cr_expect_eq(access(path, F_OK), -1);
    pidfile_remove(path);
}

Test(pidfile, is_left_when_it_names_another)
{
    char text[32];
    snprintf(text, sizeof text, "%d\n", (int)getppid());
    put(text);
    pidfile_remove(path);
    holds(text);
    put("");
    pidfile_remove(path);
    holds("");
}

Test(pidfile, is_not_removed_by_a_child)
{
    written();
    pid_t pid = fork();
    if (pid == 0) {
        pidfile_remove(path);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    holds(own());
}

Test(pidfile, is_nothing_without_a_path)
{
    struct err err;
    cr_expect_eq(pidfile_write(NULL, &err), 0);
    pidfile_remove(NULL);
}
