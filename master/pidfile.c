/* SPDX-License-Identifier: MIT */
/*
 * The pid file: written whole or not at all, refused when its server lives,
 * removed only when it is ours.
 *
 * A pid alone proves little. After a crash the file stays, and its number goes
 * to another program, or, in a container, to this very process. So a process
 * that lives is asked what it is: a rainbows master is in the way; one of
 * another user, or one that began after the file was written, has come by the
 * number later; of any other nobody can tell, and the operator decides.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/wait.h"
#include "master/master.h"

enum {
    NEW_FILE = 0644,
    SLACK = 2 /* seconds: both times are rounded */
};

/* How long another start may hold the directory. */
#define LOCK_TIME CLOCK_SECOND
#define LOCK_TICK (CLOCK_SECOND / 100)

/* ---- what the file says ---- */

struct content {
    pid_t pid;      /* 0: none that makes sense */
    time_t written; /* when; the wall clock */
};

/* False when there is no such file, or nothing that can be read. */
static bool read_file(const char *path, struct content *content)
{
    struct stat st;
    char text[32] = "";
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
              read(fd, text, sizeof text - 1) >= 0;
    close(fd);
    long pid = strtol(text, NULL, 10);
    content->pid = pid < 1 || pid > INT_MAX ? 0 : (pid_t)pid;
    content->written = ok ? st.st_mtime : 0;
    return ok;
}

/* The pid in the file; 0 when there is none or it makes no sense. */
static pid_t read_pid(const char *path)
{
    struct content content;
    return read_file(path, &content) ? content.pid : 0;
}

/* ---- what its process is ---- */

struct process {
    char name[32]; /* as its title says, cut by the kernel; or its program's */
    char state;
    time_t started; /* on the wall clock as it goes now */
};

static bool read_process(pid_t pid, struct process *process)
{
    char path[64], text[1024] = "";
    struct timespec now, up;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    fd_close(&fd);
    char *name = strchr(text, '('), *end = strrchr(text, ')');
    unsigned long long ticks;
    if (n <= 0 || !name || !end ||
        sscanf(end + 1,
               " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
               "%*s %*s %*s %*s %llu",
               &process->state, &ticks) != 2)
        return false;
    snprintf(process->name, sizeof process->name, "%.*s", (int)(end - name - 1),
             name + 1);
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    process->started = now.tv_sec - up.tv_sec +
                       (time_t)(ticks / (unsigned)sysconf(_SC_CLK_TCK));
    return true;
}

/* Why the process that the file names is none that it was written for; NULL
 * when it may be. */
static const char *stale(const struct content *content, struct process *process)
{
    pid_t pid = content->pid;
    if (!pid)
        return "is none";
    if (pid == getpid())
        return "is this one";
    bool foreign = kill(pid, 0) < 0;
    if (foreign && errno == ESRCH)
        return "is gone";
    if (!read_process(pid, process))
        return foreign ? "is another user's" : NULL;
    if (process->state == 'Z' || process->state == 'X')
        return "has ended";
    /* Before any clock: that may have been set since. */
    if (strncmp(process->name, "rainbows master", 15) == 0)
        return NULL;
    if (foreign)
        return "is another user's";
    if (process->started > content->written + SLACK)
        return "began after it was written";
    return NULL;
}

/* Only a file may be replaced: pid("/dev/null") is a mistake. */
static int check_type(const char *path, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        return err_set(err,
                       "cannot write the pid file %s: there is something "
                       "else of that name, which is no file",
                       path);
    return 0;
}

/* Also logs the reason for what is going to be replaced. */
static int check(const char *path, bool tell, struct err *err)
{
    struct content content;
    struct process process = {.name = "?"};
    if (check_type(path, err) < 0)
        return -1;
    if (!read_file(path, &content))
        return 0;
    const char *why = stale(&content, &process);
    if (!why)
        return err_set(err,
                       "already running: pid file %s names process %ld (%s); "
                       "stop it, or remove the file if that is something else",
                       path, (long)content.pid, process.name);
    if (tell)
        log_info("pid file %s names process %ld, which %s: replaced", path,
                 (long)content.pid, why);
    return 0;
}

/* ---- writing ---- */

/* Two starts at a time must not both find that nobody is there. Held by the
 * directory, so that nothing is left behind; returns a descriptor to close, or
 * -1: where that cannot be had, things are as good as without. */
static int lock_directory(const char *path)
{
    int64_t end = clock_now() + LOCK_TIME;
    char *copy = xstrdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 &&
           errno == EWOULDBLOCK && clock_now() < end) {
        struct wait pause = {.fd = -1, .deadline = clock_now() + LOCK_TICK};
        wait_block(&pause);
    }
    return fd;
}

/* A new file beside path, complete. */
static int write_temporary(const char *temporary)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    int fd =
        open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
             NEW_FILE);
    if (fd < 0)
        return -1;
    errno = ENOSPC; /* what a short write means */
    bool ok = write(fd, text, (size_t)n) == n;
    int why = errno;
    if (close(fd) == 0 && ok)
        return 0;
    unlink(temporary);
    errno = ok ? errno : why;
    return -1;
}

static int replace(const char *path, struct err *err)
{
    unsigned random = 0;
    ssize_t got = getrandom(&random, sizeof random, GRND_NONBLOCK);
    (void)got; /* then the pid has to do */
    char *temporary = xasprintf("%s.%ld.%08x", path, (long)getpid(), random);
    int rc = write_temporary(temporary);
    if (rc == 0 && (rc = rename(temporary, path)) < 0) {
        int why = errno;
        unlink(temporary);
        errno = why;
    }
    free(temporary);
    return rc < 0 ? err_sys(err, "cannot write the pid file %s", path) : 0;
}

int pidfile_check(const char *path, struct err *err)
{
    return path ? check(path, false, err) : 0;
}

int pidfile_write(const char *path, struct err *err)
{
    if (!path)
        return 0;
    int lock = lock_directory(path);
    int rc = check(path, true, err);
    if (rc == 0)
        rc = replace(path, err);
    fd_close(&lock);
    return rc;
}

void pidfile_remove(const char *path)
{
    if (path && read_pid(path) == getpid())
        unlink(path);
}

static char *aside(const char *path)
{
    return xasprintf("%s.oldbin", path);
}

int pidfile_move_aside(const char *path, struct err *err)
{
    if (!path || read_pid(path) != getpid())
        return 0;
    char *old = aside(path);
    struct content content;
    struct process process;
    int rc = 0;
    if (read_file(old, &content) && !stale(&content, &process))
        rc = err_set(err, "%s names process %ld, which lives", old,
                     (long)content.pid);
    else if (rename(path, old) < 0)
        rc = err_sys(err, "cannot rename the pid file %s", path);
    free(old);
    return rc;
}

void pidfile_take_back(const char *path)
{
    if (!path)
        return;
    char *old = aside(path);
    if (read_pid(old) == getpid())
        rename(old, path);
    free(old);
}

void pidfile_remove_aside(const char *path)
{
    if (!path)
        return;
    char *old = aside(path);
    pidfile_remove(old);
    free(old);
}
