/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_MASTER_MASTER_H
#define RAINBOWS_MASTER_MASTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "master/slots.h"

struct app;
struct err;
struct listener;
struct model;

/* The exit statuses of `rainbows`. */
enum {
    EXIT_DONE = 0,
    EXIT_NOT_STARTED = 1, /* broken config or app: do not restart */
    EXIT_FORCED = 2,      /* workers had to be killed */
};

/* How the master ends. */
enum stop {
    STOP_NOT,
    STOP_GRACEFUL, /* workers finish what they have */
    STOP_QUICK,    /* clients are cut off */
};

/* What one load of the config gave: replaced as a whole by a reload. */
struct setup {
    struct config *config;       /* owned */
    const struct model *model;   /* static */
    struct listener **listeners; /* owned; in the order of the config */
    size_t listener_count;
    struct app *preloaded; /* owned; NULL without preload_app */
};

struct master {
    const char *config_path; /* borrowed; NULL: none; absolute as soon as
                                working_directory was entered */
    char *config_absolute;   /* owned; NULL: not known */
    const struct config_overrides *overrides; /* borrowed */
    const struct model *(*find_model)(const char *name, struct err *err);
    struct setup setup;
    int generation;    /* of the code, from 1 */
    int sockets_since; /* older generations have sockets that nobody else has */
    int workers;       /* how many are wanted */
    struct slots slots;
    int signals;  /* readable when a signal came */
    bool started; /* a worker was ready once */
    bool failed;  /* none ever was, and one could not start */
    bool forced;  /* a worker was killed while stopping */
    enum stop stop;
};

/*
 * Starts the server and supervises it until it ends; returns the exit status.
 * find_model turns the config's `use` into a model (concurrency/models.h).
 */
int master_run(const char *config_path,
               const struct config_overrides *overrides,
               const struct model *(*find_model)(const char *, struct err *));

/* -t: loads config and app in a child and says what is wrong. 0 or 1. */
int master_check(const char *config_path,
                 const struct config_overrides *overrides,
                 const struct model *(*find_model)(const char *, struct err *));

/* ---- for the files of this room ---- */

/* setup.c: loads the config; binds what old does not have already and takes
 * the rest over from it (old keeps everything on failure). */
int setup_load(struct setup *setup, const struct master *m, struct setup *old,
               struct err *err);
/* Logs where it listens, and what of the config the model does not use. */
void setup_announce(const struct setup *setup);
/* Has somebody else taken over all of its sockets? */
bool setup_sockets_live_on(const struct setup *setup);
/* Frees what no other setup took over. */
void setup_free(struct setup *setup);
/* Loads config, model and app without binding anything. */
int setup_check(const struct master *m, struct err *err);

/* spawn.c: forks a worker with that number. False: fork failed, logged. */
bool spawn_worker(struct master *m, int number);

/* reload.c: HUP. */
void reload(struct master *m);
/* After a setup was loaded: makes sure that a reload finds the config again
 * from another working directory. */
void keep_config_path(struct master *m);

/* signals.c */
int signals_open(struct err *err);
void signals_handle(struct master *m);

/* supervise.c: what a turn of the loop does with the workers. */
void reap(struct master *m);
void read_status(struct master *m, struct slot *slot);
void kill_overdue(struct master *m);
void keep_workers(struct master *m);
/* When the next of these has something to do; base/clock.h. */
int64_t next_due(const struct master *m);

/* stop.c */
void stop_begin(struct master *m, enum stop how);
void reopen_logs(struct master *m);

/* pidfile.c: both do nothing when path is NULL. */
int pidfile_write(const char *path, struct err *err);
void pidfile_remove(const char *path);

#endif
