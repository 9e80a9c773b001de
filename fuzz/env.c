/* SPDX-License-Identifier: MIT */
/*
 * What the app found in its env, which it tells line by line (app.lua), beside
 * the fields of the request: each is there with all its values, and nothing
 * else is, least of all what a name with "_" would pass for.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/talk.h"

/* Is the name, as on the wire, the one that reads as this key? Written anew,
 * as everything that is to be compared. */
static bool reads_as(struct span name, struct span key)
{
    if (name.len != key.len || memchr(name.at, '_', name.len))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool lower = c >= 'a' && c <= 'z';
        if (key.at[i] != (c == '-' ? '_' : (char)(lower ? c - 32 : c)))
            return false;
    }
    return true;
}

/* All values of the fields with this name, and nothing but commas, semicolons
 * and blanks between them. */
static void check_values(const struct request *rq, struct span key,
                         struct span value)
{
    size_t found = 0;
    for (uint32_t i = 0; i < rq->field_count; i++) {
        if (!reads_as(request_span(rq, rq->fields[i].name), key))
            continue;
        struct span one = request_span(rq, rq->fields[i].value);
        size_t glue = found++ ? 2 : 0;
        CHECK(value.len >= glue + one.len);
        CHECK(!glue || memcmp(value.at, ", ", 2) == 0 ||
              memcmp(value.at, "; ", 2) == 0);
        CHECK(memcmp(value.at + glue, one.at, one.len) == 0);
        value.at += glue + one.len;
        value.len -= glue + one.len;
    }
    CHECK(found && !value.len);
}

/* Takes the next line off. */
static struct span next_line(struct span *text)
{
    const char *end = memchr(text->at, '\n', text->len);
    CHECK(end);
    struct span line = {text->at, (size_t)(end - text->at)};
    text->at = end + 1;
    text->len -= line.len + 1;
    return line;
}

/* How many names of fields, each counted once, are keys of env. */
static size_t count_keys(const struct request *rq)
{
    size_t n = 0;
    for (uint32_t i = 0; i < rq->field_count; i++) {
        struct span name = request_span(rq, rq->fields[i].name);
        bool first = !memchr(name.at, '_', name.len) &&
                     !span_is_nocase(name, "content-type") &&
                     !span_is_nocase(name, "content-length") &&
                     !span_is_nocase(name, "host");
        for (uint32_t j = 0; first && j < i; j++)
            first =
                !span_same_nocase(name, request_span(rq, rq->fields[j].name));
        n += first;
    }
    return n;
}

void talk_check_env(const struct request *rq, struct span text)
{
    size_t keys = 0;
    next_line(&text); /* path and query */
    next_line(&text); /* server */
    while (text.len) {
        struct span key = next_line(&text);
        const char *mark = memchr(key.at, '=', key.len);
        CHECK(mark);
        struct span value = {mark + 1, key.len - (size_t)(mark + 1 - key.at)};
        key.len = (size_t)(mark - key.at);
        if (span_is(key, "HTTP_HOST")) { /* or the target's */
            CHECK(value.len == rq->host.len);
            CHECK(memcmp(value.at, rq->bytes + rq->host.at, value.len) == 0);
        } else if (memcmp(key.at, "HTTP_", 5) == 0) {
            key.at += 5;
            key.len -= 5;
            check_values(rq, key, value);
            keys++;
        } else {
            check_values(rq, key, value);
        }
    }
    CHECK(keys == count_keys(rq));
}
