/* SPDX-License-Identifier: MIT */
/*
 * stderr_path, stdout_path and access_log as the master opens them. Workers of
 * another user must be able to open them again after a rotation, so what the
 * master creates it gives to that user.
 *
 * Their directory may be the user's own, who must not get at files of others
 * through us: put in the log's place as a symbolic or a hard link, or moved
 * there, such a file would be given away. So only what we have just created
 * changes hands, and what lies in a directory that only we can write to; and
 * links that somebody else has made are not followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/logfile.h"
#include "base/mem.h"
#include "config/access.h"
#include "master/master.h"
#include "worker/privilege.h"

enum {
    APPEND = O_WRONLY | O_APPEND | O_CLOEXEC,
    NO_WAIT = O_NONBLOCK | O_NOCTTY, /* for access_log, which may be a FIFO */
    NEW_FILE = 0644
};

static bool only_we_write_beside(const char *path)
{
    struct stat st;
    char *copy = xstrdup(path);
    int rc = stat(dirname(copy), &st);
    free(copy);
    return rc == 0 && st.st_uid == geteuid() &&
           !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* The log was there before. */
static void give_old(int file, const char *path, const struct run_as *as)
{
    struct stat st;
    uid_t uid = as->user ? as->uid : geteuid();
    if (fstat(file, &st) < 0 || !S_ISREG(st.st_mode) ||
        (st.st_uid == uid && st.st_gid == as->gid))
        return;
    if (st.st_nlink == 1 && only_we_write_beside(path) &&
        fchown(file, uid, as->gid) == 0)
        return;
    log_warn("%s belongs to uid=%u gid=%u, which is left so, as others can "
             "write to its directory or it has a second name; workers may be "
             "unable to reopen it: chown it",
             path, st.st_uid, st.st_gid);
}

/* A symbolic link: ours is followed, to whatever it is. */
static int follow(const char *path, int flags, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) == 0 && st.st_uid != geteuid())
        return err_set(err,
                       "cannot open %s: it is a symbolic link of uid=%u, which "
                       "root does not follow; remove it, or chown -h it to "
                       "root",
                       path, st.st_uid);
    int file = open(path, flags | O_CREAT, NEW_FILE);
    return file < 0 ? err_sys(err, "cannot open %s", path) : file;
}

/* Opens it for workers of another user; -1 with err set. */
static int open_for_others(const char *path, int flags, const struct run_as *as,
                           struct err *err)
{
    int file = open(path, flags | O_CREAT | O_EXCL, NEW_FILE);
    if (file >= 0) {
        if (fchown(file, as->user ? as->uid : geteuid(), as->gid) < 0)
            log_warn("cannot chown %s: %s", path, strerror(errno));
        return file;
    }
    if (errno == EEXIST)
        file = open(path, flags | O_NOFOLLOW);
    if (file >= 0)
        give_old(file, path, as);
    else if (errno == ELOOP)
        file = follow(path, flags, err);
    else
        err_sys(err, "cannot open %s", path);
    return file;
}

static int open_file(const struct config *config, const char *path,
                     struct err *err)
{
    if (privilege_changes(config))
        return open_for_others(path, APPEND | NO_WAIT, &config->run_as, err);
    int file = open(path, APPEND | NO_WAIT | O_CREAT, NEW_FILE);
    return file < 0 ? err_sys(err, "cannot open %s", path) : file;
}

/* In place of fd. */
static int open_as(const struct config *config, const char *path, int fd,
                   struct err *err)
{
    if (!path)
        return 0;
    int file = open_file(config, path, err);
    if (file < 0)
        return -1;
    fcntl(file, F_SETFL, O_APPEND); /* only opening must not wait */
    int rc = dup2(file, fd);
    close(file);
    return rc < 0 ? err_sys(err, "cannot open %s", path) : 0;
}

/* Opens it and changes nothing: what is made goes again. */
static int try_file(const struct config *config, const char *path,
                    struct err *err)
{
    int flags = APPEND | NO_WAIT;
    int file = open(path, flags | O_CREAT | O_EXCL, NEW_FILE);
    if (file >= 0)
        unlink(path);
    else if (errno == EEXIST)
        file = open(path,
                    privilege_changes(config) ? flags | O_NOFOLLOW
                                              : flags | O_CREAT,
                    NEW_FILE);
    if (file < 0 && errno == ELOOP)
        file = follow(path, flags, err);
    else if (file < 0)
        err_sys(err, "cannot open %s", path);
    if (file < 0)
        return -1;
    close(file);
    return 0;
}

int log_open(const struct config *config, int fd, struct err *err)
{
    const char *path = fd == 2 ? config->stderr_path : config->stdout_path;
    struct err why;
    if (open_as(config, path, fd, &why) == 0)
        return 0;
    return err_set(err, "%s: %s", fd == 2 ? "stderr_path" : "stdout_path",
                   why.text);
}

int log_open_access(const struct config *config, struct err *err)
{
    struct err why;
    const char *path = config_access_path(config);
    if (!path)
        return 0;
    if (!privilege_changes(config)) {
        int file = logfile_open(path);
        return file < 0 ? err_sys(err, "access_log: cannot open %s", path)
                        : file;
    }
    int file = open_for_others(path, APPEND | NO_WAIT, &config->run_as, &why);
    return file < 0 ? err_set(err, "access_log: %.4000s", why.text) : file;
}

int logs_check(const struct config *config, struct err *err)
{
    struct err why;
    if (config->stderr_path && try_file(config, config->stderr_path, &why) < 0)
        return err_set(err, "stderr_path: %s", why.text);
    if (config->stdout_path && try_file(config, config->stdout_path, &why) < 0)
        return err_set(err, "stdout_path: %s", why.text);
    return 0;
}
