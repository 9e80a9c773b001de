/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_LOAD_H
#define RAINBOWS_TESTS_SUPPORT_LOAD_H

#include <stdbool.h>

struct load;

/*
 * Clients that never stop asking, for tests that do something to the server
 * meanwhile and promise that no request fails. Two keep their connection as
 * long as it lives, one opens a new one for each request; with a UNIX socket
 * there are two more, of each kind one. Each sends its next request when it
 * has the whole answer to the last, so there are never more requests at a time
 * than clients. They ask tests/apps/faults.lua, and look at every byte.
 *
 * A connection that has brought an answer before may be closed before it
 * brings the next: that request is sent once more, on a new connection (RFC
 * 9112 section 9.3.1), and counts as retried. Whatever else is no answer has
 * failed.
 */
enum load_failure {
    LOAD_REFUSED, /* no connection came about */
    LOAD_CLOSED,  /* a new connection ended before an answer began */
    LOAD_CUT,     /* it ended within an answer */
    LOAD_WRONG,   /* not what was asked for */
    LOAD_SILENT,  /* nothing came for PATIENCE seconds */
    LOAD_FAILURES,
};

struct load_count {
    long answered;
    long retried;
    long turned_away; /* after load_last(): by then nobody has to be let in */
    long failed[LOAD_FAILURES];
    char first[1024]; /* a failure in full; "": there was none */
};

/* Begins to ask at the port of 127.0.0.1 and, if it is not NULL, at the UNIX
 * socket of that path. Returns when all clients have had an answer. */
struct load *load_begin(int port, const char *path);

/* Waits until each client has had so many answers more. */
void load_pass(struct load *load, int answers);

/* To be called just before the server is told to end: connections that come
 * about from now on may be refused or closed, those that are there may not. */
void load_last(struct load *load);

/* Lets the clients finish what they have begun, and frees the load. */
struct load_count load_end(struct load *load);

/* load_end(), and the test fails if a request did. */
void load_end_well(struct load *load);

/* How many failed, whatever the way. */
long load_failed(const struct load_count *count);

#endif
