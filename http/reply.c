/* SPDX-License-Identifier: MIT */
/*
 * Answers on their way out. The server alone decides how an answer ends, so
 * that what the app says about lengths and connections cannot desynchronise
 * client and server; app headers are checked while they are copied. Nothing
 * on this path formats with printf(3).
 */
#include "http/reply.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "http/date.h"
#include "http/known.h"
#include "http/status.h"
#include "http/text.h"

enum {
    START_MAX = 128, /* status line and Date */
    NUMBER_MAX = 20  /* digits of an int64_t, or of a size in hex */
};

static enum reply_refusal drop(struct reply *r, struct span value);
static enum reply_refusal note_connection(struct reply *r, struct span value);
static enum reply_refusal note_length(struct reply *r, struct span value);

/* The fields that are the server's to write. */
static enum reply_refusal (*const ours[KNOWN_COUNT])(struct reply *,
                                                     struct span) = {
    [KNOWN_CONNECTION] = note_connection,
    [KNOWN_CONTENT_LENGTH] = note_length,
    [KNOWN_DATE] = drop,
    [KNOWN_KEEP_ALIVE] = drop,
    [KNOWN_TRAILER] = drop,
    [KNOWN_TRANSFER_ENCODING] = drop,
    [KNOWN_UPGRADE] = drop,
};

#define PUT(to, literal) put((to), SPAN(literal))

static char *put(char *to, struct span text)
{
    memcpy(to, text.at, text.len);
    return to + text.len;
}

static char *put_number(char *to, uint64_t number, unsigned base)
{
    char digits[NUMBER_MAX];
    size_t at = sizeof digits;
    do
        digits[--at] = "0123456789abcdef"[number % base];
    while (number /= base);
    return put(to, (struct span){digits + at, sizeof digits - at});
}

static void add_up_to(struct buf *out, const char *end)
{
    buf_added(out, (size_t)(end - (out->data + out->end)));
}

void reply_start(struct reply *r, int status)
{
    assert(status >= 100 && status <= 999);
    r->status = status;
    r->framing = REPLY_NO_BODY;
    r->length = -1;
    r->sent = 0;
    r->own_length = false;
    char *to = buf_room(r->out, START_MAX, NULL);
    struct span line = status_line(status);
    if (line.len) {
        to = put(to, line);
    } else {
        to = put_number(PUT(to, "HTTP/1.1 "), (uint64_t)status, 10);
        to = PUT(to, " Unknown");
    }
    to = PUT(to, "\r\nDate: ");
    to = put(to, (struct span){r->date, DATE_SIZE});
    add_up_to(r->out, PUT(to, "\r\n"));
}

static enum reply_refusal drop(struct reply *r, struct span value)
{
    (void)r;
    (void)value;
    return REPLY_OK;
}

static enum reply_refusal note_connection(struct reply *r, struct span value)
{
    if (text_list_has(value, "close"))
        r->keep_alive = false;
    return REPLY_OK;
}

static enum reply_refusal note_length(struct reply *r, struct span value)
{
    if (r->own_length || !text_number(value, &r->length))
        return REPLY_BAD_LENGTH;
    r->own_length = true;
    return REPLY_OK;
}

/* Copies bytes of the class; NULL when there is another. */
static char *put_checked(char *to, struct span text, uint8_t class)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!text_in(text.at[i], class))
            return NULL;
        to[i] = text.at[i];
    }
    return to + text.len;
}

enum reply_refusal reply_field(struct reply *r, struct span name,
                               struct span value)
{
    char *to = buf_room(r->out, name.len + value.len + 4, NULL);
    to = put_checked(to, name, TEXT_TOKEN);
    if (!to || !name.len)
        return REPLY_BAD_NAME;
    to = put_checked(PUT(to, ": "), value, TEXT_VALUE);
    if (!to)
        return REPLY_BAD_VALUE;
    enum known known = known_field(name);
    if (ours[known])
        return ours[known](r, value);
    add_up_to(r->out, PUT(to, "\r\n"));
    return REPLY_OK;
}

/* How the end of the body is told to GET. 1xx and 204 announce nothing (RFC
 * 9110 8.6). */
static enum reply_framing choose(const struct reply *r)
{
    if (!status_has_body(r->status))
        return REPLY_NO_BODY;
    if (r->length >= 0)
        return REPLY_LENGTH;
    return r->minor ? REPLY_CHUNKED : REPLY_CLOSE;
}

/* 304 announces only what the app says that 200 would have. To HEAD we say
 * what GET would get; but a body without bytes, whose length the app did not
 * give, is likely one that it saved itself, and then nothing is said. */
static bool announces_length(const struct reply *r, enum reply_framing framing)
{
    if (r->status == 304)
        return r->own_length;
    if (r->head && r->length == 0 && !r->own_length)
        return false;
    return framing == REPLY_LENGTH;
}

static char *put_framing(char *to, const struct reply *r,
                         enum reply_framing framing)
{
    if (announces_length(r, framing)) {
        to = PUT(to, "Content-Length: ");
        to = put_number(to, (uint64_t)r->length, 10);
        return PUT(to, "\r\n");
    }
    if (framing == REPLY_CHUNKED)
        return PUT(to, "Transfer-Encoding: chunked\r\n");
    return to;
}

void reply_finish(struct reply *r, int64_t length)
{
    if (!r->own_length)
        r->length = length;
    enum reply_framing framing = choose(r);
    r->framing = r->head ? REPLY_NO_BODY : framing;
    if (r->framing == REPLY_CLOSE)
        r->keep_alive = false;
    char *to = buf_room(r->out, START_MAX, NULL);
    to = put_framing(to, r, framing);
    if (!r->keep_alive)
        to = PUT(to, "Connection: close\r\n");
    else if (!r->minor)
        to = PUT(to, "Connection: keep-alive\r\n");
    add_up_to(r->out, PUT(to, "\r\n"));
}

static bool add_chunk(struct reply *r, struct span piece)
{
    char *to = buf_room(r->out, piece.len + NUMBER_MAX + 4, NULL);
    to = PUT(put_number(to, piece.len, 16), "\r\n");
    to = put(to, piece);
    add_up_to(r->out, PUT(to, "\r\n"));
    r->sent += (int64_t)piece.len;
    return true;
}

static bool add_counted(struct reply *r, struct span piece)
{
    int64_t n = reply_cut(r, (int64_t)piece.len);
    buf_put(r->out, piece.at, (size_t)n);
    r->sent += n;
    return r->sent < r->length;
}

bool reply_body(struct reply *r, struct span piece)
{
    if (r->framing == REPLY_NO_BODY)
        return false;
    if (r->framing == REPLY_LENGTH)
        return add_counted(r, piece);
    if (!piece.len)
        return true; /* an empty chunk would be the last one */
    if (r->framing == REPLY_CHUNKED)
        return add_chunk(r, piece);
    buf_put(r->out, piece.at, piece.len);
    r->sent += (int64_t)piece.len;
    return true;
}

int64_t reply_cut(struct reply *r, int64_t n)
{
    int64_t left = r->length - r->sent;
    if (n <= left)
        return n;
    r->keep_alive = false;
    return left;
}

void reply_sent(struct reply *r, int64_t n)
{
    r->sent += n;
}

void reply_end(struct reply *r)
{
    if (r->framing == REPLY_CHUNKED)
        buf_put(r->out, "0\r\n\r\n", 5);
    else if (r->framing == REPLY_LENGTH && r->sent < r->length)
        r->keep_alive = false;
}

void reply_plain(struct reply *r, int status)
{
    char text[64];
    char *to = put_number(text, (uint64_t)status, 10);
    const char *reason = status_reason(status);
    to = put(PUT(to, " "), (struct span){reason, strlen(reason)});
    to = PUT(to, "\n");
    struct span body = {text, (size_t)(to - text)};
    reply_start(r, status);
    reply_field(r, SPAN("Content-Type"), SPAN("text/plain"));
    reply_finish(r, (int64_t)body.len);
    reply_body(r, body);
    reply_end(r);
}
