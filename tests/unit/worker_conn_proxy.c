/* SPDX-License-Identifier: MIT */
/*
 * A connection on a listener that wants a PROXY header first.
 */
#include "worker/conn.h"

#include "base/cidr.h"
#include "tests/support/pair.h"

#define HEADER "PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n"

static struct cidr allowed = {{127, 0, 0, 0}, 8, AF_INET};
static struct cidrs proxies = {&allowed, 1};

static void set_up_proxy(void)
{
    set_up();
    s.listener.name = (char *)"here:80";
    s.listener.proxies = &proxies;
    conn_init(&s.conn, &s.worker, &s.listener, s.conn.fd, &s.listener.address);
}

TestSuite(conn_proxy, .init = set_up_proxy, .fini = tear_down, .timeout = 20);

static void client_is(const char *ip, int port)
{
    char text[PEER_TEXT];
    cr_expect_str_eq(peer_ip(&s.conn.client, text), ip);
    cr_expect_eq(s.conn.client.port, port);
}

static void logged(const char *words)
{
    const char *line = logs_line();
    cr_expect(strstr(line, words), "%s", line);
}

Test(conn_proxy, waits_for_a_header_at_first)
{
    waits_for(POLLIN, CONN_PROXY);
    cr_expect_not(conn_idle(&s.conn));
    cr_expect_lt(conn_spare_from(&s.conn), clock_now() + CLOCK_SECOND);
    talk("PROXY ");
    waits_for(POLLIN, CONN_PROXY);
    cr_expect_eq(conn_spare_from(&s.conn), CLOCK_NEVER);
}

Test(conn_proxy, takes_the_client_from_it_for_all_requests)
{
    cr_expect(begins(talk(HEADER REQUEST("hello")), OK));
    client_is("192.0.2.7", 4711);
    cr_expect(begins(talk(REQUEST("hello")), OK));
    client_is("192.0.2.7", 4711);
    cr_expect(conn_idle(&s.conn));
    cr_expect_null(s.conn.in.data);
}

Test(conn_proxy, keeps_the_peer_when_it_names_nobody)
{
    cr_expect(begins(talk("PROXY UNKNOWN\r\n" REQUEST("hello")), OK));
    client_is("127.0.0.1", 8080);
}

Test(conn_proxy, takes_one_header_only)
{
    cr_expect(begins(talk(HEADER HEADER REQUEST("hello")), "HTTP/1.1 400 "));
}

Test(conn_proxy, gives_header_and_head_one_deadline)
{
    int64_t deadline = s.conn.deadline;
    talk("PROXY TCP4 ");
    cr_expect_eq(s.conn.deadline, deadline);
    talk("192.0.2.7 192.0.2.1 4711 80\r\n");
    waits_for(POLLIN, CONN_HEAD);
    cr_expect_eq(s.conn.deadline, deadline);
    cr_expect_lt(conn_spare_from(&s.conn), clock_now() + CLOCK_SECOND);
    talk("GET /hello HT");
    waits_for(POLLIN, CONN_HEAD);
    cr_expect_eq(s.conn.deadline, deadline);
    talk("TP/1.1\r\n" HOST "\r\n");
    talk("GET /");
    cr_expect_neq(s.conn.deadline, deadline);
}

Test(conn_proxy, ends_without_an_answer_when_it_is_late)
{
    talk("PROXY ");
    s.conn.deadline = 0;
    is_over("");
    logged("INFO  rainbows refused peer=127.0.0.1 on=here:80: PROXY header cut "
           "off (client_header_timeout)\n");
}

Test(conn_proxy, ends_with_408_when_the_head_is_late)
{
    talk(HEADER "GET /");
    s.conn.deadline = 0;
    step();
    cr_expect(begins(received(), "HTTP/1.1 408 "));
}

Test(conn_proxy, ends_without_an_answer_over_anything_else)
{
    send_text(REQUEST("hello"));
    is_over("");
    logged(
        "INFO  rainbows refused peer=127.0.0.1 on=here:80: no PROXY header\n");
}

Test(conn_proxy, tells_of_half_a_header_but_not_of_none)
{
    talk("PROXY ");
    shutdown(s.client, SHUT_WR);
    is_over("");
    logged("PROXY header cut off\n");
}

Test(conn_proxy, does_not_tell_of_who_comes_and_goes)
{
    shutdown(s.client, SHUT_WR);
    is_over("");
    cr_expect_str_eq(logs_line(), "");
}

Test(conn_proxy, ends_at_once_with_a_peer_that_may_not_connect)
{
    struct peer stranger = {{10, 0, 0, 1}, 1, AF_INET};
    conn_init(&s.conn, &s.worker, &s.listener, s.conn.fd, &stranger);
    cr_expect_leq(s.conn.wait.deadline, clock_now());
    is_over("");
    logged("INFO  rainbows refused peer=10.0.0.1 on=here:80: not named in "
           "proxy_protocol\n");
}

Test(conn_proxy, has_little_time_when_the_server_stops)
{
    s.worker.quit = QUIT_STOP;
    s.worker.quit_since = clock_now() - STOP_QUEUE_TIME;
    is_over("");
    cr_expect_str_eq(logs_line(), "");
}
