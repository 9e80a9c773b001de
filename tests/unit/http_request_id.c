/* SPDX-License-Identifier: MIT */
/*
 * Ids of requests: whose word counts, what is sane, and what is made otherwise.
 */
#include "http/request_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <criterion/criterion.h>

#include "base/cidr.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/peer.h"
#include "http/parser.h"
#include "http/request.h"

static const struct peer proxy = {{10, 0, 0, 1}, 80, AF_INET};
static const struct peer stranger = {{192, 0, 2, 1}, 80, AF_INET};

static char head[1024], text[SERIAL_TEXT];

/* The id of a request with these header lines; terminated. */
static const char *id_of(const char *lines, const struct peer *peer)
{
    static char id[REQUEST_ID_MAX + 1];
    struct cidr range;
    struct err err;
    struct field fields[8];
    struct request rq = {.fields = fields};
    cr_assert_eq(cidr_parse("10.0.0.0/8", &range, &err), 0);
    snprintf(head, sizeof head, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", lines);
    parser_init();
    cr_assert_eq(parser_read(&rq, head, strlen(head), 8), 0);
    rq.serial = 7;
    struct span s = request_id(&rq, &(struct cidrs){&range, 1}, peer, text);
    memcpy(id, s.at, s.len);
    id[s.len] = '\0';
    return id;
}

static void is_made(const char *lines, const struct peer *peer)
{
    char made[SERIAL_TEXT + 1] = {0};
    serial_text(7, made);
    cr_expect_str_eq(id_of(lines, peer), made, "%s", lines);
}

Test(request_id, is_made_where_none_came)
{
    is_made("", &proxy);
    is_made("X-Request: a\r\n", &proxy);
}

Test(request_id, is_the_one_that_a_trusted_proxy_tells)
{
    cr_expect_str_eq(id_of("X-Request-Id: aZ09_.=+/-\r\n", &proxy),
                     "aZ09_.=+/-");
    cr_expect_str_eq(id_of("x-request-ID:  a \r\n", &proxy), "a");
}

Test(request_id, of_a_stranger_is_not_believed)
{
    is_made("X-Request-Id: abc\r\n", &stranger);
}

Test(request_id, told_twice_is_not_believed)
{
    is_made("X-Request-Id: abc\r\nX-Request-Id: abc\r\n", &proxy);
}

Test(request_id, with_other_bytes_is_not_believed)
{
    static const char *const bad[] = {
        "a b",       "a\"b", "a,b", "a\\b", "a\tb", "{a}", "[a]", "@",
        "a\xc3\xa9", "$(x)", "<b>", "a;b",  "a:b",  "`",   "~",   "a'b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *line = xasprintf("X-Request-Id: %s\r\n", bad[i]);
        is_made(line, &proxy);
        free(line);
    }
    is_made("X-Request-Id:\r\n", &proxy);
}

Test(request_id, may_be_128_bytes_long_and_no_longer)
{
    char *id = xasprintf("%0128d", 1);
    char *good = xasprintf("X-Request-Id: %s\r\n", id);
    char *bad = xasprintf("X-Request-Id: 0%s\r\n", id);
    cr_expect_str_eq(id_of(good, &proxy), id);
    is_made(bad, &proxy);
    free(id);
    free(good);
    free(bad);
}
