/* SPDX-License-Identifier: MIT */
/*
 * The request head under arbitrary bytes. What must hold for each of them:
 *
 * - the verdict is the same in one piece, byte by byte and cut anywhere;
 * - a refusal has one of the statuses that head.h names;
 * - a complete head ends in an empty line, the parser reads it or refuses it
 *   with a status that parser.h names, and both saw the same fields;
 * - what the parser hands on lies within the head and has no byte that could
 *   mean something to whoever writes it into a line.
 */
#include "fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "fuzz/request.h"
#include "http/head.h"
#include "http/limits.h"
#include "http/parser.h"
#include "http/request.h"

enum {
    FIELDS_MAX = 100
};

/* The defaults, and limits that short inputs reach. */
static const struct limits all_limits[] = {
    {.uri_size = 15360,
     .header_size = 114688,
     .header_name = 256,
     .headers = FIELDS_MAX},
    {.uri_size = 20, .header_size = 80, .header_name = 18, .headers = 3},
};

struct verdict {
    enum head_status status;
    int code;
    struct head_check check;
};

/* Looks at a copy of the first len bytes that ends where they end, so that
 * the sanitizer sees a look beyond. */
static void look(struct verdict *v, const char *bytes, size_t len,
                 const struct limits *limits)
{
    char *copy = malloc(len ? len : 1);
    CHECK(copy);
    memcpy(copy, bytes, len);
    v->status = head_check(&v->check, copy, len, limits, &v->code);
    free(copy);
}

static struct verdict judge_cut(const char *bytes, size_t len, size_t cut,
                                const struct limits *limits)
{
    struct verdict v = {0};
    look(&v, bytes, cut, limits);
    if (v.status == HEAD_MORE && cut < len)
        look(&v, bytes, len, limits);
    return v;
}

static struct verdict judge_bytewise(const char *bytes, size_t len,
                                     const struct limits *limits)
{
    struct verdict v = {0};
    for (size_t n = 0; n <= len && v.status == HEAD_MORE; n++)
        v.status = head_check(&v.check, bytes, n, limits, &v.code);
    return v;
}

static bool same(const struct verdict *a, const struct verdict *b)
{
    return a->status == b->status && a->code == b->code &&
           a->check.seen == b->check.seen && a->check.fields == b->check.fields;
}

static bool is_any_of(int status, const int *list)
{
    while (*list && *list != status)
        list++;
    return *list;
}

static void check_head(const char *bytes, const struct verdict *v,
                       const struct limits *limits)
{
    static const int refusals[] = {400, 501, 0};
    struct field fields[FIELDS_MAX];
    struct request rq = {.fields = fields};
    size_t size = v->check.seen;
    CHECK(size >= sizeof "F / HTTP/1.0\r\n\r\n" - 1 &&
          memcmp(bytes + size - 4, "\r\n\r\n", 4) == 0);
    CHECK(memmem(bytes, size, "\r\n\r\n", 4) == bytes + size - 4);
    char *copy = malloc(size);
    CHECK(copy);
    memcpy(copy, bytes, size);
    int status = parser_read(&rq, copy, size, limits->headers);
    if (status == 0) {
        CHECK(rq.size == size && rq.field_count == v->check.fields);
        check_request(&rq);
    } else {
        CHECK(is_any_of(status, refusals));
    }
    free(copy);
}

static void check_input(const char *bytes, size_t len, size_t cut,
                        const struct limits *limits)
{
    static const int refusals[] = {400, 414, 417, 431, 501, 505, 0};
    struct verdict whole = judge_cut(bytes, len, len, limits);
    struct verdict parts = judge_cut(bytes, len, cut, limits);
    struct verdict single = judge_bytewise(bytes, len, limits);
    CHECK(same(&whole, &parts));
    CHECK(same(&whole, &single));
    if (whole.status == HEAD_REFUSED)
        CHECK(is_any_of(whole.code, refusals));
    if (whole.status == HEAD_COMPLETE)
        check_head(bytes, &whole, limits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parser_init();
    const char *bytes = (const char *)data;
    size_t skip = head_skip_empty(bytes, size);
    size_t cut = cut_of(data + skip, size - skip);
    for (size_t i = 0; i < sizeof all_limits / sizeof *all_limits; i++)
        check_input(bytes + skip, size - skip, cut, &all_limits[i]);
    return 0;
}
