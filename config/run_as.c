/* SPDX-License-Identifier: MIT */
/*
 * user, group and umask: what the workers are to the system. Names are looked
 * up while the config is loaded, so that one that does not exist is an error
 * with its line and not a worker that cannot start. Whether the change is
 * possible is for worker/privilege.c to say.
 */
#include "config/run_as.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/kinds.h"
#include "config/luaerr.h"

/* The row of `group`, which user() may set as well. */
static uint64_t group_bit(void)
{
    return UINT64_C(1) << (directive_find(directives, "group") - directives);
}

/* The id that a text of digits is; NO_ID: it is none. */
static unsigned parse_id(const char *text)
{
    if (!*text || strspn(text, "0123456789") != strlen(text))
        return NO_ID;
    unsigned long id = strtoul(text, NULL, 10);
    return id < NO_ID ? (unsigned)id : NO_ID;
}

/* The name or number at `at` as a text, in its place. */
static const char *check_name(lua_State *L, int at, const struct directive *d)
{
    if (lua_isinteger(L, at))
        lua_tostring(L, at);
    return kind_check_text(L, at, d);
}

static void take_group_name(lua_State *L, int at, const struct directive *d,
                            struct config *config)
{
    struct run_as *as = &config->run_as;
    const char *name = check_name(L, at, d);
    if (as->group)
        luaerr_raise(L, "%s: the group is already set; keep one of the two",
                     d->name);
    const struct group *found = getgrnam(name);
    unsigned gid = found ? found->gr_gid : parse_id(name);
    if (gid == NO_ID)
        luaerr_raise(L, "%s: \"%s\": no such group on this system", d->name,
                     name);
    as->group = xstrdup(name);
    as->gid = gid;
    config->given |= group_bit();
}

/* user(name), user(name, group) */

static void expect_user(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size,
             "the name or id of a user, then perhaps of a group, or nil");
}

static void take_user(lua_State *L, int at, const struct directive *d,
                      void *into)
{
    struct config *config = into;
    struct run_as *as = &config->run_as;
    if (lua_isnil(L, at) && lua_isnoneornil(L, at + 1))
        return;
    const char *name = check_name(L, at, d);
    const struct passwd *found = getpwnam(name);
    unsigned uid = found ? found->pw_uid : parse_id(name);
    if (uid == NO_ID)
        luaerr_raise(L, "%s: \"%s\": no such user on this system", d->name,
                     name);
    if (!found)
        found = getpwuid(uid);
    as->user = xstrdup(name);
    as->uid = uid;
    if (found) {
        as->login = xstrdup(found->pw_name);
        as->home = xstrdup(found->pw_dir);
        if (!as->group)
            as->gid = found->pw_gid;
    }
    if (!lua_isnoneornil(L, at + 1))
        take_group_name(L, at + 1, d, config);
}

static void print_name(const char *name, FILE *to)
{
    if (name)
        kind_print_text(name, to);
    else
        fputs("nil", to);
}

static void print_user(const struct directive *d, const void *from, FILE *to)
{
    (void)d;
    print_name(((const struct config *)from)->run_as.user, to);
}

const struct kind kind_user = {
    .args = 2, .expects = expect_user, .take = take_user, .print = print_user};

/* group(name) */

static void expect_group(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size, "the name or id of a group, or nil");
}

static void take_group(lua_State *L, int at, const struct directive *d,
                       void *into)
{
    if (!lua_isnil(L, at))
        take_group_name(L, at, d, into);
}

static void print_group(const struct directive *d, const void *from, FILE *to)
{
    (void)d;
    print_name(((const struct config *)from)->run_as.group, to);
}

const struct kind kind_group = {.args = 1,
                                .expects = expect_group,
                                .take = take_group,
                                .print = print_group};

/* umask(bits): 027 would be decimal in Lua, so the octal way is shown. */

static void expect_umask(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size, "permission bits, as in tonumber(\"027\", 8), or nil");
}

static void take_umask(lua_State *L, int at, const struct directive *d,
                       void *into)
{
    int *mask = kind_field(d, into);
    if (lua_isnil(L, at))
        *mask = -1;
    else
        kind_int.take(L, at, d, into);
}

static void print_umask(const struct directive *d, const void *from, FILE *to)
{
    int mask = *(const int *)kind_field_of(d, from);
    if (mask < 0)
        fputs("nil", to);
    else
        fprintf(to, "tonumber(\"%03o\", 8)", (unsigned)mask);
}

const struct kind kind_umask = {.args = 1,
                                .expects = expect_umask,
                                .take = take_umask,
                                .print = print_umask};

void run_as_init(struct run_as *as)
{
    *as = (struct run_as){.uid = NO_ID, .gid = NO_ID};
}

void run_as_fini(struct run_as *as)
{
    free(as->user);
    free(as->group);
    free(as->login);
    free(as->home);
}
