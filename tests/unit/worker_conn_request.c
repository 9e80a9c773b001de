/* SPDX-License-Identifier: MIT */
/*
 * Requests coming in: bodies, refusals, and clients that take their time.
 */
#include "tests/support/pair.h"
#include "worker/conn_states.h"

TestSuite(conn_request, .init = set_up, .fini = tear_down, .timeout = 20);

/* ---- bodies of requests ---- */

#define POST(length) "POST /echo HTTP/1.1\r\n" HOST length "\r\n"

Test(conn_request, takes_a_body_of_known_length)
{
    talk(POST("Content-Length: 5\r\n") "hello");
    cr_expect(ends("\r\n\r\nhello"));
    talk(POST("Content-Length: 5\r\n"));
    waits_for(POLLIN, CONN_BODY);
    cr_expect_str_eq(talk("he"), "");
    talk("llo" REQUEST("hello"));
    cr_expect_eq(times("hello"), 2);
}

Test(conn_request, takes_a_body_in_chunks)
{
    talk(POST("Transfer-Encoding: chunked\r\n"));
    static const char body[] = "2\r\nhe\r\n3;x\r\nllo\r\n0\r\nA: b\r\n\r\n";
    for (size_t i = 0; i + 1 < sizeof body; i++) {
        cr_expect_eq(s.conn.state, CONN_BODY);
        cr_assert_eq(send(s.client, body + i, 1, 0), 1);
        step();
    }
    received();
    cr_expect(ends("\r\n\r\nhello"));
    cr_expect(begins(talk(REQUEST("hello")), OK));
}

Test(conn_request, says_continue_to_who_waits_for_it)
{
    talk(POST("Content-Length: 5\r\nExpect: 100-continue\r\n"));
    cr_expect_str_eq(s.text, "HTTP/1.1 100 Continue\r\n\r\n");
    talk("hello");
    cr_expect(begins(s.text, OK) && ends("hello"));
    talk(POST("Content-Length: 5\r\nExpect: 100-continue\r\n") "hello");
    cr_expect(begins(s.text, OK) && ends("hello"));
}

Test(conn_request, goes_on_after_a_body_read_where_lua_cannot_yield)
{
    send_text("POST /gulps HTTP/1.1\r\n" HOST
              "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    talk("hello");
    cr_expect(ends("\r\n\r\nhello"));
    cr_expect_eq(times("Connection: close"), 0, "%s", s.text);
    cr_expect(begins(talk(REQUEST("hello")), OK));
}

Test(conn_request, that_ends_amid_a_request_is_closed_without_a_word)
{
    talk(POST("Content-Length: 5\r\n") "he");
    shutdown(s.client, SHUT_WR);
    is_over("");
}

Test(conn_request, that_ends_after_a_request_is_answered_first)
{
    send_text(REQUEST("hello"));
    shutdown(s.client, SHUT_WR);
    step();
    cr_expect(begins(received(), OK));
    is_over("");
}

/* ---- bodies while the call reads them, or does not ---- */

#define UNREAD(fields) "POST /hello HTTP/1.1\r\n" HOST fields "\r\n"

Test(conn_request, is_called_before_its_body_has_come)
{
    talk(UNREAD("Content-Length: 5\r\n"));
    cr_expect(begins(s.text, OK) && ends("hello"));
    cr_expect_eq(times("Connection: close"), 0);
    waits_for(POLLIN, CONN_DRAIN);
}

Test(conn_request, is_called_when_its_body_has_come_where_the_model_says_so)
{
    static const struct model collects = {.flags = MODEL_BUFFERS_INPUT};
    s.worker.model = &collects;
    cr_expect_str_eq(talk(UNREAD("Content-Length: 5\r\n")), "");
    waits_for(POLLIN, CONN_BODY);
    cr_expect_null(s.conn.app);
    cr_expect_str_eq(talk("12"), "");
    cr_expect(begins(talk("345"), OK));
    cr_expect(conn_idle(&s.conn));
}

Test(conn_request, gives_its_app_back_while_it_waits_where_calls_share_it)
{
    static const struct model shares = {.flags = MODEL_YIELDS};
    talk(POST("Content-Length: 5\r\n") "he");
    cr_expect_eq(s.conn.app, s.app);
    s.worker.model = &shares;
    cr_expect_str_eq(talk("l"), "");
    cr_expect_null(s.conn.app);
    waits_for(POLLIN, CONN_BODY);
    talk("lo");
    cr_expect(begins(s.text, OK) && ends("hello"));
}

Test(conn_request, passes_over_what_the_call_has_not_read)
{
    talk(UNREAD("Content-Length: 5\r\n") "he");
    cr_expect(begins(s.text, OK));
    cr_expect_str_eq(talk("l"), "");
    waits_for(POLLIN, CONN_DRAIN);
    cr_expect(begins(talk("lo" REQUEST("hello")), OK));
    cr_expect_eq(times(OK), 1);
    talk(UNREAD("Transfer-Encoding: chunked\r\n"));
    cr_expect(begins(s.text, OK));
    cr_expect_str_eq(talk("5\r\nhello\r"), "");
    cr_expect(begins(talk("\n0\r\n\r\n" REQUEST("hello")), OK));
    cr_expect(conn_idle(&s.conn));
}

Test(conn_request, says_no_continue_when_the_call_reads_nothing)
{
    talk(UNREAD("Content-Length: 5\r\nExpect: 100-continue\r\n"));
    cr_expect(begins(s.text, OK));
    cr_expect_eq(times("Connection: close\r\n"), 1);
    waits_for(POLLIN, CONN_LINGER);
}

Test(conn_request, closes_behind_a_large_body_that_is_not_read)
{
    talk(UNREAD("Content-Length: 65537\r\n"));
    cr_expect_eq(times("Connection: close\r\n"), 1);
    waits_for(POLLIN, CONN_LINGER);
    tear_down();
    set_up();
    talk(UNREAD("Content-Length: 65536\r\n"));
    cr_expect_eq(times("Connection: close\r\n"), 0);
    waits_for(POLLIN, CONN_DRAIN);
}

Test(conn_request, passes_over_no_more_than_it_must)
{
    static char much[8193];
    memset(much, 'x', sizeof much - 1);
    talk(UNREAD("Transfer-Encoding: chunked\r\n"));
    talk("186a0\r\n");
    for (int i = 0; i < DRAIN_MAX / 8192; i++)
        talk(much);
    waits_for(POLLIN, CONN_DRAIN);
    cr_expect_null(s.conn.exchange->body.bytes.memory.data);
    talk(much);
    waits_for(POLLIN, CONN_LINGER);
}

Test(conn_request, passes_over_nothing_when_the_server_stops)
{
    talk(UNREAD("Content-Length: 5\r\n") "he");
    cr_expect_eq(conn_spare_from(&s.conn), CLOCK_NEVER);
    s.worker.quit = QUIT_STOP;
    cr_expect_eq(conn_spare_from(&s.conn), 0);
    step();
    waits_for(POLLIN, CONN_LINGER);
    s.worker.quit = QUIT_NOT;
}

/* It came out of the queue just now, and may begin to send any moment. */
Test(conn_request, is_waited_for_a_moment_when_the_server_stops)
{
    s.worker.quit = QUIT_STOP;
    s.worker.quit_since = clock_now();
    step();
    waits_for(POLLIN, CONN_HEAD);
    cr_expect_gt(conn_spare_from(&s.conn), clock_now());
    cr_expect_lt(s.conn.deadline, clock_now() + 2 * CLOCK_SECOND);
    s.worker.quit = QUIT_NOT;
}

Test(conn_request, that_never_ends_is_waited_for_no_longer_than_a_body)
{
    talk(UNREAD("Content-Length: 5\r\n") "he");
    int64_t limit = s.worker.config->client_body_timeout;
    cr_expect_leq(s.conn.deadline, clock_now() + limit);
    s.conn.deadline = 0;
    is_over("");
}

Test(conn_request, is_refused_while_the_call_reads_and_that_is_no_error)
{
    talk(POST("Transfer-Encoding: chunked\r\n") "2\r\nhe\r\n");
    waits_for(POLLIN, CONN_BODY);
    talk("x\r\n");
    cr_expect(begins(s.text, "HTTP/1.1 400 "), "%s", s.text);
    cr_expect_null(s.conn.exchange);
    cr_expect(conn_lingers(&s.conn));
    const char *line = logs_line();
    cr_expect(begins(line, "INFO "), "%s", line);
    cr_expect_not_null(strstr(line, "a call failed: the body is malformed"));
    cr_expect_str_eq(logs_next(), "");
}

/* What conn_flush() has sent is neither cut off nor sent again. */
Test(conn_request, is_refused_behind_answers_that_left_when_the_call_blocked)
{
    send_text(REQUEST("hello")
                  REQUEST("hello") "POST /blocks HTTP/1.1\r\n" HOST
                                   "Transfer-Encoding: chunked\r\n\r\n");
    send_text("x\r\n");
    step();
    received();
    cr_expect_eq(times(OK), 2, "%s", s.text);
    cr_expect_eq(times("HTTP/1.1 400 "), 1, "%s", s.text);
    cr_expect(ends("400 Bad Request\n"));
}

Test(conn_request, says_continue_when_the_call_blocks)
{
    send_text(REQUEST("hello") "POST /blocks HTTP/1.1\r\n" HOST
                               "Content-Length: 5\r\n"
                               "Expect: 100-continue\r\n\r\n");
    send_text("hell\n");
    step();
    received();
    cr_expect_eq(times("HTTP/1.1 100 Continue\r\n\r\n"), 1);
    cr_expect(ends("hell"));
    char *first = strstr(s.text, "hello");
    cr_expect(first && first < strstr(s.text, "HTTP/1.1 100 "), "%s", s.text);
}

/* ---- refusals ---- */

static const struct {
    const char *request, *answer;
} refusals[] = {
    {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
    {"FOO / HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 501 "},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", "HTTP/1.1 505 "},
    {POST("Content-Length: 100001\r\n"), "HTTP/1.1 413 "},
    {POST("Transfer-Encoding: chunked\r\n") "x\r\n", "HTTP/1.1 400 "},
    {POST("Transfer-Encoding: chunked\r\n") "186a1\r\n", "HTTP/1.1 413 "},
    {POST("Expect: x\r\n"), "HTTP/1.1 417 "},
};

Test(conn_request, refuses_and_lets_the_client_read_it)
{
    static char much[4097];
    memset(much, 'x', sizeof much - 1);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        talk(refusals[i].request);
        if (!s.size) /* what exceeds the limit has to come first */
            for (int n = 0; n < 26 && !s.size; n++)
                talk(much);
        cr_expect(begins(s.text, refusals[i].answer), "%zu: %s", i, s.text);
        cr_expect_eq(times("\r\nConnection: close\r\n"), 1);
        waits_for(POLLIN, CONN_LINGER);
        cr_expect(conn_lingers(&s.conn));
        tear_down();
        set_up();
    }
}

Test(conn_request, refuses_head_without_a_body)
{
    talk("HEAD / HTTP/1.1\r\n" HOST "Content-Length: 100001\r\n\r\n");
    cr_expect(begins(s.text, "HTTP/1.1 413 ") && ends("\r\n\r\n"), "%s",
              s.text);
}

Test(conn_request, answers_what_came_before_the_request_it_refuses)
{
    talk(REQUEST("hello") "nonsense\r\n\r\n" REQUEST("hello"));
    cr_expect_eq(times(OK), 1);
    cr_expect_eq(times("HTTP/1.1 400 "), 1);
}

Test(conn_request, throws_away_what_comes_while_it_lingers)
{
    talk("nonsense\r\n\r\n");
    cr_expect(s.over, "its writing end is not shut down");
    for (int i = 0; i < 50; i++) {
        send_text(REQUEST("hello"));
        cr_expect_eq(step(), STEP_WAIT);
        waits_for(POLLIN, CONN_LINGER);
    }
    cr_expect_null(s.conn.in.data);
    close(s.client);
    cr_expect_eq(step(), STEP_OVER);
}

Test(conn_request, lingers_no_longer_than_its_deadline)
{
    talk("nonsense\r\n\r\n");
    cr_expect_leq(s.conn.deadline, clock_now() + 2 * CLOCK_SECOND);
    s.conn.deadline = 0;
    is_over("");
}

/* ---- deadlines ---- */

Test(conn_request, closes_who_sends_nothing)
{
    s.conn.deadline = 0;
    is_over("");
}

Test(conn_request, closes_who_is_idle_for_too_long)
{
    talk(REQUEST("hello"));
    int64_t limit = s.worker.config->keepalive_timeout;
    cr_expect_leq(s.conn.deadline, clock_now() + limit);
    s.conn.deadline = 0;
    is_over("");
}

Test(conn_request, refuses_who_is_slow_with_a_head)
{
    talk("GET /hel");
    s.conn.deadline = 0;
    step();
    cr_expect(begins(received(), "HTTP/1.1 408 Request Timeout\r\n"));
    cr_expect(conn_lingers(&s.conn));
}

Test(conn_request,
     gives_a_head_its_time_from_its_first_byte_and_no_more_with_each)
{
    talk(REQUEST("hello"));
    s.conn.deadline = 1;
    s.worker.config->client_header_timeout = 1000 * CLOCK_SECOND;
    talk("G");
    cr_expect_gt(s.conn.deadline, clock_now() + 500 * CLOCK_SECOND);
    int64_t deadline = s.conn.deadline;
    talk("ET /hel");
    cr_expect_eq(s.conn.deadline, deadline);
}

Test(conn_request, refuses_who_is_slow_with_a_body)
{
    talk(POST("Content-Length: 5\r\n"));
    s.conn.deadline = 0;
    step();
    cr_expect(begins(received(), "HTTP/1.1 408 Request Timeout\r\n"));
}

Test(conn_request, gives_a_body_its_time_anew_with_each_piece)
{
    talk(POST("Content-Length: 5\r\n"));
    s.conn.deadline = 1;
    talk("he");
    cr_expect_gt(s.conn.deadline, clock_now());
    waits_for(POLLIN, CONN_BODY);
}

Test(conn_request, answers_a_request_that_is_there_though_its_time_is_over)
{
    s.conn.deadline = 0;
    talk(REQUEST("hello"));
    cr_expect(begins(s.text, OK));
}
