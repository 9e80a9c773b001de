/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_WORKER_LISTENER_H
#define RAINBOWS_WORKER_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/peer.h"

struct cidrs;
struct err;
struct listen_spec;

/* Whose socket it is: who removes the file of a UNIX one, and whether a reload
 * may close it. */
enum listener_owner {
    LISTENER_OURS,
    LISTENER_LENT, /* an upgrade's, and another master's too: no file of it is
                      removed */
    LISTENER_SYSTEMD, /* open as long as we are; its file is systemd's */
};

/* A listening socket, bound by the master or given to it, and shared by all
 * workers. */
struct listener {
    int fd;     /* owned */
    int shares; /* how many setups have it: two during a reload */
    enum listener_owner owner;
    char *given;         /* owned; systemd's name for it; NULL: not systemd's */
    char *name;          /* owned; as people write it: "0.0.0.0:8080" */
    struct peer asked;   /* the address that was asked for, port 0 included, */
    struct peer address; /* and the one really bound */
    char *path;          /* owned; of a UNIX socket with a file, else NULL */
    dev_t dev;           /* of the socket file, to know it again */
    ino_t ino;
    const struct cidrs *proxies; /* borrowed from the config: who may connect,
                                    with a PROXY header; NULL: everybody,
                                    without */
};

/* Binds and listens. A stale socket file is replaced, a live one refused; an
 * address in use is tried again as the spec says. NULL with err set. */
struct listener *listener_open(const struct listen_spec *spec, struct err *err);

/* Makes a listener of a descriptor that is one already, and makes that
 * close-on-exec and non-blocking. Takes fd, on failure, too: NULL with err set
 * when it is no listening stream socket of TCP or UNIX. given is copied. */
struct listener *listener_adopt(int fd, enum listener_owner owner,
                                const char *given, struct err *err);

/* Sets what of the spec's options can be changed while it listens. */
void listener_set(const struct listener *listener,
                  const struct listen_spec *spec);

/* One setup more that has it. */
struct listener *listener_share(struct listener *listener);

/* One less; the last one closes this process's copy. The socket itself lives as
 * long as any. NULL is fine. */
void listener_close(struct listener *listener);

/* Removes the socket file if it is ours and still the one that was bound. */
void listener_unlink(const struct listener *listener);

/* Does the spec name the address this one was opened for, or the name that
 * systemd gave it? */
bool listener_is(const struct listener *listener,
                 const struct listen_spec *spec);

/* The next connection, non-blocking and close-on-exec; -1 with errno. */
int listener_accept(const struct listener *listener, struct peer *client);

#endif
