/* SPDX-License-Identifier: MIT */
/*
 * Hooks: what they are given, and that their errors come back as texts.
 */
#include <criterion/criterion.h>

#include "base/err.h"
#include "config/config.h"
#include "tests/support/config_text.h"

#define APP "app('app.lua')\n"

static const struct hook_worker worker = {
    .number = 3, .pid = 812, .generation = 2, .exit = NULL};

/* Runs a hook that must fail, in a config of this text. */
static void fails(const char *text, const char *words)
{
    struct err err = {0};
    struct config *config = load_text(text);
    cr_expect_eq(config_run_hook(config, HOOK_AFTER_FORK, &worker, &err), -1);
    cr_expect_eq(strncmp(err.text, "after_fork: ", 12), 0, "%s", err.text);
    cr_expect(strstr(err.text, words), "%s", err.text);
    config_free(config);
}

Test(config_hook, gets_the_worker)
{
    struct err err = {0};
    struct config *config =
        load_text(APP "before_fork(function(worker, ended)\n"
                      "  assert(worker.number == 3 and worker.pid == 812)\n"
                      "  assert(worker.generation == 2 and ended == nil)\n"
                      "end)");
    int status = config_run_hook(config, HOOK_BEFORE_FORK, &worker, &err);
    cr_expect_eq(status, 0, "%s", err.text);
    config_free(config);
}

Test(config_hook, gets_how_the_worker_ended)
{
    struct err err = {0};
    struct hook_worker ended = worker;
    ended.exit = "signal=SEGV";
    struct config *config =
        load_text(APP "after_worker_exit(function(worker, how)\n"
                      "  assert(how == 'signal=SEGV', how)\n"
                      "end)");
    int status = config_run_hook(config, HOOK_AFTER_WORKER_EXIT, &ended, &err);
    cr_expect_eq(status, 0, "%s", err.text);
    config_free(config);
}

Test(config_hook, keeps_what_it_assigns_for_the_next_time)
{
    struct err err = {0};
    struct config *config =
        load_text(APP "calls = 0\n"
                      "after_worker_ready(function() calls = calls + 1 end)\n"
                      "after_fork(function() assert(calls == 2) end)");
    config_run_hook(config, HOOK_AFTER_WORKER_READY, &worker, &err);
    config_run_hook(config, HOOK_AFTER_WORKER_READY, &worker, &err);
    int status = config_run_hook(config, HOOK_AFTER_FORK, &worker, &err);
    cr_expect_eq(status, 0, "%s", err.text);
    config_free(config);
}

/* What an app in the same file would do; the hook does it for real nowhere. */
Test(config_hook, calls_functions_of_the_module_for_nothing)
{
    struct err err = {0};
    struct config *config =
        load_text(APP "after_fork(function()\n"
                      "  local rainbows = require 'rainbows'\n"
                      "  rainbows.sleep(3600)\n"
                      "  assert(rainbows.wait(0, 'r') == nil)\n"
                      "end)");
    int status = config_run_hook(config, HOOK_AFTER_FORK, &worker, &err);
    cr_expect_eq(status, 0, "%s", err.text);
    config_free(config);
}

Test(config_hook, does_nothing_when_unset)
{
    struct err err = {0};
    struct config_overrides over = {.app = "app.lua"};
    struct config *config = config_load(NULL, &over, &err);
    cr_assert_not_null(config, "%s", err.text);
    for (int i = 0; i < HOOK_COUNT; i++)
        cr_expect_eq(config_run_hook(config, i, &worker, &err), 0);
    config_free(config);
}

Test(config_hook, returns_its_error_with_line_and_traceback)
{
    fails(APP "after_fork(function()\n  error('no luck')\nend)",
          ":3: no luck\nstack traceback:");
}

Test(config_hook, returns_an_error_that_is_no_text)
{
    fails(APP "after_fork(function() error({}) end)",
          "the error is not a text but a table value");
}

Test(config_hook, cannot_change_the_config)
{
    fails(APP "after_fork(function() timeout(3) end)",
          "timeout: only while the config is loaded, not in a hook");
}
