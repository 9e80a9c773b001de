/* SPDX-License-Identifier: MIT */
/*
 * The pid file: written whole or not at all, refused when its process lives,
 * removed only when it is ours.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "master/master.h"

/* The pid in the file; 0 when there is none or it makes no sense. */
static pid_t read_pid(const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    long pid = 0;
    if (fscanf(f, "%ld", &pid) != 1 || pid < 1 || pid > INT_MAX)
        pid = 0;
    fclose(f);
    return (pid_t)pid;
}

static int write_temporary(const char *path, struct err *err)
{
    FILE *f = fopen(path, "we");
    if (!f)
        return err_sys(err, "cannot write the pid file %s", path);
    int rc = fprintf(f, "%ld\n", (long)getpid()) < 0 ? -1 : 0;
    if (fclose(f) != 0 || rc < 0) {
        err_sys(err, "cannot write the pid file %s", path);
        unlink(path);
        return -1;
    }
    return 0;
}

int pidfile_write(const char *path, struct err *err)
{
    if (!path)
        return 0;
    pid_t other = read_pid(path);
    if (other && other != getpid() && kill(other, 0) == 0)
        return err_set(err,
                       "already running: pid file %s names process %ld; stop "
                       "it, or remove the file if that is something else",
                       path, (long)other);
    char *temporary = xasprintf("%s.%ld", path, (long)getpid());
    int rc = write_temporary(temporary, err);
    if (rc == 0 && rename(temporary, path) < 0) {
        rc = err_sys(err, "cannot write the pid file %s", path);
        unlink(temporary);
    }
    free(temporary);
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
    pid_t other = read_pid(old);
    int rc = 0;
    if (other && other != getpid() && kill(other, 0) == 0)
        rc =
            err_set(err, "%s names process %ld, which lives", old, (long)other);
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
