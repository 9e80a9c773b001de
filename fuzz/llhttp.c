/* SPDX-License-Identifier: MIT */
/*
 * A second opinion: llhttp, the parser of Node.js, in strict mode. Whatever the
 * app was given it must read, too: the same method, target, version, fields and
 * body, and the message's end at the same byte. That we refuse more is meant:
 * the input behind our last request is not compared. Where llhttp refuses what
 * we accept and is wrong, or means less by it, a row of `excuses` says why.
 *
 * Debian's node-llhttp has the C source. Where it is not installed this file is
 * left out.
 */
#include <llhttp.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/talk.h"
#include "http/text.h"

enum {
    FIELDS_MAX = 100
};

/* What llhttp has read of the current message. */
static struct message {
    struct span target;
    struct span names[FIELDS_MAX], values[FIELDS_MAX];
    size_t count;
    bool headed; /* what comes now are trailers */
    struct buf body;
} m;

static int on_url(llhttp_t *p, const char *at, size_t len)
{
    (void)p;
    CHECK(!m.target.len);
    m.target = (struct span){at, len};
    return 0;
}

static int on_name(llhttp_t *p, const char *at, size_t len)
{
    (void)p;
    if (m.headed)
        return 0;
    CHECK(m.count < FIELDS_MAX);
    m.names[m.count] = (struct span){at, len};
    m.values[m.count++] = (struct span){at, 0};
    return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t len)
{
    (void)p;
    if (!m.headed)
        m.values[m.count - 1] = text_trim((struct span){at, len});
    return 0;
}

static int on_head(llhttp_t *p)
{
    (void)p;
    m.headed = true;
    return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t len)
{
    (void)p;
    buf_put(&m.body, at, len);
    return 0;
}

static int on_message(llhttp_t *p)
{
    (void)p;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_message,
};

static bool same(struct span a, struct span b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static void check_message(const llhttp_t *p, const struct seen *seen)
{
    const struct request *rq = &seen->request;
    const char *method = llhttp_method_name((llhttp_method_t)p->method);
    CHECK(span_is(request_span(rq, rq->method), method));
    CHECK(p->http_major == 1 && p->http_minor == rq->minor);
    CHECK(same(request_span(rq, rq->target), m.target));
    CHECK(m.count == rq->field_count);
    for (size_t i = 0; i < m.count; i++) {
        CHECK(same(request_span(rq, rq->fields[i].name), m.names[i]));
        CHECK(same(request_span(rq, rq->fields[i].value), m.values[i]));
    }
    CHECK(buf_len(&m.body) == seen->body_size);
    CHECK(!seen->body_size ||
          memcmp(buf_at(&m.body), seen->body, seen->body_size) == 0);
}

/* ---- where llhttp refuses and we do not ---- */

struct place {
    const struct seen *seen, *before; /* NULL: it is the first */
    struct span message;
};

static bool is_later_minor(const struct place *p)
{
    const struct request *rq = &p->seen->request;
    return rq->bytes[rq->target.at + rq->target.len + sizeof "HTTP/1."] > '1';
}

static bool has_extension(const struct place *p)
{
    const struct request *rq = &p->seen->request;
    return m.headed && rq->chunked &&
           memchr(p->message.at + rq->size, ';', p->message.len - rq->size);
}

static bool has_tab_behind_coding(const struct place *p)
{
    const struct request *rq = &p->seen->request;
    for (uint32_t i = 0; rq->chunked && i < rq->field_count; i++) {
        struct span value = request_span(rq, rq->fields[i].value);
        if (span_is_nocase(request_span(rq, rq->fields[i].name),
                           "transfer-encoding"))
            return memchr(value.at + value.len, '\t',
                          strcspn(value.at + value.len, "\r"));
    }
    return false;
}

static bool is_behind_chunks(const struct place *p)
{
    return p->before && p->before->request.chunked;
}

static const struct {
    int error;
    bool (*is_so)(const struct place *place);
    const char *why;
} excuses[] = {
    {HPE_INVALID_VERSION, is_later_minor,
     "HTTP/1.2 is to be served as 1.1 (RFC 9110 2.5)"},
    {HPE_STRICT, has_extension,
     "the grammar of an extension that is ignored decides nothing, its end is "
     "the same CRLF (RFC 9112 7.1.1)"},
    {HPE_INVALID_CHUNK_SIZE, has_extension,
     "the same, and it does not know another one behind a quoted value"},
    {HPE_INVALID_TRANSFER_ENCODING, has_tab_behind_coding,
     "white space behind a value is none of it (RFC 9110 5.5)"},
    {HPE_PAUSED, has_tab_behind_coding,
     "the same with an Upgrade: it takes the message for one without a body"},
    {HPE_CLOSED_CONNECTION, is_behind_chunks,
     "it takes a Connection in the trailers for one of the head; there it "
     "means nothing (RFC 9110 6.5.1)"},
};

static bool excused(llhttp_errno_t error, const struct place *place)
{
    for (size_t i = 0; i < sizeof excuses / sizeof *excuses; i++)
        if (excuses[i].error == (int)error && excuses[i].is_so(place))
            return true;
    return false;
}

/* ---- a talk ---- */

/* Whether it would switch to another protocol: we never do. */
static llhttp_errno_t read_on(llhttp_t *p, struct span input, size_t *at)
{
    llhttp_errno_t error = llhttp_execute(p, input.at + *at, input.len - *at);
    if (error == HPE_PAUSED_UPGRADE) {
        *at = (size_t)(llhttp_get_error_pos(p) - input.at);
        llhttp_resume_after_upgrade(p);
        error = llhttp_execute(p, input.at + *at, input.len - *at);
    }
    return error;
}

/* Reads the next message of the input from *at on. False: llhttp refuses it,
 * and that is known. */
static bool read_next(llhttp_t *p, const struct place *place, struct span input,
                      size_t *at)
{
    buf_drop(&m.body);
    m = (struct message){0};
    llhttp_errno_t error = read_on(p, input, at);
    if (excused(error, place))
        return false;
    if (error != HPE_PAUSED)
        fprintf(stderr, "llhttp: %s: %s\n", llhttp_errno_name(error),
                llhttp_get_error_reason(p));
    CHECK(error == HPE_PAUSED);
    check_message(p, place->seen);
    *at = (size_t)(llhttp_get_error_pos(p) - input.at);
    CHECK(*at == place->seen->end);
    llhttp_resume(p);
    return true;
}

void talk_check_second(const struct talk *talk, struct span input)
{
    llhttp_t p;
    llhttp_init(&p, HTTP_REQUEST, &settings);
    size_t at = 0;
    for (size_t i = 0; i < talk->count; i++) {
        const struct seen *seen = &talk->seen[i];
        /* Without the empty line that may be in front. */
        size_t begin = at + (size_t)(input.at[at] == '\r') * 2;
        struct place place = {.seen = seen,
                              .before = i ? seen - 1 : NULL,
                              .message = {input.at + begin, seen->end - begin}};
        if (!read_next(&p, &place, input, &at))
            break;
    }
    buf_drop(&m.body);
}
