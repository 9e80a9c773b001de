/* SPDX-License-Identifier: MIT */
/*
 * A connection from accept to close: requests and answers one after the other,
 * and the last of them.
 */
#include "worker/conn.h"

#include "tests/support/pair.h"

TestSuite(conn, .init = set_up, .fini = tear_down, .timeout = 20);

/* ---- requests and answers ---- */

Test(conn, waits_for_a_head_at_first)
{
    waits_for(POLLIN, CONN_HEAD);
    cr_expect_not(conn_idle(&s.conn));
    int64_t limit = s.worker.config->client_header_timeout;
    cr_expect_leq(s.conn.wait.deadline, clock_now() + limit);
    cr_expect_gt(s.conn.wait.deadline, clock_now() + limit / 2);
}

Test(conn, answers_and_waits_for_the_next_request)
{
    for (int i = 0; i < 3; i++) {
        talk(REQUEST("hello"));
        cr_expect(begins(s.text, OK) && ends("\r\n\r\nhello"), "%s", s.text);
        waits_for(POLLIN, CONN_HEAD);
        cr_expect(conn_idle(&s.conn));
    }
    cr_expect_eq(s.conn.requests, 3);
}

Test(conn, holds_no_memory_while_it_is_idle)
{
    talk(REQUEST("hello"));
    cr_expect_null(s.conn.in.data);
    cr_expect_null(s.conn.out.data);
    cr_expect_null(s.conn.exchange);
    cr_expect_null(s.conn.app);
}

Test(conn, takes_no_harm_from_early_steps)
{
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(conn_step(&s.conn), STEP_WAIT);
        waits_for(POLLIN, CONN_HEAD);
    }
    s.conn.ready = true;
    cr_expect_eq(conn_step(&s.conn), STEP_WAIT);
    talk(REQUEST("hello"));
    cr_expect(ends("hello"));
}

Test(conn, takes_a_head_byte_by_byte)
{
    static const char head[] = REQUEST("hello");
    for (size_t i = 0; i + 1 < sizeof head; i++) {
        cr_assert_eq(send(s.client, head + i, 1, 0), 1);
        cr_expect_eq(s.conn.state, CONN_HEAD);
        cr_expect_str_eq(received(), "");
        cr_expect_eq(step(), STEP_WAIT);
        cr_expect_not(conn_idle(&s.conn) && i + 2 < sizeof head);
    }
    received();
    cr_expect(ends("hello"));
}

Test(conn, needs_an_app_only_for_the_call)
{
    send_text(REQUEST("hello"));
    s.conn.ready = true;
    cr_expect_eq(conn_step(&s.conn), STEP_CALL);
    cr_expect_eq(conn_step(&s.conn), STEP_CALL);
    s.conn.app = s.app;
    cr_expect_eq(conn_step(&s.conn), STEP_WAIT);
    cr_expect_null(s.conn.app);
}

Test(conn, answers_pipelined_requests_in_order)
{
    talk(REQUEST("hello") REQUEST("pieces") REQUEST("hello") "GET /hel");
    cr_expect_eq(times(OK), 3);
    cr_expect_eq(times("hello"), 2);
    cr_expect(ends("hello"));
    talk("lo HTTP/1.1\r\n" HOST "\r\n");
    cr_expect_eq(times("hello"), 1);
}

/* If it takes no more than a millisecond; a busy machine gets more tries. */
Test(conn, answers_pipelined_requests_with_one_send)
{
    for (int i = 0; i < 100 && s.messages != 1; i++) {
        talk(REQUEST("hello") REQUEST("hello") REQUEST("hello"));
        cr_expect_eq(times("hello"), 3);
    }
    cr_expect_eq(s.messages, 1);
}

Test(conn, sends_each_piece_of_an_iterator_by_itself)
{
    talk(REQUEST("pieces"));
    cr_expect_eq(s.messages, 3);
    cr_expect(ends("\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), "%s", s.text);
}

Test(conn, ignores_one_empty_line_before_a_request)
{
    cr_expect(begins(talk("\r\n" REQUEST("hello")), OK));
    cr_expect(begins(talk("\r\n" REQUEST("hello")), OK));
    cr_expect_str_eq(talk("\r"), "");
    cr_expect_str_eq(talk("\n"), "");
    cr_expect(conn_idle(&s.conn));
    cr_expect(begins(talk(REQUEST("hello")), OK));
}

Test(conn, refuses_a_second_empty_line_however_they_come)
{
    talk("\r\n");
    talk("\r\n" REQUEST("hello"));
    cr_expect(begins(s.text, "HTTP/1.1 400 Bad Request\r\n"), "%s", s.text);
}

/* ---- the last answer ---- */

Test(conn, says_close_when_the_client_does)
{
    send_text("GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    is_over(OK);
}

Test(conn, says_close_when_it_is_told_to)
{
    talk(REQUEST("hello"));
    conn_last(&s.conn);
    send_text(REQUEST("hello"));
    cr_expect_eq(step(), STEP_OVER);
    received();
    cr_expect_eq(times("\r\nConnection: close\r\n"), 1);
}

Test(conn, says_close_when_it_is_told_to_while_a_call_runs)
{
    send_text(REQUEST("sleeps"));
    cr_expect_eq(step(), STEP_WAIT);
    conn_last(&s.conn);
    s.conn.exchange->wait.deadline = 0;
    cr_expect_eq(step(), STEP_OVER);
    received();
    cr_expect_eq(times("\r\nConnection: close\r\n"), 1);
}

Test(conn, serves_no_more_requests_than_it_should)
{
    s.worker.config->keepalive_requests = 3;
    talk(REQUEST("hello") REQUEST("hello") REQUEST("hello") REQUEST("hello"));
    cr_expect_eq(times("hello"), 3);
    cr_expect_eq(times("\r\nConnection: close\r\n"), 1);
    cr_expect(conn_lingers(&s.conn), "the fourth would reset the connection");
}

Test(conn, keeps_nothing_alive_without_keepalive_timeout)
{
    s.worker.config->keepalive_timeout = 0;
    send_text(REQUEST("hello"));
    is_over(OK);
    cr_expect_eq(times("\r\nConnection: close\r\n"), 0);
}

Test(conn, says_close_while_the_worker_leaves)
{
    s.worker.quit = QUIT_RETIRE;
    talk(REQUEST("hello"));
    cr_expect_eq(times("\r\nConnection: close\r\n"), 1);
}

Test(conn, that_is_idle_has_its_last_look_when_the_server_stops)
{
    talk(REQUEST("hello"));
    send_text(REQUEST("hello"));
    s.worker.quit = QUIT_STOP;
    cr_expect_eq(step(), STEP_OVER);
    cr_expect(begins(received(), OK));
}

Test(conn, that_is_idle_ends_when_the_server_stops)
{
    talk(REQUEST("hello"));
    s.worker.quit = QUIT_STOP;
    is_over("");
}
