/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONFIG_CONFIG_H
#define RAINBOWS_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cidr.h"

struct err;

/* One listen() of the config. Fields with -1 leave the system's default. */
struct listen_spec {
    char *address; /* owned; as written: "0.0.0.0:8080", "[::1]:80", "8080",
                      "unix:/run/x.sock", "/run/x.sock", "systemd:web" */
    int line;      /* of the config file; 0: command line or default */
    int backlog;   /* 1024 */
    int rcvbuf, sndbuf;   /* bytes; -1 */
    int tcp_nodelay;      /* 1 */
    int tcp_defer_accept; /* seconds; 0: off */
    int ipv6only;         /* -1 */
    int reuseport;        /* 0 */
    int umask;            /* for the socket file; 0 */
    int tries; /* after the first failure with EADDRINUSE: 5; -1: for ever */
    int64_t delay;               /* between tries, microseconds: 500,000 */
    struct cidrs proxy_protocol; /* who may connect, with a PROXY header first;
                                    its list lives as long as the config;
                                    empty: everybody, without */
};

#define NO_ID ((unsigned)-1)

/* Whom the workers become: user() and group(), looked up. */
struct run_as {
    char *user, *group; /* owned; as written; NULL: not set */
    char *login, *home; /* owned; as the system has the user; NULL: it does
                           not know the id */
    unsigned uid, gid;  /* NO_ID: it stays as it is */
};

/* max_requests. */
struct requests_spec {
    int64_t count;  /* 0: never */
    int64_t jitter; /* up to so many more or fewer */
};

enum config_hook {
    HOOK_BEFORE_FORK,
    HOOK_AFTER_FORK,
    HOOK_AFTER_WORKER_READY,
    HOOK_AFTER_WORKER_EXIT,
    HOOK_BEFORE_EXEC,
    HOOK_COUNT
};

/*
 * Everything a config file says, with defaults in the places it left out.
 * Read-only once loaded, but for what the hooks do to their own Lua state.
 * Times are microseconds, sizes bytes. Field order follows the directive
 * table in directives.c, where each has its default and its reason.
 */
struct config {
    char *path; /* owned; NULL without a config file */
    char *text; /* owned; the file's bytes as they were read; NULL without */
    size_t text_size;

    int worker_processes;
    struct listen_spec *listens; /* owned; at least one */
    size_t listen_count;
    char *use;    /* owned; the concurrency model's name as written */
    int use_line; /* where; 0: default */
    char *app;    /* owned; the app file; NULL: app(function) in text */
    int worker_connections;
    int pool_size;             /* threads, or calls at once */
    int app_pool;              /* Lua states; 0: worker_connections */
    int64_t keepalive_timeout; /* 0: no keep-alive */
    int keepalive_requests;
    int64_t client_header_timeout;
    int64_t client_body_timeout;
    int64_t send_timeout;
    int64_t timeout;
    int64_t graceful_timeout;
    int64_t boot_timeout;
    struct cidrs trusted_proxies; /* its list lives as long as the config */
    int64_t client_max_body_size; /* -1: unlimited */
    int64_t client_max_header_size;
    int64_t client_max_headers;
    int64_t client_max_uri_size;
    int64_t client_max_header_name;
    int64_t client_max_chunk_extension;
    int64_t client_body_buffer_size;
    int64_t client_header_buffer_size;
    int64_t output_buffer_size;
    struct requests_spec max_requests;
    int64_t max_memory;       /* -1: unlimited */
    int64_t lua_memory_limit; /* -1: unlimited */
    bool early_hints;
    bool preload_app;
    int umask;               /* -1: as it is */
    char *working_directory; /* owned or NULL, like the strings below */
    struct run_as run_as;
    char *pid;
    char *stderr_path;
    char *stdout_path;
    int log_level;       /* enum log_level */
    char *access_log;    /* a path, "stdout" or "stderr"; NULL: none */
    int access_format;   /* enum access_format */
    int access_function; /* a reference, for ACCESS_FUNCTION */
    int64_t slow_call;   /* -1: off */
    char *lua_path;
    char *lua_cpath;

    uint64_t given; /* bit i: the file or the command line sets the
                       directive of row i of the table */
    void *lua;      /* owned; the fenced lua_State that the file ran in and the
                       hooks run in; NULL without a file */
    int hooks[HOOK_COUNT]; /* references in it; -1: not set */

    const char *places[64]; /* borrowed from lua; where the file sets the
                               directive of row i: "config.lua:7"; NULL: not */
};

/* What the command line says instead of, or besides, the file. */
struct config_overrides {
    const char *const *listens; /* addresses; they replace the file's */
    size_t listen_count;
    int worker_processes; /* 0: not given */
    const char *app;      /* NULL: not given */
    bool daemonize;       /* what is not given a log is silent */
};

/*
 * Reads path (NULL: no file, only defaults and overrides) and returns the
 * config, or NULL with err set: "config.lua:3: worker_proceses: no such
 * directive; did you mean worker_processes?". Nothing of the process changes.
 * Relative paths inside stay relative: to working_directory, or to where the
 * server was started.
 */
struct config *config_load(const char *path,
                           const struct config_overrides *overrides,
                           struct err *err);

/* The same with a file's text that was read before; borrowed. */
struct config_text {
    const char *path;
    const char *bytes; /* NUL behind them */
    size_t size;
};
struct config *config_load_text(const struct config_text *text,
                                const struct config_overrides *overrides,
                                struct err *err);

void config_free(struct config *config); /* NULL is fine */

/* Does the file or the command line set the directive of that name? */
bool config_sets(const struct config *config, const char *name);

/* Where the file sets the directive of that name, "config.lua:7"; else the
 * name of the file. */
const char *config_place(const struct config *config, const char *name);

/* The names of all directives, ended by NULL. For app states, which run the
 * config's text for its app(function) with the others as no-ops. */
const char *const *config_directive_names(void);

/*
 * Runs a hook if it is set, with a worker table {number=, pid=, generation=}
 * and, for HOOK_AFTER_WORKER_EXIT, the text that tells how it ended. An error
 * inside is returned, never raised: 0, or -1 with err set.
 */
struct hook_worker {
    int number; /* -1: left out */
    int pid;
    int generation;
    const char *exit; /* "exit=0", "signal=SEGV"; NULL for other hooks */
};
int config_run_hook(struct config *config, enum config_hook hook,
                    const struct hook_worker *worker, struct err *err);

/*
 * For a signal's handler in a process that loads configs and runs hooks in one
 * thread: what runs there fails soon, whatever it catches, with this reason
 * (static) and the place. So does what begins to run from now on, until it is
 * called with NULL.
 */
void config_interrupt(const char *why);

/* The same place: writes the Lua stack of the config or hook that runs to the
 * descriptor, a line a level; not that of a coroutine of its own. */
void config_write_stack(int fd);

/* -T: every directive with the value in force, as a config file that gives
 * the same config again. */
void config_print(const struct config *config, FILE *to);

/* --help-config [NAME]: the table for people. -1 with err set (and the nearest
 * name) when there is no such directive; name NULL prints all. */
int config_help(const char *name, FILE *to, struct err *err);

/* The one of names (ended by NULL) nearest to word, or NULL when none is near
 * enough to be what was meant. */
const char *config_nearest(const char *word, const char *const *names);

#endif
