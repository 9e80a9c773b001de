/* SPDX-License-Identifier: MIT */
/*
 * The list of models and how one is found in it.
 */
#include "concurrency/models.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "config/config.h"
#include "worker/model.h"

static void is_found(const char *name, const char *want)
{
    struct err err = {0};
    const struct model *model = model_find(name, &err);
    cr_assert_not_null(model, "%s: %s", name, err.text);
    cr_expect_str_eq(model->name, want);
}

static void is_refused(const char *name, const char *want)
{
    struct err err = {0};
    cr_assert_null(model_find(name, &err), "%s", name);
    cr_expect_str_eq(err.text, want);
}

Test(models, are_found_by_name_in_any_case)
{
    size_t count;
    const struct model *const *models = model_list(&count);
    for (size_t i = 0; i < count; i++)
        is_found(models[i]->name, models[i]->name);
    is_found("base", "Base");
    is_found("REACTOR", "Reactor");
    is_found("threadpool", "ThreadPool");
}

Test(models, are_found_by_their_names_in_rainbows)
{
    static const char *const cases[][2] = {
        {"Rev", "Reactor"},
        {"EventMachine", "Reactor"},
        {"FiberSpawn", "CoroutineSpawn"},
        {"RevFiberSpawn", "CoroutineSpawn"},
        {"Revactor", "CoroutineSpawn"},
        {"FiberPool", "CoroutinePool"},
        {"NeverBlock", "CoroutinePool"},
        {"RevThreadPool", "ReactorThreadPool"},
        {"revthreadspawn", "ReactorThreadSpawn"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        is_found(cases[i][0], cases[i][1]);
}

Test(models, misspelt_are_refused_with_the_nearest)
{
    is_refused("Reactr", "\"Reactr\": no such model; did you mean Reactor?");
    is_refused("Bass", "\"Bass\": no such model; did you mean Base?");
    is_refused("ThreadPol",
               "\"ThreadPol\": no such model; did you mean ThreadPool?");
}

Test(models, others_are_refused_with_the_whole_list)
{
    size_t count;
    char list[1024] = "", want[2048];
    const struct model *const *models = model_list(&count);
    for (size_t i = 0; i < count; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s",
                 i ? ", " : "", models[i]->name);
    snprintf(want, sizeof want, "\"xyzzy\": no such model; there are %s", list);
    is_refused("xyzzy", want);
    snprintf(want, sizeof want, "\"\": no such model; there are %s", list);
    is_refused("", want);
}

static bool is_directive(const char *name)
{
    for (const char *const *d = config_directive_names(); *d; d++)
        if (strcmp(*d, name) == 0)
            return true;
    return false;
}

Test(models, are_whole)
{
    size_t count;
    const struct model *const *models = model_list(&count);
    cr_assert_geq(count, 2);
    for (size_t i = 0; i < count; i++) {
        cr_expect_not_null(models[i]->run, "%s", models[i]->name);
        cr_expect_leq(strlen(models[i]->name), 20, "%s", models[i]->name);
        cr_expect_leq(strlen(models[i]->summary), 59, "%s", models[i]->name);
        for (const char *const *name = models[i]->unused; *name; name++)
            cr_expect(is_directive(*name), "%s: %s", models[i]->name, *name);
    }
}
