/* SPDX-License-Identifier: MIT */
/*
 * Which sockets a setup gets when some are there already: by address, by name,
 * or because systemd gave them; and what becomes of the rest.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "concurrency/models.h"
#include "master/master.h"
#include "worker/listener.h"
#include "worker/model.h"

static char dir[] = "/tmp/sockets_XXXXXX";
static char config_path[64], a[64], b[64];
static struct config_overrides nothing_else;
static struct master master;

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(dir));
    snprintf(config_path, sizeof config_path, "%s/config.lua", dir);
    snprintf(a, sizeof a, "%s/a", dir);
    snprintf(b, sizeof b, "%s/b", dir);
    master.overrides = &nothing_else;
    master.find_model = model_find;
    master.config_path = config_path;
}

static void tear_down(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", dir);
    cr_expect_eq(system(command), 0);
}

TestSuite(sockets, .init = set_up, .fini = tear_down, .timeout = 20);

/* The config is an app and this text, in which $ is the test's directory. */
static int load(struct setup *into, const char *text, struct setup *old,
                struct err *err)
{
    FILE *f = fopen(config_path, "w");
    fputs("app(function() return 200 end)\n", f);
    for (; *text; text++)
        if (*text == '$')
            fputs(dir, f);
        else
            fputc(*text, f);
    fclose(f);
    return setup_load(into, &master, old, err);
}

static void loads(struct setup *into, const char *text, struct setup *old)
{
    struct err err;
    cr_assert_eq(load(into, text, old, &err), 0, "%s", err.text);
}

static void refuses(const char *text, struct setup *old, const char *words)
{
    struct err err = {0};
    struct setup into;
    cr_assert_eq(load(&into, text, old, &err), -1, "%s", text);
    cr_expect_not_null(strstr(err.text, words), "%s", err.text);
}

static int listening(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    strcpy(addr.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    cr_assert_eq(listen(fd, 8), 0);
    return fd;
}

static struct listener *given(int fd, const char *name)
{
    struct err err;
    enum listener_owner owner = name ? LISTENER_SYSTEMD : LISTENER_LENT;
    struct listener *l = listener_adopt(fd, owner, name, &err);
    cr_assert_not_null(l, "%s", err.text);
    return l;
}

/* What inherit_sockets() makes of two UNIX sockets, "a" and "b". */
static struct setup two_given(const char *name_a, const char *name_b)
{
    struct setup s = {.listener_count = 2};
    s.listeners = calloc(2, sizeof *s.listeners);
    s.listeners[0] = given(listening(a), name_a);
    s.listeners[1] = given(listening(b), name_b);
    return s;
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

Test(sockets, of_systemd_stand_in_for_the_default)
{
    struct setup s, again, old = two_given("x", "y");
    loads(&s, "", &old);
    cr_assert_eq(s.listener_count, 2);
    cr_expect_str_eq(s.listeners[0]->path, a);
    cr_expect_str_eq(s.listeners[1]->path, b);
    loads(&again, "", &s);
    cr_expect_eq(again.listener_count, 2);
    cr_expect(sockets_live_on(&s));
    setup_free(&s);
    setup_free(&again);
    setup_free(&old);
    cr_expect(exists(a) && exists(b), "systemd's files");
}

Test(sockets, of_systemd_that_no_listen_names_are_served_besides)
{
    struct setup s, old = two_given("x", "y");
    loads(&s, "listen('$/b') listen('$/c')", &old);
    cr_assert_eq(s.listener_count, 3);
    cr_expect_str_eq(s.listeners[0]->path, b);
    cr_expect_eq(s.listeners[1]->owner, LISTENER_OURS);
    cr_expect_str_eq(s.listeners[2]->path, a);
    setup_free(&old);
    setup_free(&s);
}

Test(sockets, are_taken_by_name_all_that_have_it)
{
    struct setup s, old = two_given("web", "web");
    loads(&s, "listen('systemd:web', { proxy_protocol = 'unix' })", &old);
    cr_assert_eq(s.listener_count, 2);
    sockets_tell_proxies(&s);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(s.listeners[i]->proxies,
                     &s.config->listens[0].proxy_protocol);
    setup_free(&old);
    setup_free(&s);
}

Test(sockets, with_a_name_that_is_missing_are_refused_with_those_there_are)
{
    struct setup none = {0}, old = two_given("web", "api");
    refuses("listen('systemd:wbe')", &old, "systemd gave: web, api");
    refuses("listen('$/a') listen('$/c') listen('systemd:web')", &old,
            "no socket of that name is left");
    refuses("listen('systemd:web')", &none, "systemd gave: none");
    cr_expect(old.listeners[0] && old.listeners[1]);
    cr_expect(exists(a) && exists(b));
    setup_free(&old);
}

Test(sockets, that_a_reload_no_longer_names_lose_their_proxies)
{
    struct setup s, again, old = two_given("web", "api");
    loads(&s, "listen('systemd:web', { proxy_protocol = 'unix' })", &old);
    sockets_tell_proxies(&s);
    cr_expect_not_null(s.listeners[0]->proxies);
    loads(&again, "", &s);
    sockets_tell_proxies(&again);
    for (int i = 0; i < 2; i++)
        cr_expect_null(again.listeners[i]->proxies);
    setup_free(&old);
    setup_free(&s);
    setup_free(&again);
}

Test(sockets, of_an_upgrade_are_closed_when_nothing_names_them)
{
    struct setup s, old = two_given(NULL, NULL);
    struct setup saved = {0};
    loads(&s, "listen('$/b')", &old);
    cr_expect_eq(s.listener_count, 1);
    cr_expect_eq(s.listeners[0]->owner, LISTENER_LENT);
    inherit_leave_rest(&old);
    cr_expect_eq(old.listeners[0]->fd, -1);
    cr_expect(exists(a), "the upgrade may be taken back");
    master.setup = s;
    master.given = old;
    inherit_settle(&master);
    cr_expect_not(exists(a));
    cr_expect(exists(b));
    setup_free(&master.setup);
    cr_expect_not(exists(b), "it is ours by now");
    master.setup = saved;
}

Test(sockets, of_an_upgrade_that_fails_keep_their_files)
{
    struct setup s, old = two_given(NULL, NULL);
    loads(&s, "listen('$/b')", &old);
    inherit_leave_rest(&old);
    setup_free(&s);
    setup_free(&old);
    cr_expect(exists(a) && exists(b));
}

Test(sockets, pass_on_what_they_are_by_their_names)
{
    struct setup s, old = two_given("x", "y");
    loads(&s, "listen('127.0.0.1:0') listen('systemd:y') listen('$/c')", &old);
    char *names = inherit_names(&s);
    cr_expect_str_eq(names, "any:.y:own:.x");
    free(names);
    setup_free(&old);
    setup_free(&s);
}
