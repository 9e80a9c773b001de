/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_STATE_H
#define RAINBOWS_LUA_STATE_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <lua.h>

#include "base/wait.h"
#include "lua/app.h"
#include "lua/call.h"
#include "lua/memory.h"

/*
 * What the files of this room share: an app's state and a call's. Every Lua
 * thread of a state finds its app through lua_getextraspace().
 */
enum {
    CLOSE_BODY,
    CLOSE_VALUE,
    CLOSE_COUNT
};

/* A deferrable body's life; body_deferrable.c. */
enum deferred {
    DEFERRED_NOT, /* the body is none */
    DEFERRED_OPEN,
    DEFERRED_DONE,
    DEFERRED_FAILED
};

struct call {
    struct app *app; /* borrowed */
    lua_State *co;   /* anchored by ref; NULL: there was no memory for it */
    int ref;
    struct call *next; /* in the app's free list */
    struct call_start start;
    void *head;           /* env.h; in the registry at the call's address */
    bool started;         /* its coroutine runs, or ran */
    bool answered;        /* the triple was returned: the body is being sent */
    enum call_status why; /* of the last tagged yield */
    struct wait wait;     /* for CALL_WAITS */
    struct call_file file;
    struct file_info *info; /* body_file.c: owned; NULL: no file is sent */
    size_t at; /* string and array bodies: bytes sent of the current string, */
    lua_Integer item;    /* and the array's index */
    char *error;         /* owned; after CALL_FAILED */
    int input;           /* reference of the rack.input, or LUA_NOREF */
    struct async *async; /* async.h; NULL: not asked for */
    bool client_closed;  /* async.close has been told */
    enum deferred deferred;
    int deferrable;         /* its reference, or LUA_NOREF */
    int close[CLOSE_COUNT]; /* references of what must be closed */
};

/* A coroutine in which Lua runs, or which has resumed the one where it does.
 * On the C stack of who resumed it. */
struct active {
    lua_State *co;
    struct active *below; /* the one that resumed it; NULL: the server did */
};

struct app {
    lua_State *L; /* owned */
    struct memory memory;
    int function; /* references: what is called, */
    int self;     /* and the object of an app:call(env), or LUA_NOREF */
    int env_meta, input_meta, async_meta, errors, logger; /* references */
    int at_boot, at_quit; /* references of arrays of functions */
    int randomseed;       /* reference of math's */
    bool booted;
    struct app_identity identity;
    struct call *spare;   /* calls ready for reuse */
    struct call *running; /* the call whose coroutine runs now, or NULL */
    struct active *volatile top; /* where Lua runs now; NULL: nowhere */
    volatile sig_atomic_t late;  /* it was interrupted, */
    const char *volatile why;    /* for this reason, */
    char *stuck; /* owned; there, as a text with its traceback, or NULL */
    int no_wait; /* above 0: somewhere below a coroutine that cannot yield */
    bool warned; /* that a wait had to block */
};

static inline struct app *app_of(lua_State *L)
{
    return *(struct app **)lua_getextraspace(L);
}

/* interrupt.c: arms L after app_interrupt(); and the end of the alarm. */
void interrupt_arm(lua_State *L);
void interrupt_over(struct app *app, lua_State *co);

/* Around the code of an app that is loaded or booted, in its main state. */
void loading_begin(struct app *app, struct active *here);
void loading_end(struct app *app, struct active *here);

/* Around the resuming of co. A signal may come at any moment. */
static inline void active_push(struct app *app, struct active *a, lua_State *co)
{
    *a = (struct active){co, app->top};
    atomic_signal_fence(memory_order_seq_cst);
    app->top = a;
    if (app->late)
        interrupt_arm(co);
}

static inline void active_pop(struct app *app, const struct active *a)
{
    app->top = a->below;
}

/* ---- protect.c ---- */

/* Makes strings that Lua needs where nothing is protected: as long as they are
 * there, needing them allocates nothing. */
void protect_open(lua_State *L);

/* Calls what lies on the app's main stack, with n arguments. -1 with the
 * error's text and traceback in err. */
int protect_call(lua_State *L, int n, int results, struct err *err);

/* The same, logging what is raised behind the words. For the app's code that
 * belongs to no running call. */
void app_protected(struct app *app, int n, const char *words);

/* Why, or if that is NULL the error at the top of from, with the traceback of
 * from (NULL: there is none). Owned by the caller. */
char *app_traceback(struct app *app, lua_State *from, const char *why);

#endif
