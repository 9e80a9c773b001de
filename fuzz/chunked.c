/* SPDX-License-Identifier: MIT */
/*
 * A chunked body of arbitrary bytes. What must hold for each of them: verdict,
 * data and the place where the body ends are the same in one piece, byte by
 * byte and cut anywhere; a refusal has one of the statuses that chunked.h
 * names; there is never more data than bytes.
 */
#include "fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "http/chunked.h"
#include "http/limits.h"

/* The defaults, and limits that short inputs reach. */
static const struct limits all_limits[] = {
    {.header_size = 114688,
     .header_name = 256,
     .headers = 100,
     .chunk_extension = 16384},
    {.header_size = 40, .header_name = 18, .headers = 2, .chunk_extension = 8},
};

struct decoded {
    enum chunked_status status;
    int code;
    size_t used;
    size_t len;
    char *data; /* owned */
};

/* Decodes a copy of one piece that ends where it ends, so that the sanitizer
 * sees a look beyond. */
static void feed(struct chunked *c, struct span piece, struct decoded *d,
                 const struct limits *limits)
{
    char *copy = malloc(piece.len ? piece.len : 1);
    CHECK(copy);
    memcpy(copy, piece.at, piece.len);
    struct span in = {copy, piece.len}, data;
    while ((d->status = chunked_step(c, &in, &data, limits, &d->code)) ==
           CHUNKED_DATA) {
        CHECK(data.len && data.at + data.len == in.at);
        memcpy(d->data + d->len, data.at, data.len);
        d->len += data.len;
    }
    CHECK(d->status != CHUNKED_MORE || !in.len);
    if (d->status != CHUNKED_REFUSED)
        d->used += piece.len - in.len;
    else
        d->used = 0;
    free(copy);
}

/* Pieces of the given size but for the last one. */
static struct decoded decode(struct span body, size_t size,
                             const struct limits *limits)
{
    struct chunked c = {0};
    struct decoded d = {.data = malloc(body.len + 1)};
    CHECK(d.data);
    while (body.len && d.status == CHUNKED_MORE) {
        size_t n = body.len < size ? body.len : size;
        feed(&c, (struct span){body.at, n}, &d, limits);
        body.at += n;
        body.len -= n;
    }
    return d;
}

static bool same(const struct decoded *a, const struct decoded *b)
{
    return a->status == b->status && a->code == b->code && a->used == b->used &&
           a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static void check_input(struct span body, size_t cut,
                        const struct limits *limits)
{
    struct decoded whole = decode(body, body.len, limits);
    struct decoded parts = decode(body, cut, limits);
    struct decoded single = decode(body, 1, limits);
    CHECK(same(&whole, &parts));
    CHECK(same(&whole, &single));
    CHECK(whole.len <= body.len);
    if (whole.status == CHUNKED_REFUSED)
        CHECK(whole.code == 400 || whole.code == 413 || whole.code == 431);
    if (whole.status == CHUNKED_END)
        CHECK(memcmp(body.at + whole.used - 4, "\r\n\r\n", 4) == 0);
    free(whole.data);
    free(parts.data);
    free(single.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = {(const char *)data, size};
    size_t cut = cut_of(data, size) + 1;
    for (size_t i = 0; i < sizeof all_limits / sizeof *all_limits; i++)
        check_input(body, cut, &all_limits[i]);
    return 0;
}
