/* SPDX-License-Identifier: MIT */
/*
 * max_requests(1000, { jitter = 100 }): a number of requests, and by how much
 * it may differ from worker to worker.
 */
#include <inttypes.h>
#include <string.h>

#include <lauxlib.h>

#include "config/config.h"
#include "config/kinds.h"
#include "config/luaerr.h"

static void expect_requests(const struct directive *d, char *text, size_t size)
{
    snprintf(text, size,
             "an integer from %" PRId64 " to %" PRId64 ", or nil for never",
             d->min, d->max);
}

/* The integer at `at` within the row's bounds; false when it is none. */
static bool read_count(lua_State *L, int at, const struct directive *d,
                       int64_t *count)
{
    int whole = 0;
    if (lua_type(L, at) == LUA_TNUMBER)
        *count = lua_tointegerx(L, at, &whole);
    return whole && *count >= d->min && *count <= d->max;
}

static void take_options(lua_State *L, int options, const struct directive *d,
                         struct requests_spec *spec)
{
    if (!lua_istable(L, options))
        luaerr_raise(L, "%s: options are a table, got a %s", d->name,
                     luaL_typename(L, options));
    lua_pushnil(L);
    while (lua_next(L, options)) {
        bool known = lua_type(L, -2) == LUA_TSTRING &&
                     strcmp(lua_tostring(L, -2), "jitter") == 0;
        if (!known)
            luaerr_raise(L, "%s: %s: no such option; there is jitter", d->name,
                         luaL_tolstring(L, -2, NULL));
        if (!read_count(L, -1, d, &spec->jitter))
            luaerr_raise(L,
                         "%s: jitter: expected an integer from %I to %I, "
                         "got %s",
                         d->name, (LUAI_UACINT)d->min, (LUAI_UACINT)d->max,
                         luaL_tolstring(L, -1, NULL));
        lua_pop(L, 1);
    }
}

static void take_requests(lua_State *L, int at, const struct directive *d,
                          void *into)
{
    struct requests_spec spec = {0};
    if (!lua_isnil(L, at) && !read_count(L, at, d, &spec.count))
        kind_refuse(L, at, d);
    if (!lua_isnoneornil(L, at + 1))
        take_options(L, at + 1, d, &spec);
    *(struct requests_spec *)kind_field(d, into) = spec;
}

static void print_requests(const struct directive *d, const void *from,
                           FILE *to)
{
    const struct requests_spec *spec = kind_field_of(d, from);
    if (spec->count)
        fprintf(to, "%" PRId64, spec->count);
    else
        fputs("nil", to);
    if (spec->jitter)
        fprintf(to, ", { jitter = %" PRId64 " }", spec->jitter);
}

const struct kind kind_requests = {.args = 2,
                                   .expects = expect_requests,
                                   .take = take_requests,
                                   .print = print_requests};
