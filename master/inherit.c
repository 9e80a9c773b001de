/* SPDX-License-Identifier: MIT */
/*
 * Sockets that are there before the server is: systemd passes them to a
 * service with a .socket unit, an upgrade passes them to the new master. Both
 * by the protocol of sd_listen_fds(3): descriptors from 3 on, their number in
 * LISTEN_FDS, the process they are meant for in LISTEN_PID, and their names in
 * LISTEN_FDNAMES. They become a setup without a config, from which the first
 * real one takes what it wants, as a reload does.
 *
 * In an upgrade (RAINBOWS_UPGRADE is set) a name tells what else must be known
 * of a socket: ".web" is what systemd calls "web", "any" is one of ours whose
 * port the system has picked, and "own" any other of ours. What the config no
 * longer names stays the old master's until this one serves: the upgrade may
 * still be taken back.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/master.h"
#include "worker/listener.h"

enum {
    FIRST_FD = 3
};

static const char *const variables[] = {"LISTEN_PID", "LISTEN_FDS",
                                        "LISTEN_FDNAMES", "LISTEN_PIDFDID"};

/* The number in a variable, or -1. */
static long number_in(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    long n = text ? strtol(text, &end, 10) : -1;
    return text && end != text && !*end ? n : -1;
}

/* How many descriptors are for us. */
static int count_given(void)
{
    long count = number_in("LISTEN_FDS");
    long pid = number_in("LISTEN_PID");
    if (count < 0 || count > INT_MAX - FIRST_FD)
        return 0;
    if (pid == getpid())
        return (int)count;
    log_info("LISTEN_FDS ignored: meant for pid=%ld", pid);
    return 0;
}

static struct listener *adopt(int fd, const char *name, bool upgrade)
{
    struct err err;
    enum listener_owner owner = LISTENER_SYSTEMD;
    if (upgrade && name[0] == '.')
        name++;
    else if (upgrade)
        owner = LISTENER_LENT;
    struct listener *l = listener_adopt(
        fd, owner, owner == LISTENER_SYSTEMD ? name : NULL, &err);
    if (!l)
        log_warn("given socket closed name=%s: %s", name, err.text);
    else if (owner == LISTENER_LENT && strcmp(name, "any") == 0)
        l->asked.port = 0;
    return l;
}

static void adopt_all(struct setup *given, int count)
{
    bool upgrade = getenv("RAINBOWS_UPGRADE") != NULL;
    const char *list = getenv("LISTEN_FDNAMES");
    char *names = xstrdup(list ? list : "");
    char *rest = names;
    for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++) {
        const char *name = strsep(&rest, ":");
        if (fcntl(fd, F_GETFD) < 0) {
            log_warn("LISTEN_FDS=%d, but descriptor %d is not open", count, fd);
            break;
        }
        if (!name || !*name)
            name = "unknown"; /* as in sd_listen_fds_with_names(3) */
        struct listener *l = adopt(fd, name, upgrade);
        if (!l)
            continue;
        size_t n = ++given->listener_count;
        given->listeners =
            xrealloc(given->listeners, n * sizeof *given->listeners);
        given->listeners[n - 1] = l;
    }
    free(names);
}

void inherit_sockets(struct setup *given)
{
    adopt_all(given, count_given());
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]); /* not for what the app starts */
}

void inherit_leave_rest(struct setup *given)
{
    size_t left = 0;
    for (size_t i = 0; i < given->listener_count; i++) {
        struct listener *l = given->listeners[i];
        if (l->shares > 1) { /* the config wants it */
            listener_close(l);
            continue;
        }
        log_info("not listening any more on=%s", l->name);
        fd_close(&l->fd);
        given->listeners[left++] = l;
    }
    given->listener_count = left;
}

static void make_ours(const struct setup *s)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->listeners[i]->owner == LISTENER_LENT)
            s->listeners[i]->owner = LISTENER_OURS;
}

void inherit_settle(struct master *m)
{
    make_ours(&m->setup);
    make_ours(&m->given);
    setup_free(&m->given);
}

static const char *name_to_pass(const struct listener *l)
{
    if (l->given)
        return l->given;
    return l->address.family != AF_UNIX && !l->asked.port ? "any" : "own";
}

char *inherit_names(const struct setup *s)
{
    char *names = xstrdup("");
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct listener *l = s->listeners[i];
        char *longer = xasprintf("%s%s%s%s", names, i ? ":" : "",
                                 l->given ? "." : "", name_to_pass(l));
        free(names);
        names = longer;
    }
    return names;
}
