/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_CONFIG_TEXT_H
#define RAINBOWS_TESTS_SUPPORT_CONFIG_TEXT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "config/config.h"

/*
 * Configs given as text. The file has a name of its own for each load; errors
 * are compared without it, from the ":LINE" on.
 */

/* Writes text to a new file, whose path replaces path. */
static inline void text_file(char path[32], const char *text, size_t size)
{
    strcpy(path, "/tmp/config_XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, size), (ssize_t)size);
    close(fd);
}

/* The config, or NULL with the error in err, the file's name cut off. */
static inline struct config *
try_text(const char *text, const struct config_overrides *over, struct err *err)
{
    char path[32];
    text_file(path, text, strlen(text));
    struct config *config = config_load(path, over, err);
    unlink(path);
    size_t len = strlen(path);
    if (!config && strncmp(err->text, path, len) == 0)
        memmove(err->text, err->text + len, strlen(err->text + len) + 1);
    return config;
}

static inline struct config *load_text(const char *text)
{
    struct err err = {0};
    struct config *config = try_text(text, NULL, &err);
    cr_assert_not_null(config, "%s", err.text);
    return config;
}

/* The text is refused, and the error begins with these words. */
static inline void refuse_text(const char *text, const char *words)
{
    struct err err = {0};
    struct config *config = try_text(text, NULL, &err);
    cr_assert_null(config, "was loaded: %s", text);
    cr_assert_eq(strncmp(err.text, words, strlen(words)), 0,
                 "%s\n  expected: %s\n  got:      %s", text, words, err.text);
}

#endif
