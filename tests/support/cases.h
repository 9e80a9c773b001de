/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_CASES_H
#define RAINBOWS_TESTS_SUPPORT_CASES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The conformance cases: dialogues of raw bytes and answers, read from the
 * text files of tests/conformance (README.md there has the format). What is
 * wrong with a file ends the program with its name and line. Everything lives
 * as long as the process.
 */
enum step_kind {
    STEP_SEND, /* these bytes leave */
    STEP_WANT, /* this answer comes */
    STEP_SHUT, /* the client closes its sending half */
};

struct step {
    enum step_kind kind;
    char *bytes; /* SEND */
    size_t len;
    int status;        /* WANT */
    const char *saw;   /* what the app saw; "": it saw nothing */
    const char *has;   /* a line that is in the head; NULL */
    const char *lacks; /* a field that is not; NULL */
    const char *body;  /* the body; NULL: any */
};

enum {
    STEPS_MAX = 12
};

struct dialogue {
    const char *file; /* its name, without folder */
    const char *name;
    const char *rule; /* the clause; NULL */
    struct step steps[STEPS_MAX];
    size_t count;
    bool closes; /* the server closes behind it */
};

struct cases {
    struct dialogue *at;
    size_t count;
};

struct cases cases_load(const char *dir);

#endif
