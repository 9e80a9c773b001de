/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_SERVER_H
#define RAINBOWS_TESTS_SUPPORT_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The real binary, started for one test. It runs in a directory of its own
 * under a config made from the test's text; its log is a file there. Nothing
 * here sleeps: everything waits for a log line or the end of the process.
 * Every wait has a deadline, after which the test fails and shows the log.
 */
struct server {
    pid_t pid;    /* of the master; 0 when it has ended */
    int port;     /* of the first TCP listener; 0: none */
    char dir[64]; /* its directory; "config.lua" and "log" are in it */
    char *log;    /* all it has logged so far */
    size_t log_read;
    size_t seen;              /* server_await() has looked so far into log */
    bool errors_expected;     /* do not fail over ERROR lines at the end */
    const char *program;      /* in place of the one that was built */
    const char *args;         /* shell words in place of "-c config.lua" */
    const char *preload;      /* LD_PRELOAD of the server; NULL */
    const char *preload_file; /* PRELOAD_FILE of the server */
    void (*become)(void);     /* the last to be called before it is the server:
                                 for its environment and descriptors */
};

enum {
    PATIENCE = 20
}; /* seconds; sanitizers and busy machines are slow */

/* The model under test, from RAINBOWS_MODEL; "Base" without it. */
const char *model_under_test(void);

/* What it can do: begin a call before its body has come whole; answer a call
 * later, through async.callback. */
bool model_streams(void);
bool model_is_async(void);

/* ThreadSanitizer holds signals back until the program makes a system call: a
 * call that spins is not interrupted then. */
bool signals_come_late(void);

/* Path of a file below tests/apps. Valid until the next call. */
const char *app_path(const char *name);

/* Makes the server's directory, for files that must be there at the start;
 * server_start() and server_launch() do it otherwise. */
void server_prepare(struct server *s);

/*
 * Starts `rainbows -c config.lua` and waits until all workers serve. The config
 * file is `use(model)` and config. A config without "listen(" listens on a free
 * port of 127.0.0.1.
 */
void server_start(struct server *s, const char *config);

/* The same with the app of that name below tests/apps, and more config. */
void server_serve(struct server *s, const char *app, const char *more);

/* server_start() without waiting, for servers that are to fail. */
void server_launch(struct server *s, const char *config);

/* Waits until one of its workers serves. */
void server_await_serving(struct server *s);

/* Writes the config file again, as server_start() does. */
void server_rewrite(const struct server *s, const char *config);

/* Waits for the next log line that contains the text and returns it (valid
 * until the next call). */
const char *server_await(struct server *s, const char *text);

/* Waits until the text has been logged so often since the start. */
void server_await_times(struct server *s, const char *text, int times);

/* Has the text been logged so far? */
bool server_logged(struct server *s, const char *text);

/* Waits for the master's end; returns its wait status. */
int server_wait(struct server *s);

/* Ends it gracefully and checks that all was well: exit status 0, no ERROR
 * line unless expected, no word of a sanitizer. Cleans up. */
void server_stop(struct server *s);

void server_signal(const struct server *s, int signo);

/* After USR2: waits until the new master has taken over and the old one has
 * ended well. The server is the new one then. */
void server_follow_upgrade(struct server *s);

/* The pid of worker number n of the newest generation that logged "ready". */
pid_t server_worker(struct server *s, int n);

/* The most memory the process has had so far, in KiB. */
long server_peak(pid_t pid);

/* How many children the master has now. */
int server_children(const struct server *s);

/* Waits until the process is gone. */
void await_gone(pid_t pid);

/* The path of a file in the server's directory; lives as long as the test. */
char *server_path(const struct server *s, const char *name);

/* Is there a file of that name in the server's directory? */
bool server_has(const struct server *s, const char *name);

/* Puts a file into the server's directory, whole from the first moment. */
void server_write(const struct server *s, const char *name, const char *text);

#endif
