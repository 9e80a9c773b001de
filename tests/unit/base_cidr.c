/* SPDX-License-Identifier: MIT */
/*
 * Networks: what is one, and who is in it.
 */
#include "base/cidr.h"

#include <sys/socket.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "base/peer.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct cidr cidr_of(const char *text)
{
    struct cidr cidr;
    struct err err = {0};
    cr_assert_eq(cidr_parse(text, &cidr, &err), 0, "%s", err.text);
    return cidr;
}

static struct peer peer_of(const char *ip)
{
    struct peer peer = {.family = AF_UNIX};
    if (strcmp(ip, "unix") != 0)
        cr_assert(peer_parse((struct span){ip, strlen(ip)}, &peer), "%s", ip);
    return peer;
}

Test(cidr, reads_addresses_and_networks)
{
    static const char *const cases[][2] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"10.1.2.3", "10.1.2.3"},
        {"10.1.2.3/32", "10.1.2.3"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"128.0.0.0/1", "128.0.0.0/1"},
        {"192.0.2.254/31", "192.0.2.254/31"},
        {"::1", "::1"},
        {"::1/128", "::1"},
        {"::/0", "::/0"},
        {"2001:DB8::/32", "2001:db8::/32"},
        {"fe80::/10", "fe80::/10"},
        {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
        {"::ffff:10.0.0.1", "10.0.0.1"},
        {"::ffff:0.0.0.0/96", "0.0.0.0/0"},
        {"unix", "unix"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[CIDR_TEXT];
        struct cidr cidr = cidr_of(cases[i][0]);
        cr_expect_str_eq(cidr_text(&cidr, text), cases[i][1]);
    }
}

Test(cidr, refuses_what_is_none)
{
    static const char *const cases[][2] = {
        {"", "\"\" is no address: write one as \"10.0.0.1\""},
        {"localhost", "is no address"},
        {"10.0.0", "is no address"},
        {"10.0.0.256", "is no address"},
        {"10.0.0.01", "is no address"},
        {" 10.0.0.1", "is no address"},
        {"10.0.0.1:80", "is no address"},
        {"[::1]", "is no address"},
        {"fe80::1%eth0", "is no address"},
        {"unix:", "is no address"},
        {"unix/0", "is no address"},
        {"/8", "is no address"},
        {"10.0.0.0/33", "behind the / stands a number from 0 to 32"},
        {"10.0.0.0/", "from 0 to 32"},
        {"10.0.0.0/-1", "from 0 to 32"},
        {"10.0.0.0/08", "from 0 to 32"},
        {"10.0.0.0/8 ", "from 0 to 32"},
        {"10.0.0.0/8/8", "from 0 to 32"},
        {"10.0.0.0/255.0.0.0", "from 0 to 32"},
        {"10.0.0.0/4294967304", "from 0 to 32"},
        {"::/129", "from 0 to 128"},
        {"::ffff:10.0.0.0/95", "from 96 to 128"},
        {"10.0.0.1/8", "write \"10.0.0.0/8\", or \"10.0.0.1\" for this"},
        {"2001:db8::1/32", "write \"2001:db8::/32\""},
        {"0.0.0.1/0", "write \"0.0.0.0/0\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cidr cidr = {.bits = 7};
        struct err err = {0};
        cr_expect_eq(cidr_parse(cases[i][0], &cidr, &err), -1, "%s",
                     cases[i][0]);
        cr_expect(strstr(err.text, cases[i][1]), "%s", err.text);
        cr_expect_eq(cidr.bits, 7);
    }
}

Test(cidr, has_its_first_and_last_address_and_no_other)
{
    static const char *const cases[][5] = {
        /* network, first, last, before, behind */
        {"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255",
         "11.0.0.0"},
        {"10.1.2.3", "10.1.2.3", "10.1.2.3", "10.1.2.2", "10.1.2.4"},
        {"192.0.2.8/29", "192.0.2.8", "192.0.2.15", "192.0.2.7", "192.0.2.16"},
        {"172.16.0.0/12", "172.16.0.0", "172.31.255.255", "172.15.255.255",
         "172.32.0.0"},
        {"0.0.0.0/0", "0.0.0.0", "255.255.255.255", "unix", "::"},
        {"128.0.0.0/1", "128.0.0.0", "255.255.255.255", "127.255.255.255",
         "0.0.0.0"},
        {"::/0", "::", "ffff::1", "0.0.0.0", "unix"},
        {"::1", "::1", "::1", "::", "::2"},
        {"2001:db8::/33", "2001:db8::", "2001:db8:7fff::1",
         "2001:db7:ffff::", "2001:db8:8000::"},
        {"::ffff:10.0.0.0/104", "10.0.0.0", "::ffff:10.255.255.255",
         "9.255.255.255", "::ffff:11.0.0.0"},
        {"10.0.0.0/8", "::ffff:10.0.0.1", "10.0.0.1", "a00::", "unix"},
        {"a00::/8", "a00::", "aff::", "10.0.0.0", "b00::"},
        {"unix", "unix", "unix", "127.0.0.1", "::1"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cidr cidr = cidr_of(cases[i][0]);
        struct cidrs all = {&cidr, 1};
        for (int k = 1; k < 5; k++) {
            struct peer peer = peer_of(cases[i][k]);
            cr_expect_eq(cidrs_have(&all, &peer), k < 3, "%s in %s",
                         cases[i][k], cases[i][0]);
        }
    }
}

Test(cidr, lists_have_what_one_of_theirs_has)
{
    struct cidr list[] = {cidr_of("10.0.0.0/8"), cidr_of("unix"),
                          cidr_of("::1")};
    struct cidrs all = {list, 3}, none = {0};
    static const char *const in[] = {"10.9.8.7", "unix", "::1"};
    static const char *const out[] = {"127.0.0.1", "::2"};
    for (size_t i = 0; i < COUNT(in); i++) {
        struct peer peer = peer_of(in[i]);
        cr_expect(cidrs_have(&all, &peer), "%s", in[i]);
        cr_expect_not(cidrs_have(&none, &peer), "%s", in[i]);
    }
    for (size_t i = 0; i < COUNT(out); i++) {
        struct peer peer = peer_of(out[i]);
        cr_expect_not(cidrs_have(&all, &peer), "%s", out[i]);
    }
}
