/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_LISTENER_H
#define RAINBOWS_WORKER_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/peer.h"

struct cidrs;
struct err;
struct listen_spec;

/* A listening socket, bound by the master and shared by all workers. During a
 * reload two setups have it. */
struct listener {
    int owners;          /* how many have it; listener_close() counts down */
    int fd;              /* owned */
    char *name;          /* owned; as people write it: "0.0.0.0:8080" */
    struct peer asked;   /* the address that was asked for, port 0 included, */
    struct peer address; /* and the one really bound */
    char *path;          /* owned; of a UNIX socket, else NULL */
    dev_t dev;           /* of the socket file, to know it again */
    ino_t ino;
    bool borrowed; /* somebody else has it too, who looks after the file */
    const struct cidrs *proxies; /* borrowed from the config: who may connect,
                                    with a PROXY header; NULL: everybody,
                                    without */
};

/* Binds and listens. A stale socket file is replaced, a live one refused; an
 * address in use is tried again as the spec says. NULL with err set. */
struct listener *listener_open(const struct listen_spec *spec, struct err *err);

/* One owner more. */
struct listener *listener_share(struct listener *listener);

/* One owner less; the last one closes this process's copy. The socket itself
 * lives as long as any. NULL is fine. */
void listener_close(struct listener *listener);

/* Sets the options of the spec that may change while the socket listens. */
void listener_apply(const struct listener *listener,
                    const struct listen_spec *spec);

/* Removes the socket file if it is still the one that was bound, and ours to
 * remove. */
void listener_unlink(const struct listener *listener);

/* Does the spec name the address this one was opened for? */
bool listener_is(const struct listener *listener,
                 const struct listen_spec *spec);

/* The next connection, non-blocking and close-on-exec; -1 with errno. */
int listener_accept(const struct listener *listener, struct peer *client);

#endif
