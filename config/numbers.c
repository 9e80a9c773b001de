/* SPDX-License-Identifier: MIT */
/*
 * The kinds that hold a number: counts, sizes and times, within the bounds of
 * their row.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "config/cpus.h"
#include "config/kinds.h"

static int64_t check_integer(lua_State *L, int at, const struct directive *d)
{
    int whole = 0;
    lua_Integer n = 0;
    if (lua_type(L, at) == LUA_TNUMBER)
        n = lua_tointegerx(L, at, &whole);
    if (!whole || n < d->min || n > d->max)
        kind_refuse(L, at, d);
    return n;
}

static void expect_integer(const struct directive *d, char *text, size_t size)
{
    if (d->max == INT64_MAX)
        snprintf(text, size, "an integer >= %" PRId64, d->min);
    else
        snprintf(text, size, "an integer from %" PRId64 " to %" PRId64, d->min,
                 d->max);
}

static void take_int(lua_State *L, int at, const struct directive *d,
                     void *into)
{
    *(int *)kind_field(d, into) = (int)check_integer(L, at, d);
}

static void print_int(const struct directive *d, const void *from, FILE *to)
{
    fprintf(to, "%d", *(const int *)kind_field_of(d, from));
}

static void take_count(lua_State *L, int at, const struct directive *d,
                       void *into)
{
    *(int64_t *)kind_field(d, into) = check_integer(L, at, d);
}

static void print_count(const struct directive *d, const void *from, FILE *to)
{
    fprintf(to, "%" PRId64, *(const int64_t *)kind_field_of(d, from));
}

const struct kind kind_int = {
    .args = 1, .expects = expect_integer, .take = take_int, .print = print_int};

const struct kind kind_count = {.args = 1,
                                .expects = expect_integer,
                                .take = take_count,
                                .print = print_count};

/* The number of workers. */

static void expect_workers(const struct directive *d, char *text, size_t size)
{
    expect_integer(d, text, size);
    size_t len = strlen(text);
    snprintf(text + len, size - len, " or \"auto\"");
}

static void take_workers(lua_State *L, int at, const struct directive *d,
                         void *into)
{
    if (lua_type(L, at) != LUA_TSTRING) {
        take_int(L, at, d, into);
        return;
    }
    if (strcmp(lua_tostring(L, at), "auto") != 0)
        kind_refuse(L, at, d);
    int cpus = cpus_granted();
    *(int *)kind_field(d, into) = cpus < d->max ? cpus : (int)d->max;
}

const struct kind kind_workers = {.args = 1,
                                  .expects = expect_workers,
                                  .take = take_workers,
                                  .print = print_int};

/* Sizes. */

static void expect_size(const struct directive *d, char *text, size_t size)
{
    char integer[64];
    expect_integer(d, integer, sizeof integer);
    snprintf(text, size, "bytes (%s)", integer);
}

const struct kind kind_size = {.args = 1,
                               .expects = expect_size,
                               .take = take_count,
                               .print = print_count};

static void expect_limit(const struct directive *d, char *text, size_t size)
{
    char integer[64];
    expect_integer(d, integer, sizeof integer);
    snprintf(text, size, "bytes (%s), or nil for no limit", integer);
}

static void take_limit(lua_State *L, int at, const struct directive *d,
                       void *into)
{
    bool unlimited =
        lua_isnil(L, at) || (lua_isboolean(L, at) && !lua_toboolean(L, at));
    *(int64_t *)kind_field(d, into) = unlimited ? -1 : check_integer(L, at, d);
}

static void print_limit(const struct directive *d, const void *from, FILE *to)
{
    if (*(const int64_t *)kind_field_of(d, from) < 0)
        fputs("nil", to);
    else
        print_count(d, from, to);
}

const struct kind kind_limit = {.args = 1,
                                .expects = expect_limit,
                                .take = take_limit,
                                .print = print_limit};

/* Times. */

static void expect_seconds(const struct directive *d, char *text, size_t size)
{
    snprintf(text, size, "seconds (a number %s 0)", d->min ? ">" : ">=");
}

/* What is positive stays so, and what is longer than the server can count, a
 * way to say "for ever", is cut to the longest. */
static void take_seconds(lua_State *L, int at, const struct directive *d,
                         void *into)
{
    if (lua_type(L, at) != LUA_TNUMBER)
        kind_refuse(L, at, d);
    double seconds = lua_tonumber(L, at);
    if (!isfinite(seconds) || seconds < 0 || (seconds == 0 && d->min > 0))
        kind_refuse(L, at, d);
    int64_t micros = d->max;
    if (seconds < (double)d->max / (double)CLOCK_SECOND)
        micros = (int64_t)(seconds * (double)CLOCK_SECOND + 0.5);
    *(int64_t *)kind_field(d, into) = micros || seconds == 0 ? micros : 1;
}

static void print_seconds(const struct directive *d, const void *from, FILE *to)
{
    int64_t micros = *(const int64_t *)kind_field_of(d, from);
    char text[32];
    snprintf(text, sizeof text, "%" PRId64 ".%06" PRId64, micros / CLOCK_SECOND,
             micros % CLOCK_SECOND);
    char *end = text + strlen(text);
    while (end[-1] == '0')
        *--end = '\0';
    if (end[-1] == '.')
        end[-1] = '\0';
    fputs(text, to);
}

static void expect_patience(const struct directive *d, char *text, size_t size)
{
    expect_seconds(d, text, size);
    size_t len = strlen(text);
    snprintf(text + len, size - len, ", or nil for none");
}

static void take_patience(lua_State *L, int at, const struct directive *d,
                          void *into)
{
    bool none =
        lua_isnil(L, at) || (lua_isboolean(L, at) && !lua_toboolean(L, at));
    if (none)
        *(int64_t *)kind_field(d, into) = -1;
    else
        take_seconds(L, at, d, into);
}

static void print_patience(const struct directive *d, const void *from,
                           FILE *to)
{
    if (*(const int64_t *)kind_field_of(d, from) < 0)
        fputs("nil", to);
    else
        print_seconds(d, from, to);
}

const struct kind kind_patience = {.args = 1,
                                   .expects = expect_patience,
                                   .take = take_patience,
                                   .print = print_patience};

const struct kind kind_seconds = {.args = 1,
                                  .expects = expect_seconds,
                                  .take = take_seconds,
                                  .print = print_seconds};
