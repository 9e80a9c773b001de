/* SPDX-License-Identifier: MIT */
/*
 * What proxies say of a request in X-Forwarded-For and Forwarded, and what
 * others do. An answer is what the app says of its client: "address port
 * scheme server-port".
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct server server;
static char *plain; /* the file of the second listener */

/* A PROXY header on the first listener makes the tests anybody; on the second,
 * a UNIX socket, they are trusted. */
static void start(void)
{
    server_prepare(&server);
    plain = server_path(&server, "plain");
    char *config =
        xasprintf("worker_processes(1) listen('%s')\n"
                  "listen('127.0.0.1:0', { proxy_protocol = '127.0.0.1' })\n"
                  "trusted_proxies('10.0.0.0/8', 'fd00::/8', 'unix')\n",
                  plain);
    server_serve(&server, "proxies.lua", config);
    free(config);
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(forwarded, .init = start, .fini = stop, .timeout = 60);
TestSuite(forwarded_default, .fini = stop, .timeout = 60);

/* A request for the path with these fields has that client. */
static void assert_request(int fd, const char *path, const char *fields,
                           const char *want)
{
    char *text =
        xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, fields);
    struct answer a = ask(fd, text);
    cr_assert_str_eq(a.body, want, "%s is %s, not %s", text, a.body, want);
    free(text);
}

static const char *const from_trusted[][2] = {
    {"", "10.0.0.9 4711 http 80"},
    {"X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7 nil http 80"},
    {"X-Forwarded-For: 6.6.6.6, 192.0.2.7 ,10.1.1.1\r\n",
     "192.0.2.7 nil http 80"},
    {"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.7:99\r\n"
     "X-Forwarded-For: fd00::1\r\n",
     "192.0.2.7 99 http 80"},
    {"X-Forwarded-For: 6.6.6.6, garbage, 10.1.1.1\r\n", "10.1.1.1 nil http 80"},
    {"X-Forwarded-For: 6.6.6.6, \xff\r\n", "10.0.0.9 4711 http 80"},
    {"X-Forwarded-For: [2001:db8::7]:99\r\nX-Forwarded-Proto: http, https\r\n",
     "2001:db8::7 99 https 443"},
    {"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https, http\r\n",
     "192.0.2.7 nil http 80"},
    {"X-Forwarded-Proto: https\r\n", "10.0.0.9 4711 https 443"},
    {"X_Forwarded_For: 6.6.6.6\r\nX_Forwarded_Proto: https\r\n",
     "10.0.0.9 4711 http 80"},
    {"Forwarded: for=192.0.2.7;proto=https\r\n", "192.0.2.7 nil https 443"},
    {"Forwarded: for=6.6.6.6, for=\"[2001:db8::7]:99\";proto=https\r\n"
     "Forwarded: for=10.1.1.1\r\n",
     "2001:db8::7 99 https 443"},
    {"Forwarded: for=\"\r\nForwarded: for=\", for=192.0.2.7\r\n",
     "192.0.2.7 nil http 80"},
    {"Forwarded: for=6.6.6.6, for=unknown\r\n", "10.0.0.9 4711 http 80"},
    {"Forwarded: for=6.6.6.6, for=_gazonk;proto=https\r\n",
     "10.0.0.9 4711 https 443"},
    {"Forwarded: for=6.6.6.6;proto=https\r\nX-Forwarded-For: 192.0.2.7\r\n",
     "192.0.2.7 nil http 80"},
};

Test(forwarded, tells_the_client_of_each_request)
{
    int fd = dial(&server);
    send_text(fd, "PROXY TCP4 10.0.0.9 192.0.2.1 4711 443\r\n");
    for (size_t i = 0; i < COUNT(from_trusted); i++) {
        assert_request(fd, "/", from_trusted[i][0], from_trusted[i][1]);
        assert_request(fd, "/filled", from_trusted[i][0], from_trusted[i][1]);
        assert_request(fd, "/deleted", from_trusted[i][0], from_trusted[i][1]);
    }
    close(fd);
}

Test(forwarded, tells_nothing_from_who_is_not_trusted)
{
    int fd = dial(&server);
    send_text(fd, "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n");
    for (size_t i = 0; i < COUNT(from_trusted); i++)
        assert_request(fd, "/", from_trusted[i][0], "192.0.2.7 4711 http 80");
    assert_request(fd, "/header?X_FORWARDED_FOR",
                   "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\n",
                   "6.6.6.6, 7.7.7.7");
    close(fd);
}

Test(forwarded, tells_the_client_on_a_trusted_unix_socket)
{
    int fd = dial_unix(plain);
    assert_request(fd, "/", "", "127.0.0.1 nil http 80");
    assert_request(fd, "/", "X-Forwarded-For: 192.0.2.7\r\n",
                   "192.0.2.7 nil http 80");
    assert_request(fd, "/header?X_FORWARDED_FOR",
                   "X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7");
    close(fd);
}

Test(forwarded, tells_the_same_whatever_the_app_reads_first)
{
    static const char *const keys[] = {"REMOTE_ADDR", "REMOTE_PORT",
                                       "rack.url_scheme", "SERVER_PORT",
                                       "HTTP_X_FORWARDED_FOR"};
    int fd = dial_unix(plain);
    for (size_t i = 0; i < COUNT(keys); i++) {
        char *path = xasprintf("/read?%s", keys[i]);
        assert_request(fd, path,
                       "X-Forwarded-For: 192.0.2.7:99\r\n"
                       "X-Forwarded-Proto: https\r\n",
                       "192.0.2.7 99 https 443");
        free(path);
    }
    close(fd);
}

Test(forwarded, leaves_a_port_in_the_host_as_it_is)
{
    int fd = dial_unix(plain);
    struct answer a = ask(fd, "GET / HTTP/1.1\r\nHost: x:8443\r\n"
                              "X-Forwarded-Proto: https\r\n\r\n");
    cr_assert_str_eq(a.body, "127.0.0.1 nil https 8443");
    close(fd);
}

Test(forwarded_default, tells_nothing_by_default)
{
    server_serve(&server, "proxies.lua", "worker_processes(1)");
    char want[64];
    for (size_t i = 0; i < COUNT(from_trusted); i++) {
        int fd = dial(&server);
        snprintf(want, sizeof want, "127.0.0.1 %d http 80", local_port(fd));
        assert_request(fd, "/", from_trusted[i][0], want);
        close(fd);
    }
}
