/* SPDX-License-Identifier: MIT */
/*
 * The concurrency models there are. A new one is a file beside this and a row
 * here.
 */
#include "concurrency/models.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "config/config.h"
#include "worker/model.h"

extern const struct model model_base, model_thread_pool, model_thread_spawn,
    model_reactor, model_coroutine_spawn, model_coroutine_pool,
    model_reactor_thread_pool, model_reactor_thread_spawn;

static const struct model *const models[] = {
    &model_base,
    &model_thread_pool,
    &model_thread_spawn,
    &model_reactor,
    &model_coroutine_spawn,
    &model_coroutine_pool,
    &model_reactor_thread_pool,
    &model_reactor_thread_spawn,
};

/* The names of Rainbows!, so that its configs can be carried over by hand. */
static const struct {
    const char *old;
    const struct model *model;
} aliases[] = {
    {"ActorSpawn", &model_thread_spawn},
    {"Coolio", &model_reactor},
    {"CoolioFiberSpawn", &model_coroutine_spawn},
    {"CoolioThreadPool", &model_reactor_thread_pool},
    {"CoolioThreadSpawn", &model_reactor_thread_spawn},
    {"Epoll", &model_reactor},
    {"EventMachine", &model_reactor},
    {"FiberPool", &model_coroutine_pool},
    {"FiberSpawn", &model_coroutine_spawn},
    {"NeverBlock", &model_coroutine_pool},
    {"Rev", &model_reactor},
    {"RevFiberSpawn", &model_coroutine_spawn},
    {"RevThreadPool", &model_reactor_thread_pool},
    {"RevThreadSpawn", &model_reactor_thread_spawn},
    {"Revactor", &model_coroutine_spawn},
    {"XEpoll", &model_reactor},
    {"XEpollThreadPool", &model_reactor_thread_pool},
    {"XEpollThreadSpawn", &model_reactor_thread_spawn},
};

enum {
    COUNT = sizeof models / sizeof *models
};

const struct model *const *model_list(size_t *count)
{
    *count = COUNT;
    return models;
}

static int no_such_model(const char *name, struct err *err)
{
    const char *names[COUNT + 1] = {NULL};
    char list[256] = "";
    for (size_t i = 0; i < COUNT; i++) {
        names[i] = models[i]->name;
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = config_nearest(name, names);
    if (near)
        return err_set(err, "\"%s\": no such model; did you mean %s?", name,
                       near);
    return err_set(err, "\"%s\": no such model; there are %s", name, list);
}

const struct model *model_find(const char *name, struct err *err)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strcasecmp(models[i]->name, name) == 0)
            return models[i];
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcasecmp(aliases[i].old, name) == 0)
            return aliases[i].model;
    no_such_model(name, err);
    return NULL;
}
