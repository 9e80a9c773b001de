/* SPDX-License-Identifier: MIT */
/*
 * Lines of the access log, without printf(3): this runs for each request. Every
 * piece of text is bounded before it is written, so that the line needs no
 * check of its own.
 */
#include "http/access_line.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"

/* A line as it is written. */
struct out {
    char *at;
    size_t text_most; /* of a field that may be long, in bytes written */
};

enum {
    SHORT_MOST = 144, /* of a host, a method or an id */
    OTHERS = 1000,    /* what is not long takes so much at most, and names */
    UNIT_MOST = 6     /* bytes that one byte becomes: \u001f */
};

#define PUT(o, literal) put((o), SPAN(literal))

static void put(struct out *o, struct span text)
{
    memcpy(o->at, text.at, text.len);
    o->at += text.len;
}

static void put_number(struct out *o, int64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t left = number > 0 ? (uint64_t)number : 0;
    do
        digits[--at] = (char)('0' + left % 10);
    while (left /= 10);
    put(o, (struct span){digits + at, sizeof digits - at});
}

/* Microseconds as "1.234567". */
static void put_seconds(struct out *o, int64_t micros)
{
    put_number(o, micros / CLOCK_SECOND);
    *o->at++ = '.';
    int64_t rest = micros % CLOCK_SECOND;
    for (int64_t unit = CLOCK_SECOND / 10; unit; unit /= 10)
        *o->at++ = (char)('0' + rest / unit % 10);
}

static void put_hex(struct out *o, unsigned char c)
{
    *o->at++ = "0123456789ABCDEF"[c >> 4];
    *o->at++ = "0123456789ABCDEF"[c & 15];
}

/* How many bytes at the front of text, about most of them, go into the line as
 * they are; 0: the first needs an escape. */
typedef size_t plain_fn(struct span text, size_t most);

/* Writes the escape of the first byte of a text. */
typedef void escape_fn(struct out *o, unsigned char c);

/* Writes the text, cut to most bytes. */
static void put_escaped(struct out *o, struct span text, size_t most,
                        plain_fn *plain, escape_fn *escape)
{
    const char *full = o->at + most - UNIT_MOST - 3;
    while (text.len && o->at < full) {
        size_t n = plain(text, (size_t)(full - o->at));
        if (n)
            put(o, (struct span){text.at, n});
        else
            escape(o, (unsigned char)*text.at);
        n += !n;
        text = (struct span){text.at + n, text.len - n};
    }
    if (text.len)
        PUT(o, "...");
}

/* ---- common and combined ---- */

#define BYTES(c) (UINT64_C(0x0101010101010101) * (c)) /* eight of them */

/* Is one of eight bytes 0? Not exact behind a 0, nor where one is over 0x7f. */
static uint64_t zero_in(uint64_t word)
{
    return (word - BYTES(0x01)) & ~word & BYTES(0x80);
}

/* Eight bytes at a time: most of a line is agents and targets of many bytes. */
static bool eight_plain(const char *bytes)
{
    uint64_t w;
    memcpy(&w, bytes, sizeof w);
    uint64_t low = (w - BYTES(0x20)) & ~w & BYTES(0x80);
    return !(low | (w & BYTES(0x80)) | zero_in(w ^ BYTES('"')) |
             zero_in(w ^ BYTES('\\')) | zero_in(w ^ BYTES(0x7f)));
}

static size_t plain_quoted(struct span text, size_t most)
{
    size_t n = 0;
    most = text.len < most ? text.len : most;
    while (n + 8 <= most && eight_plain(text.at + n))
        n += 8;
    while (n < most) {
        unsigned char c = (unsigned char)text.at[n];
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
            break;
        n++;
    }
    return n;
}

static void escape_hex(struct out *o, unsigned char c)
{
    PUT(o, "\\x");
    put_hex(o, c);
}

static void put_text(struct out *o, struct span text, size_t most)
{
    if (text.at)
        put_escaped(o, text, most, plain_quoted, escape_hex);
    else
        *o->at++ = '-';
}

static void put_quoted(struct out *o, struct span text)
{
    *o->at++ = '"';
    put_text(o, text, o->text_most);
    *o->at++ = '"';
}

static void put_request(struct out *o, const struct access_entry *e)
{
    if (!e->method.at) {
        put_quoted(o, e->request);
        return;
    }
    *o->at++ = '"';
    put_text(o, e->method, SHORT_MOST);
    *o->at++ = ' ';
    put_text(o, e->uri, o->text_most);
    *o->at++ = ' ';
    put_text(o, e->protocol, SHORT_MOST);
    *o->at++ = '"';
}

static void put_common(struct out *o, const struct access_entry *e)
{
    put_text(o, e->remote_addr, SHORT_MOST);
    PUT(o, " - - [");
    put(o, e->time);
    PUT(o, "] ");
    put_request(o, e);
    *o->at++ = ' ';
    put_number(o, e->status);
    *o->at++ = ' ';
    put_number(o, e->bytes);
}

static void put_combined(struct out *o, const struct access_entry *e)
{
    put_common(o, e);
    *o->at++ = ' ';
    put_quoted(o, e->referer);
    *o->at++ = ' ';
    put_quoted(o, e->user_agent);
}

/* ---- JSON ---- */

/* How many bytes at the front are one character of UTF-8 beyond ASCII, in its
 * shortest form and no surrogate (RFC 3629 4); 0: none. */
static size_t utf8_length(struct span text)
{
    const unsigned char *s = (const unsigned char *)text.at;
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || text.len < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong =
        (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool outside =
        (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
    return overlong || outside ? 0 : n;
}

static size_t plain_json(struct span text, size_t most)
{
    size_t n = plain_quoted(text, most);
    return n || (unsigned char)*text.at < 0x80 ? n : utf8_length(text);
}

static void escape_json(struct out *o, unsigned char c)
{
    if (c == '"' || c == '\\') {
        *o->at++ = '\\';
        *o->at++ = (char)c;
    } else if (c >= 0x80) {
        PUT(o, "\xef\xbf\xbd"); /* U+FFFD */
    } else {
        PUT(o, "\\u00");
        put_hex(o, c);
    }
}

static bool is_long(const struct access_field *f)
{
    return f->offset == offsetof(struct access_entry, uri) ||
           f->offset == offsetof(struct access_entry, request) ||
           f->offset == offsetof(struct access_entry, referer) ||
           f->offset == offsetof(struct access_entry, user_agent);
}

static void put_value(struct out *o, const struct access_field *f,
                      const struct access_entry *e)
{
    const void *value = access_value(f, e);
    const struct span *text = value;
    const int64_t *number = value;
    if (f->kind == ACCESS_NUMBER) {
        put_number(o, *number);
    } else if (f->kind == ACCESS_SECONDS) {
        put_seconds(o, *number);
    } else if (text->at) {
        *o->at++ = '"';
        put_escaped(o, *text, is_long(f) ? o->text_most : SHORT_MOST,
                    plain_json, escape_json);
        *o->at++ = '"';
    } else {
        PUT(o, "null");
    }
}

/* "request" is told only where it says more than its parts. */
static void put_json(struct out *o, const struct access_entry *e)
{
    char before = '{';
    for (const struct access_field *f = access_fields; f->name; f++) {
        if (f->offset == offsetof(struct access_entry, request) &&
            !e->request.at)
            continue;
        *o->at++ = before;
        *o->at++ = '"';
        put(o, (struct span){f->name, strlen(f->name)});
        PUT(o, "\":");
        put_value(o, f, e);
        before = ',';
    }
    *o->at++ = '}';
}

/* ---- lines ---- */

static void (*const makers[])(struct out *o, const struct access_entry *e) = {
    [ACCESS_COMMON] = put_common,
    [ACCESS_COMBINED] = put_combined,
    [ACCESS_JSON] = put_json,
};

static size_t end_line(struct out *o, const char *line)
{
    *o->at++ = '\n';
    return (size_t)(o->at - line);
}

size_t access_line(enum access_format format, const struct access_entry *entry,
                   size_t most, char line[ACCESS_LINE_MAX])
{
    assert(most > OTHERS && most <= ACCESS_LINE_MAX);
    struct out o = {.at = line, .text_most = (most - OTHERS) / 3};
    makers[format](&o, entry);
    return end_line(&o, line);
}

static size_t plain_bytes(struct span text, size_t most)
{
    size_t n = 0;
    most = text.len < most ? text.len : most;
    while (n < most) {
        unsigned char c = (unsigned char)text.at[n];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            break;
        n++;
    }
    return n;
}

size_t access_line_of(struct span text, size_t most, char line[ACCESS_LINE_MAX])
{
    struct out o = {.at = line};
    if (text.len && text.at[text.len - 1] == '\n')
        text.len--;
    put_escaped(&o, text, most - 1, plain_bytes, escape_hex);
    return end_line(&o, line);
}
