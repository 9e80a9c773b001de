/* SPDX-License-Identifier: MIT */
/*
 * The wall clock jumps while clients are there. Nothing in the server goes by
 * it but the dates that it writes.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "tests/support/client.h"
#include "tests/support/inject.h"
#include "tests/support/load.h"
#include "tests/support/server.h"

static struct server server;
static struct inject *inject;

static void start(void)
{
    server_prepare(&server);
    server.preload = INJECT;
    server.preload_file = server_path(&server, "inject");
    inject = inject_open(server.preload_file);
    server_serve(&server, "faults.lua",
                 "pool_size(3) app_pool(3) worker_processes(2)"
                 "timeout(1) keepalive_timeout(60) send_timeout(60)");
}

static void stop(void)
{
    server_stop(&server);
}

TestSuite(clock, .init = start, .fini = stop, .timeout = 60);

/* Does the answer's date say this hour of the server's clock? */
static bool is_dated(const struct answer *a)
{
    char hour[64];
    time_t now = time(NULL) + (time_t)inject->wall_off;
    strftime(hour, sizeof hour, "%a, %d %b %Y %H", gmtime(&now));
    const char *date = field(a, "date");
    return date && strncmp(date, hour, strlen(hour)) == 0;
}

Test(clock, may_jump_by_hours_and_only_the_date_follows)
{
    static const int hours[] = {2, -30, 0};
    struct load *load = load_begin(server.port, NULL);
    for (int i = 0; i < 3; i++) {
        inject->wall_off = hours[i] * 3600;
        struct answer a;
        do {
            load_pass(load, 1);
            a = get(&server, "/version");
            cr_assert_eq(a.status, 200);
        } while (!is_dated(&a));
    }
    load_end_well(load);
    cr_assert_not(server_logged(&server, "is late"));
    cr_assert_not(server_logged(&server, "reaped"));
}

Test(clock, may_jump_within_a_call)
{
    int fd = dial(&server);
    send_text(fd, "GET /sleep?0.3 HTTP/1.1\r\nHost: x\r\n\r\n");
    server_await(&server, "asleep");
    inject->wall_off = 48 * 3600;
    cr_assert_str_eq(read_answer(fd).body, "slept\n");
    send_text(fd, "GET /sleep?0.3 HTTP/1.1\r\nHost: x\r\n\r\n");
    server_await(&server, "asleep");
    inject->wall_off = -48 * 3600;
    cr_assert_str_eq(read_answer(fd).body, "slept\n");
    send_text(fd, "GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_str_eq(read_answer(fd).body, "one");
    cr_assert_not(server_logged(&server, "is late"));
}
