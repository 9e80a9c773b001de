/* SPDX-License-Identifier: MIT */
/*
 * listen(address, options): the one directive that adds at each call. Its
 * options are rows like the directives', taken by the same kinds into a
 * struct listen_spec. Listening itself is the worker room's work.
 */
#include "config/listen.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "config/address.h"
#include "config/kinds.h"
#include "config/luaerr.h"

#define OPTION(member)                                                         \
    .of = "listen", .offset = offsetof(struct listen_spec, member)

static const struct kind kind_defer, kind_mode;

/* Laid out as in directives.c. */
/* clang-format off */
const struct directive listen_options[] = {
    {"backlog", "1024", "connections that may wait to be accepted",
     &kind_int, OPTION(backlog), 1, 1000000},
    {"rcvbuf", "nil", "bytes of the kernel's receive buffer; nil: its own",
     &kind_int, OPTION(rcvbuf), 1, 1 << 30},
    {"sndbuf", "nil", "bytes of the kernel's send buffer; nil: its own",
     &kind_int, OPTION(sndbuf), 1, 1 << 30},
    {"tcp_nodelay", "true", "send small packets at once",
     &kind_flag, OPTION(tcp_nodelay)},
    {"tcp_defer_accept", "false", "seconds to wait for data before accept",
     &kind_defer, OPTION(tcp_defer_accept), 1, 3600},
    {"ipv6only", "nil", "\"[::]:80\" without IPv4; nil: the system's way",
     &kind_flag, OPTION(ipv6only)},
    {"reuseport", "false", "let other programs bind the address too",
     &kind_flag, OPTION(reuseport)},
    {"umask", "0", "for the file of a UNIX socket",
     &kind_mode, OPTION(umask), 0, 0777},
    {"tries", "5", "more tries when the address is in use; -1: for ever",
     &kind_int, OPTION(tries), -1, 1000000},
    {"delay", "0.5", "seconds between tries",
     &kind_seconds, OPTION(delay), 0, INT64_C(86400) * CLOCK_SECOND},
    {"proxy_protocol", "false",
     "proxies that connect, a PROXY header first; nobody else may then",
     &kind_peers, OPTION(proxy_protocol), 1},
    {0},
};
/* clang-format on */

/* tcp_defer_accept: false, true (a second, as in Unicorn) or seconds. */

static void expect_defer(const struct directive *d, char *text, size_t size)
{
    snprintf(text, size, "an integer from %d to %d, true or false", (int)d->min,
             (int)d->max);
}

static void take_defer(lua_State *L, int at, const struct directive *d,
                       void *into)
{
    struct listen_spec *spec = into;
    if (lua_isboolean(L, at))
        spec->tcp_defer_accept = lua_toboolean(L, at);
    else
        kind_int.take(L, at, d, into);
}

static void print_defer(const struct directive *d, const void *from, FILE *to)
{
    const struct listen_spec *spec = from;
    if (spec->tcp_defer_accept)
        kind_int.print(d, from, to);
    else
        fputs("false", to);
}

static const struct kind kind_defer = {
    .expects = expect_defer, .take = take_defer, .print = print_defer};

/* umask: 0117 would be decimal in Lua, so the octal way is shown. */

static void expect_mode(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size, "permission bits, as in tonumber(\"0117\", 8)");
}

static void take_mode(lua_State *L, int at, const struct directive *d,
                      void *into)
{
    kind_int.take(L, at, d, into);
}

static void print_mode(const struct directive *d, const void *from, FILE *to)
{
    const struct listen_spec *spec = from;
    (void)d;
    fprintf(to, "tonumber(\"%04o\", 8)", (unsigned)spec->umask);
}

static const struct kind kind_mode = {
    .expects = expect_mode, .take = take_mode, .print = print_mode};

/* The list. */

static bool same_address(const struct address *a, const struct address *b)
{
    if (a->given || b->given)
        return a->given && b->given && strcmp(a->given, b->given) == 0;
    if (a->path || b->path)
        return a->path && b->path && strcmp(a->path, b->path) == 0;
    return a->port && a->port == b->port && strcmp(a->host, b->host) == 0;
}

static int refuse_same(const struct listen_spec *spec,
                       const struct listen_spec *old, struct err *err)
{
    if (!old->line)
        return err_set(err, "\"%s\" is listened on already", spec->address);
    return err_set(err, "\"%s\" is listened on already, as \"%s\" in line %d",
                   spec->address, old->address, old->line);
}

/* Adds a copy of spec. */
static int add(struct config *config, const struct listen_spec *spec,
               struct err *err)
{
    struct address address, other;
    if (address_parse(spec->address, &address, err) < 0)
        return -1;
    for (size_t i = 0; i < config->listen_count; i++) {
        const struct listen_spec *old = &config->listens[i];
        if (address_parse(old->address, &other, err) == 0 &&
            same_address(&address, &other))
            return refuse_same(spec, old, err);
    }
    size_t count = config->listen_count + 1;
    config->listens = xrealloc(config->listens, count * sizeof *spec);
    config->listens[count - 1] = *spec;
    config->listens[count - 1].address = xstrdup(spec->address);
    config->listen_count = count;
    return 0;
}

void listen_clear(struct config *config)
{
    for (size_t i = 0; i < config->listen_count; i++)
        free(config->listens[i].address);
    free(config->listens);
    config->listens = NULL;
    config->listen_count = 0;
}

/* The directive. */

static void expect_listen(const struct directive *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size, "an address (a string) or a port (an integer)");
}

static struct listen_spec make_spec(lua_State *L)
{
    struct listen_spec spec = {.rcvbuf = -1, .sndbuf = -1, .ipv6only = -1};
    for (const struct directive *d = listen_options; d->name; d++)
        if (strcmp(d->value, "nil") != 0)
            kind_take_default(L, d, &spec);
    lua_Debug place;
    spec.line = luaerr_line(L, &place);
    return spec;
}

static void take_option(lua_State *L, int key, struct listen_spec *spec)
{
    if (lua_type(L, key) != LUA_TSTRING)
        luaerr_raise(L, "listen: an option's name is a string, got a %s",
                     luaL_typename(L, key));
    const char *name = lua_tostring(L, key);
    const struct directive *d = directive_find(listen_options, name);
    if (d) {
        d->kind->take(L, key + 1, d, spec);
        return;
    }
    const char *names[16];
    directive_names(listen_options, names, sizeof names / sizeof *names);
    const char *nearest = config_nearest(name, names);
    if (!nearest)
        luaerr_raise(L, "listen: %s: no such option", name);
    luaerr_raise(L, "listen: %s: no such option; did you mean %s?", name,
                 nearest);
}

static void take_options(lua_State *L, int at, struct listen_spec *spec)
{
    if (lua_isnoneornil(L, at))
        return;
    if (!lua_istable(L, at))
        luaerr_raise(L, "listen: options are a table, got a %s",
                     luaL_typename(L, at));
    lua_pushnil(L);
    while (lua_next(L, at)) {
        take_option(L, lua_gettop(L) - 1, spec);
        lua_pop(L, 1);
    }
}

static void take_listen(lua_State *L, int at, const struct directive *d,
                        void *into)
{
    if (lua_isinteger(L, at))
        lua_tostring(L, at); /* in its place */
    const char *address = kind_check_text(L, at, d);
    struct listen_spec spec = make_spec(L);
    take_options(L, at + 1, &spec);
    spec.address = (char *)address; /* borrowed: add() copies it */
    struct err err;
    if (add(into, &spec, &err) < 0)
        luaerr_raise(L, "listen: %s", err.text);
}

static void print_spec(const struct listen_spec *spec, FILE *to)
{
    fputs("listen(", to);
    kind_print_text(spec->address, to);
    fputs(", {\n", to);
    for (const struct directive *d = listen_options; d->name; d++) {
        bool unset = strcmp(d->value, "nil") == 0 &&
                     *(const int *)kind_field_of(d, spec) < 0;
        fprintf(to, "  %s%s = ", unset ? "-- " : "", d->name);
        if (unset)
            fputs("nil", to);
        else
            d->kind->print(d, spec, to);
        fputs(",\n", to);
    }
    fputs("})\n", to);
}

static void print_listens(const struct directive *d, const void *from, FILE *to)
{
    (void)d;
    const struct config *config = from;
    for (size_t i = 0; i < config->listen_count; i++)
        print_spec(&config->listens[i], to);
}

const struct kind kind_listen = {.args = 2,
                                 .repeats = true,
                                 .calls = true,
                                 .expects = expect_listen,
                                 .take = take_listen,
                                 .print = print_listens};
