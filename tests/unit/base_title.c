/* SPDX-License-Identifier: MIT */
/*
 * Process titles, looked at where ps(1) looks. Each test has a child of its
 * own, which is given arguments that look like those it was started with.
 */
#include "base/title.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

static char *argv[64];
static int argc;
static char **copy;     /* what title_init() returned */
static size_t arg_room; /* bytes of the arguments, NULs included */

/* A number of /proc/self/stat, by its place in proc(5). */
static unsigned long stat_number(int place)
{
    char line[2048];
    int fd = open("/proc/self/stat", O_RDONLY);
    ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    line[n > 0 ? n : 0] = '\0';
    char *at = strrchr(line, ')') + 2; /* the third */
    for (int i = 3; i < place; i++)
        at = strchr(at, ' ') + 1;
    return strtoul(at, NULL, 10);
}

/* argv as main() got it: it lies from arg_start to arg_end. */
static void find_arguments(void)
{
    enum {
        ARG_START = 48,
        ARG_END = 49
    };
    union {
        unsigned long number;
        char *at;
    } start = {stat_number(ARG_START)};
    arg_room = stat_number(ARG_END) - start.number;
    for (size_t i = 0; i < arg_room && argc < 63; i += strlen(argv[argc++]) + 1)
        argv[argc] = start.at + i;
}

/* Does the command line say this and, but for NULs, nothing else? */
static bool cmdline_is(const char *want)
{
    static char text[65536];
    int fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    for (ssize_t i = (ssize_t)strlen(want); i < n; i++)
        if (text[i] != '\0')
            return false;
    return n > 0 && strncmp(text, want, strlen(want)) == 0;
}

/* Runs a check in a child; it returns whether all is well. */
static void holds(bool (*check)(void))
{
    int status;
    find_arguments();
    pid_t pid = fork();
    if (pid == 0)
        _exit(check() ? 0 : 1);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect_eq(status, 0);
}

static bool shows_title(void)
{
    title_init(argc, argv);
    title_set("rainbows worker[%d] %s", 3, "Reactor");
    return cmdline_is("rainbows worker[3] Reactor");
}

Test(title, is_what_ps_shows)
{
    holds(shows_title);
}

static bool forgets_the_old(void)
{
    title_init(argc, argv);
    title_set("rainbows a rather long title, to begin with");
    title_set("short");
    return cmdline_is("short");
}

Test(title, leaves_nothing_of_the_one_before)
{
    holds(forgets_the_old);
}

/* The environment's space is used, too: one more byte than the arguments had
 * makes the kernel look there. */
static bool uses_environment(void)
{
    char want[256];
    size_t len = arg_room < 200 ? arg_room + 20 : 200;
    memset(want, 'x', len);
    want[len] = '\0';
    title_init(argc, argv);
    title_set("%s", want);
    return cmdline_is(want);
}

Test(title, may_be_longer_than_the_arguments_were)
{
    holds(uses_environment);
}

static bool copies_survive(void)
{
    char *old[64];
    for (int i = 0; i < argc; i++)
        old[i] = strdup(argv[i]);
    char **args = title_init(argc, argv);
    for (int i = 0; i < 100; i++)
        title_set("%0*d", i, i);
    for (int i = 0; i < argc; i++)
        if (strcmp(args[i], old[i]) != 0)
            return false;
    return args[argc] == NULL;
}

Test(title, arguments_are_kept)
{
    holds(copies_survive);
}

static bool environment_survives(void)
{
    char *path = strdup(getenv("PATH"));
    title_init(argc, argv);
    title_set("%0200d", 1);
    bool kept = strcmp(getenv("PATH"), path) == 0;
    setenv("PATH", "/other", 1);
    setenv("TITLE_TEST", "new", 1);
    title_set("%0199d", 1);
    return kept && strcmp(getenv("PATH"), "/other") == 0 &&
           strcmp(getenv("TITLE_TEST"), "new") == 0;
}

Test(title, environment_is_kept_and_can_be_changed)
{
    holds(environment_survives);
}

/* Arguments in memory of ours, with nothing behind them. */
Test(title, is_cut_to_the_space_there_is)
{
    char space[] = "abc\0de\0XXXX";
    char *few[] = {space, space + 4, NULL};
    char *none[] = {NULL};
    environ = none;
    copy = title_init(2, few);
    title_set("123456789");
    cr_expect_eq(memcmp(space, "123456\0XXXX", 11), 0);
    title_set("1");
    cr_expect_eq(memcmp(space, "1\0\0\0\0\0\0XXXX", 11), 0);
}

Test(title, does_without_arguments)
{
    char *none[] = {NULL};
    copy = title_init(0, none);
    title_set("x");
    cr_expect_null(copy[0]);
}

Test(title, names_the_thread_as_well)
{
    char name[17] = "";
    char space[] = "abcdefghijklmnopqrstuvwxyz";
    char *one[] = {space, NULL};
    copy = title_init(1, one);
    title_set("rainbows worker[3]");
    prctl(PR_GET_NAME, name);
    cr_expect_str_eq(name, "rainbows worker");
}
