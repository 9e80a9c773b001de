/* SPDX-License-Identifier: MIT */
/*
 * The kinds that hold a list of networks: trusted_proxies, and proxy_protocol
 * of listen(). A list's memory is the config's Lua state's, and so lives as
 * long as the config: an error may be raised anywhere without a loss.
 */
#include <lauxlib.h>

#include "base/cidr.h"
#include "base/err.h"
#include "config/kinds.h"
#include "config/luaerr.h"

enum {
    NETWORKS_MAX = 10000
};

/* The network that the string at the top names. */
static struct cidr check_network(lua_State *L, const struct directive *d)
{
    struct cidr cidr;
    struct err err;
    if (cidr_parse(kind_check_text(L, lua_gettop(L), d), &cidr, &err) < 0)
        luaerr_raise(L, "%s: %s", kind_push_name(L, d), err.text);
    return cidr;
}

/* Takes the strings of the table at `at`, or the n values from there on. */
static void take_list(lua_State *L, int at, lua_Integer n,
                      const struct directive *d, struct cidrs *into)
{
    bool table = lua_istable(L, at);
    luaL_checkstack(L, 8, NULL);
    struct cidr *list = lua_newuserdatauv(L, (size_t)n * sizeof *list, 0);
    for (int i = 0; i < n; i++) {
        if (table)
            lua_geti(L, at, i + 1);
        else
            lua_pushvalue(L, at + i);
        list[i] = check_network(L, d);
        lua_pop(L, 1);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, list);
    *into = (struct cidrs){list, (size_t)n};
}

/* Names in a table would be passed over in silence. */
static lua_Integer check_array(lua_State *L, int at, const struct directive *d)
{
    lua_Integer n = luaL_len(L, at), keys = 0;
    lua_pushnil(L);
    while (lua_next(L, at)) {
        lua_pop(L, 1);
        keys++;
    }
    if (keys != n || n > NETWORKS_MAX)
        luaerr_raise(L,
                     "%s: expected an array of at most %d strings, got a "
                     "table with %I keys",
                     kind_push_name(L, d), NETWORKS_MAX, (LUAI_UACINT)keys);
    return n;
}

static void print_list(const struct cidrs *cidrs, FILE *to)
{
    char text[CIDR_TEXT];
    for (size_t i = 0; i < cidrs->count; i++)
        fprintf(to, "%s\"%s\"", i ? ", " : "{",
                cidr_text(&cidrs->list[i], text));
    fputs("}", to);
}

/* trusted_proxies("10.0.0.0/8", "unix"), or one table of them */

static void expect_networks(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size,
             "addresses and networks (strings, or an array of them), or nil");
}

static void take_networks(lua_State *L, int at, const struct directive *d,
                          void *into)
{
    struct cidrs *cidrs = kind_field(d, into);
    int n = lua_gettop(L) - at + 1;
    *cidrs = (struct cidrs){0};
    if (n == 1 && lua_isnil(L, at))
        return;
    if (n == 1 && lua_istable(L, at))
        take_list(L, at, check_array(L, at, d), d, cidrs);
    else if (n > 0)
        take_list(L, at, n, d, cidrs);
    else
        kind_refuse(L, at, d);
}

static void print_networks(const struct directive *d, const void *from,
                           FILE *to)
{
    const struct cidrs *cidrs = kind_field_of(d, from);
    if (cidrs->count)
        print_list(cidrs, to);
    else
        fputs("nil", to);
}

const struct kind kind_networks = {.args = NETWORKS_MAX,
                                   .expects = expect_networks,
                                   .take = take_networks,
                                   .print = print_networks};

/* proxy_protocol = "10.0.0.1", {"10.0.0.0/8", "unix"} or false */

static void expect_peers(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size,
             "the proxies' addresses and networks (a string, or an array of "
             "them), or false");
}

static void take_peers(lua_State *L, int at, const struct directive *d,
                       void *into)
{
    struct cidrs *cidrs = kind_field(d, into);
    *cidrs = (struct cidrs){0};
    if (lua_isboolean(L, at) && !lua_toboolean(L, at))
        return;
    if (!lua_istable(L, at)) {
        take_list(L, at, 1, d, cidrs);
        return;
    }
    lua_Integer n = check_array(L, at, d);
    if (n == 0)
        luaerr_raise(L,
                     "%s: an empty list would let nobody in; name the "
                     "proxies, or write false for no PROXY protocol",
                     kind_push_name(L, d));
    take_list(L, at, n, d, cidrs);
}

static void print_peers(const struct directive *d, const void *from, FILE *to)
{
    const struct cidrs *cidrs = kind_field_of(d, from);
    if (cidrs->count)
        print_list(cidrs, to);
    else
        fputs("false", to);
}

const struct kind kind_peers = {.args = 1,
                                .expects = expect_peers,
                                .take = take_peers,
                                .print = print_peers};
