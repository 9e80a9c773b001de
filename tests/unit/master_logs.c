/* SPDX-License-Identifier: MIT */
/*
 * Logs for workers of another user: theirs, unless that would give away what is
 * somebody else's. Needs root.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "config/config.h"
#include "master/master.h"

enum {
    USER = 65534,
    GROUP = 65533,
    FD = 1
};

static char dir[] = "/tmp/logs_XXXXXX";
static char path[64], other[64];
static char user[] = "65534";
static struct config config = {
    .stdout_path = path,
    .run_as = {.user = user, .group = user, .uid = USER, .gid = GROUP}};

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/log", dir);
    snprintf(other, sizeof other, "%s/other", dir);
    if (geteuid() != 0)
        cr_skip("needs root");
}

static void tear_down(void)
{
    unlink(path);
    unlink(other);
    cr_expect_eq(rmdir(dir), 0, "something else is left in it");
}

TestSuite(logs, .init = set_up, .fini = tear_down);

static void make(const char *name, uid_t uid)
{
    int fd = open(name, O_WRONLY | O_CREAT, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fchown(fd, uid, uid), 0);
    close(fd);
}

static void opens(void)
{
    struct err err = {0};
    cr_assert_eq(log_open(&config, FD, &err), 0, "%s", err.text);
}

static void belongs(const char *name, uid_t uid)
{
    struct stat st;
    cr_assert_eq(lstat(name, &st), 0);
    cr_expect_eq(st.st_uid, uid, "%u", st.st_uid);
}

/* The directory is the user's, who does there what he likes. */
static void give_directory(void)
{
    cr_assert_eq(chown(dir, USER, GROUP), 0);
}

Test(logs, that_are_new_belong_to_the_workers)
{
    struct stat st, fd;
    opens();
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(fstat(FD, &fd), 0);
    cr_expect(st.st_uid == USER && st.st_gid == GROUP);
    cr_expect_eq(st.st_ino, fd.st_ino);
    cr_expect(fcntl(FD, F_GETFL) & O_APPEND);
}

Test(logs, that_are_new_belong_to_the_workers_in_their_directory_too)
{
    give_directory();
    opens();
    belongs(path, USER);
}

Test(logs, that_are_old_change_hands_where_only_root_writes)
{
    make(path, 0);
    opens();
    belongs(path, USER);
    opens();
    belongs(path, USER);
}

Test(logs, of_a_group_alone_stay_the_masters)
{
    struct stat st;
    config.run_as.user = NULL;
    config.run_as.uid = NO_ID;
    opens();
    cr_assert_eq(stat(path, &st), 0);
    cr_expect(st.st_uid == 0 && st.st_gid == GROUP);
}

Test(logs, that_may_be_moved_there_stay_whose_they_are)
{
    give_directory();
    make(path, 0);
    opens();
    belongs(path, 0);
}

Test(logs, that_anybody_may_have_moved_there_stay_whose_they_are)
{
    cr_assert_eq(chmod(dir, 01777), 0);
    make(path, 1);
    opens();
    belongs(path, 1);
}

Test(logs, with_a_second_name_stay_whose_they_are)
{
    make(other, 0);
    cr_assert_eq(link(other, path), 0);
    opens();
    belongs(other, 0);
}

Test(logs, of_a_symbolic_link_of_the_user_are_refused)
{
    struct err err = {0};
    struct stat before, after;
    make(other, 0);
    cr_assert_eq(symlink(other, path), 0);
    cr_assert_eq(lchown(path, USER, GROUP), 0);
    fstat(FD, &before);
    cr_expect_eq(log_open(&config, FD, &err), -1);
    fstat(FD, &after);
    cr_expect_not_null(strstr(err.text, "is a symbolic link of uid=65534"));
    cr_expect_eq(before.st_ino, after.st_ino);
    belongs(other, 0);
}

Test(logs, of_a_symbolic_link_to_nothing_are_not_made)
{
    struct err err = {0};
    cr_assert_eq(symlink(other, path), 0);
    cr_assert_eq(lchown(path, USER, GROUP), 0);
    cr_expect_eq(log_open(&config, FD, &err), -1);
    cr_expect_eq(access(other, F_OK), -1);
}

Test(logs, of_our_own_symbolic_link_are_opened_and_stay_whose_they_are)
{
    struct stat st, fd;
    make(other, 0);
    cr_assert_eq(symlink(other, path), 0);
    opens();
    belongs(other, 0);
    stat(other, &st);
    fstat(FD, &fd);
    cr_expect_eq(st.st_ino, fd.st_ino);
}

Test(logs, that_are_devices_are_opened)
{
    config.stdout_path = (char *)"/dev/null";
    opens();
    belongs("/dev/null", 0);
}

Test(logs, that_cannot_be_opened_say_why)
{
    struct err err = {0};
    config.stdout_path = (char *)"/nonexistent/log";
    cr_expect_eq(log_open(&config, FD, &err), -1);
    cr_expect_str_eq(err.text, "stdout_path: cannot open /nonexistent/log: No "
                               "such file or directory");
    config.run_as = (struct run_as){.uid = NO_ID, .gid = NO_ID};
    cr_expect_eq(log_open(&config, FD, &err), -1);
    cr_expect_str_eq(err.text, "stdout_path: cannot open /nonexistent/log: No "
                               "such file or directory");
    cr_expect_eq(logs_check(&config, &err), -1);
    cr_expect_not_null(strstr(err.text, "stdout_path: cannot open"));
}

Test(logs, that_are_only_looked_for_are_not_made)
{
    struct err err = {0};
    struct stat before, after;
    fstat(FD, &before);
    cr_expect_eq(logs_check(&config, &err), 0, "%s", err.text);
    fstat(FD, &after);
    cr_expect_eq(before.st_ino, after.st_ino);
    cr_expect_eq(access(path, F_OK), -1);
}
