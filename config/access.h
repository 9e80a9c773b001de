/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONFIG_ACCESS_H
#define RAINBOWS_CONFIG_ACCESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct buf;
struct config;
struct err;

/* How a line of the access log is made. */
enum access_format {
    ACCESS_COMMON,
    ACCESS_COMBINED,
    ACCESS_JSON,
    ACCESS_FUNCTION, /* of the config */
};

/* What a line tells of a request and its answer. All borrowed; a span whose at
 * is NULL is absent. */
struct access_entry {
    struct span time; /* when the line was made: "22/Nov/2026:04:27:46 +0000"
                         for common and combined, else
                         "2026-11-22T04:27:46.123Z" */
    struct span remote_addr, scheme, host;
    struct span method, uri, protocol;
    struct span request; /* the first line as it came, where it could not be
                            taken apart; the three before are absent then */
    int64_t status;
    int64_t bytes;    /* of the answer's body that the kernel took */
    int64_t duration; /* microseconds */
    struct span referer, user_agent;
    struct span request_id; /* absent in common and combined */
    int64_t worker, pid;
};

/* The names by which JSON lines and functions know them. */
enum access_kind {
    ACCESS_TEXT,
    ACCESS_NUMBER,
    ACCESS_SECONDS, /* microseconds, told in seconds */
};

struct access_field {
    const char *name;
    enum access_kind kind;
    size_t offset; /* in struct access_entry */
};

/* Ended by one without a name. */
extern const struct access_field access_fields[];

static inline const void *access_value(const struct access_field *field,
                                       const struct access_entry *entry)
{
    return (const char *)entry + field->offset;
}

/* The standard descriptor (1, 2) that access_log names; -1: it is a path. */
int config_access_standard(const struct config *config);

/* The path that access_log names, or NULL. */
const char *config_access_path(const struct config *config);

/*
 * Calls the config's function with a table of the entry and appends the string
 * it returns, as it is; nothing for nil and false. 0, or -1 with err set. One
 * thread of a process at a time.
 */
int config_access_line(struct config *config, const struct access_entry *entry,
                       struct buf *line, struct err *err);

#endif
