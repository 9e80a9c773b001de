/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_MASTER_MASTER_H
#define RAINBOWS_MASTER_MASTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "config/config.h"
#include "master/slots.h"

struct app;
struct err;
struct listen_spec;
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
    STOP_HANDOVER, /* the new master goes on with the same sockets */
    STOP_GRACEFUL, /* workers finish what they have */
    STOP_QUICK,    /* clients are cut off */
};

/* What one load of the config gave: replaced as a whole by a reload. */
struct setup {
    struct config *config;       /* owned */
    const struct model *model;   /* static */
    struct listener **listeners; /* owned, and shared with other setups; in the
                                    order of the config, then those that systemd
                                    gave besides */
    const struct listen_spec **specs; /* owned; of each of them, in the config;
                                         NULL: it names it not */
    size_t listener_count;
    char *directory;       /* owned; the working directory, absolute */
    char *pid;             /* owned; the pid file, absolute, or NULL */
    mode_t umask;          /* of its processes */
    struct app *preloaded; /* owned; NULL without preload_app */
    int access_fd;         /* owned; the access log, for workers; 0: none */
};

enum reload_phase {
    RELOAD_NONE,
    RELOAD_CHECK,  /* a process that is thrown away loads the config */
    RELOAD_CANARY, /* the first worker of the next generation loads the app */
};

struct reload {
    enum reload_phase phase;
    bool asked;        /* HUP came; it begins as soon as it can */
    bool refills;      /* no WINCH has come since */
    struct setup next; /* owned; from RELOAD_CANARY on */
};

struct upgrade {
    bool asked;       /* USR2 came; it begins when no reload is under way */
    pid_t pid;        /* of the new master, our child; 0: none */
    int ready;        /* owned; brings a byte when it is ready; or -1 */
    int64_t deadline; /* until then; base/clock.h */
    bool backing_out; /* it was told to leave */
    int predecessor;  /* owned; where we say that we are ready, when we are the
                         new master; or -1 */
};

/* Who is there while a config or an app loads that may hang. */
enum loading {
    LOADING_ALONE,   /* nobody is served yet: this process may end */
    LOADING_SERVING, /* the master has workers */
    LOADING_WATCHED, /* the master watches this process */
};

/* Starts that fail: after too many in a row, with nobody getting ready between
 * them, only one worker is tried at a time, now and then. */
struct breaker {
    bool open;
    int64_t next_probe; /* base/clock.h */
};

/* Time in which the master did not run (SIGSTOP, a suspended machine) counts
 * for nobody. */
struct watch {
    int64_t alive; /* when it last looked; base/clock.h */
    int64_t woken; /* when it last went on after such a time; 0: never */
};

/* How the program was called. All borrowed for the life of the master. */
struct invocation {
    const char *config_path; /* NULL: none */
    const struct config_overrides *overrides;
    char *const *args; /* all of the command line, ended by NULL */
    const struct model *(*find_model)(const char *name, struct err *err);
};

struct master {
    const struct invocation *invocation; /* borrowed */
    const struct config_overrides *overrides;
    const struct model *(*find_model)(const char *name, struct err *err);
    char *start_directory; /* owned; symbolic links in it are kept */
    char *config_path;     /* owned; absolute as soon as another directory is
                              entered; NULL: none */
    char *config_text;     /* owned; loaded in the file's stead; NULL: the file
                              itself is read */
    size_t config_size;
    mode_t start_umask;
    enum loading loading;
    struct setup setup;
    struct setup given; /* sockets of before the start, and what is left of
                            them until we serve; no config */
    struct reload reload;
    struct upgrade upgrade;
    struct breaker breaker;
    struct watch watch;
    int generation;    /* of the code, from 1 */
    int sockets_since; /* older generations have sockets that nobody else has */
    int workers;       /* how many are wanted */
    bool emptied;      /* WINCH: none, until HUP or TTIN */
    struct slots slots;
    int signals;  /* readable when a signal came */
    bool started; /* a worker was ready once */
    bool failed;  /* one could not start, and none ever was, or this master
                     has not taken over yet */
    bool forced;  /* a worker was killed while stopping */
    enum stop stop;
};

/* Starts the server and supervises it until it ends; returns the exit
 * status. */
int master_run(const struct invocation *invocation);

/* -t: loads config and app in a child and says what is wrong. 0 or 1. */
int master_check(const struct invocation *invocation);

/* ---- for the files of this room ---- */

/* master.c: the config's path becomes absolute when its directory is left. */
void keep_config_path(struct master *m);

/* setup.c: loads the config, from the directory it names; shares with old what
 * both want, binds the rest. The master's own directory stays. */
int setup_load(struct setup *setup, const struct master *m,
               const struct setup *old, struct err *err);
/* The umask of this process. */
mode_t setup_umask(void);
/* Makes its working directory and umask the process's. -1 with errno. */
int setup_enter(const struct setup *setup);
/* The access log of workers to come is the file that has the name now; the old
 * one when that cannot be opened. */
void setup_reopen_access_log(struct setup *setup);
void setup_close_access_log(struct setup *setup);
/* Logs where it listens, and what of the config the model does not use. */
void setup_announce(const struct setup *setup);
void setup_free(struct setup *setup);

/* loading.c: what loads from now on has so long, in microseconds, until the
 * end. In a process of one thread. */
void load_bound(enum loading how, int64_t limit);
void load_unbound(void);

/* Loads config and model, and the app if asked for or to be preloaded, without
 * binding anything. For a process that ends then. */
enum check {
    CHECK_CONFIG,
    CHECK_APP,
};
int setup_check(const struct master *m, enum check what, struct err *err);

/* sockets.c: fills the listeners of a setup whose config is loaded: shares with
 * old what both want, and binds the rest. */
int sockets_open(struct setup *setup, const struct setup *old, struct err *err);
/* Tells its listeners whose proxies may connect: in a worker, as two setups can
 * have a listener. */
void sockets_tell_proxies(const struct setup *setup);
/* Gives its listeners the options of its config. */
void sockets_apply(const struct setup *setup);
void sockets_announce(const struct setup *setup);
/* Do others have all of its sockets? */
bool sockets_live_on(const struct setup *setup);
/* The socket files of those that nobody else has go, too. */
void sockets_close(struct setup *setup);

/* inherit.c: takes the sockets that systemd or an upgrade passes, and clears
 * the variables that say so. */
void inherit_sockets(struct setup *given);
/* Closes what the config did not want; its files are left alone. */
void inherit_leave_rest(struct setup *given);
/* We serve: the old master's sockets are ours now, with their files. */
void inherit_settle(struct master *m);
/* LISTEN_FDNAMES for passing the setup's sockets, in their order, to a new
 * master; free(3) it. */
char *inherit_names(const struct setup *setup);

/*
 * notify.c: what systemd is told, sd_notify(3). All of it does nothing when
 * NOTIFY_SOCKET is not set.
 */
void notify_open(const struct master *m); /* when the config is loaded */
void notify_close(void);                  /* in a worker */
/* A worker serves for the first time. */
void notify_ready(const struct master *m);
/* A reload begins; its end is noticed by itself. */
void notify_reloading(void);
/* When the workers know that they are to leave. */
void notify_stopping(const struct master *m);
/* An upgrade: the new master is the service now, this one falls silent; and
 * there, where we are the new one. */
void notify_hand_over(pid_t pid);
void notify_take_over(const struct master *m);
/* In each turn of the loop: the keep-alive, and what has changed. */
void notify_tick(const struct master *m);
/* due, or earlier when there is something to tell; base/clock.h. */
int64_t notify_due(int64_t due);

/* check.c: the process that a reload throws away: loads the config, and says
 * what is wrong on the status pipe. Returns its exit status. */
int check_for_reload(struct master *m, int status);

/* spawn.c: forks. False, with the reason logged: not now. */
bool spawn_worker(struct master *m, int number);
/* The processes of a reload. */
int spawn_canary(struct master *m, struct err *err);
int spawn_check(struct master *m, struct err *err);

/* reload.c: HUP. */
void reload_ask(struct master *m);
/* Begins what was asked for, when it can. */
void reload_turn(struct master *m);
void reload_canary_ready(struct master *m, struct slot *canary);
/* The check or the canary ended; how it did, if not well. */
void reload_step_ended(struct master *m, const struct slot *slot, bool well);
void reload_cancel(struct master *m);
/* Is none under way, and the last one's replacement of workers over, as far as
 * it will ever be? */
bool reload_over(const struct master *m);

/* upgrade.c: USR2. */
void upgrade_ask(struct master *m);
/* At the start: takes the sockets that this process was given. Is it the new
 * master of an upgrade? */
bool upgrade_open(struct master *m);
void upgrade_turn(struct master *m);
/* Was it the new master that ended? */
bool upgrade_ended(struct master *m, pid_t pid, const char *how);
/* The server stops: the new master of an upgrade that has not ended, too. */
void upgrade_cancel(struct master *m);

/* logs.c: opens stderr_path (fd 2) or stdout_path (fd 1) in place of fd, if it
 * is set, so that workers can open it again. -1 with err set and fd untouched.
 */
int log_open(const struct config *config, int fd, struct err *err);
/* Can both be opened? */
int logs_check(const struct config *config, struct err *err);
/* access_log, for workers; 0: it is no path. -1 with err set. */
int log_open_access(const struct config *config, struct err *err);

/* files.c: the descriptors that the setup needs in one process; raises
 * RLIMIT_NOFILE to that, or logs that it cannot. */
rlim_t files_needed(const struct setup *setup);
void files_allow(const struct setup *setup);

/*
 * daemon.c: -D. daemon_start() returns in a process in the background; the one
 * that was called waits until daemon_ready(), or the end of the server, and
 * ends with exit status 0 or 1. The others do nothing when nobody waits.
 */
void daemon_start(void);
bool daemon_awaited(void);
/* How long a start may take from now on; base/clock.h. */
void daemon_patience(int64_t time);
void daemon_ready(void);
/* In a worker: it has nothing to do with it. */
void daemon_forget(void);

/* signals.c: until signals_open() those that ask for something wait; those that
 * end the program end it. */
void signals_hold(void);
/* In a child that is no worker: they mean what they mean to any program. */
void signals_default(void);
int signals_open(struct err *err);
void signals_handle(struct master *m);

/* supervise.c: what a turn of the loop does with the workers. */
void reap(struct master *m);
void read_status(struct master *m, struct slot *slot);
void keep_workers(struct master *m);
/* How many are wanted now. */
int workers_wanted(const struct master *m);
/* When something has to be done next; base/clock.h. */
int64_t next_due(const struct master *m);

/* respawn.c: when a worker is started again. */
bool respawn_due(const struct master *m, int number);
void respawn_ready(struct master *m, const struct slot *slot);
/* One could not start; one died after it was ready. */
void respawn_failed(struct master *m, const struct slot *slot, const char *how);
void respawn_died(struct master *m, const struct slot *slot, int status);
/* Forking failed. */
void respawn_later(struct master *m, int number);
/* Everything begins anew. */
void respawn_reset(struct master *m);
/* When the next start is due, if that is before `due`. */
int64_t respawn_next(const struct master *m, int64_t due);

/* watchdog.c: kills what hangs. */
void watchdog_turn(struct master *m);
/* The master is about to sleep, or has slept: does it come later than due? */
void watchdog_looked(struct master *m, int64_t due);
void watchdog_stopped(struct slot *slot, int status);
int64_t watchdog_next(const struct slot *slot, int64_t due);

/* stop.c */
void stop_begin(struct master *m, enum stop how);
void reopen_logs(struct master *m);

/* pidfile.c: all do nothing when path is NULL. Is no server running that the
 * file names? -1 with err set when one is. */
int pidfile_check(const char *path, struct err *err);
/* The same, and the file names this process then. */
int pidfile_write(const char *path, struct err *err);
/* Only if it names this process. */
void pidfile_remove(const char *path);
/* path becomes path.oldbin, for the new master of an upgrade to have it. -1
 * with err set: a living process has that. */
int pidfile_move_aside(const char *path, struct err *err);
void pidfile_take_back(const char *path);
void pidfile_remove_aside(const char *path);

#endif
