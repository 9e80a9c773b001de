/* SPDX-License-Identifier: MIT */
/*
 * Becoming the user of the config. A worker does it after its after_fork hook,
 * which may still need root, and before it loads the app, which must not have
 * it. The master never does: it opens logs and reloads as who it is.
 *
 * The kernel makes a process that changes its user undumpable, and it stays so:
 * the worker's memory holds what the master has read as root, which other
 * processes of the user must not get at with a debugger. Whoever wants core
 * files of workers sets fs.suid_dumpable.
 */
#include "worker/privilege.h"

#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "config/config.h"

/* Is it that already? */
static bool is_it(const struct run_as *as)
{
    return (!as->user || as->uid == geteuid()) &&
           (!as->group || as->gid == getegid());
}

int privilege_check(const struct config *config, struct err *err)
{
    const struct run_as *as = &config->run_as;
    if (as->user && as->gid == NO_ID)
        return err_set(err,
                       "%s: user: the system does not know %s, so the group "
                       "must be named, too: user(%s, \"group\")",
                       config_place(config, "user"), as->user, as->user);
    if (geteuid() == 0 || is_it(as))
        return 0;
    bool user = as->user && as->uid != geteuid();
    const char *name = user ? "user" : "group";
    return err_set(err,
                   "%s: %s: \"%s\": only root can start workers as somebody "
                   "else; start the server as root, or leave it out",
                   config_place(config, name), name,
                   user ? as->user : as->group);
}

bool privilege_changes(const struct config *config)
{
    return geteuid() == 0 && !is_it(&config->run_as);
}

static int become(const struct run_as *as)
{
    gid_t gid = as->gid;
    uid_t uid = as->uid;
    int rc = as->login ? initgroups(as->login, gid) : setgroups(1, &gid);
    if (rc == 0)
        rc = setresgid(gid, gid, gid);
    if (rc == 0 && uid != NO_ID)
        rc = setresuid(uid, uid, uid);
    return rc;
}

/* A capability that was kept on purpose would undo it all. */
static bool can_go_back(const struct run_as *as)
{
    uid_t real, effective, saved;
    if (as->uid == NO_ID || as->uid == 0)
        return false;
    getresuid(&real, &effective, &saved);
    return real != as->uid || effective != as->uid || saved != as->uid ||
           setuid(0) == 0 || seteuid(0) == 0;
}

static void set_or_unset(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

/* Libraries look for their files in HOME, and root's is closed to the user. */
static void set_environment(const struct run_as *as)
{
    set_or_unset("HOME", as->home ? as->home : "/");
    set_or_unset("USER", as->login);
    set_or_unset("LOGNAME", as->login);
}

int privilege_drop(const struct config *config, struct err *err)
{
    const struct run_as *as = &config->run_as;
    if (as->gid == NO_ID)
        return 0;
    if (geteuid() != 0) /* the master is nobody special, or the hook did it */
        return privilege_check(config, err);
    if (become(as) < 0)
        return err_sys(err, "cannot become uid=%d gid=%u", (int)as->uid,
                       as->gid);
    if (can_go_back(as))
        return err_set(err,
                       "uid=%u could become root again: the server was "
                       "started with capabilities that outlast the change",
                       as->uid);
    if (as->user)
        set_environment(as);
    return 0;
}
