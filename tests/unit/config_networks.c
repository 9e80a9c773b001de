/* SPDX-License-Identifier: MIT */
/*
 * trusted_proxies, and proxy_protocol of listen(): lists of networks.
 */
#include <sys/socket.h>

#include <criterion/criterion.h>

#include "base/peer.h"
#include "tests/support/config_text.h"

#define APP "app('app.lua')\n"

static void holds(const struct cidrs *cidrs, size_t count, const char *last)
{
    char text[CIDR_TEXT];
    cr_assert_eq(cidrs->count, count);
    cr_expect_str_eq(cidr_text(&cidrs->list[count - 1], text), last);
}

static void trusts(const char *arguments, size_t count, const char *last)
{
    char text[256];
    snprintf(text, sizeof text, APP "trusted_proxies(%s)", arguments);
    struct config *config = load_text(text);
    holds(&config->trusted_proxies, count, last);
    config_free(config);
}

Test(config_networks, are_strings_or_one_array)
{
    trusts("'10.0.0.0/8'", 1, "10.0.0.0/8");
    trusts("'10.0.0.0/8', '::1', 'unix'", 3, "unix");
    trusts("{'10.0.0.0/8', '::1'}", 2, "::1");
    trusts("table.unpack((function() local t = {} for i = 1, 255 do\n"
           "t[i] = '10.0.0.' .. i end return t end)())",
           255, "10.0.0.255");
}

Test(config_networks, are_none_by_default)
{
    static const char *const texts[] = {APP, APP "trusted_proxies(nil)",
                                        APP "trusted_proxies({})"};
    for (int i = 0; i < 3; i++) {
        struct config *config = load_text(texts[i]);
        cr_expect_eq(config->trusted_proxies.count, 0);
        cr_expect_eq(config->listens[0].proxy_protocol.count, 0);
        config_free(config);
    }
}

Test(config_networks, belong_to_their_listener)
{
    struct config *config =
        load_text(APP "listen(1, { proxy_protocol = '::1' })\n"
                      "listen(2, { proxy_protocol = {'10.0.0.0/8', 'unix'} })\n"
                      "listen(3, { proxy_protocol = false }) collectgarbage()");
    holds(&config->listens[0].proxy_protocol, 1, "::1");
    holds(&config->listens[1].proxy_protocol, 2, "unix");
    cr_expect_eq(config->listens[2].proxy_protocol.count, 0);
    config_free(config);
}

Test(config_networks, that_are_none_are_refused_with_a_remedy)
{
    static const char *const cases[][2] = {
        {"trusted_proxies('10.0.0.0/33')",
         ":2: trusted_proxies: \"10.0.0.0/33\" is no network: behind the / "
         "stands a number from 0 to 32"},
        {"trusted_proxies('::1', '10.0.0.1/8')",
         ":2: trusted_proxies: \"10.0.0.1/8\" is no network: bits behind the "
         "prefix are set; write \"10.0.0.0/8\""},
        {"trusted_proxies({'localhost'})",
         ":2: trusted_proxies: \"localhost\" is no address: write one as"},
        {"trusted_proxies()", ":2: trusted_proxies: expected addresses and "
                              "networks (strings, or an array of them), or "
                              "nil, got nothing"},
        {"trusted_proxies(true)", ":2: trusted_proxies: expected"},
        {"trusted_proxies('')", ":2: trusted_proxies: expected"},
        {"trusted_proxies('::1\\0')", ":2: trusted_proxies: expected"},
        {"trusted_proxies('::1', 5)", ":2: trusted_proxies: expected addresses "
                                      "and networks (strings, or an array of "
                                      "them), or nil, got 5"},
        {"trusted_proxies('::1', nil)", ":2: trusted_proxies: expected"},
        {"trusted_proxies({'::1', {}})", ":2: trusted_proxies: expected"},
        {"trusted_proxies({a = '::1'})",
         ":2: trusted_proxies: expected an array of at most 10000 strings, got "
         "a table with 1 keys"},
        {"trusted_proxies('::1') trusted_proxies('::1')",
         ":2: trusted_proxies: already set at "},
        {"listen(1, { proxy_protocol = true })",
         ":2: listen: proxy_protocol: expected the proxies' addresses and "
         "networks (a string, or an array of them), or false, got true"},
        {"listen(1, { proxy_protocol = {} })",
         ":2: listen: proxy_protocol: an empty list would let nobody in"},
        {"listen(1, { proxy_protocol = {'10.0.0.0/33'} })",
         ":2: listen: proxy_protocol: \"10.0.0.0/33\" is no network"},
        {"listen(1, { proxy_protocl = '::1' })",
         ":2: listen: proxy_protocl: no such option; did you mean "
         "proxy_protocol?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, APP "%s", cases[i][0]);
        refuse_text(text, cases[i][1]);
    }
}
