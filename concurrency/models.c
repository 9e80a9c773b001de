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

extern const struct model model_base, model_reactor;

static const struct model *const models[] = {
    &model_base,
    &model_reactor,
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
    no_such_model(name, err);
    return NULL;
}
