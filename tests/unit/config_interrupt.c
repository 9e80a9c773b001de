/* SPDX-License-Identifier: MIT */
/*
 * Config files and hooks that hang. A timer's signal says that their time has
 * passed.
 */
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "config/config.h"
#include "tests/support/config_text.h"

#define APP "app('app.lua')\n"

static int stack[2] = {-1, -1};

static void on_alarm(int signo)
{
    (void)signo;
    if (stack[1] >= 0)
        config_write_stack(stack[1]);
    config_interrupt("boot_timeout=1s has passed");
}

static void set_up(void)
{
    struct sigaction act = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &act, NULL);
}

TestSuite(config_interrupt, .init = set_up, .timeout = 20);

/* Once; long after the text has begun. */
static void set_alarm(void)
{
    struct itimerval timer = {.it_value = {0, 100000}};
    config_interrupt(NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void assert_tells(const struct err *err, const char *line)
{
    cr_expect_not_null(strstr(err->text, line), "%s", err->text);
    cr_expect_not_null(strstr(err->text, ": boot_timeout=1s has passed\n"),
                       "%s", err->text);
    cr_expect_not_null(strstr(err->text, "stack traceback:"));
}

static const char *const hanging[] = {
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "coroutine.wrap(function() while true do end end)()",
    "while true do coroutine.resume(coroutine.create(function()\n"
    "while true do end end)) end",
    "while true do pcall(coroutine.wrap(function()\n"
    "while true do pcall(error) end end)) end",
};

enum {
    HANGING = sizeof hanging / sizeof *hanging
};

Test(config_interrupt, ends_a_file_that_hangs)
{
    struct err err;
    for (int i = 0; i < HANGING; i++) {
        char text[256];
        snprintf(text, sizeof text, APP "%s", hanging[i]);
        set_alarm();
        cr_assert_null(try_text(text, NULL, &err));
        assert_tells(&err, strchr(hanging[i], '\n') ? ":3: " : ":2: ");
    }
}

static void hook_ends(struct config *config, const char *line)
{
    struct err err;
    struct hook_worker who = {.number = 1};
    cr_assert_eq(config_run_hook(config, HOOK_AFTER_FORK, &who, &err), -1);
    cr_expect_eq(strncmp(err.text, "after_fork: ", 12), 0, "%s", err.text);
    assert_tells(&err, line);
}

Test(config_interrupt, ends_hooks_that_hang)
{
    for (int i = 0; i < HANGING; i++) {
        char text[256];
        snprintf(text, sizeof text, APP "after_fork(function()\n%s end)",
                 hanging[i]);
        config_interrupt(NULL);
        struct config *config = load_text(text);
        set_alarm();
        hook_ends(config, strchr(hanging[i], '\n') ? ":4: " : ":3: ");
        config_free(config);
    }
}

Test(config_interrupt, ends_all_hooks_until_it_is_taken_back)
{
    struct err err;
    struct hook_worker who = {.number = 1};
    struct config *config = load_text(APP "after_fork(function()\nend)");
    config_interrupt("boot_timeout=1s has passed");
    hook_ends(config, ":3: ");
    hook_ends(config, ":3: ");
    config_interrupt(NULL);
    cr_expect_eq(config_run_hook(config, HOOK_AFTER_FORK, &who, &err), 0);
    config_free(config);
}

Test(config_interrupt, stack_is_written_a_line_a_level)
{
    char text[4096] = "";
    struct err err;
    config_write_stack(2); /* nothing runs: nothing to write */
    cr_assert_eq(pipe(stack), 0);
    set_alarm();
    cr_assert_null(try_text(APP "local function f()\nwhile true do end end\n"
                                "f()",
                            NULL, &err));
    cr_assert_gt(read(stack[0], text, sizeof text - 1), 0);
    cr_expect_eq(strncmp(text, "    ", 4), 0, "%s", text);
    cr_expect_not_null(strstr(text, ":4\n"), "%s", text);
}
