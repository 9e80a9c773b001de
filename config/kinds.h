/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONFIG_KINDS_H
#define RAINBOWS_CONFIG_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <lua.h>

#include "config/directives.h"

/*
 * What a directive's value may be, how it gets from Lua into the struct and
 * back into Lua text. Several directives share a kind; the row gives the
 * bounds. `into` and `from` are the struct that the row's offset counts in.
 */
struct kind {
    int args;     /* at most so many values in the call */
    bool repeats; /* each call adds; otherwise a second call is an error */
    bool calls;   /* print writes whole calls, not only the value */

    /* What a correct value is, for people: "an integer from 1 to 1024". */
    void (*expects)(const struct directive *d, char *text, size_t size);

    /* Checks the value at index `at` and stores it; raises a Lua error with
     * place, value and remedy otherwise. Nothing of C is owned when it
     * raises. */
    void (*take)(lua_State *L, int at, const struct directive *d, void *into);

    /* Writes Lua text that take() makes the same value of. */
    void (*print)(const struct directive *d, const void *from, FILE *to);
};

extern const struct kind kind_int;      /* int; min..max */
extern const struct kind kind_workers;  /* int; min..max, or "auto" */
extern const struct kind kind_count;    /* int64_t; min..max */
extern const struct kind kind_size;     /* int64_t bytes; min..max */
extern const struct kind kind_limit;    /* the same, nil or false: -1 */
extern const struct kind kind_seconds;  /* int64_t microseconds; min..max */
extern const struct kind kind_patience; /* the same, nil or false: -1 */
extern const struct kind kind_bool;     /* bool */
extern const struct kind kind_flag;     /* int: 0 or 1 */
extern const struct kind kind_string;   /* char *, nil: NULL; min length */
extern const struct kind kind_level;    /* int: enum log_level */
extern const struct kind kind_app;      /* struct config's app */
extern const struct kind kind_use;      /* its use and use_line */
extern const struct kind kind_hook;     /* a reference in its hooks */
extern const struct kind kind_user;     /* its run_as */
extern const struct kind kind_group;    /* the same */
extern const struct kind kind_umask;    /* int: permission bits, nil: -1 */
extern const struct kind kind_access;   /* its access_log and how */
extern const struct kind kind_listen;   /* its listens */
extern const struct kind kind_networks; /* struct cidrs */
extern const struct kind kind_requests; /* struct requests_spec */
extern const struct kind kind_peers;    /* the same, false: empty */

static inline void *kind_field(const struct directive *d, void *into)
{
    return (char *)into + d->offset;
}

static inline const void *kind_field_of(const struct directive *d,
                                        const void *from)
{
    return (const char *)from + d->offset;
}

/* Raises "config.lua:7: keepalive_timeout: expected seconds (a number >= 0),
 * got "five"" for the value at index `at`. */
void kind_refuse(lua_State *L, int at, const struct directive *d)
    __attribute__((noreturn));

/* Pushes "timeout", or "listen: backlog" for an option. */
const char *kind_push_name(lua_State *L, const struct directive *d);

/* Takes the row's default, the way a call in the config would. */
void kind_take_default(lua_State *L, const struct directive *d, void *into);

/* The string at `at`, if it is one, at least min bytes long and without NUL;
 * refused otherwise. Lives as long as the value does. */
const char *kind_check_text(lua_State *L, int at, const struct directive *d);

/* Writes text as a Lua string literal. */
void kind_print_text(const char *text, FILE *to);

#endif
