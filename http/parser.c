/* SPDX-License-Identifier: MIT */
/*
 * The door to http-parser. A head that passed the strict check is split here
 * into method, target and fields, and its framing is read off. The parser is
 * made anew for each head, fed exactly that head in one piece and stopped at
 * its end, so none of its rules about bodies, trailers, folds or the next
 * request ever applies.
 */
#include "http/parser.h"

#include <stdbool.h>
#include <string.h>

#include <http_parser.h>

#include "base/span.h"
#include "http/authority.h"
#include "http/known.h"
#include "http/request.h"
#include "http/text.h"

struct reading {
    struct request *rq;
    size_t max_fields;
    bool close, keep, expect; /* Connection's and Expect's words */
};

static int on_url(http_parser *p, const char *at, size_t len);
static int on_name(http_parser *p, const char *at, size_t len);
static int on_value(http_parser *p, const char *at, size_t len);
static int on_complete(http_parser *p);

static const http_parser_settings callbacks = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_complete,
};

static void read_connection(struct reading *r, struct span value);
static void read_length(struct reading *r, struct span value);
static void read_expect(struct reading *r, struct span value);
static void read_host(struct reading *r, struct span value);
static void read_coding(struct reading *r, struct span value);

static void (*const readers[KNOWN_COUNT])(struct reading *, struct span) = {
    [KNOWN_CONNECTION] = read_connection,
    [KNOWN_CONTENT_LENGTH] = read_length,
    [KNOWN_EXPECT] = read_expect,
    [KNOWN_HOST] = read_host,
    [KNOWN_TRANSFER_ENCODING] = read_coding,
};

static struct piece piece_of(const struct request *rq, struct span s)
{
    return (struct piece){(uint32_t)(s.at - rq->bytes), (uint32_t)s.len};
}

static int on_url(http_parser *p, const char *at, size_t len)
{
    struct reading *r = p->data;
    r->rq->target = piece_of(r->rq, (struct span){at, len});
    return 0;
}

static int on_name(http_parser *p, const char *at, size_t len)
{
    struct reading *r = p->data;
    struct request *rq = r->rq;
    if (rq->field_count == r->max_fields)
        return -1;
    rq->fields[rq->field_count++] =
        (struct field){.name = piece_of(rq, (struct span){at, len})};
    return 0;
}

static int on_value(http_parser *p, const char *at, size_t len)
{
    struct reading *r = p->data;
    struct request *rq = r->rq;
    struct field *field = &rq->fields[rq->field_count - 1];
    struct span value = text_trim((struct span){at, len});
    field->value = piece_of(rq, value);
    enum known known = known_field(request_span(rq, field->name));
    if (readers[known])
        readers[known](r, value);
    return 0;
}

/* Stops it before it thinks of a body or of a next request. */
static int on_complete(http_parser *p)
{
    http_parser_pause(p, 1);
    return 0;
}

static void read_connection(struct reading *r, struct span value)
{
    r->close |= text_list_has(value, "close");
    r->keep |= text_list_has(value, "keep-alive");
}

static void read_length(struct reading *r, struct span value)
{
    text_number(value, &r->rq->content_length);
}

static void read_expect(struct reading *r, struct span value)
{
    r->expect |= text_list_has(value, "100-continue");
}

static void read_host(struct reading *r, struct span value)
{
    r->rq->host = piece_of(r->rq, value);
}

static void read_coding(struct reading *r, struct span value)
{
    (void)value; /* nothing but "chunked" passed the check */
    r->rq->chunked = true;
}

/* An absolute target's authority wins over Host (RFC 9112 3.2.2). */
static void split_target(struct request *rq)
{
    struct span rest = request_span(rq, rq->target);
    size_t at = authority_at(rest);
    if (at) {
        rest.at += at;
        rest.len -= at;
        size_t len = authority_len(rest);
        rq->host = piece_of(rq, (struct span){rest.at, len});
        rest.at += len;
        rest.len -= len;
    }
    const char *mark = rest.len ? memchr(rest.at, '?', rest.len) : NULL;
    size_t len = mark ? (size_t)(mark - rest.at) : rest.len;
    rq->path = piece_of(rq, (struct span){rest.at, len});
    rest.at += mark ? len + 1 : len;
    rest.len -= mark ? len + 1 : len;
    rq->query = piece_of(rq, rest);
    /* "http://host" means "/": the last slash before the host is one. */
    if (at && !rq->path.len)
        rq->path = (struct piece){rq->target.at + (uint32_t)at - 1, 1};
}

static void conclude(struct reading *r, const http_parser *p)
{
    struct request *rq = r->rq;
    rq->minor = p->http_minor > 0;
    rq->keep_alive = !r->close && (rq->minor || r->keep);
    rq->expect_continue = r->expect && rq->minor && request_has_body(rq);
    rq->head = p->method == HTTP_HEAD;
    split_target(rq);
}

void parser_init(void)
{
    http_parser_set_max_header_size(UINT32_MAX);
}

int parser_read(struct request *rq, const char *bytes, size_t len,
                size_t max_fields)
{
    *rq = (struct request){.bytes = bytes,
                           .size = (uint32_t)len,
                           .fields = rq->fields,
                           .content_length = -1};
    struct reading r = {.rq = rq, .max_fields = max_fields};
    http_parser p;
    http_parser_init(&p, HTTP_REQUEST);
    p.data = &r;
    size_t used = http_parser_execute(&p, &callbacks, bytes, len);
    if (HTTP_PARSER_ERRNO(&p) == HPE_INVALID_METHOD)
        return 501;
    /* Paused at the empty line's LF, which it does not count as used. */
    if (HTTP_PARSER_ERRNO(&p) != HPE_PAUSED || used + 1 != len)
        return 400;
    /* Not from the parser, which has no callback for it. */
    const char *method = http_method_str((enum http_method)p.method);
    rq->method.len = (uint32_t)strlen(method);
    if (memcmp(bytes, method, rq->method.len) != 0 ||
        bytes[rq->method.len] != ' ')
        return 501;
    conclude(&r, &p);
    return 0;
}
