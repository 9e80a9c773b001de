/* SPDX-License-Identifier: MIT */
/*
 * Becoming another user, and never oneself again. Each attempt is a process of
 * its own; the ones that need root are skipped without it.
 */
#include "worker/privilege.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/support/config_text.h"

#define APP "app('app.lua')\n"

TestSuite(privilege, .timeout = 20);

static void need_root(void)
{
    if (geteuid() != 0)
        cr_skip("needs root");
}

static void be_nobody(void)
{
    if (geteuid() == 0)
        cr_assert(setgid(65534) == 0 && setuid(65534) == 0);
}

/* The exit status of a child that does this with the config. */
static int in_child(const char *text, int (*does)(const struct config *))
{
    int status;
    struct config *config = load_text(text);
    pid_t pid = fork();
    if (pid == 0)
        _exit(does(config));
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    config_free(config);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool drops(const struct config *config)
{
    struct err err = {0};
    if (privilege_drop(config, &err) == 0)
        return true;
    fprintf(stderr, "%s\n", err.text);
    return false;
}

static int is_all_of_4711(const struct config *config)
{
    uid_t u[3];
    gid_t g[3], groups[8] = {0};
    if (!drops(config) || getresuid(&u[0], &u[1], &u[2]) < 0 ||
        getresgid(&g[0], &g[1], &g[2]) < 0)
        return 1;
    if (getgroups(8, groups) != 1 || groups[0] != 4712)
        return 2;
    for (int i = 0; i < 3; i++)
        if (u[i] != 4711 || g[i] != 4712)
            return 3;
    return strcmp(getenv("HOME"), "/") != 0 || getenv("USER") ? 4 : 0;
}

Test(privilege, user_and_group_change_with_all_that_belongs_to_them)
{
    need_root();
    cr_expect_eq(in_child(APP "user(4711, 4712)", is_all_of_4711), 0);
}

static int has_the_groups_of_the_user(const struct config *config)
{
    gid_t groups[256];
    int n = 256;
    if (!drops(config))
        return 1;
    getgrouplist("nobody", getegid(), groups, &n);
    if (getgroups(0, NULL) != n || strcmp(getenv("USER"), "nobody") != 0)
        return 2;
    return strcmp(getenv("HOME"), getpwnam("nobody")->pw_dir) != 0 ? 3 : 0;
}

Test(privilege, a_known_user_has_groups_and_home)
{
    need_root();
    cr_expect_eq(in_child(APP "user('nobody')", has_the_groups_of_the_user), 0);
}

static int stays_root_in_a_group(const struct config *config)
{
    gid_t groups[8];
    return drops(config) && getuid() == 0 && getegid() == 4712 &&
                   getgroups(8, groups) == 1
               ? 0
               : 1;
}

Test(privilege, a_group_alone_changes_the_group)
{
    need_root();
    cr_expect_eq(in_child(APP "group(4712)", stays_root_in_a_group), 0);
}

static int cannot_return(const struct config *config)
{
    return drops(config) && setuid(0) < 0 && seteuid(0) < 0 && setgid(0) < 0 &&
                   prctl(PR_GET_DUMPABLE) == 0
               ? 0
               : 1;
}

Test(privilege, there_is_no_way_back)
{
    need_root();
    cr_expect_eq(in_child(APP "user(4711, 4712)", cannot_return), 0);
}

/* SECBIT_NO_SETUID_FIXUP: capabilities outlast the change. */
static int keeps_capabilities(const struct config *config)
{
    struct err err = {0};
    if (prctl(PR_SET_SECUREBITS, 4) < 0)
        return 9;
    return privilege_drop(config, &err) == -1 &&
                   strstr(err.text, "could become root again")
               ? 0
               : 1;
}

Test(privilege, a_way_back_is_noticed)
{
    need_root();
    int status = in_child(APP "user(4711, 4712)", keeps_capabilities);
    if (status == 9)
        cr_skip("capabilities cannot be kept here");
    cr_expect_eq(status, 0);
}

static int changes_nothing(const struct config *config)
{
    return drops(config) && !privilege_changes(config) ? 0 : 1;
}

Test(privilege, nothing_asked_for_is_nothing_done)
{
    cr_expect_eq(in_child(APP, changes_nothing), 0);
}

static int is_the_same_already(const struct config *config)
{
    struct err err = {0};
    be_nobody();
    return privilege_check(config, &err) == 0 && drops(config) ? 0 : 1;
}

Test(privilege, who_is_it_already_needs_no_root)
{
    need_root();
    cr_expect_eq(in_child(APP "user(65534)", is_the_same_already), 0);
    cr_expect_eq(in_child(APP "user(65534, 65534)", is_the_same_already), 0);
}

static int is_refused(const struct config *config)
{
    struct err err = {0};
    be_nobody();
    if (privilege_check(config, &err) == 0)
        return 1;
    const char *words = err.text + strlen(config->path);
    bool user = config->run_as.uid != geteuid();
    return strncmp(words,
                   user ? ":2: user: \"0\": only root can start workers"
                        : ":2: group: \"0\": only root can start workers",
                   30) != 0;
}

Test(privilege, only_root_may_ask_for_somebody_else)
{
    char text[64];
    unsigned uid = geteuid() == 0 ? 65534 : geteuid();
    cr_expect_eq(in_child(APP "user(0)", is_refused), 0);
    snprintf(text, sizeof text, APP "group(0) user(%u)", uid);
    cr_expect_eq(in_child(text, is_refused), 0);
}

Test(privilege, an_unknown_user_needs_a_group)
{
    struct err err = {0};
    struct config *config = load_text(APP "user(3999999999)");
    cr_expect_eq(privilege_check(config, &err), -1);
    cr_expect_not_null(strstr(err.text, ":2: user: the system does not know "
                                        "3999999999, so the group must be "
                                        "named, too: user(3999999999, "),
                       "%s", err.text);
    config_free(config);
}
