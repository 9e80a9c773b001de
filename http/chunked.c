/* SPDX-License-Identifier: MIT */
/*
 * The chunked coding, one function per state. As in the head check, bytes are
 * judged strictly in order and each limit is a place in that order, so it does
 * not matter how they were cut.
 *
 *   chunk    = 1*16HEXDIG [";" extension] CRLF data CRLF
 *   the last = 1*16"0"    [";" extension] CRLF *(name ":" value CRLF) CRLF
 *
 * White space around a size, which the grammar calls bad, is refused.
 */
#include "http/chunked.h"

#include "http/limits.h"
#include "http/text.h"

enum state {
    IN_SIZE,
    IN_EXTENSION,
    AT_SIZE_LF,
    IN_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    IN_NAME, /* at a trailer line's begin, too */
    IN_VALUE,
    AT_VALUE_LF,
    AT_LAST_LF,
};

enum {
    DIGITS_MAX = 16
};

/* What a state says beside the status of a refusal. */
enum {
    GO = 0,
    DATA = -1,
    END = -2
};

struct feed {
    struct chunked *chunked;
    struct span *in; /* never empty when a state is entered */
    struct span *data;
    const struct limits *limits;
};

static int step_size(struct feed *f);
static int step_extension(struct feed *f);
static int step_size_lf(struct feed *f);
static int step_data(struct feed *f);
static int step_data_cr(struct feed *f);
static int step_data_lf(struct feed *f);
static int step_name(struct feed *f);
static int step_value(struct feed *f);
static int step_value_lf(struct feed *f);
static int step_last_lf(struct feed *f);

static int (*const steps[])(struct feed *) = {
    [IN_SIZE] = step_size,         [IN_EXTENSION] = step_extension,
    [AT_SIZE_LF] = step_size_lf,   [IN_DATA] = step_data,
    [AT_DATA_CR] = step_data_cr,   [AT_DATA_LF] = step_data_lf,
    [IN_NAME] = step_name,         [IN_VALUE] = step_value,
    [AT_VALUE_LF] = step_value_lf, [AT_LAST_LF] = step_last_lf,
};

static void take(struct span *in, size_t n)
{
    in->at += n;
    in->len -= n;
}

/* The next byte must be this one; the state behind it is entered. */
static int expect(struct feed *f, char byte, enum state next)
{
    if (f->in->at[0] != byte)
        return 400;
    take(f->in, 1);
    f->chunked->state = next;
    return GO;
}

static int step_size(struct feed *f)
{
    struct chunked *c = f->chunked;
    for (; f->in->len; take(f->in, 1)) {
        char byte = f->in->at[0];
        if (text_in(byte, TEXT_HEX)) {
            /* RFC 9112 7.1: anticipate large numbers. 63 bits, so that a size
             * is never taken for a negative one. */
            if (c->digits++ == DIGITS_MAX || c->left >> 59)
                return 400;
            c->left = c->left << 4 | text_hex(byte);
            continue;
        }
        if (!c->digits)
            return 400;
        c->digits = 0;
        if (byte == ';') {
            c->state = IN_EXTENSION;
            return GO; /* where the ";" is counted */
        }
        return expect(f, '\r', AT_SIZE_LF);
    }
    return GO;
}

/* Extensions mean nothing to us; a body made of them would be work without
 * end (CVE-2023-39326), so they are counted over the whole body. */
static int step_extension(struct feed *f)
{
    struct chunked *c = f->chunked;
    size_t room = f->limits->chunk_extension - c->extension;
    struct span part = *f->in;
    if (part.len > room)
        part.len = room;
    size_t n = text_run(part, TEXT_VALUE);
    c->extension += n;
    take(f->in, n);
    if (!f->in->len)
        return GO;
    if (n == room && f->in->at[0] != '\r')
        return 413;
    return expect(f, '\r', AT_SIZE_LF);
}

static int step_size_lf(struct feed *f)
{
    return expect(f, '\n', f->chunked->left ? IN_DATA : IN_NAME);
}

static int step_data(struct feed *f)
{
    struct chunked *c = f->chunked;
    size_t n = f->in->len < c->left ? f->in->len : (size_t)c->left;
    *f->data = (struct span){f->in->at, n};
    take(f->in, n);
    c->left -= n;
    if (!c->left)
        c->state = AT_DATA_CR;
    return DATA;
}

static int step_data_cr(struct feed *f)
{
    return expect(f, '\r', AT_DATA_LF);
}

static int step_data_lf(struct feed *f)
{
    return expect(f, '\n', IN_SIZE);
}

/* Counts one byte of a trailer line. Is it within the limit? */
static bool count_trailer(struct feed *f)
{
    return ++f->chunked->trailer <= f->limits->header_size;
}

/* The colon is here. RFC 9110 6.5.1 forbids framing fields in trailers. */
static int judge_name(struct feed *f)
{
    struct chunked *c = f->chunked;
    size_t len = c->name_len <= KNOWN_NAME_MAX ? c->name_len : 0;
    enum known known = known_field((struct span){c->name, len});
    if (!c->name_len || known == KNOWN_CONTENT_LENGTH ||
        known == KNOWN_TRANSFER_ENCODING)
        return 400;
    if (!count_trailer(f))
        return 431;
    c->trailers++;
    c->name_len = 0;
    return expect(f, ':', IN_VALUE);
}

static int step_name(struct feed *f)
{
    struct chunked *c = f->chunked;
    if (!c->name_len && f->in->at[0] == '\r')
        return expect(f, '\r', AT_LAST_LF);
    if (c->trailers >= f->limits->headers)
        return 431;
    for (; f->in->len && text_in(f->in->at[0], TEXT_TOKEN); take(f->in, 1)) {
        if (c->name_len < KNOWN_NAME_MAX)
            c->name[c->name_len] = f->in->at[0];
        if (++c->name_len > f->limits->header_name || !count_trailer(f))
            return 431;
    }
    if (!f->in->len)
        return GO;
    return f->in->at[0] == ':' ? judge_name(f) : 400;
}

static int step_value(struct feed *f)
{
    for (; f->in->len; take(f->in, 1)) {
        if (!count_trailer(f))
            return 431;
        if (!text_in(f->in->at[0], TEXT_VALUE))
            return expect(f, '\r', AT_VALUE_LF);
    }
    return GO;
}

static int step_value_lf(struct feed *f)
{
    return count_trailer(f) ? expect(f, '\n', IN_NAME) : 431;
}

static int step_last_lf(struct feed *f)
{
    int rc = expect(f, '\n', AT_LAST_LF);
    return rc == GO ? END : rc;
}

enum chunked_status chunked_step(struct chunked *c, struct span *in,
                                 struct span *data, const struct limits *limits,
                                 int *status)
{
    struct feed f = {c, in, data, limits};
    while (in->len) {
        int rc = steps[c->state](&f);
        if (rc == DATA)
            return CHUNKED_DATA;
        if (rc == END)
            return CHUNKED_END;
        if (rc != GO) {
            *status = rc;
            return CHUNKED_REFUSED;
        }
    }
    return CHUNKED_MORE;
}
