/* SPDX-License-Identifier: MIT */
/*
 * X-Forwarded-For, X-Forwarded-Proto and Forwarded, read from right to left:
 * each proxy appends, so what stands on the left is the client's word, and
 * must not have a say in how the right is understood. Several lines of a name
 * are one list; they are taken from the last to the first.
 */
#include "http/forwarded.h"

#include <string.h>

#include "base/cidr.h"
#include "base/span.h"
#include "http/request.h"
#include "http/text.h"

/* ---- lists from their end ---- */

struct list {
    const struct request *rq;
    const char *name; /* lower case */
    uint32_t at;      /* the field whose value is rest; later ones are done */
    struct span rest; /* of its value */
    bool quoted;      /* a comma may stand in a quoted string */
};

/* Where the last element of s begins. A quotation mark behind an odd number of
 * backslashes belongs to the string. */
static size_t last_element(struct span s, bool quoted)
{
    bool inside = false;
    size_t at = s.len;
    for (; at > 0; at--) {
        char c = s.at[at - 1];
        if (c == ',' && !inside)
            break;
        if (c != '"' || !quoted)
            continue;
        size_t slashes = 0;
        while (slashes + 1 < at && s.at[at - 2 - slashes] == '\\')
            slashes++;
        if (!inside || slashes % 2 == 0)
            inside = !inside;
    }
    return at;
}

static bool previous_line(struct list *l)
{
    while (l->at > 0) {
        const struct field *f = &l->rq->fields[--l->at];
        if (!span_is_nocase(request_span(l->rq, f->name), l->name))
            continue;
        l->rest = request_span(l->rq, f->value);
        return true;
    }
    return false;
}

/* The element before, trimmed; empty ones do not count. False: no more. */
static bool previous(struct list *l, struct span *element)
{
    do {
        while (!l->rest.len)
            if (!previous_line(l))
                return false;
        size_t at = last_element(l->rest, l->quoted);
        *element = text_trim((struct span){l->rest.at + at, l->rest.len - at});
        l->rest.len = at ? at - 1 : 0;
    } while (!element->len);
    return true;
}

static struct list list_of(const struct request *rq, const char *name,
                           bool quoted)
{
    return (struct list){
        .rq = rq, .name = name, .at = rq->field_count, .quoted = quoted};
}

static bool has_field(const struct request *rq, const char *name)
{
    struct list l = list_of(rq, name, false);
    return previous_line(&l);
}

/* ---- nodes: addresses with or without a port ---- */

/* Behind the address: nothing, ":80", or ":_hidden" as RFC 7239 allows. */
static bool read_port(struct span s, uint16_t *port)
{
    int64_t number = 0;
    if (!s.len)
        return true;
    struct span text = {s.at + 1, s.len - 1};
    if (*s.at != ':' || !text.len)
        return false;
    if (*text.at == '_')
        return text_run(text, TEXT_TOKEN) == text.len;
    if (text.len > 5 || !text_number(text, &number) || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

/* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80"; bare: also
 * "2001:db8::1", as in X-Forwarded-For. */
static bool read_node(struct span s, bool bare, struct peer *out)
{
    uint16_t port = 0;
    struct peer peer;
    const char *end = s.at + s.len;
    const char *stop = s.len ? memchr(s.at, ':', s.len) : NULL;
    bool brackets = s.len && *s.at == '[';
    if (brackets)
        stop = memchr(s.at, ']', s.len);
    else if (bare && stop && memchr(stop + 1, ':', (size_t)(end - stop - 1)))
        stop = NULL;
    if (brackets && !stop)
        return false;
    if (!stop)
        stop = end;
    struct span ip = {s.at + brackets, (size_t)(stop - s.at) - brackets};
    const char *behind = stop + brackets;
    bool colons = ip.len && memchr(ip.at, ':', ip.len);
    if ((brackets && !colons) || !peer_parse(ip, &peer) ||
        !read_port((struct span){behind, (size_t)(end - behind)}, &port))
        return false;
    *out = peer;
    out->port = port;
    return true;
}

/* ---- Forwarded: for="[2001:db8::1]:4711";proto=https ---- */

struct element {
    bool has_for, has_proto;
    bool https;
    bool found; /* for= is an address: */
    struct peer client;
};

enum {
    VALUE_MAX = 64 /* bytes: no address or scheme has as many */
};

/* Takes a token or a quoted string off s into value, without its quotes; of a
 * longer one the beginning. False: it is neither. */
static bool take_value(struct span *s, char value[VALUE_MAX], size_t *len)
{
    size_t at = 0, n = 0;
    bool quoted = s->len && *s->at == '"';
    if (!quoted) {
        at = text_run(*s, TEXT_TOKEN);
        n = at < VALUE_MAX ? at : VALUE_MAX;
        memcpy(value, s->at, n);
    }
    for (at += quoted; quoted && at < s->len && s->at[at] != '"'; at++) {
        at += s->at[at] == '\\';
        if (at < s->len && n < VALUE_MAX)
            value[n++] = s->at[at];
    }
    at += quoted;
    *len = n;
    if (!at || at > s->len)
        return false;
    *s = (struct span){s->at + at, s->len - at};
    return true;
}

/* Takes "name=value" off s. False: it is none, or for= or proto= came twice. */
static bool take_pair(struct span *s, struct element *e)
{
    char text[VALUE_MAX];
    struct span name = {s->at, text_run(*s, TEXT_TOKEN)}, value = {text, 0};
    if (!name.len || name.len == s->len || s->at[name.len] != '=')
        return false;
    *s = (struct span){s->at + name.len + 1, s->len - name.len - 1};
    if (!take_value(s, text, &value.len))
        return false;
    bool is_for = span_is_nocase(name, "for");
    bool is_proto = span_is_nocase(name, "proto");
    if ((is_for && e->has_for) || (is_proto && e->has_proto))
        return false;
    e->has_for = e->has_for || is_for;
    e->has_proto = e->has_proto || is_proto;
    if (is_for)
        e->found = read_node(value, false, &e->client);
    if (is_proto)
        e->https = span_is_nocase(value, "https");
    return true;
}

/* Blanks around a ";" and pairs left empty do no harm. */
static bool read_element(struct span s, struct element *e)
{
    *e = (struct element){0};
    for (;;) {
        if (s.len && *s.at != ';' && !take_pair(&s, e))
            return false;
        s = text_trim(s);
        if (!s.len)
            return true;
        if (*s.at != ';')
            return false;
        s = text_trim((struct span){s.at + 1, s.len - 1});
    }
}

static void walk_forwarded(const struct request *rq,
                           const struct cidrs *trusted, struct forwarded *out)
{
    struct span text;
    struct element e;
    struct list l = list_of(rq, "forwarded", true);
    while (cidrs_have(trusted, &out->client) && previous(&l, &text) &&
           read_element(text, &e)) {
        out->https = e.https;
        if (!e.found)
            return;
        out->client = e.client;
    }
}

/* ---- X-Forwarded-For, X-Forwarded-Proto ---- */

static void walk_x_forwarded(const struct request *rq,
                             const struct cidrs *trusted, struct forwarded *out)
{
    struct span text;
    struct list addresses = list_of(rq, "x-forwarded-for", false);
    struct list schemes = list_of(rq, "x-forwarded-proto", false);
    while (cidrs_have(trusted, &out->client) && previous(&addresses, &text) &&
           read_node(text, true, &out->client))
        ;
    out->https = previous(&schemes, &text) && span_is_nocase(text, "https");
}

void forwarded_read(const struct request *rq, const struct cidrs *trusted,
                    const struct peer *peer, struct forwarded *out)
{
    *out = (struct forwarded){.client = *peer};
    if (!cidrs_have(trusted, peer))
        return;
    if (has_field(rq, "x-forwarded-for") || has_field(rq, "x-forwarded-proto"))
        walk_x_forwarded(rq, trusted, out);
    else
        walk_forwarded(rq, trusted, out);
}
