/* SPDX-License-Identifier: MIT */
/*
 * What a setup listens on: for each listen() of the config the sockets that
 * are there already, of the setup before or given by systemd, or else a new
 * one; and those of systemd that no listen() names. The old setup keeps all it
 * has: during a reload both own what both want, and who is freed first leaves
 * it to the other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/address.h"
#include "master/master.h"
#include "worker/listener.h"

static bool has(const struct setup *s, const struct listener *l)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->listeners[i] == l)
            return true;
    return false;
}

static void add(struct setup *s, struct listener *l,
                const struct listen_spec *spec)
{
    s->specs[s->listener_count] = spec;
    s->listeners[s->listener_count++] = l;
}

/* Systemd may have several sockets for one listen(): a unit's share a name. Of
 * ours one is enough. */
static bool add_old(struct setup *s, const struct setup *old,
                    const struct listen_spec *spec)
{
    bool found = false;
    for (size_t i = 0; i < old->listener_count; i++) {
        struct listener *l = old->listeners[i];
        if (has(s, l) || !listener_is(l, spec))
            continue;
        add(s, listener_share(l), spec);
        found = true;
        if (l->owner != LISTENER_SYSTEMD)
            break;
    }
    return found;
}

/* Says which names there are. */
static int refuse_name(const struct setup *old, const struct listen_spec *spec,
                       struct err *err)
{
    char names[1024] = "none";
    size_t len = 0;
    for (size_t i = 0; i < old->listener_count; i++) {
        const struct listener *l = old->listeners[i];
        if (l->given && len < sizeof names)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s",
                                    len ? ", " : "", l->given);
    }
    return err_set(err,
                   "cannot listen on %s: no socket of that name is left; "
                   "systemd gave: %s",
                   spec->address, names);
}

static int add_new(struct setup *s, const struct setup *old,
                   const struct listen_spec *spec, struct err *err)
{
    struct address a;
    struct listen_spec now = *spec;
    if (address_parse(spec->address, &a, err) == 0 && a.given)
        return refuse_name(old, spec, err);
    if (old->config) /* a master that waits here hears nobody */
        now.tries = 0;
    struct listener *l = listener_open(&now, err);
    if (!l)
        return -1;
    add(s, l, spec);
    return 0;
}

static void add_rest(struct setup *s, const struct setup *old)
{
    for (size_t i = 0; i < old->listener_count; i++) {
        struct listener *l = old->listeners[i];
        if (l->owner == LISTENER_SYSTEMD && !has(s, l))
            add(s, listener_share(l), NULL);
    }
}

static bool systemd_gave_some(const struct setup *old)
{
    for (size_t i = 0; i < old->listener_count; i++)
        if (old->listeners[i]->owner == LISTENER_SYSTEMD)
            return true;
    return false;
}

int sockets_open(struct setup *s, const struct setup *old, struct err *err)
{
    const struct config *config = s->config;
    size_t room = config->listen_count + old->listener_count;
    s->specs = xcalloc(room, sizeof(struct listen_spec *));
    s->listeners = xcalloc(room, sizeof(struct listener *));
    /* Systemd's stand in for the default, too. */
    bool none = !config_sets(config, "listen") && systemd_gave_some(old);
    for (size_t i = 0; i < config->listen_count && !none; i++) {
        const struct listen_spec *spec = &config->listens[i];
        if (!add_old(s, old, spec) && add_new(s, old, spec, err) < 0)
            return -1;
    }
    add_rest(s, old);
    return 0;
}

void sockets_tell_proxies(const struct setup *s)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct listen_spec *spec = s->specs[i];
        bool all = !spec || !spec->proxy_protocol.count;
        s->listeners[i]->proxies = all ? NULL : &spec->proxy_protocol;
    }
}

void sockets_apply(const struct setup *s)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->specs[i])
            listener_set(s->listeners[i], s->specs[i]);
}

bool sockets_live_on(const struct setup *s)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->listeners[i]->shares == 1)
            return false;
    return true;
}

void sockets_close(struct setup *s)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        if (s->listeners[i]->shares == 1)
            listener_unlink(s->listeners[i]);
        listener_close(s->listeners[i]);
    }
    s->listener_count = 0;
}

void sockets_announce(const struct setup *s)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct listener *l = s->listeners[i];
        log_info("listening on=%s%s%s%s",
                 l->address.family == AF_UNIX ? "" : "http://", l->name,
                 l->given ? " systemd=" : "", l->given ? l->given : "");
    }
}
