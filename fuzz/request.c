/* SPDX-License-Identifier: MIT */
/*
 * What the parser hands on, looked at byte by byte; for the targets that make
 * requests.
 */
#include "fuzz/request.h"

#include <stdbool.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "http/request.h"

/* The piece lies in the head, at least one byte before its end. */
static struct span inside(const struct request *rq, struct piece piece)
{
    CHECK(piece.at <= rq->size && piece.len < rq->size - piece.at);
    return request_span(rq, piece);
}

static void check_bytes(struct span s, bool blanks)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        CHECK(blanks ? c == '\t' || c >= 0x20 : c > 0x20 && c < 0x80);
        CHECK(c != 0x7f);
    }
}

static void check_fields(const struct request *rq)
{
    for (uint32_t i = 0; i < rq->field_count; i++) {
        struct span name = inside(rq, rq->fields[i].name);
        struct span value = inside(rq, rq->fields[i].value);
        CHECK(name.len && name.at[name.len] == ':');
        CHECK(name.at[-1] == '\n');
        check_bytes(name, false);
        check_bytes(value, true);
        CHECK(!value.len || !strchr(" \t", value.at[0]));
        CHECK(!value.len || !strchr(" \t", value.at[value.len - 1]));
    }
}

void check_request(const struct request *rq)
{
    CHECK(rq->minor <= 1);
    CHECK(!(rq->chunked && rq->content_length >= 0));
    CHECK(!(rq->chunked && rq->minor == 0));
    CHECK(!rq->expect_continue || request_has_body(rq));
    CHECK(rq->method.at == 0 && rq->method.len);
    CHECK(inside(rq, rq->method).at[rq->method.len] == ' ');
    CHECK(rq->target.at == rq->method.len + 1 && rq->target.len);
    CHECK(inside(rq, rq->target).at[rq->target.len] == ' ');
    CHECK(inside(rq, rq->path).at[0] == '/' ||
          span_is(inside(rq, rq->path), "*"));
    check_bytes(inside(rq, rq->method), false);
    check_bytes(inside(rq, rq->target), false);
    check_bytes(inside(rq, rq->path), false);
    check_bytes(inside(rq, rq->query), false);
    check_bytes(inside(rq, rq->host), false);
    check_fields(rq);
}
