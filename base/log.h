/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_LOG_H
#define RAINBOWS_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The log: one event, one line, one write(2) to standard error.
 *
 *   2026-11-21T22:08:17.123Z INFO  worker=3 pid=812 ready model=Reactor
 *
 * The actor comes first, then what happened, then key=value. INFO is the
 * operator's story and an interface that tests read. Text of any length is
 * written whole. Control bytes are shown as \xNN, and the further lines of a
 * text (a traceback) are indented, so no message can imitate another line.
 */
enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR
};

void log_msg(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The same with len bytes of text, NULs among them or not. */
void log_text(enum log_level level, const char *text, size_t len);

#define log_debug(...) log_msg(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_msg(LOG_ERROR, __VA_ARGS__)

/* Lines below the level are not written. The default is LOG_INFO. */
void log_set_level(enum log_level level);
bool log_level_parse(const char *name, enum log_level *level);
const char *log_level_name(enum log_level level);

/* Who speaks, put before every message: "master pid=7". Copied; at most 63
 * bytes. */
void log_set_actor(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Opens path for appending and puts it in place of descriptor fd (1 or 2).
 * Returns 0, or -1 with errno and the descriptor untouched. */
int log_reopen(const char *path, int fd);

#endif
