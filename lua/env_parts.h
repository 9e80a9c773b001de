/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_ENV_PARTS_H
#define RAINBOWS_LUA_ENV_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

#include "base/peer.h"
#include "base/span.h"
#include "http/forwarded.h"
#include "http/request.h"

/*
 * The inside of an env, for env*.c: the userdata that it fills itself from,
 * and the two sources of its keys.
 */
struct head {
    struct request rq; /* its pointers lead into this userdata */
    struct peer client, server;
    struct forwarded origin; /* made when has_origin, in env_keys.c */
    bool has_origin;
    struct call *call; /* NULL: it is over */
    uint64_t given;    /* bit per key of env_keys[] */
    bool *field_given; /* per field, behind the struct */
};

/* ---- env_keys.c: the keys that every env has ---- */

struct env_key {
    const char *name;
    void (*push)(lua_State *L, struct head *head); /* may push nil */
};

enum {
    ENV_KEY_INPUT = 0,
    ENV_KEY_COUNT = 29
};

extern const struct env_key env_keys[ENV_KEY_COUNT];

/* ---- env_fields.c: the request's header fields ---- */

void env_push_piece(lua_State *L, const struct head *h, struct piece piece);

/* Pushes the joined values of the fields called name (lower case), or nil, and
 * marks them delivered. */
void env_push_field(lua_State *L, struct head *h, const char *name);

/* The first field that reads in env as HTTP_ + key and was not delivered, or
 * -1. */
int64_t env_find_field(const struct head *h, const char *key, size_t len);

/* Pushes the values of all fields that field i's name has, joined, and marks
 * them. */
void env_push_joined(lua_State *L, struct head *h, uint32_t i);

/* Does a field of that name have a key in env, HTTP_ and how it reads there? */
bool env_has_field(struct span name);

/* How a field's name reads in env, letter by letter: "Accept-Encoding" is
 * ACCEPT_ENCODING. */
char env_letter(char c);

#endif
