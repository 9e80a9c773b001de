/* SPDX-License-Identifier: MIT */
/*
 * user, group and umask: looked up when they are read, and printed as they were
 * written.
 */
#include <criterion/criterion.h>
#include <grp.h>
#include <pwd.h>

#include "tests/support/config_text.h"

#define APP "app('app.lua')\n"

static struct passwd root; /* the one user that every system has */

static void look_up(void)
{
    const struct passwd *found = getpwuid(0);
    cr_assert_not_null(found);
    root = *found;
}

TestSuite(config_run_as, .init = look_up);

static void prints(const struct config *config, const char *line)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    config_print(config, to);
    fclose(to);
    cr_expect_not_null(strstr(text, line), "no %s in %s", line, text);
    free(text);
}

/* The config of this text becomes this user and group, and is printed so. */
static void becomes(const char *text, struct run_as want, const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, APP "%s", text);
    struct config *config = load_text(whole);
    const struct run_as *as = &config->run_as;
    cr_expect_eq(as->uid, want.uid, "%s: %u", text, as->uid);
    cr_expect_eq(as->gid, want.gid, "%s: %u", text, as->gid);
    cr_expect_str_eq(as->login ? as->login : "", want.login, "%s", text);
    cr_expect_str_eq(as->home ? as->home : "", want.home, "%s", text);
    prints(config, line);
    config_free(config);
}

Test(config_run_as, is_nobody_else_by_default)
{
    struct run_as same = {
        .uid = NO_ID, .gid = NO_ID, .login = (char *)"", .home = (char *)""};
    becomes("", same, "\nuser(nil)\ngroup(nil)\n");
    becomes("user(nil) group(nil)", same, "\nuser(nil)\ngroup(nil)\n");
}

Test(config_run_as, takes_a_user_by_name_or_id)
{
    struct run_as want = {.uid = 0,
                          .gid = root.pw_gid,
                          .login = root.pw_name,
                          .home = root.pw_dir};
    becomes("user('root')", want, "\nuser(\"root\")\ngroup(nil)\n");
    becomes("user(0)", want, "\nuser(\"0\")\ngroup(nil)\n");
    becomes("user('0')", want, "\nuser(\"0\")\ngroup(nil)\n");
}

Test(config_run_as, takes_a_group_with_the_user_or_alone)
{
    struct run_as want = {
        .uid = 0, .gid = 4711, .login = root.pw_name, .home = root.pw_dir};
    becomes("user('root', 4711)", want, "\nuser(\"root\")\ngroup(\"4711\")\n");
    becomes("user('root') group('4711')", want, "\ngroup(\"4711\")\n");
    becomes("group(4711) user('root')", want, "\ngroup(\"4711\")\n");
    struct run_as alone = {
        .uid = NO_ID, .gid = 4711, .login = (char *)"", .home = (char *)""};
    becomes("group(4711)", alone, "\nuser(nil)\ngroup(\"4711\")\n");
    want.gid = getgrgid(0)->gr_gid;
    becomes("user('root', 'root')", want, "\ngroup(\"root\")\n");
}

Test(config_run_as, takes_ids_that_the_system_does_not_know)
{
    struct run_as want = {.uid = 4294967294,
                          .gid = 12345678,
                          .login = (char *)"",
                          .home = (char *)""};
    becomes("user(4294967294, 12345678)", want, "\nuser(\"4294967294\")\n");
}

Test(config_run_as, refuses_who_is_not_there)
{
    refuse_text(APP "\nuser('nobdy-at-all')",
                ":3: user: \"nobdy-at-all\": no such user on this system");
    refuse_text(APP "user('root', 'nogrp-at-all')",
                ":2: user: \"nogrp-at-all\": no such group on this system");
    refuse_text(APP "group('nogrp-at-all')",
                ":2: group: \"nogrp-at-all\": no such group on this system");
    refuse_text(APP "user('')", ":2: user: expected the name or id");
    refuse_text(APP "user(4294967295)", ":2: user: \"4294967295\": no such");
    refuse_text(APP "user('1x')", ":2: user: \"1x\": no such user");
    refuse_text(APP "user(-1)", ":2: user: \"-1\": no such user");
    refuse_text(APP "user(1.5)", ":2: user: expected the name or id");
    refuse_text(APP "user({})", ":2: user: expected the name or id");
    refuse_text(APP "group(true)", ":2: group: expected the name or id");
    refuse_text(APP "user(nil, 'root')", ":2: user: expected the name or id");
}

Test(config_run_as, refuses_two_groups)
{
    refuse_text(APP "user('root', 0)\ngroup(0)",
                ":3: group: the group is already set; keep one of the two");
    refuse_text(APP "group(0)\nuser('root', 0)",
                ":3: user: the group is already set; keep one of the two");
    refuse_text(APP "group(0)\ngroup(1)", ":3: group: already set at ");
}

Test(config_run_as, takes_a_umask)
{
    struct config *config = load_text(APP "umask(tonumber('027', 8))");
    cr_expect_eq(config->umask, 027);
    prints(config, "\numask(tonumber(\"027\", 8))\n");
    config_free(config);
    config = load_text(APP "umask(0)");
    cr_expect_eq(config->umask, 0);
    config_free(config);
    config = load_text(APP "umask(nil)");
    cr_expect_eq(config->umask, -1);
    prints(config, "\numask(nil)\n");
    config_free(config);
    refuse_text(APP "umask(512)", ":2: umask: expected permission bits, as in "
                                  "tonumber(\"027\", 8), or nil, got 512");
    refuse_text(APP "umask(-1)", ":2: umask: expected permission bits");
    refuse_text(APP "umask('027')", ":2: umask: expected permission bits");
}

Test(config_run_as, tells_where_a_directive_stands)
{
    struct config *config = load_text(APP "\nuser('root')");
    const char *place = config_place(config, "user");
    cr_expect_str_eq(place + strlen(config->path), ":3");
    cr_expect_str_eq(config_place(config, "group"), config->path);
    config_free(config);
}
