/* SPDX-License-Identifier: MIT */
/*
 * From a config file to everything a generation of workers needs: the model,
 * the listeners, and the app when it is preloaded. All or nothing: a step that
 * fails leaves the running setup as it was, and so does one that succeeds:
 * what both have, both own, until one of them is freed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "lua/app.h"
#include "master/master.h"
#include "worker/model.h"
#include "worker/privilege.h"
#include "worker/worker.h"

/* How long a config may load that nobody has given a boot_timeout yet. */
#define PATIENCE (60 * CLOCK_SECOND)

static struct config *load_config(const struct master *m, struct err *err)
{
    const struct config *now = m->setup.config;
    struct config *config;
    load_bound(m->loading, now ? now->boot_timeout : PATIENCE);
    if (m->config_text) {
        struct config_text text = {m->config_path, m->config_text,
                                   m->config_size};
        config = config_load_text(&text, m->overrides, err);
    } else {
        config = config_load(m->config_path, m->overrides, err);
    }
    load_unbound();
    return config;
}

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

/* What the config changes of the process before anything is made. */
static int enter(struct setup *s, const struct master *m, struct err *err)
{
    const struct config *config = s->config;
    if (privilege_check(config, err) < 0)
        return -1;
    if (config->working_directory && chdir(config->working_directory) < 0)
        return err_sys(err, "%s: working_directory: cannot enter %s",
                       config_place(config, "working_directory"),
                       config->working_directory);
    s->umask = config->umask < 0 ? m->start_umask : (mode_t)config->umask;
    umask(s->umask);
    return 0;
}

static int preload(struct setup *s, enum loading loading, struct err *err)
{
    struct err why;
    if (!s->config->preload_app)
        return 0;
    struct worker w = {.config = s->config, .model = s->model};
    struct app_source source = worker_app_source(&w);
    load_bound(loading, s->config->boot_timeout);
    s->preloaded = app_new(&source, &why);
    load_unbound();
    if (!s->preloaded)
        return err_set(err, "cannot load the app: %.4000s", why.text);
    return 0;
}

/* Workers get it open: they may not be allowed to open it. */
static int open_access_log(struct setup *s, struct err *err)
{
    int fd = log_open_access(s->config, err);
    if (fd < 0)
        return -1;
    s->access_fd = fd;
    return 0;
}

void setup_close_access_log(struct setup *s)
{
    if (s->access_fd > 0)
        close(s->access_fd);
    s->access_fd = 0;
}

void setup_reopen_access_log(struct setup *s)
{
    struct setup fresh = {.config = s->config};
    struct err err;
    if (open_access_log(&fresh, &err) < 0) {
        log_error("%s; lines go on to the old file", err.text);
        return;
    }
    setup_close_access_log(s);
    s->access_fd = fresh.access_fd;
}

/* A path of the config from the directory that we are in. */
static char *absolute(const char *path)
{
    char here[PATH_MAX];
    if (!path || path[0] == '/' || !getcwd(here, sizeof here))
        return path ? xstrdup(path) : NULL;
    return xasprintf("%s/%s", here, path);
}

/* What follows happens in the setup's own directory. */
static int load_inside(struct setup *s, const struct master *m,
                       const struct setup *old, struct err *err)
{
    const struct config *config = s->config;
    s->directory = getcwd(NULL, 0);
    if (!s->directory)
        return err_sys(err, "cannot say what the working directory is");
    s->pid = absolute(config->pid);
    /* Another server is told of before anything is bound, where the two would
     * first get in each other's way. */
    if (!old->config && pidfile_check(s->pid, err) < 0)
        return -1;
    if (logs_check(config, err) < 0 || open_access_log(s, err) < 0 ||
        preload(s, m->loading, err) < 0)
        return -1;
    return sockets_open(s, old, err);
}

/* Where relative paths begin, and with what new files are made, whatever the
 * setup before this one has changed. */
static int enter_start(const struct master *m, struct err *err)
{
    if (m->start_directory && chdir(m->start_directory) < 0) {
        log_warn("cannot enter %s, where the server was started: %s; relative "
                 "paths begin in / now",
                 m->start_directory, strerror(errno));
        if (chdir("/") < 0)
            return err_sys(err, "cannot enter /");
    }
    umask(m->start_umask);
    return 0;
}

int setup_load(struct setup *setup, const struct master *m,
               const struct setup *old, struct err *err)
{
    struct setup s = {0};
    int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (here < 0) /* there would be no way back */
        return err_sys(err, "cannot open the working directory");
    mode_t mask = setup_umask();
    if (enter_start(m, err) == 0)
        s.config = load_config(m, err);
    if (s.config)
        daemon_patience(s.config->boot_timeout);
    int rc = -1;
    if (s.config && find_model(&s, m, err) == 0 && enter(&s, m, err) == 0)
        rc = load_inside(&s, m, old, err);
    umask(mask);
    if (fchdir(here) < 0)
        log_error("cannot go back to the working directory");
    fd_close(&here);
    if (rc < 0)
        setup_free(&s);
    else
        *setup = s;
    return rc;
}

mode_t setup_umask(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return mask;
}

int setup_enter(const struct setup *s)
{
    umask(s->umask);
    return chdir(s->directory);
}

void setup_announce(const struct setup *s)
{
    sockets_announce(s);
    if (s->config->preload_app && privilege_changes(s->config))
        log_warn("preload_app: the app is loaded as root, by the master; user "
                 "and group hold in the workers only");
    for (const char *const *name = s->model->unused; *name; name++)
        if (config_sets(s->config, *name))
            log_info("%s is not used by model=%s", *name, s->model->name);
}

void setup_free(struct setup *s)
{
    sockets_close(s);
    free(s->listeners);
    free(s->specs);
    free(s->directory);
    free(s->pid);
    setup_close_access_log(s);
    app_free(s->preloaded);
    config_free(s->config);
    *s = (struct setup){0};
}

/* An app is loaded as it will be: by the user, or with preload_app by us. */
static int check_app(struct setup *s, const struct master *m, enum check what,
                     struct err *err)
{
    struct config *config = s->config;
    if (what == CHECK_APP && !config->preload_app) {
        if (privilege_drop(config, err) < 0)
            return -1;
        config->preload_app = true;
    }
    return preload(s, m->loading, err);
}

int setup_check(const struct master *m, enum check what, struct err *err)
{
    struct setup s = {0};
    if (enter_start(m, err) == 0)
        s.config = load_config(m, err);
    int rc = -1;
    if (s.config && find_model(&s, m, err) == 0 && enter(&s, m, err) == 0)
        rc = check_app(&s, m, what, err);
    setup_free(&s);
    return rc;
}
