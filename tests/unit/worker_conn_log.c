/* SPDX-License-Identifier: MIT */
/*
 * The access log's lines: one for each request, when the last byte of its
 * answer is sent or never will be, with the bytes that were.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"
#include "tests/support/pair.h"
#include "worker/access.h"
#include "worker/conn_states.h"

static char path[] = "/tmp/conn_log_XXXXXX";
static char *lines;

static void open_log(void)
{
    struct err err;
    set_up();
    close(mkstemp(path));
    s.worker.config->access_log = xstrdup(path);
    cr_assert_eq(access_open(&s.worker, &err), 0, "%s", err.text);
}

static void close_log(void)
{
    tear_down();
    access_close(&s.worker);
    unlink(path);
    free(lines);
}

TestSuite(conn_log, .init = open_log, .fini = close_log, .timeout = 20);

/* All lines so far. */
static const char *log_text(void)
{
    struct err err;
    size_t len;
    access_flush(&s.worker);
    free(lines);
    lines = fd_read_file(path, &len, &err);
    return lines;
}

/* The lines without what is before the request and after the bytes. */
static const char *told(void)
{
    static char text[65536];
    const char *at = log_text();
    char *to = text;
    *to = '\0';
    while (*at) {
        const char *from = strchr(at, '"');
        const char *end = strstr(from, " \"-\" \"-\"\n");
        to += sprintf(to, "%.*s\n", (int)(end - from), from);
        at = strchr(end, '\n') + 1;
    }
    return text;
}

#define LINE(to, rest) "\"GET /" to " HTTP/1.1\" " rest "\n"

Test(conn_log, has_a_line_for_a_request)
{
    talk(REQUEST("hello"));
    cr_expect_str_eq(told(), LINE("hello", "200 5"));
    cr_expect_null(s.conn.exchange);
    conn_fini(&s.conn);
    cr_expect_str_eq(told(), LINE("hello", "200 5"));
}

Test(conn_log, has_the_lines_of_pipelined_requests_in_order)
{
    talk(REQUEST("hello") REQUEST("pieces") REQUEST("fails") REQUEST("hello"));
    cr_expect_str_eq(told(),
                     LINE("hello", "200 5") LINE("pieces", "200 6")
                         LINE("fails", "500 26") LINE("hello", "200 5"));
}

Test(conn_log, lets_so_many_answers_wait_together_and_no_more)
{
    s.worker.config->client_header_buffer_size = 65536; /* one read */
    char text[100 * sizeof REQUEST("hello")] = "";
    for (int i = 0; i < 100; i++)
        strcat(text, REQUEST("hello"));
    talk(text);
    cr_expect_eq(times("hello"), 100);
    cr_expect_geq(s.messages, 100 / ANSWERS_MAX);
    cr_expect_eq(s.conn.answers, 0);
    cr_expect_null(s.conn.answered);
    int n = 0;
    for (const char *at = log_text(); (at = strchr(at, '\n')); at++)
        n++;
    cr_expect_eq(n, 100);
}

Test(conn_log, has_no_line_before_the_last_byte_is_sent)
{
    send_text(REQUEST("hello") REQUEST("large"));
    cr_expect_eq(step(), STEP_WAIT);
    cr_expect_eq(s.conn.state, CONN_SEND);
    cr_expect_str_eq(told(), LINE("hello", "200 5"));
    for (int i = 0; i < 100 && !conn_idle(&s.conn); i++) {
        received();
        step();
    }
    cr_expect_str_eq(told(),
                     LINE("hello", "200 5") LINE("large", "200 1000000"));
}

Test(conn_log, tells_the_bytes_that_were_sent_when_the_client_goes)
{
    send_text(REQUEST("large"));
    cr_expect_eq(step(), STEP_WAIT);
    received();
    size_t head = (size_t)(strstr(s.text, "\r\n\r\n") + 4 - s.text);
    size_t body = s.size - head;
    close(s.client);
    while (step() != STEP_OVER)
        ;
    conn_fini(&s.conn);
    char *want = xasprintf("\"GET /large HTTP/1.1\" 200 %zu\n", body);
    cr_expect_str_eq(told(), want);
    free(want);
}

Test(conn_log, tells_of_answers_that_nobody_took_as_499)
{
    send_text(REQUEST("hello") REQUEST("fails"));
    close(s.client);
    while (step() != STEP_OVER)
        ;
    conn_fini(&s.conn);
    cr_expect_str_eq(told(), LINE("hello", "499 0") LINE("fails", "499 0"));
}

Test(conn_log, tells_of_a_client_that_leaves_in_its_body)
{
    send_text("POST /hello HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab");
    s.worker.model = &(struct model){.flags = MODEL_BUFFERS_INPUT};
    cr_expect_eq(step(), STEP_WAIT);
    close(s.client);
    cr_expect_eq(step(), STEP_OVER);
    conn_fini(&s.conn);
    cr_expect_str_eq(told(), "\"POST /hello HTTP/1.1\" 499 0\n");
}

Test(conn_log, tells_of_a_client_that_leaves_in_its_head)
{
    send_text("GET /hello HT");
    cr_expect_eq(step(), STEP_WAIT);
    close(s.client);
    cr_expect_eq(step(), STEP_OVER);
    conn_fini(&s.conn);
    cr_expect_str_eq(told(), "\"GET /hello HT\" 499 0\n");
}

Test(conn_log, says_nothing_of_a_client_that_sends_nothing)
{
    cr_expect_eq(step(), STEP_WAIT);
    conn_fini(&s.conn);
    cr_expect_str_eq(told(), "");
}

Test(conn_log, has_what_was_refused_once)
{
    talk("GET  /a\"b HTTP/1.1\r\n\r\n");
    conn_fini(&s.conn);
    cr_expect_str_eq(told(), "\"GET  /a\\x22b HTTP/1.1\" 400 16\n");
}

Test(conn_log, has_a_body_that_is_too_large)
{
    talk("POST /hello HTTP/1.1\r\n" HOST "Content-Length: 100001\r\n\r\n");
    cr_expect_str_eq(told(), "\"POST /hello HTTP/1.1\" 413 22\n");
}

Test(conn_log, has_a_chunk_that_makes_no_sense)
{
    talk("POST /echo HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\nzz\r\n");
    conn_fini(&s.conn);
    cr_expect_str_eq(told(), "\"POST /echo HTTP/1.1\" 400 16\n");
}

Test(conn_log, has_a_head_that_came_too_late)
{
    send_text("GET /hello HT");
    cr_expect_eq(step(), STEP_WAIT);
    s.conn.deadline = 0;
    step();
    conn_fini(&s.conn);
    cr_expect_str_eq(told(), "\"GET /hello HT\" 408 20\n");
}

Test(conn_log, has_the_line_while_the_rest_of_a_body_is_awaited)
{
    talk("POST /hello HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab");
    cr_expect_eq(s.conn.state, CONN_DRAIN);
    cr_expect_str_eq(told(), "\"POST /hello HTTP/1.1\" 200 5\n");
    talk("cde");
    cr_expect(conn_idle(&s.conn));
    cr_expect_str_eq(told(), "\"POST /hello HTTP/1.1\" 200 5\n");
}

Test(conn_log, counts_neither_100_nor_heads_nor_chunk_sizes)
{
    talk("POST /echo HTTP/1.1\r\n" HOST
         "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    cr_expect(begins(s.text, "HTTP/1.1 100 Continue\r\n"));
    talk("abc");
    talk(REQUEST("pieces"));
    talk("HEAD /hello HTTP/1.1\r\n" HOST "\r\n");
    cr_expect_str_eq(told(),
                     "\"POST /echo HTTP/1.1\" 200 3\n" LINE(
                         "pieces", "200 6") "\"HEAD /hello HTTP/1.1\" 200 0\n");
}

Test(conn_log, has_the_bytes_of_an_answer_that_broke_off)
{
    talk(REQUEST("half"));
    conn_fini(&s.conn);
    cr_expect_str_eq(told(), LINE("half", "200 3"));
}

Test(conn_log, has_all_bytes_of_a_file)
{
    send_text(REQUEST("file"));
    for (int i = 0; i < 100 && !conn_idle(&s.conn); i++) {
        step();
        received();
    }
    cr_expect_str_eq(told(), LINE("file", "200 1000000"));
}

Test(conn_log, keeps_referer_and_agent_until_the_line)
{
    talk("GET /sleeps HTTP/1.1\r\n" HOST "referer: r\r\nUSER-AGENT: u\r\n\r\n");
    conn_fini(&s.conn);
    cr_expect_not_null(strstr(log_text(), " \"r\" \"u\"\n"));
}

/* ---- slow calls and errors ---- */

Test(conn_log, tells_of_a_slow_call_once)
{
    static const struct model yields = {.name = "Test", .flags = MODEL_YIELDS};
    s.worker.model = &yields;
    s.worker.config->slow_call = CLOCK_SECOND;
    talk(REQUEST("sleeps"));
    cr_expect_str_eq(logs_next(), "");
    s.conn.exchange->called -= 2 * CLOCK_SECOND;
    s.conn.exchange->deadline = 0;
    step();
    const char *line = logs_line();
    cr_expect_not_null(strstr(line, "app error: GET /sleeps: "), "%s", line);
    line = logs_line();
    cr_expect(begins(line, "WARN "), "%s", line);
    cr_expect_not_null(strstr(line, " slow call: GET /sleeps seconds=2.0"),
                       "%s", line);
    cr_expect_str_eq(logs_next(), "");
}

Test(conn_log, says_nothing_of_a_quick_call)
{
    s.worker.config->slow_call = CLOCK_SECOND;
    talk(REQUEST("hello") REQUEST("pieces"));
    cr_expect_str_eq(logs_next(), "");
}
