/* SPDX-License-Identifier: MIT */
/*
 * A body that is a Lua file handle, sent from its current position. A regular
 * file is handed to the connection as a descriptor of its own, so the Lua
 * handle can be closed at once; anything else (io.popen) is read in pieces.
 *
 * A file with a name, sent with status 200, has a tag and a date (its own, or
 * what the app says), and conditional and range requests get what they ask for.
 * One without a name was made for this answer.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/text.h"
#include "lua/body.h"
#include "lua/coro.h"
#include "lua/env.h"
#include "lua/state.h"

enum {
    PIECE_SIZE = 4096
};

static bool file_matches(lua_State *L)
{
    return luaL_testudata(L, BODY, LUA_FILEHANDLE) != NULL;
}

static FILE *file_of(lua_State *L)
{
    luaL_Stream *stream = lua_touserdata(L, BODY);
    if (!stream->closef)
        luaL_error(L, "the app's body is a closed file");
    return stream->f;
}

/* ---- regular files ---- */

struct file_info {
    int64_t size; /* of what 200 sends */
    struct verdict verdict;
    char date[DATE_SIZE + 1]; /* of Last-Modified; "": the app's, or none */
    char etag[48];            /* the same for ETag */
};

/* The descriptor and the range; false when the file is no regular one. */
static bool open_file(lua_State *L, struct call *call, struct stat *st)
{
    FILE *f = file_of(L);
    if (fstat(fileno(f), st) < 0 || !S_ISREG(st->st_mode))
        return false;
    int64_t at = ftello(f);
    int fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);
    if (at < 0 || fd < 0)
        return luaL_error(L, "the app's body is a file that cannot be sent");
    int64_t left = st->st_size > at ? st->st_size - at : 0;
    call->file = (struct call_file){.fd = fd, .at = at, .left = left};
    return true;
}

/* Leaves the app's value of the header called name (lower case) on the stack,
 * if it is a string. */
static bool find_header(lua_State *L, const char *name, struct span *value)
{
    if (!lua_istable(L, BODY_HEADERS))
        return false;
    lua_pushnil(L);
    while (lua_next(L, BODY_HEADERS)) { /* [..., name, value] */
        struct span key;
        if (lua_type(L, -2) == LUA_TSTRING) {
            key.at = lua_tolstring(L, -2, &key.len);
            if (span_is_nocase(key, name) && lua_type(L, -1) == LUA_TSTRING) {
                value->at = lua_tolstring(L, -1, &value->len);
                return true;
            }
        }
        lua_pop(L, 1);
    }
    return false;
}

/* Fills what the app does not say of the file itself. */
static void describe(lua_State *L, struct file_info *info,
                     const struct stat *st, struct representation *what)
{
    struct span text;
    *what = (struct representation){.size = info->size, .modified = -1};
    if (find_header(L, "last-modified", &text)) {
        date_parse(text, &what->modified);
    } else if (st->st_mtim.tv_sec <= time(NULL)) {
        what->modified = st->st_mtim.tv_sec;
        date_format(st->st_mtim.tv_sec, info->date);
    }
    if (find_header(L, "etag", &what->etag))
        return;
    int n = snprintf(info->etag, sizeof info->etag, "\"%llx.%lx-%llx\"",
                     (unsigned long long)st->st_mtim.tv_sec,
                     (unsigned long)st->st_mtim.tv_nsec,
                     (unsigned long long)info->size);
    what->etag = (struct span){info->etag, (size_t)n};
}

/* A content-length of the app's that is another one is held to, as always. */
static bool has_other_length(lua_State *L, int64_t size)
{
    struct span text;
    int64_t length;
    lua_Integer number = -1;
    if (find_header(L, "content-length", &text))
        return !text_number(text, &length) || length != size;
    if (lua_istable(L, BODY_HEADERS) &&
        lua_getfield(L, BODY_HEADERS, "content-length") == LUA_TNUMBER)
        number = lua_tointeger(L, -1);
    return number >= 0 && number != size;
}

static int file_prepare(lua_State *L, struct call *call, int status)
{
    struct stat st;
    struct representation what;
    if (!open_file(L, call, &st) || status != 200 || !st.st_nlink ||
        has_other_length(L, call->file.left))
        return status;
    struct file_info *info = xcalloc(1, sizeof *info);
    call->info = info;
    info->size = call->file.left;
    describe(L, info, &st, &what);
    info->verdict = conditional_judge(env_request(call->head), &what);
    call->file.at += info->verdict.first;
    call->file.left = info->verdict.left;
    return info->verdict.status;
}

static void add(struct reply *r, const char *name, const char *value)
{
    if (*value)
        reply_field(r, (struct span){name, strlen(name)},
                    (struct span){value, strlen(value)});
}

static void file_fields(struct call *call)
{
    struct reply *r = call->start.reply;
    const struct file_info *info = call->info;
    char range[80] = "";
    if (!info)
        return;
    long long first = info->verdict.first, size = info->size;
    add(r, "Last-Modified", info->date);
    add(r, "ETag", info->etag);
    add(r, "Accept-Ranges", "bytes");
    if (info->verdict.status == 206)
        snprintf(range, sizeof range, "bytes %lld-%lld/%lld", first,
                 first + (long long)info->verdict.left - 1, size);
    else if (info->verdict.status == 416)
        snprintf(range, sizeof range, "bytes */%lld", size);
    add(r, "Content-Range", range);
    if (info->verdict.status != 200 && info->verdict.status != 304)
        r->own_length = false; /* it was that of the whole */
}

static int64_t file_length(lua_State *L, struct call *call)
{
    (void)L;
    return call->file.fd >= 0 ? call->file.left : -1;
}

/* ---- other files ---- */

static int read_on(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    struct call *call = (struct call *)ctx;
    char piece[PIECE_SIZE];
    FILE *f = file_of(L);
    size_t n = fread(piece, 1, sizeof piece, f);
    if (n == 0 && ferror(f))
        return luaL_error(L, "the app's body is a file that cannot be read");
    if (n == 0 || !reply_body(call->start.reply, (struct span){piece, n}))
        return 0;
    return coro_yield(L, CALL_FLUSH, read_on, ctx);
}

static int file_send(lua_State *L, struct call *call)
{
    if (call->file.fd >= 0)
        return 0;
    return read_on(L, LUA_OK, (lua_KContext)call);
}

const struct body_kind body_file = {
    .name = "file",
    .matches = file_matches,
    .prepare = file_prepare,
    .fields = file_fields,
    .length = file_length,
    .send = file_send,
};
