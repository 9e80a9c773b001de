/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_CLIENT_H
#define RAINBOWS_TESTS_SUPPORT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct server;

/*
 * A raw HTTP client on a blocking socket. Every wait ends after PATIENCE
 * seconds and fails the test. Texts it returns live as long as the test.
 */
struct answer {
    int status;    /* 0: the connection ended before an answer came */
    char *head;    /* status line and fields, as sent */
    char *body;    /* chunks joined; NUL behind it */
    size_t length; /* of body */
    bool chunked;
    bool whole; /* the body came to its end */
};

int dial(const struct server *s); /* the first TCP listener */
int dial_port(int port);
int dial_unix(const char *path);
int local_port(int fd); /* the client's own */

void send_bytes(int fd, const void *bytes, size_t n);
void send_text(int fd, const char *text);

/* Reads exactly n bytes. */
void read_bytes(int fd, void *into, size_t n);

/* Reads one answer; to_head: it answers a HEAD. Reads not one byte more. */
struct answer read_answer(int fd);
struct answer read_head_answer(int fd);

/* Sends the text and reads one answer. */
struct answer ask(int fd, const char *text);

/* Has a byte, or a close, come within so many milliseconds? */
bool readable_within(int fd, int ms);

/* Reads until the server closes; *length, if not NULL, is how much came. */
char *read_all(int fd, size_t *length);

/* Reads until the text has come; returns all that came. */
char *read_until(int fd, const char *text);

/* Waits until the server closes the connection, and closes it here, too.
 * Further bytes are a failure. */
void await_close(int fd);

/* Closes the connection with a reset, as a client does that has died. */
void reset_connection(int fd);

/* One request on a connection of its own: "GET /path" with a Host. */
struct answer get(const struct server *s, const char *path);

/* Sends the text on a new connection and reads until the server closes. */
char *talk(const struct server *s, const char *text);

/* The value of the field, or NULL. Valid until the next call. */
const char *field(const struct answer *a, const char *name);

#endif
