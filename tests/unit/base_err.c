/* SPDX-License-Identifier: MIT */
/*
 * Error texts: complete, or cut at the end and never beyond it.
 */
#include "base/err.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

static char long_text[2 * sizeof(struct err)];

/* A text of len bytes. */
static const char *text_of(size_t len)
{
    memset(long_text, 'x', len);
    long_text[len] = '\0';
    return long_text;
}

Test(err, set_returns_minus_one_so_that_it_can_be_returned)
{
    struct err err;
    cr_expect_eq(err_set(&err, "%s:%d: no", "config.lua", 3), -1);
    cr_expect_str_eq(err.text, "config.lua:3: no");
}

Test(err, sys_appends_the_reason)
{
    struct err err;
    errno = ENOENT;
    cr_expect_eq(err_sys(&err, "cannot read %s", "x"), -1);
    cr_expect_str_eq(err.text, "cannot read x: No such file or directory");
}

Test(err, cuts_a_text_that_does_not_fit)
{
    struct err err;
    err_set(&err, "%s", text_of(sizeof err.text));
    cr_expect_eq(strlen(err.text), sizeof err.text - 1);
    errno = EIO;
    err_sys(&err, "%s", text_of(sizeof err.text + 10));
    cr_expect_eq(strlen(err.text), sizeof err.text - 1);
}

Test(err, sys_cuts_the_reason_where_the_room_ends)
{
    struct err err;
    for (size_t left = 1; left < 20; left++) {
        errno = EIO; /* ": Input/output error" is 20 bytes */
        err_sys(&err, "%s", text_of(sizeof err.text - left));
        cr_expect_eq(strlen(err.text), sizeof err.text - 1);
        cr_expect_eq(strncmp(err.text + sizeof err.text - left,
                             ": Input/output error", left - 1),
                     0);
    }
}
