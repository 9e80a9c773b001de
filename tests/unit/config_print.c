/* SPDX-License-Identifier: MIT */
/*
 * -T and --help-config: what is printed loads again, and fits a terminal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "config/config.h"
#include "tests/support/config_text.h"

/* What -T writes; free(3) it. */
static char *print_text(const struct config *config)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    config_print(config, to);
    fclose(to);
    return text;
}

/* What --help-config writes; free(3) it. */
static char *help_text(const char *name)
{
    char *text = NULL;
    size_t size;
    struct err err = {0};
    FILE *to = open_memstream(&text, &size);
    cr_assert_eq(config_help(name, to, &err), 0, "%s", err.text);
    fclose(to);
    return text;
}

/* A config of this text and what is printed of it are the same. */
static void comes_back(const char *text)
{
    struct config *config = load_text(text);
    char *first = print_text(config);
    struct config *again = load_text(first);
    char *second = print_text(again);
    cr_expect_str_eq(first, second);
    cr_expect_eq(again->timeout, config->timeout);
    cr_expect_eq(again->listen_count, config->listen_count);
    free(second);
    config_free(again);
    free(first);
    config_free(config);
}

Test(config_print, gives_defaults_back)
{
    comes_back("app('app.lua')");
}

Test(config_print, gives_other_values_back)
{
    comes_back("app('app.lua') timeout(0.000001) keepalive_timeout(0)\n"
               "send_timeout(1e300) boot_timeout(10) graceful_timeout(0.1)\n"
               "client_max_body_size(nil) preload_app(true) use('Reactor')\n"
               "log_level('debug') worker_processes('auto')");
}

Test(config_print, gives_listeners_back)
{
    comes_back("app('app.lua') listen(8080)\n"
               "listen('[::1]:80', { ipv6only = false, rcvbuf = 1000 })\n"
               "listen('/a.sock', { umask = 63, tcp_defer_accept = true })\n"
               "listen(81, { proxy_protocol = '::1' })\n"
               "listen(82, { proxy_protocol = {'10.0.0.0/8', 'unix'} })");
}

Test(config_print, gives_reasons_to_replace_a_worker_back)
{
    comes_back("app('app.lua') max_requests(1000) max_memory(1 << 20)");
    comes_back("app('app.lua') max_requests(1000, { jitter = 50 })\n"
               "lua_memory_limit(64 * 1024 * 1024)");
    comes_back("app('app.lua') max_requests(nil, { jitter = 50 })");
}

Test(config_print, gives_networks_back)
{
    comes_back("app('app.lua') trusted_proxies('10.0.0.0/8')");
    comes_back(
        "app('app.lua') trusted_proxies('::1', 'unix', '2001:db8::/32')");
}

Test(config_print, gives_strange_strings_back)
{
    const char *text = "app('app.lua') lua_path('')\n"
                       "pid('\"\\\\\\n\\0019\\127\\xff]]--')";
    comes_back(text);
    struct config *config = load_text(text);
    char *printed = print_text(config);
    struct config *again = load_text(printed);
    cr_expect_str_eq(again->pid, "\"\\\n\0019\177\xff]]--");
    cr_expect_str_eq(again->lua_path, "");
    config_free(again);
    free(printed);
    config_free(config);
}

Test(config_print, names_every_directive)
{
    struct config *config = load_text("app('app.lua')");
    char *text = print_text(config);
    for (const char *const *name = config_directive_names(); *name; name++) {
        char call[64];
        snprintf(call, sizeof call, "\n%s(", *name);
        cr_expect(strstr(text, call), "%s", *name);
    }
    free(text);
    config_free(config);
}

Test(config_print, shows_functions_as_comments)
{
    struct config *config =
        load_text("app(function() end) after_fork(function() end)");
    char *text = print_text(config);
    cr_expect(strstr(text, "\n-- app(function ... end), in \"/tmp/"));
    cr_expect(strstr(text, "\n-- after_fork(function ... end), in \"/tmp/"));
    free(text);
    config_free(config);
}

Test(config_help, tells_name_default_reason_and_values)
{
    char *text = help_text("worker_connections");
    cr_expect_str_eq(text, "worker_connections(50)\n"
                           "    Clients that a worker holds at a time.\n"
                           "    Takes an integer from 1 to 1000000.\n");
    free(text);
}

Test(config_help, tells_the_options_of_listen)
{
    char *text = help_text("listen");
    cr_expect(strstr(text, "    backlog = 1024\n"));
    cr_expect(strstr(text, "    tcp_defer_accept = false\n"));
    free(text);
}

Test(config_help, prints_all_and_fits_80_columns)
{
    char *text = help_text(NULL);
    for (const char *const *name = config_directive_names(); *name; name++)
        cr_expect(strstr(text, *name), "%s", *name);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        cr_expect_leq(strlen(line), 80, "%s", line);
    free(text);
}

Test(config_help, names_the_nearest_when_there_is_no_such_directive)
{
    struct err err = {0};
    cr_expect_eq(config_help("timout", stdout, &err), -1);
    cr_expect_str_eq(err.text,
                     "timout: no such directive; did you mean timeout?");
    cr_expect_eq(config_help("zzzz", stdout, &err), -1);
    cr_expect(strstr(err.text, "--help-config lists them"));
}
