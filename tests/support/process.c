/* SPDX-License-Identifier: MIT */
/*
 * Looking at processes through /proc. See process.h.
 */
#include "tests/support/process.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/server.h"

/* The fields of /proc/PID/stat behind the name, which may have blanks. False:
 * there is no such process. */
static bool read_stat(pid_t pid, char line[1024], const char **fields)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    bool there = f && fgets(line, 1024, f);
    if (f)
        fclose(f);
    *fields = there ? strrchr(line, ')') : NULL;
    return *fields;
}

long process_ticks(pid_t pid)
{
    char line[1024];
    const char *fields;
    long user, kernel;
    cr_assert(read_stat(pid, line, &fields), "no process %d", (int)pid);
    cr_assert_eq(sscanf(fields,
                        ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
                        " %ld %ld",
                        &user, &kernel),
                 2);
    return user + kernel;
}

char process_state(pid_t pid)
{
    char line[1024];
    const char *fields;
    return read_stat(pid, line, &fields) ? fields[2] : '\0';
}

int process_files(pid_t pid)
{
    char path[64];
    int n = -2; /* "." and ".." */
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    cr_assert_not_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

long process_size(pid_t pid)
{
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "r");
    cr_assert(f && fscanf(f, "%ld", &pages) == 1, "no process %d", (int)pid);
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

/* Counts the children in that state; 0: in any. */
static int count_children(pid_t pid, char state)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid,
             (int)pid);
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    for (int child; fscanf(f, "%d", &child) == 1;)
        n += !state || process_state(child) == state;
    fclose(f);
    return n;
}

int process_children(pid_t pid)
{
    return count_children(pid, 0);
}

int process_zombies(pid_t pid)
{
    return count_children(pid, 'Z');
}

/* Nothing tells of these: they have to be asked again and again. */

static void ask_again(int64_t deadline, pid_t pid, const char *what)
{
    cr_assert_lt(clock_now(), deadline, "process %d has not %s", (int)pid,
                 what);
    poll(NULL, 0, 1);
}

void process_await_state(pid_t pid, char state)
{
    int64_t deadline = clock_now() + PATIENCE * CLOCK_SECOND;
    while (process_state(pid) != state)
        ask_again(deadline, pid, "the state");
}

void process_await_children(pid_t pid, int count)
{
    int64_t deadline = clock_now() + PATIENCE * CLOCK_SECOND;
    while (process_children(pid) != count)
        ask_again(deadline, pid, "so many children");
}

void process_await_no_child(void)
{
    int64_t deadline = clock_now() + PATIENCE * CLOCK_SECOND;
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0)
        if (pid == 0)
            ask_again(deadline, getpid(), "lost its children");
}
