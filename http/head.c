/* SPDX-License-Identifier: MIT */
/*
 * The strict check of a request head. The parser behind it is lenient in a
 * dozen places that have been used to smuggle requests, so nothing reaches it
 * that could be read in two ways.
 *
 * One function per state takes the run of bytes that its state allows and
 * judges the byte that ends the run; what a line says is judged at its LF.
 * Bytes are judged strictly in order and limits are places in that order: the
 * first offence decides the status, however the bytes were cut.
 */
#include "http/head.h"

#include <stdbool.h>
#include <string.h>

#include "base/span.h"
#include "http/authority.h"
#include "http/known.h"
#include "http/limits.h"
#include "http/text.h"

enum state {
    IN_METHOD,
    IN_TARGET,
    IN_VERSION, /* to the line's end */
    IN_NAME,    /* at a line's begin, too */
    IN_VALUE,
    AT_LF,      /* a field line's */
    AT_LAST_LF, /* the empty line's */
};

enum {
    /* A longer method than any server knows is 501 (RFC 9112 3); the longest
     * registered one has 17 bytes. */
    METHOD_MAX = 64
};

enum {
    FLAG_1_1 = 1, /* or a later minor version */
    FLAG_HOST = 2,
    FLAG_LENGTH = 4,
    FLAG_CODING = 8
};

/* What a state says beside the status of a refusal. */
enum {
    GO = 0,
    MORE = -1,
    DONE = -2
};

struct scan {
    struct head_check *check;
    const char *bytes;
    size_t len;
    const struct limits *limits;
};

static int step_method(struct scan *s);
static int step_target(struct scan *s);
static int step_version(struct scan *s);
static int step_name(struct scan *s);
static int step_value(struct scan *s);
static int step_lf(struct scan *s);
static int step_last_lf(struct scan *s);

static int (*const steps[])(struct scan *) = {
    [IN_METHOD] = step_method,   [IN_TARGET] = step_target,
    [IN_VERSION] = step_version, [IN_NAME] = step_name,
    [IN_VALUE] = step_value,     [AT_LF] = step_lf,
    [AT_LAST_LF] = step_last_lf,
};

static int judge_host(struct scan *s, struct span value);
static int judge_length(struct scan *s, struct span value);
static int judge_coding(struct scan *s, struct span value);
static int judge_expect(struct scan *s, struct span value);

static int (*const judges[KNOWN_COUNT])(struct scan *, struct span) = {
    [KNOWN_HOST] = judge_host,
    [KNOWN_CONTENT_LENGTH] = judge_length,
    [KNOWN_TRANSFER_ENCODING] = judge_coding,
    [KNOWN_EXPECT] = judge_expect,
};

/* Passes bytes of the class, not beyond the place bound. */
static size_t run(struct scan *s, uint8_t class, size_t bound)
{
    size_t at = s->check->seen;
    size_t end = bound < s->len ? bound : s->len;
    while (at < end && text_in(s->bytes[at], class))
        at++;
    s->check->seen = (uint32_t)at;
    return at;
}

/* The byte that ended a part is right: the next part begins behind it. */
static int enter(struct scan *s, enum state state)
{
    s->check->state = (uint8_t)state;
    s->check->part = ++s->check->seen;
    return GO;
}

static int enter_line(struct scan *s)
{
    enter(s, IN_NAME);
    s->check->line = s->check->seen;
    return GO;
}

static int step_method(struct scan *s)
{
    size_t at = run(s, TEXT_TOKEN, METHOD_MAX + 1);
    if (at > METHOD_MAX)
        return 501;
    if (at == s->len)
        return MORE;
    if (at == 0 && s->bytes[0] == '\r' && s->len == 1)
        return MORE; /* an empty line may be on its way */
    if (at == 0 || s->bytes[at] != ' ')
        return 400;
    return enter(s, IN_TARGET);
}

static int step_target(struct scan *s)
{
    size_t part = s->check->part;
    size_t at = run(s, TEXT_TARGET, part + s->limits->uri_size + 1);
    if (at - part > s->limits->uri_size)
        return 414;
    if (at == s->len)
        return MORE;
    if (at == part || s->bytes[at] != ' ')
        return 400;
    return enter(s, IN_VERSION);
}

/* RFC 9112 3.2: a path; a whole URI; "*", only to ask for OPTIONS. The fourth
 * form belongs to CONNECT. */
static bool target_ok(struct span method, struct span target)
{
    if (target.at[0] == '/')
        return true;
    if (span_is(target, "*"))
        return span_is(method, "OPTIONS");
    size_t at = authority_at(target);
    struct span rest = {target.at + at, target.len - at};
    rest.len = authority_len(rest);
    return at && authority_ok(rest);
}

/* The line is METHOD SP target SP "HTTP/" DIGIT "." DIGIT CRLF. A minor
 * version above 1 is served as HTTP/1.1 (RFC 9110 2.5). A version 0.x was
 * never written by anybody. */
static int judge_request_line(struct scan *s)
{
    const char *version = s->bytes + s->check->part;
    if (version[5] == '0')
        return 400;
    if (version[5] != '1')
        return 505;
    if (version[7] != '0')
        s->check->flags |= FLAG_1_1;
    const char *space = memchr(s->bytes, ' ', s->check->part);
    struct span method = {s->bytes, (size_t)(space - s->bytes)};
    struct span target = {space + 1, (size_t)(version - space) - 2};
    if (span_is(method, "CONNECT"))
        return 501;
    return target_ok(method, target) ? GO : 400;
}

static int step_version(struct scan *s)
{
    static const char form[] = "HTTP/0.0\r\n"; /* 0: any digit */
    struct head_check *c = s->check;
    for (; c->seen < s->len; c->seen++) {
        char want = form[c->seen - c->part];
        char got = s->bytes[c->seen];
        if (want == '0' ? !text_in(got, TEXT_DIGIT) : got != want)
            return 400;
        if (want == '\n') {
            int rc = judge_request_line(s);
            enter_line(s);
            c->first = c->line;
            return rc;
        }
    }
    return MORE;
}

/* The place where the header lines exceed their size. */
static size_t size_bound(const struct scan *s)
{
    return s->check->first + s->limits->header_size;
}

static int step_name(struct scan *s)
{
    struct head_check *c = s->check;
    if (c->seen == s->len)
        return MORE;
    if (c->seen == c->line && s->bytes[c->seen] == '\r')
        return enter(s, AT_LAST_LF);
    if (c->fields >= s->limits->headers)
        return 431;
    size_t bound = c->line + s->limits->header_name + 1;
    if (bound > size_bound(s))
        bound = size_bound(s);
    size_t at = run(s, TEXT_TOKEN, bound);
    if (at - c->line > s->limits->header_name)
        return 431;
    if (at == s->len)
        return MORE;
    if (at >= size_bound(s))
        return 431;
    if (at == c->line || s->bytes[at] != ':')
        return 400; /* a space before the colon or a fold, too */
    return enter(s, IN_VALUE);
}

static int step_value(struct scan *s)
{
    size_t at = run(s, TEXT_VALUE, size_bound(s));
    if (at == s->len)
        return MORE;
    if (at >= size_bound(s))
        return 431;
    if (s->bytes[at] != '\r')
        return 400;
    s->check->state = AT_LF;
    s->check->seen++;
    return GO;
}

static int step_lf(struct scan *s)
{
    struct head_check *c = s->check;
    if (c->seen == s->len)
        return MORE;
    if (c->seen >= size_bound(s))
        return 431;
    if (s->bytes[c->seen] != '\n')
        return 400;
    struct span name = {s->bytes + c->line, c->part - c->line - 1};
    struct span value = {s->bytes + c->part, c->seen - c->part - 1};
    int (*judge)(struct scan *, struct span) = judges[known_field(name)];
    int rc = judge ? judge(s, text_trim(value)) : GO;
    c->fields++;
    enter_line(s);
    return rc;
}

static int step_last_lf(struct scan *s)
{
    struct head_check *c = s->check;
    if (c->seen == s->len)
        return MORE;
    if (s->bytes[c->seen] != '\n')
        return 400;
    c->seen++;
    if ((c->flags & FLAG_1_1) && !(c->flags & FLAG_HOST))
        return 400; /* RFC 9112 3.2 */
    return DONE;
}

/* Notes that a field came. Did it come before? */
static bool again(struct scan *s, uint8_t flag)
{
    bool before = s->check->flags & flag;
    s->check->flags |= flag;
    return before;
}

/* RFC 9112 3.2: one, and valid. It may be empty. */
static int judge_host(struct scan *s, struct span value)
{
    if (again(s, FLAG_HOST))
        return 400;
    return !value.len || authority_ok(value) ? GO : 400;
}

/* RFC 9112 6.3 (5), 9110 8.6. Equal values on two lines could be merged; who
 * sends them is refused. */
static int judge_length(struct scan *s, struct span value)
{
    int64_t number;
    if (again(s, FLAG_LENGTH) || (s->check->flags & FLAG_CODING))
        return 400;
    return text_number(value, &number) ? GO : 400;
}

/*
 * RFC 9112 6.1 and 6.3. With HTTP/1.0, beside a Content-Length, on two lines,
 * without a final "chunked" or with two of them the framing is faulty: 400.
 * Chunks of something that was coded before (gzip, chunked) can be told apart,
 * not understood: 501.
 */
static int judge_coding(struct scan *s, struct span value)
{
    if (again(s, FLAG_CODING) || (s->check->flags & FLAG_LENGTH) ||
        !(s->check->flags & FLAG_1_1))
        return 400;
    int others = 0;
    bool chunked = false;
    struct span coding;
    while (text_list_next(&value, &coding)) {
        if (chunked || !coding.len || text_run(coding, TEXT_TOKEN) < coding.len)
            return 400;
        chunked = span_is_nocase(coding, "chunked");
        others += !chunked;
    }
    if (!chunked)
        return 400;
    return others ? 501 : GO;
}

/* RFC 9110 10.1.1: a list, and there is one expectation to be in it. HTTP/1.0
 * has none. */
static int judge_expect(struct scan *s, struct span value)
{
    struct span member;
    while ((s->check->flags & FLAG_1_1) && text_list_next(&value, &member))
        if (member.len && !span_is_nocase(member, "100-continue"))
            return 417;
    return GO;
}

enum head_status head_check(struct head_check *check, const char *bytes,
                            size_t len, const struct limits *limits,
                            int *status)
{
    struct scan s = {check, bytes, len, limits};
    int rc;
    do
        rc = steps[check->state](&s);
    while (rc == GO);
    if (rc == MORE)
        return HEAD_MORE;
    if (rc == DONE)
        return HEAD_COMPLETE;
    *status = rc;
    return HEAD_REFUSED;
}

size_t head_skip_empty(const char *bytes, size_t len)
{
    return len >= 2 && bytes[0] == '\r' && bytes[1] == '\n' ? 2 : 0;
}
