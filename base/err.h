/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_BASE_ERR_H
#define RAINBOWS_BASE_ERR_H

/*
 * What a user can cause is reported in a struct err: one text, complete with
 * file, line, value and remedy, ready to be logged by whoever decides what
 * happens next. The caller owns the struct (usually on its stack); a text that
 * does not fit is cut.
 */
struct err {
    char text[4096];
};

/* Both write the text and return -1, so that a failing function can
 * `return err_set(err, ...)`. err_sys appends ": " and strerror(errno). */
int err_set(struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int err_sys(struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
