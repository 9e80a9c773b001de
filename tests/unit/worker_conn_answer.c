/* SPDX-License-Identifier: MIT */
/*
 * Answers going out: to slow readers, from apps that fail or wait, and files.
 */
#include <pthread.h>

#include "tests/support/pair.h"
#include "worker/conn_states.h"
#include "worker/heartbeat.h"

TestSuite(conn_answer, .init = set_up, .fini = tear_down, .timeout = 20);

/* ---- slow readers ---- */

Test(conn_answer, waits_until_the_client_takes_more)
{
    size_t total = 0;
    send_text(REQUEST("large"));
    for (int i = 0; step() == STEP_WAIT && s.conn.state == CONN_SEND; i++) {
        waits_for(POLLOUT, CONN_SEND);
        received();
        cr_assert_gt(s.size, 0);
        total += s.size;
    }
    received();
    cr_expect_gt(total + s.size, 1000000);
    cr_expect(conn_idle(&s.conn));
}

Test(conn_answer, holds_no_more_than_a_slice_for_a_slow_reader)
{
    send_text(REQUEST("large"));
    cr_expect_eq(step(), STEP_WAIT);
    waits_for(POLLOUT, CONN_SEND);
    int64_t slice = s.worker.config->output_buffer_size;
    cr_expect_leq(buf_len(&s.conn.out), slice + 1024);
}

Test(conn_answer, closes_who_takes_nothing_for_too_long)
{
    send_text(REQUEST("large"));
    cr_expect_eq(step(), STEP_WAIT);
    s.conn.deadline = 0;
    is_over(OK);
}

Test(conn_answer, is_over_when_the_client_is_gone)
{
    send_text(REQUEST("large"));
    cr_expect_eq(step(), STEP_WAIT);
    close(s.client);
    cr_expect_eq(step(), STEP_OVER);
}

/* ---- apps that fail or wait ---- */

Test(conn_answer, answers_500_and_goes_on_when_the_app_fails)
{
    talk(REQUEST("fails"));
    cr_expect(begins(s.text, "HTTP/1.1 500 Internal Server Error\r\n"));
    cr_expect_eq(times("Connection: close"), 0);
    cr_expect_not_null(strstr(logs_line(), "app error: GET /fails: "));
    cr_expect_not_null(strstr(logs.text, "no luck\n    stack traceback:"));
    cr_expect(begins(talk(REQUEST("hello")), OK));
}

Test(conn_answer, answers_500_among_pipelined_requests)
{
    talk(REQUEST("hello") REQUEST("fails") REQUEST("hello"));
    cr_expect_eq(times(OK), 2);
    cr_expect_eq(times("HTTP/1.1 500 "), 1);
    cr_expect(ends("hello"));
}

#define FAILING_POST "POST /fails HTTP/1.1\r\n" HOST "Content-Length: 1\r\n"

Test(conn_answer, answers_500_after_it_has_said_continue)
{
    talk(FAILING_POST "Expect: 100-continue\r\n\r\n");
    cr_expect(begins(s.text, "HTTP/1.1 100 "));
    talk("x");
    cr_expect(begins(s.text, "HTTP/1.1 500 "), "%s", s.text);
    cr_expect(begins(talk(REQUEST("hello")), OK));
}

Test(conn_answer, answers_500_after_it_has_sent_answers_to_requests_before)
{
    talk(REQUEST("hello") FAILING_POST "\r\n");
    cr_expect(begins(s.text, OK));
    talk("x");
    cr_expect(begins(s.text, "HTTP/1.1 500 "), "%s", s.text);
}

Test(conn_answer, cuts_an_answer_off_that_fails_half_way)
{
    send_text(REQUEST("half"));
    cr_expect_eq(step(), STEP_OVER);
    received();
    cr_expect(begins(s.text, OK) && ends("3\r\none\r\n"), "%s", s.text);
}

Test(conn_answer, waits_as_long_as_the_app_does)
{
    send_text(REQUEST("sleeps"));
    for (int i = 0; i < 3; i++) { /* an early step does not end the wait */
        cr_expect_eq(step(), STEP_WAIT);
        cr_expect_eq(s.conn.wait.fd, s.conn.fd); /* hears of its end */
        cr_expect_gt(s.conn.wait.deadline, clock_now() + 50 * CLOCK_SECOND);
    }
    s.conn.exchange->wait.deadline = 0;
    cr_expect_eq(step(), STEP_WAIT);
    received();
    cr_expect(begins(s.text, OK) && ends("up"));
}

static void *step_in_a_thread(void *arg)
{
    cr_expect_eq(conn_step(&s.conn), STEP_WAIT);
    return arg;
}

/* The loop's thread writes its own date anew while another one calls. */
Test(conn_answer, takes_the_date_of_the_thread_that_calls)
{
    pthread_t thread;
    send_text(REQUEST("sleeps"));
    s.conn.ready = true;
    cr_assert_eq(conn_step(&s.conn), STEP_CALL);
    s.conn.app = s.app;
    pthread_create(&thread, NULL, step_in_a_thread, NULL);
    pthread_join(thread, NULL);
    cr_expect_neq(s.conn.exchange->reply.date, conn_date());
}

Test(conn_answer, sends_what_the_body_gave_before_it_waits)
{
    talk(REQUEST("waits"));
    cr_expect(begins(s.text, OK) && ends("\r\n3\r\none\r\n"), "%s", s.text);
    cr_expect_eq(s.conn.wait.fd, s.conn.fd);
    cr_expect_gt(s.conn.wait.deadline, clock_now() + 3000 * CLOCK_SECOND);
    s.conn.exchange->wait.deadline = 0;
    step();
    received();
    cr_expect(ends("3\r\ntwo\r\n0\r\n\r\n"));
}

Test(conn_answer, can_end_while_the_app_waits)
{
    send_text(REQUEST("sleeps"));
    cr_expect_eq(step(), STEP_WAIT);
    conn_fini(&s.conn);
    cr_expect_null(s.conn.exchange);
    received();
    cr_expect(s.over);
}

/* ---- what the master sees of a call ---- */

/* Another call has written its own in between. */
static void assert_named(struct beat *beat)
{
    cr_expect_str_eq(beat->request, "GET /sleeps");
    strcpy(beat->request, "GET /other");
}

Test(conn_answer, names_its_request_whenever_it_enters_the_app)
{
    static struct beat beat;
    beat_use(&beat);
    send_text(REQUEST("sleeps"));
    cr_expect_eq(step(), STEP_WAIT);
    assert_named(&beat);
    cr_expect_eq(step(), STEP_WAIT);
    cr_expect_str_eq(beat.request, "GET /other", "entered for nothing");
    s.conn.exchange->wait.deadline = 0;
    cr_expect_eq(step(), STEP_WAIT);
    assert_named(&beat);
    send_text(REQUEST("sleeps"));
    cr_expect_eq(step(), STEP_WAIT);
    assert_named(&beat);
    conn_fini(&s.conn);
    assert_named(&beat);
    cr_expect_eq(beat.entered, 0);
}

/* ---- the date ---- */

#define LONG_AGO "Thu, 01 Jan 1970 00:00:00 GMT"

/* The call waits since long ago. */
static struct exchange *begin_long_ago(const char *text)
{
    send_text(text);
    cr_assert_eq(step(), STEP_WAIT);
    struct exchange *x = s.conn.exchange;
    x->reply.date = LONG_AGO;
    x->wait.deadline = 0;
    return x;
}

static void is_dated_now(const char *status_line)
{
    step();
    received();
    cr_expect(begins(s.text, status_line), "%s", s.text);
    cr_expect_eq(times("Date: "), 1);
    cr_expect_eq(times(LONG_AGO), 0, "%s", s.text);
}

Test(conn_answer, late_answer_has_the_date_of_its_own_moment)
{
    begin_long_ago(REQUEST("sleeps"));
    is_dated_now(OK);
}

Test(conn_answer, error_of_a_call_that_waited_has_the_date_of_its_own_moment)
{
    begin_long_ago(REQUEST("tired"));
    is_dated_now("HTTP/1.1 500 ");
}

Test(conn_answer, cancelled_call_has_the_date_of_its_own_moment)
{
    struct exchange *x = begin_long_ago(REQUEST("sleeps"));
    x->wait.deadline = CLOCK_NEVER;
    x->deadline = 0;
    is_dated_now("HTTP/1.1 504 ");
}

Test(conn_answer, answer_of_a_parked_call_has_the_date_of_its_own_moment)
{
    begin_long_ago(REQUEST("parks"))->wait.deadline = CLOCK_NEVER;
    cr_assert_eq(s.conn.exchange->later, true);
    says_to(s.app, "GET /wakes HTTP/1.0\r\n\r\n", NULL, "true");
    is_dated_now(OK);
}

/* ---- files ---- */

Test(conn_answer, sends_a_file_in_slices)
{
    size_t total = 0;
    send_text(REQUEST("file"));
    while (step() == STEP_WAIT && !conn_idle(&s.conn))
        total += strlen(received());
    total += strlen(received());
    cr_expect(total > 1000000 && total < 1000500, "%zu", total);
}

Test(conn_answer, closes_when_a_file_became_shorter_while_it_was_sent)
{
    send_text(REQUEST("file"));
    cr_expect_eq(step(), STEP_WAIT);
    cr_assert_geq(s.conn.exchange->file.fd, 0);
    cr_assert_eq(ftruncate(s.conn.exchange->file.fd, 10), 0);
    while (step() == STEP_WAIT)
        cr_assert_gt(strlen(received()), 0);
    cr_expect_eq(s.conn.state, CONN_CLOSED);
    cr_expect_not_null(strstr(logs_next(), "became shorter"));
}
