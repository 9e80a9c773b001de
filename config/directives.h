/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONFIG_DIRECTIVES_H
#define RAINBOWS_CONFIG_DIRECTIVES_H

#include <stddef.h>
#include <stdint.h>

struct kind;

/*
 * One row of the directive table: all there is to know of a directive. The
 * loader, -T, --help-config and the tests of config.lua and docs/CONFIG.md
 * work from it. The options of listen() are rows of the same shape, whose
 * fields lie in struct listen_spec.
 */
struct directive {
    const char *name;
    const char *value; /* the default as Lua text; NULL: must be given */
    const char *why;
    const struct kind *kind;
    size_t offset; /* of the field in struct config, or in listen_spec */
    int64_t min, max;
    const char *group; /* heads the rows from here on; NULL: as before */
    const char *of;    /* the directive that this is an option of, or NULL */
};

/* Ended by a row without a name. */
extern const struct directive directives[];

/* The row of that name, or NULL; rows as in directives[]. */
const struct directive *directive_find(const struct directive *rows,
                                       const char *name);

/* Fills names (of size room) with the rows' names and a NULL. */
void directive_names(const struct directive *rows, const char **names,
                     size_t room);

#endif
