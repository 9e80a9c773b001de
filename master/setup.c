/* SPDX-License-Identifier: MIT */
/*
 * From a config file to everything a generation of workers needs: the model,
 * the listeners, and the app when it is preloaded. All or nothing: a step that
 * fails leaves the running setup as it was.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "lua/app.h"
#include "master/master.h"
#include "worker/listener.h"
#include "worker/model.h"
#include "worker/worker.h"

static int find_model(struct setup *s, const struct master *m, struct err *err)
{
    struct err why;
    const struct config *config = s->config;
    s->model = m->find_model(config->use, &why);
    if (!s->model)
        return err_set(err, "%s:%d: use: %s",
                       config->path ? config->path : "default",
                       config->use_line, why.text);
    if (s->model->check && !s->model->check(config, err))
        return -1;
    return 0;
}

static int enter_directory(const struct config *config, struct err *err)
{
    if (config->working_directory && chdir(config->working_directory) < 0)
        return err_sys(err, "working_directory: cannot enter %s",
                       config->working_directory);
    return 0;
}

static int preload(struct setup *s, struct err *err)
{
    if (!s->config->preload_app)
        return 0;
    struct worker w = {.config = s->config, .model = s->model};
    struct app_source source = worker_app_source(&w);
    s->preloaded = app_new(&source, err);
    return s->preloaded ? 0 : -1;
}

/* Takes the listener for the spec out of old, if it is there. */
static struct listener *inherit(struct setup *old,
                                const struct listen_spec *spec)
{
    for (size_t i = 0; i < old->listener_count; i++) {
        struct listener *l = old->listeners[i];
        if (l && listener_is(l, spec)) {
            old->listeners[i] = NULL;
            return l;
        }
    }
    return NULL;
}

/* What was inherited goes back, in any order: old is complete again. */
static void give_back(struct setup *s, struct setup *old,
                      struct listener *const *inherited)
{
    size_t place = 0;
    for (size_t i = 0; i < s->listener_count; i++) {
        if (!inherited[i])
            continue;
        while (old->listeners[place])
            place++;
        old->listeners[place] = inherited[i];
        s->listeners[i] = NULL;
    }
}

/* Listeners outlive configs: each is told of the new one's proxies. */
static void tell_proxies(struct setup *s)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct cidrs *proxies = &s->config->listens[i].proxy_protocol;
        s->listeners[i]->proxies = proxies->count ? proxies : NULL;
    }
}

static int open_listeners(struct setup *s, struct setup *old, struct err *err)
{
    size_t n = s->config->listen_count;
    struct listener **inherited = xcalloc(n, sizeof(struct listener *));
    int rc = 0;
    s->listeners = xcalloc(n, sizeof(struct listener *));
    s->listener_count = n;
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct listen_spec spec = s->config->listens[i];
        if (old->config) /* a master that waits here hears nobody */
            spec.tries = 0;
        inherited[i] = inherit(old, &spec);
        s->listeners[i] =
            inherited[i] ? inherited[i] : listener_open(&spec, err);
        if (!s->listeners[i])
            rc = -1;
    }
    if (rc < 0)
        give_back(s, old, inherited);
    else
        tell_proxies(s);
    free(inherited);
    return rc;
}

int setup_load(struct setup *setup, const struct master *m, struct setup *old,
               struct err *err)
{
    struct setup s = {0};
    int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    s.config = config_load(m->config_path, m->overrides, err);
    if (s.config && find_model(&s, m, err) == 0 &&
        enter_directory(s.config, err) == 0 && preload(&s, err) == 0 &&
        open_listeners(&s, old, err) == 0) {
        *setup = s;
        fd_close(&here);
        return 0;
    }
    if (here >= 0 && fchdir(here) < 0)
        log_error("cannot go back to the working directory");
    fd_close(&here);
    setup_free(&s);
    return -1;
}

void setup_announce(const struct setup *s)
{
    for (size_t i = 0; i < s->listener_count; i++)
        log_info("listening on=%s%s", s->listeners[i]->path ? "" : "http://",
                 s->listeners[i]->name);
    for (const char *const *name = s->model->unused; *name; name++)
        if (config_sets(s->config, *name))
            log_info("%s is not used by model=%s", *name, s->model->name);
}

bool setup_sockets_live_on(const struct setup *s)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->listeners[i])
            return false;
    return true;
}

void setup_free(struct setup *s)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        if (s->listeners[i])
            listener_unlink(s->listeners[i]);
        listener_close(s->listeners[i]);
    }
    free(s->listeners);
    app_free(s->preloaded);
    config_free(s->config);
    *s = (struct setup){0};
}

int setup_check(const struct master *m, struct err *err)
{
    struct setup s = {0};
    s.config = config_load(m->config_path, m->overrides, err);
    int rc = -1;
    if (s.config && find_model(&s, m, err) == 0 &&
        enter_directory(s.config, err) == 0) {
        s.config->preload_app = true;
        rc = preload(&s, err);
    }
    setup_free(&s);
    return rc;
}
