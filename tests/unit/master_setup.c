/* SPDX-License-Identifier: MIT */
/*
 * Setups: one load of the config and all that comes with it, or nothing of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "concurrency/models.h"
#include "master/master.h"
#include "worker/listener.h"
#include "worker/model.h"

static char dir[] = "/tmp/setup_XXXXXX";
static char start[4096]; /* the working directory at first */
static struct config_overrides nothing_else;
static struct master master;
static struct setup none;

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_not_null(getcwd(start, sizeof start));
    master.overrides = &nothing_else;
    master.find_model = model_find;
}

static void tear_down(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", dir);
    cr_expect_eq(system(command), 0);
}

TestSuite(setup, .init = set_up, .fini = tear_down, .timeout = 20);

/* A path below the test's directory. */
static const char *below(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* The config is this text, in which $ is the test's directory. */
static void config_is(const char *text)
{
    static char path[128];
    strcpy(path, below("config.lua"));
    FILE *f = fopen(path, "w");
    for (; *text; text++)
        if (*text == '$')
            fputs(dir, f);
        else
            fputc(*text, f);
    fclose(f);
    master.config_path = path;
}

static void loads(struct setup *setup, const char *text, struct setup *old)
{
    struct err err;
    config_is(text);
    cr_assert_eq(setup_load(setup, &master, old, &err), 0, "%s", err.text);
}

static void refuses(const char *text, struct setup *old, const char *words)
{
    struct err err = {0};
    struct setup setup;
    config_is(text);
    cr_assert_eq(setup_load(&setup, &master, old, &err), -1, "%s", text);
    cr_expect_not_null(strstr(err.text, words), "%s", err.text);
}

static bool exists(const char *name)
{
    struct stat st;
    return stat(below(name), &st) == 0;
}

#define APP "app(function() return 200 end)\n"
#define A   "listen('unix:$/a')\n"
#define B   "listen('unix:$/b')\n"
#define C   "listen('unix:$/c')\n"

Test(setup, has_all_that_the_config_asks_for)
{
    struct setup setup;
    loads(&setup, APP A "listen('127.0.0.1:0') use('Reactor')", &none);
    cr_expect_str_eq(setup.model->name, "Reactor");
    cr_assert_eq(setup.listener_count, 2);
    cr_expect_str_eq(setup.listeners[0]->path, below("a"));
    cr_expect_neq(setup.listeners[1]->address.port, 0);
    cr_expect_null(setup.preloaded);
    setup_free(&setup);
    cr_expect_not(exists("a"));
}

Test(setup, shares_the_listeners_that_are_still_wanted)
{
    struct setup old, new;
    loads(&old, APP A B, &none);
    struct listener *b = old.listeners[1];
    loads(&new, APP B C, &old);
    cr_expect_eq(new.listeners[0], b);
    cr_expect_eq(old.listeners[1], b);
    cr_expect_not(sockets_live_on(&old), "a is nobody else's");
    setup_free(&old);
    cr_expect(!exists("a") && exists("b") && exists("c"));
    setup_free(&new);
    cr_expect(!exists("b") && !exists("c"));
}

Test(setup, that_is_not_taken_leaves_the_old_one_all_it_had)
{
    struct setup old, new;
    loads(&old, APP A B, &none);
    loads(&new, APP B A, &old);
    cr_expect(sockets_live_on(&old));
    setup_free(&new);
    cr_expect(exists("a") && exists("b"));
    cr_expect_eq(old.listeners[0]->shares, 1);
    setup_free(&old);
    cr_expect(!exists("a") && !exists("b"));
}

/* Of the listener that both share, too. */
Test(setup, tells_listeners_whose_proxies_may_connect)
{
#define D "listen('unix:$/a', { proxy_protocol = 'unix' })\n"
    struct setup old, new;
    loads(&old, APP A, &none);
    loads(&new, APP D, &old);
    sockets_tell_proxies(&old);
    cr_expect_null(old.listeners[0]->proxies);
    sockets_tell_proxies(&new);
    cr_expect_eq(new.listeners[0]->proxies,
                 &new.config->listens[0].proxy_protocol);
    setup_free(&old);
    setup_free(&new);
}

Test(setup, that_fails_leaves_the_old_one_all_it_had)
{
    struct setup old;
    loads(&old, APP A B, &none);
    refuses(APP B C "listen('/nonexistent/sock', {tries = 0})", &old,
            "cannot listen on /nonexistent/sock");
    cr_expect_eq(old.listeners[0]->shares, 1);
    cr_expect_eq(old.listeners[1]->shares, 1);
    cr_expect(exists("a") && exists("b") && !exists("c"));
    setup_free(&old);
    cr_expect(!exists("a") && !exists("b"));
}

Test(setup, that_fails_early_touches_nothing)
{
    static const char *const cases[][2] = {
        {"app(", "config.lua:1: "},
        {APP A "use('Reactr')", "config.lua:3: use: \"Reactr\": no such model"},
        {APP A "working_directory('$/x')", "working_directory: cannot enter "},
        {"app('$/x.lua')" A "preload_app(true)", "x.lua"},
        {APP A "preload_app(true) error('x')", "config.lua:3: x"},
        {APP A "stderr_path('/nonexistent/log')", "stderr_path: cannot open "},
    };
    struct setup old;
    loads(&old, APP A, &none);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refuses(cases[i][0], &old, cases[i][1]);
        cr_expect_eq(old.listeners[0]->shares, 1);
        cr_expect(exists("a"));
    }
    setup_free(&old);
}

Test(setup, that_fails_stays_in_the_directory_it_was_in)
{
    char now[4096];
    refuses(APP "working_directory('$')\n"
                "listen('/nonexistent/sock', {tries = 0})",
            &none, "cannot listen on");
    cr_expect_str_eq(getcwd(now, sizeof now), start);
    refuses("app('nothing.lua') working_directory('$') preload_app(true)",
            &none, "nothing.lua");
    cr_expect_str_eq(getcwd(now, sizeof now), start);
}

Test(setup, loads_in_the_working_directory_and_enters_it_when_told)
{
    char now[4096];
    struct setup setup;
    loads(&setup, APP A "working_directory('$') pid('x')", &none);
    cr_expect_str_eq(getcwd(now, sizeof now), start);
    cr_expect_str_eq(setup.pid, below("x"));
    cr_expect_eq(setup_enter(&setup), 0);
    cr_expect_str_eq(getcwd(now, sizeof now), dir);
    setup_free(&setup);
}

Test(setup, loads_the_app_when_it_is_to_be_preloaded)
{
    struct setup setup;
    loads(&setup, APP A "preload_app(true)", &none);
    cr_expect_not_null(setup.preloaded);
    setup_free(&setup);
    cr_expect_null(setup.preloaded);
    setup_free(&setup);
}

Test(setup, check_loads_the_app_and_binds_nothing)
{
    static const struct {
        const char *config;
        int want;
    } cases[] = {{APP A, 0},
                 {"app({})" A, -1},
                 {"app('nothing.lua')" A, -1},
                 {APP A "use('x')", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        config_is(cases[i].config);
        cr_expect_eq(setup_check(&master, CHECK_APP, &err), cases[i].want,
                     "%zu: %s", i, err.text);
        cr_expect_not(exists("a"));
    }
}
