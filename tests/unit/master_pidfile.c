/* SPDX-License-Identifier: MIT */
/*
 * The pid file: refused when its process lives, whole or not there at all, and
 * removed only by the one it names.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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
             "already running: pid file %s names process %d (unit_master_pid); "
             "stop it, or remove the file if that is something else",
             path, (int)getppid());
    cr_expect_str_eq(err.text, want);
    holds(text);
    cr_expect_eq(pidfile_check(path, &err), -1);
    cr_expect_str_eq(err.text, want);
}

static void make_old(void)
{
    struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

Test(pidfile, is_taken_over_when_its_process_began_later)
{
    char text[32];
    snprintf(text, sizeof text, "%d\n", (int)getppid());
    put(text);
    make_old();
    written();
}

/* A child with this title, which ends when the descriptor is closed. */
static pid_t child_named(const char *title, int *ends)
{
    int fds[2];
    char byte;
    cr_assert_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[1]);
        prctl(PR_SET_NAME, title);
        _exit((int)read(fds[0], &byte, 1));
    }
    close(fds[0]);
    *ends = fds[1];
    return pid;
}

static void await_title(pid_t pid, const char *title)
{
    char name[64], now[64] = "";
    snprintf(name, sizeof name, "/proc/%d/comm", (int)pid);
    while (strncmp(now, title, strlen(title)) != 0) {
        FILE *f = fopen(name, "r");
        cr_assert_not_null(f);
        cr_assert_not_null(fgets(now, sizeof now, f));
        fclose(f);
    }
}

/* Its clock may have been wrong when it wrote the file. */
Test(pidfile, is_refused_when_its_process_is_a_master_whatever_the_time)
{
    struct err err = {0};
    char text[32];
    int ends;
    pid_t pid = child_named("rainbows master -c config.lua", &ends);
    await_title(pid, "rainbows master");
    snprintf(text, sizeof text, "%d\n", (int)pid);
    put(text);
    make_old();
    cr_expect_eq(pidfile_write(path, &err), -1);
    cr_expect_not_null(strstr(err.text, "(rainbows master)"), "%s", err.text);
    holds(text);
    close(ends);
    waitpid(pid, NULL, 0);
}

Test(pidfile, is_taken_over_when_its_process_is_a_zombie)
{
    char text[32];
    siginfo_t info;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    snprintf(text, sizeof text, "%d\n", (int)pid);
    put(text);
    written();
    waitpid(pid, NULL, 0);
}

Test(pidfile, is_taken_over_when_its_process_is_another_users)
{
    struct err err = {0};
    int status;
    put("1\n");
    cr_assert_eq(chmod(dir, 0777), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (getuid() == 0 && setuid(65534) < 0)
            _exit(2);
        if (kill(1, 0) == 0)
            _exit(3);
        _exit(pidfile_write(path, &err) == 0 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    if (WEXITSTATUS(status) > 1)
        cr_skip("process 1 is nobody else's");
    cr_expect_eq(WEXITSTATUS(status), 0);
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

Test(pidfile, replaces_nothing_but_files)
{
    struct err err = {0};
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_eq(pidfile_write(path, &err), -1);
    cr_expect_not_null(strstr(err.text, "which is no file"), "%s", err.text);
    cr_expect_eq(pidfile_write("/dev/null", &err), -1);
    pidfile_remove(path);
    cr_expect_eq(access(path, F_OK), 0);
}

Test(pidfile, is_no_way_into_what_it_links_to)
{
    char target[80];
    snprintf(target, sizeof target, "%s.target", path);
    cr_assert_eq(symlink(target, path), 0);
    written();
    cr_expect_eq(access(target, F_OK), -1);
}

Test(pidfile, that_does_not_fit_the_disk_is_an_error)
{
    struct err err = {0};
    struct rlimit none = {.rlim_cur = 1, .rlim_max = RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &none);
    none.rlim_cur = 1;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    int rc = pidfile_write(path, &err);
    none.rlim_cur = none.rlim_max;
    setrlimit(RLIMIT_FSIZE, &none);
    cr_expect_eq(rc, -1);
    cr_expect_not_null(strstr(err.text, "No space left"), "%s", err.text);
    cr_expect_eq(access(path, F_OK), -1);
}

/* Tries to write it when `go` is closed, says how it went, and stays until
 * `end` is closed. */
static void race(int go, int said, int end)
{
    char byte;
    struct err err;
    while (read(go, &byte, 1) > 0)
        ;
    byte = pidfile_write(path, &err) == 0 ? 'y' : 'n';
    if (write(said, &byte, 1) != 1)
        _exit(1);
    while (read(end, &byte, 1) > 0)
        ;
    _exit(0);
}

static int count_winners(void)
{
    enum {
        RUNNERS = 16
    };
    int go[2], said[2], end[2], winners = 0;
    char word;
    cr_assert(pipe(go) == 0 && pipe(said) == 0 && pipe(end) == 0);
    for (int i = 0; i < RUNNERS; i++) {
        if (fork() != 0)
            continue;
        close(go[1]);
        close(end[1]);
        race(go[0], said[1], end[0]);
    }
    close(go[1]);
    for (int i = 0; i < RUNNERS; i++) {
        cr_assert_eq(read(said[0], &word, 1), 1);
        winners += word == 'y';
    }
    close(end[1]);
    while (wait(NULL) > 0)
        ;
    close(go[0]);
    close(said[0]);
    close(said[1]);
    close(end[0]);
    return winners;
}

Test(pidfile, has_one_owner_when_many_start_at_once)
{
    for (int i = 0; i < 20; i++) {
        char text[32];
        snprintf(text, sizeof text, "%d\n", (int)past_pid());
        put(text);
        cr_assert_eq(count_winners(), 1);
        unlink(path);
        cr_assert_eq(count_winners(), 1);
        unlink(path);
    }
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
