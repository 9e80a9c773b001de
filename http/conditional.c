/* SPDX-License-Identifier: MIT */
/*
 * Conditional and range requests for what has a size, a date and a tag.
 */
#include "http/conditional.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "http/date.h"
#include "http/request.h"
#include "http/text.h"

/* ---- the fields ---- */

/* How many fields of that name there are; the first one's value. */
static int find(const struct request *rq, const char *name, struct span *value)
{
    int n = 0;
    for (uint32_t i = 0; i < rq->field_count; i++) {
        const struct field *f = &rq->fields[i];
        if (span_is_nocase(request_span(rq, f->name), name) && n++ == 0)
            *value = request_span(rq, f->value);
    }
    return n;
}

/* A date, of a field that is there once. */
static bool find_date(const struct request *rq, const char *name, int64_t *when)
{
    struct span value;
    return find(rq, name, &value) == 1 && date_parse(value, when);
}

/* ---- tags ---- */

static bool is_weak(struct span tag)
{
    return tag.len > 2 && tag.at[0] == 'W' && tag.at[1] == '/';
}

static bool same_tag(struct span a, struct span b, bool strong)
{
    bool weak = is_weak(a) || is_weak(b);
    if (!a.len || !b.len || (strong && weak))
        return false;
    if (is_weak(a))
        a = (struct span){a.at + 2, a.len - 2};
    if (is_weak(b))
        b = (struct span){b.at + 2, b.len - 2};
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* Takes the next tag off a list; commas may be inside of its quotes. False at
 * the end, or at what is no tag. */
static bool next_tag(struct span *list, struct span *tag)
{
    const char *p = list->at, *end = p + list->len;
    while (p < end && (*p == ' ' || *p == '\t' || *p == ','))
        p++;
    tag->at = p;
    if (end - p > 2 && p[0] == 'W' && p[1] == '/')
        p += 2;
    if (p == end || *p != '"')
        return false;
    const char *quote = memchr(p + 1, '"', (size_t)(end - p - 1));
    if (!quote)
        return false;
    tag->len = (size_t)(quote + 1 - tag->at);
    *list = (struct span){quote + 1, (size_t)(end - quote - 1)};
    return true;
}

/* Is the representation's tag in a field of that name (there may be several)?
 * "*" is any. */
static bool has_tag(const struct request *rq, const char *name,
                    struct span etag, bool strong)
{
    for (uint32_t i = 0; i < rq->field_count; i++) {
        const struct field *f = &rq->fields[i];
        if (!span_is_nocase(request_span(rq, f->name), name))
            continue;
        struct span list = request_span(rq, f->value), tag;
        if (span_is(list, "*"))
            return true;
        while (next_tag(&list, &tag))
            if (same_tag(tag, etag, strong))
                return true;
    }
    return false;
}

/* ---- conditions ---- */

/* If-Match, else If-Unmodified-Since. */
static bool may_send(const struct request *rq,
                     const struct representation *what)
{
    struct span ignored;
    int64_t when;
    if (find(rq, "if-match", &ignored))
        return has_tag(rq, "if-match", what->etag, true);
    return what->modified < 0 || !find_date(rq, "if-unmodified-since", &when) ||
           what->modified <= when;
}

/* If-None-Match, else If-Modified-Since: has the client the same already? */
static bool has_it(const struct request *rq, const struct representation *what)
{
    struct span ignored;
    int64_t when;
    if (find(rq, "if-none-match", &ignored))
        return has_tag(rq, "if-none-match", what->etag, false);
    return what->modified >= 0 && find_date(rq, "if-modified-since", &when) &&
           what->modified <= when;
}

/* If-Range: is the rest that the client asks for of what it has? */
static bool is_of_the_same(const struct request *rq,
                           const struct representation *what)
{
    struct span value;
    int64_t when;
    int n = find(rq, "if-range", &value);
    if (n != 1)
        return n == 0;
    if (value.len && (*value.at == '"' || is_weak(value)))
        return same_tag(value, what->etag, true);
    return date_parse(value, &when) && what->modified == when;
}

/* ---- ranges ---- */

/* "5-", "5-9", "-5": first and last, -1 where there is none. */
static bool read_range(struct span text, int64_t *first, int64_t *last)
{
    const char *dash = memchr(text.at, '-', text.len);
    if (!dash || text.len == 1)
        return false;
    struct span from = {text.at, (size_t)(dash - text.at)};
    struct span to = {dash + 1, text.len - from.len - 1};
    *first = *last = -1;
    if ((from.len && !text_number(from, first)) ||
        (to.len && !text_number(to, last)))
        return false;
    return *first < 0 || *last < 0 || *first <= *last;
}

/* Fits the range to the size; 416 when nothing is left of it. */
static struct verdict satisfy(int64_t size, int64_t first, int64_t last)
{
    if (first < 0) { /* the last so many bytes */
        first = last < size ? size - last : 0;
        last = last ? size - 1 : -1;
    } else if (last < 0 || last >= size) {
        last = size - 1;
    }
    if (first >= size || last < first)
        return (struct verdict){.status = 416};
    return (struct verdict){206, first, last - first + 1};
}

static struct verdict judge_range(const struct request *rq,
                                  const struct representation *what)
{
    struct verdict all = {200, 0, what->size};
    struct span value;
    int64_t first, last;
    if (find(rq, "range", &value) != 1 || value.len < 6 ||
        !span_is_nocase((struct span){value.at, 6}, "bytes="))
        return all;
    value = text_trim((struct span){value.at + 6, value.len - 6});
    if (!read_range(value, &first, &last) || !is_of_the_same(rq, what))
        return all;
    return satisfy(what->size, first, last);
}

struct verdict conditional_judge(const struct request *rq,
                                 const struct representation *what)
{
    struct verdict all = {200, 0, what->size};
    bool get = span_is(request_span(rq, rq->method), "GET");
    if (!get && !rq->head)
        return all;
    if (!may_send(rq, what))
        return (struct verdict){.status = 412};
    if (has_it(rq, what))
        return (struct verdict){.status = 304};
    return get ? judge_range(rq, what) : all;
}
