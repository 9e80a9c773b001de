/* SPDX-License-Identifier: MIT */
/*
 * A body that is a Lua file handle, sent from its current position. A regular
 * file is handed to the connection as a descriptor of its own, so the Lua
 * handle can be closed at once; anything else (io.popen) is read in pieces.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <lauxlib.h>

#include "http/reply.h"
#include "lua/body.h"
#include "lua/coro.h"
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

static int64_t file_length(lua_State *L, struct call *call)
{
    FILE *f = file_of(L);
    struct stat st;
    if (fstat(fileno(f), &st) < 0 || !S_ISREG(st.st_mode))
        return -1;
    int64_t at = ftello(f);
    int fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);
    if (at < 0 || fd < 0)
        return luaL_error(L, "the app's body is a file that cannot be sent");
    int64_t left = st.st_size > at ? st.st_size - at : 0;
    call->file = (struct call_file){.fd = fd, .at = at, .left = left};
    return left;
}

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
    .length = file_length,
    .send = file_send,
};
