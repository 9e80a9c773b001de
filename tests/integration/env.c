/* SPDX-License-Identifier: MIT */
/*
 * What an app finds in env, and env as a table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

#define GET  "GET / HTTP/1.1\r\nHost: x\r\n"
#define POST "POST / HTTP/1.1\r\nHost: x\r\n"

static struct server server;

static void start(void)
{
    /* One state, for it keeps an env from one request to the next. */
    server_serve(&server, "env.lua",
                 "worker_processes(1) pool_size(1) app_pool(1)");
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(env, .init = start, .fini = stop, .timeout = 60);

/* The request with this head, its end left out, has the env key as "type
 * value". */
static void assert_on(int fd, const char *head, const char *key,
                      const char *want)
{
    char *text = xasprintf("%sKey: %s\r\n\r\n", head, key);
    struct answer a = ask(fd, text);
    cr_assert_str_eq(a.body, want, "%s of:\n%s\nis %s, not %s", key, text,
                     a.body, want);
    free(text);
    close(fd);
}

static void assert_has(const char *head, const char *key, const char *want)
{
    assert_on(dial(&server), head, key, want);
}

static void assert_claim(const char *path)
{
    char *text = xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n"
                           "X: wire\r\nY: unread\r\n\r\n",
                           path);
    int fd = dial(&server);
    struct answer a = ask(fd, text);
    free(text);
    close(fd);
    cr_assert_str_eq(a.body, "ok", "%s is no true claim:\n%s", path,
                     server_await(&server, "app error"));
}

/* ---- keys ---- */

Test(env, has_the_request_line)
{
    const char *head = "PUT /a%20b/../c;d?e=f?g HTTP/1.1\r\nHost: x\r\n";
    assert_has(head, "REQUEST_METHOD", "string PUT");
    assert_has(head, "SCRIPT_NAME", "string ");
    assert_has(head, "PATH_INFO", "string /a%20b/../c;d");
    assert_has(head, "QUERY_STRING", "string e=f?g");
    assert_has(head, "REQUEST_URI", "string /a%20b/../c;d?e=f?g");
    assert_has(head, "SERVER_PROTOCOL", "string HTTP/1.1");
    assert_has("GET / HTTP/1.0\r\n", "SERVER_PROTOCOL", "string HTTP/1.0");
}

Test(env, has_strings_for_an_absent_path_or_query)
{
    const char *bare = "GET http://h HTTP/1.1\r\nHost: x\r\n";
    assert_has(GET, "QUERY_STRING", "string ");
    assert_has("GET /? HTTP/1.1\r\nHost: x\r\n", "QUERY_STRING", "string ");
    assert_has(bare, "PATH_INFO", "string /");
    assert_has(bare, "REQUEST_URI", "string http://h");
    assert_has(bare, "QUERY_STRING", "string ");
    assert_has("GET http://h?q HTTP/1.1\r\nHost: x\r\n", "QUERY_STRING",
               "string q");
    assert_has("OPTIONS * HTTP/1.1\r\nHost: x\r\n", "PATH_INFO", "string *");
}

Test(env, has_the_host_of_the_host_header)
{
    const char *named = "GET / HTTP/1.1\r\nHost: example.com:81\r\n";
    const char *v6 = "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n";
    assert_has(named, "HTTP_HOST", "string example.com:81");
    assert_has(named, "SERVER_NAME", "string example.com");
    assert_has(named, "SERVER_PORT", "string 81");
    assert_has(GET, "SERVER_PORT", "string 80");
    assert_has(v6, "SERVER_NAME", "string [::1]");
    assert_has(v6, "SERVER_PORT", "string 8080");
}

Test(env, has_the_host_of_an_absolute_target_rather)
{
    const char *head = "GET http://h:99/p?q HTTP/1.1\r\nHost: other\r\n";
    assert_has(head, "HTTP_HOST", "string h:99");
    assert_has(head, "SERVER_NAME", "string h");
    assert_has(head, "SERVER_PORT", "string 99");
    assert_has(head, "PATH_INFO", "string /p");
    assert_has(head, "REQUEST_URI", "string http://h:99/p?q");
}

Test(env, has_a_server_name_and_port_without_a_host)
{
    char port[32];
    snprintf(port, sizeof port, "string %d", server.port);
    assert_has("GET / HTTP/1.0\r\n", "SERVER_NAME", "string localhost");
    assert_has("GET / HTTP/1.0\r\n", "SERVER_PORT", port);
    assert_has("GET / HTTP/1.0\r\n", "HTTP_HOST", "nil nil");
    assert_has("GET / HTTP/1.1\r\nHost:\r\n", "SERVER_NAME",
               "string localhost");
}

Test(env, has_the_client)
{
    char port[32];
    int fd = dial(&server);
    snprintf(port, sizeof port, "string %d", local_port(fd));
    assert_on(fd, GET, "REMOTE_PORT", port);
    assert_has(GET, "REMOTE_ADDR", "string 127.0.0.1");
}

Test(env, has_the_body_headers_without_http)
{
    const char *head = POST "Content-Type: text/a; b=c\r\n"
                            "Content-Length: 0\r\n";
    assert_has(head, "CONTENT_TYPE", "string text/a; b=c");
    assert_has(head, "CONTENT_LENGTH", "string 0");
    assert_has(head, "HTTP_CONTENT_TYPE", "nil nil");
    assert_has(head, "HTTP_CONTENT_LENGTH", "nil nil");
    assert_has(GET, "CONTENT_TYPE", "nil nil");
    assert_has(GET, "CONTENT_LENGTH", "nil nil");
}

Test(env, has_every_other_header_under_http)
{
    const char *head = GET "Accept-Language: de,  en \r\nx-y-2:\tz\t\r\n"
                           "!#$%&'*+.^`|~: odd\r\nEmpty:\r\n";
    assert_has(head, "HTTP_ACCEPT_LANGUAGE", "string de,  en");
    assert_has(head, "HTTP_X_Y_2", "string z");
    assert_has(head, "HTTP_!#$%&'*+.^`|~", "string odd");
    assert_has(head, "HTTP_EMPTY", "string ");
    assert_has(head, "HTTP_ABSENT", "nil nil");
    assert_has(head, "HTTP_X", "nil nil");
}

Test(env, drops_headers_with_an_underscore)
{
    const char *head = GET "X_Real_Ip: spoofed\r\nContent_Type: spoofed\r\n"
                           "X_-B: spoofed\r\nX-Real: real\r\n";
    assert_has(head, "HTTP_X_REAL_IP", "nil nil");
    assert_has(head, "HTTP_CONTENT_TYPE", "nil nil");
    assert_has(head, "HTTP_X__B", "nil nil");
    assert_has(head, "CONTENT_TYPE", "nil nil");
    assert_has(GET "X_A: spoofed\r\nX-A: real\r\nX_A: more\r\n", "HTTP_X_A",
               "string real");
}

Test(env, joins_what_came_several_times)
{
    const char *head = GET "Via: a\r\nCookie: a=1\r\nvia: b\r\n"
                           "X: 1\r\nCOOKIE: b=2\r\nVIA: c, d\r\n";
    assert_has(head, "HTTP_VIA", "string a, b, c, d");
    assert_has(head, "HTTP_COOKIE", "string a=1; b=2");
    assert_has(head, "HTTP_X", "string 1");
    assert_has(GET "Content-Type: a\r\nContent-Type: b\r\n", "CONTENT_TYPE",
               "string a, b");
}

Test(env, has_what_rack_and_the_server_say)
{
    char model[64];
    snprintf(model, sizeof model, "string %s", model_under_test());
    assert_has(GET, "SERVER_SOFTWARE", "string rainbows/" RAINBOWS_VERSION);
    assert_has(GET, "rack.url_scheme", "string http");
    assert_has(GET, "rack.multithread",
               strstr(model_under_test(), "Thread") ? "boolean true"
                                                    : "boolean false");
    assert_has(GET, "rack.multiprocess", "boolean true");
    assert_has(GET, "rack.run_once", "boolean false");
    assert_has(GET, "rack.hijack?", "boolean false");
    assert_has(GET, "rainbows.model", model);
    assert_has(GET, "rainbows.worker", "integer 0");
}

Test(env, has_the_client_of_a_unix_socket)
{
    struct server other = {0};
    server_prepare(&other);
    char *path = server_path(&other, "socket");
    char *listen = xasprintf("listen(\"unix:%s\")", path);
    server_serve(&other, "env.lua", listen);
    assert_on(dial_unix(path), GET, "REMOTE_ADDR", "string 127.0.0.1");
    assert_on(dial_unix(path), GET, "REMOTE_PORT", "nil nil");
    assert_on(dial_unix(path), GET, "SERVER_PORT", "string 80");
    server_stop(&other);
}

/* ---- the table ---- */

Test(env, gives_pairs_every_key_once)
{
    struct answer a =
        ask(dial(&server),
            "POST /keys?q HTTP/1.1\r\nHost: x\r\nVia: a\r\nVia: b\r\n"
            "Content-Type: a\r\nContent-Length: 0\r\nX_Y: z\r\n\r\n");
    char *want = xasprintf(
        "CONTENT_LENGTH CONTENT_TYPE HTTP_HOST HTTP_VIA PATH_INFO "
        "QUERY_STRING REMOTE_ADDR REMOTE_PORT REQUEST_METHOD REQUEST_URI "
        "SCRIPT_NAME SERVER_NAME SERVER_PORT SERVER_PROTOCOL SERVER_SOFTWARE "
        "%srack.errors rack.hijack? rack.input rack.logger rack.multiprocess "
        "rack.multithread rack.run_once rack.url_scheme rainbows.model "
        "rainbows.request_id rainbows.timeout rainbows.worker",
        model_is_async() ? "async.callback async.close " : "");
    cr_assert_str_eq(a.body, want);
    free(want);
}

Test(env, gives_pairs_the_same_after_some_keys_were_read)
{
    assert_claim("/pairs-after-reading");
}

Test(env, keeps_deleted_what_was_deleted_unread)
{
    assert_claim("/deleted-unread");
}

Test(env, keeps_deleted_what_was_deleted_after_it_was_read)
{
    assert_claim("/deleted-read");
    assert_claim("/deleted-twice");
}

Test(env, keeps_what_the_app_sets)
{
    assert_claim("/set-unread");
    assert_claim("/set-read");
    assert_claim("/set-new");
}

Test(env, is_plain_after_rainbows_env)
{
    assert_claim("/next-after-env");
}

Test(env, is_full_before_its_metatable_is_replaced)
{
    assert_claim("/setmetatable");
    assert_claim("/setmetatable-deleted");
}

Test(env, gives_the_same_each_time)
{
    assert_claim("/same-each-time");
}

Test(env, has_nothing_for_keys_that_only_look_right)
{
    assert_claim("/odd-keys");
}

Test(env, stays_valid_after_its_request)
{
    assert_claim("/keep");
    for (int i = 0; i < 20; i++)
        assert_has(GET, "PATH_INFO", "string /");
    assert_claim("/kept");
}
