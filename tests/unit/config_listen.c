/* SPDX-License-Identifier: MIT */
/*
 * listen(): forms of addresses, options and their defaults.
 */
#include <limits.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/err.h"
#include "config/address.h"
#include "config/config.h"
#include "tests/support/config_text.h"

#define APP          "app('app.lua')\n"
#define COUNT(array) (sizeof(array) / sizeof *(array))

Test(config_listen, reads_every_form_of_a_tcp_address)
{
    static const struct {
        const char *text, *host;
        int port;
        bool ipv6;
    } cases[] = {
        {"8080", "0.0.0.0", 8080, false},
        {":8080", "0.0.0.0", 8080, false},
        {"*:8080", "0.0.0.0", 8080, false},
        {"127.0.0.1:80", "127.0.0.1", 80, false},
        {"localhost:0", "localhost", 0, false},
        {"a-b.example:65535", "a-b.example", 65535, false},
        {"[::1]:80", "::1", 80, true},
        {"[::]:80", "::", 80, true},
        {"[fe80::1%eth0]:80", "fe80::1%eth0", 80, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err err = {0};
        struct address got;
        cr_assert_eq(address_parse(cases[i].text, &got, &err), 0, "%s",
                     err.text);
        cr_expect_null(got.path);
        cr_expect_str_eq(got.host, cases[i].host);
        cr_expect_eq(got.port, cases[i].port);
        cr_expect_eq(got.ipv6, cases[i].ipv6);
    }
}

Test(config_listen, reads_both_forms_of_a_unix_address)
{
    struct err err = {0};
    struct address got;
    cr_expect_eq(address_parse("unix:/run/x.sock", &got, &err), 0);
    cr_expect_str_eq(got.path, "/run/x.sock");
    cr_expect_eq(address_parse("/run/y:1.sock", &got, &err), 0);
    cr_expect_str_eq(got.path, "/run/y:1.sock");
}

Test(config_listen, reads_the_name_of_sockets_that_systemd_gives)
{
    struct err err = {0};
    struct address got;
    cr_expect_eq(address_parse("systemd:web 8080", &got, &err), 0);
    cr_expect_str_eq(got.given, "web 8080");
    cr_expect_null(got.path);
}

Test(config_listen, refuses_what_is_no_address)
{
    static const char *const cases[][2] = {
        {"", "no port"},
        {"localhost", "no port"},
        {"127.0.0.1", "no port"},
        {"[::1]", "no port"},
        {"8o80", "no port"},
        {"-1", "no port"},
        {":", "a port is a number"},
        {"a:", "a port is a number"},
        {"65536", "a port is a number"},
        {"host:http", "a port is a number"},
        {"host:-1", "a port is a number"},
        {"host:000080", "a port is a number"},
        {"::1:80", "stands in brackets"},
        {"[127.0.0.1]:80", "no IPv6 address"},
        {"[::1%]:80", "no IPv6 address"},
        {"[::1:80", "is no host"},
        {"127.0.0.256:80", "is no host"},
        {"127.1:80", "is no host"},
        {"a b:80", "is no host"},
        {"http://a:80", "is no host"},
        {"-a:80", "is no host"},
        {"unix:run/x.sock", "must begin with /"},
        {"unix:", "must begin with /"},
        {"systemd:", "comes the FileDescriptorName"},
        {"systemd:a:80", "comes the FileDescriptorName"},
        {"systemd:a\tb", "comes the FileDescriptorName"},
        {"~/x.sock", "no port"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err err = {0};
        struct address got = {.port = 7};
        cr_expect_eq(address_parse(cases[i][0], &got, &err), -1, "%s",
                     cases[i][0]);
        cr_expect(strstr(err.text, cases[i][1]), "%s", err.text);
        cr_expect_eq(got.port, 7);
    }
}

Test(config_listen, refuses_a_path_that_no_socket_can_have)
{
    struct err err = {0};
    struct address got;
    char text[110] = "/";
    memset(text + 1, 'x', 107);
    cr_expect_eq(address_parse(text, &got, &err), -1);
    cr_expect(strstr(err.text, "may have 107 bytes, this one has 108"));
    text[107] = '\0';
    cr_expect_eq(address_parse(text, &got, &err), 0);
}

Test(config_listen, listens_on_8080_by_default)
{
    struct config *config = load_text(APP);
    cr_assert_eq(config->listen_count, 1);
    cr_expect_str_eq(config->listens[0].address, "0.0.0.0:8080");
    cr_expect_eq(config->listens[0].line, 0);
    config_free(config);
}

Test(config_listen, has_unicorns_options_by_default)
{
    struct config *config = load_text(APP "\nlisten('8080')");
    const struct listen_spec *spec = config->listens;
    cr_expect_eq(spec->line, 3);
    cr_expect_eq(spec->backlog, 1024);
    cr_expect_eq(spec->rcvbuf, -1);
    cr_expect_eq(spec->sndbuf, -1);
    cr_expect_eq(spec->tcp_nodelay, 1);
    cr_expect_eq(spec->tcp_defer_accept, 0);
    cr_expect_eq(spec->ipv6only, -1);
    cr_expect_eq(spec->reuseport, 0);
    cr_expect_eq(spec->umask, 0);
    cr_expect_eq(spec->tries, 5);
    cr_expect_eq(spec->delay, CLOCK_SECOND / 2);
    config_free(config);
}

Test(config_listen, takes_every_option)
{
    struct config *config = load_text(
        APP "listen('[::]:80', { backlog = 64, rcvbuf = 4096, sndbuf = 8192,\n"
            "  tcp_nodelay = false, tcp_defer_accept = 3, ipv6only = true,\n"
            "  reuseport = true, umask = tonumber('0117', 8), tries = -1,\n"
            "  delay = 0.125 })");
    const struct listen_spec *spec = config->listens;
    cr_expect_eq(spec->backlog, 64);
    cr_expect_eq(spec->rcvbuf, 4096);
    cr_expect_eq(spec->sndbuf, 8192);
    cr_expect_eq(spec->tcp_nodelay, 0);
    cr_expect_eq(spec->tcp_defer_accept, 3);
    cr_expect_eq(spec->ipv6only, 1);
    cr_expect_eq(spec->reuseport, 1);
    cr_expect_eq(spec->umask, 0117);
    cr_expect_eq(spec->tries, -1);
    cr_expect_eq(spec->delay, CLOCK_SECOND / 8);
    config_free(config);
}

Test(config_listen, defers_a_second_when_told_only_true)
{
    struct config *config =
        load_text(APP "listen(80, { tcp_defer_accept = true })\n"
                      "listen(81, { tcp_defer_accept = false })");
    cr_expect_eq(config->listens[0].tcp_defer_accept, 1);
    cr_expect_eq(config->listens[1].tcp_defer_accept, 0);
    config_free(config);
}

Test(config_listen, adds_with_each_call)
{
    struct config *config = load_text(
        APP "listen(8081)\nlisten('unix:/run/a.sock')\nlisten('[::1]:8081')");
    cr_assert_eq(config->listen_count, 3);
    cr_expect_str_eq(config->listens[0].address, "8081");
    cr_expect_str_eq(config->listens[1].address, "unix:/run/a.sock");
    cr_expect_eq(config->listens[2].line, 4);
    config_free(config);
}

Test(config_listen, refuses_the_same_address_twice)
{
    refuse_text("listen('8080')\nlisten('*:8080')",
                ":2: listen: \"*:8080\" is listened on already, as \"8080\" in "
                "line 1");
    refuse_text("listen('systemd:a')\nlisten('systemd:a')",
                ":2: listen: \"systemd:a\" is");
    refuse_text("listen('/a')\nlisten('unix:/a')",
                ":2: listen: \"unix:/a\" is");
    struct config *config = load_text(APP "listen(0) listen(0)");
    cr_expect_eq(config->listen_count, 2, "port 0 is another each time");
    config_free(config);
}

Test(config_listen, says_what_is_wrong_with_a_call)
{
    static const char *const cases[][2] = {
        {"listen('localhost')", "listen: \"localhost\": no port; write"},
        {"listen({})", "listen: expected an address (a string) or a port (an "
                       "integer), got a table"},
        {"listen(80.5)", "listen: expected an address"},
        {"listen()", "listen: expected an address"},
        {"listen(80, 81)", "listen: options are a table, got a number"},
        {"listen(80, { 81 })", "listen: an option's name is a string, got a"},
        {"listen(80, { baklog = 1 })", "listen: baklog: no such option; did "
                                       "you mean backlog?"},
        {"listen(80, { zzzz = 1 })", "listen: zzzz: no such option"},
        {"listen(80, { backlog = 'x' })", "listen: backlog: expected an "
                                          "integer from 1 to 1000000, got"},
        {"listen(80, { reuseport = 1 })", "listen: reuseport: expected true "
                                          "or false, got 1"},
        {"listen(80, { umask = '0117' })", "listen: umask: expected "
                                           "permission bits, as in tonumber"},
        {"listen(80, { tcp_defer_accept = 0 })", "listen: tcp_defer_accept: "
                                                 "expected an integer from 1"},
        {"listen(80, {}, 3)", "listen: expected at most 2 values, got 3"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        snprintf(text, sizeof text, ":1: %s", cases[i][1]);
        refuse_text(cases[i][0], text);
    }
}
