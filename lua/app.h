/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_LUA_APP_H
#define RAINBOWS_LUA_APP_H

#include <stdbool.h>
#include <stddef.h>

struct app;
struct cidrs;
struct err;

/* Where an app comes from. All borrowed for the time of app_new(). */
struct app_source {
    const char *path; /* the app file; NULL: app(function) in the config */
    const char *config_path; /* with its text, when path is NULL */
    const char *config_text;
    size_t config_size;
    const char *const *directives; /* names that are no-ops in that text */
    const char *lua_path;  /* package.path, ";;" stands for the default; or */
    const char *lua_cpath; /* NULL */
    size_t memory_limit;   /* bytes that the state may use; 0: any number */
};

/* Who serves: told to the app through env and rainbows.worker(). */
struct app_identity {
    int worker;                  /* number, from 0 */
    int generation;              /* of the code: grows with each reload */
    const char *model;           /* borrowed as long as the app lives */
    bool multithread;            /* rack.multithread */
    bool waits_in_call;          /* a wait inside call(env) lets others run */
    bool async;                  /* calls can be answered later */
    bool early_hints;            /* apps may send 103 */
    const struct cidrs *trusted; /* borrowed like model: whose word on clients
                                    counts; NULL: nobody's */
};

/*
 * One Lua state with the app loaded into it: one place where calls run. It
 * belongs to one thread at a time. NULL with err set when the app cannot be
 * loaded: file, line, reason and traceback.
 */
struct app *app_new(const struct app_source *source, struct err *err);

/* Says who serves and runs the functions given to rainbows.at_boot(), in
 * order. Call once, in the process that will serve. -1 with err set when one
 * of them fails. */
int app_boot(struct app *app, const struct app_identity *identity,
             struct err *err);

/* Is there hardly any memory left in the state, all garbage collected? Calls
 * may fail soon. *used: bytes. */
bool app_is_full(const struct app *app, size_t *used);

/*
 * For a handler of SIGURG, in the thread that has the app. The call that runs
 * in it fails at its next step, whatever it catches.
 */
void app_interrupt(struct app *app);

/* The same place: writes the Lua stack of what runs to the descriptor, a line
 * a level; then those of the coroutines that have resumed it. */
void app_write_stack(const struct app *app, int fd);

/*
 * For a signal's handler, in the thread that calls app_new() or app_boot():
 * what the app does there fails at its next step, whatever it catches, with
 * this reason (static) and the place. So do all apps that the thread loads or
 * boots from now on, until it is called with NULL.
 */
void app_interrupt_loading(const char *why);

/* The same place: the stack of the app that is loaded or booted. */
void app_write_loading_stack(int fd);

/* Runs the functions given to rainbows.at_quit(), last one first. Errors are
 * logged. */
void app_quit(struct app *app);

/* All calls must have been freed. */
void app_free(struct app *app);

#endif
