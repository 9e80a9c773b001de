/* SPDX-License-Identifier: MIT */
/*
 * The chunked coding. Each body is decoded in one piece, byte by byte and cut
 * once at every place: verdict, data and what is left must be the same.
 */
#include "http/chunked.h"

#include <string.h>

#include <criterion/criterion.h>

#include "http/limits.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A last chunk, for cases about what comes before. */
#define LAST "0\r\n\r\n"

static struct limits limits = {
    .header_size = 1000,
    .header_name = 40,
    .headers = 10,
    .chunk_extension = 100,
};

struct decoded {
    enum chunked_status status;
    int code;
    size_t used;
    size_t len;
    char data[256];
};

/* Decodes one piece; true when more is wanted. */
static bool feed(struct chunked *c, const char *at, size_t len,
                 struct decoded *d)
{
    struct span in = {at, len}, data;
    while ((d->status = chunked_step(c, &in, &data, &limits, &d->code)) ==
           CHUNKED_DATA) {
        memcpy(d->data + d->len, data.at, data.len);
        d->len += data.len;
    }
    d->used += d->status == CHUNKED_REFUSED ? 0 : len - in.len;
    return d->status == CHUNKED_MORE;
}

static struct decoded decode_cut(struct span body, size_t cut)
{
    struct chunked c = {0};
    struct decoded d = {0};
    if (feed(&c, body.at, cut, &d))
        feed(&c, body.at + cut, body.len - cut, &d);
    if (d.status == CHUNKED_REFUSED)
        d.used = 0;
    return d;
}

static struct decoded decode_bytewise(struct span body)
{
    struct chunked c = {0};
    struct decoded d = {0};
    for (size_t i = 0; i < body.len; i++)
        if (!feed(&c, body.at + i, 1, &d))
            break;
    if (d.status == CHUNKED_REFUSED)
        d.used = 0;
    return d;
}

static bool same(const struct decoded *a, const struct decoded *b)
{
    return a->status == b->status && a->code == b->code && a->used == b->used &&
           a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static struct decoded decode(struct span body)
{
    struct decoded whole = decode_cut(body, body.len);
    for (size_t cut = 0; cut < body.len; cut++) {
        struct decoded d = decode_cut(body, cut);
        cr_expect(same(&d, &whole), "cut at %zu: %.*s", cut, (int)body.len,
                  body.at);
    }
    struct decoded d = decode_bytewise(body);
    cr_expect(same(&d, &whole), "bytewise: %.*s", (int)body.len, body.at);
    return whole;
}

static void refuses(int code, const struct span *bodies, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct decoded d = decode(bodies[i]);
        cr_expect(d.status == CHUNKED_REFUSED && d.code == code,
                  "status %d code %d: %.*s", d.status, d.code,
                  (int)bodies[i].len, bodies[i].at);
    }
}

static void accepts(const char *data, const struct span *bodies, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct decoded d = decode(bodies[i]);
        cr_expect(d.status == CHUNKED_END && d.used == bodies[i].len &&
                      d.len == strlen(data) && !memcmp(d.data, data, d.len),
                  "status %d code %d: %.*s", d.status, d.code,
                  (int)bodies[i].len, bodies[i].at);
    }
}

#define REFUSES(code, ...)                                                     \
    do {                                                                       \
        static const struct span bodies[] = {__VA_ARGS__};                     \
        refuses((code), bodies, COUNT(bodies));                                \
    } while (0)

#define ACCEPTS(data, ...)                                                     \
    do {                                                                       \
        static const struct span bodies[] = {__VA_ARGS__};                     \
        accepts((data), bodies, COUNT(bodies));                                \
    } while (0)

/* SPAN is a compound literal, which no static table may hold. */
#define S(literal)                                                             \
    {                                                                          \
        (literal), sizeof(literal) - 1                                         \
    }

Test(chunked, joins_the_data_of_chunks)
{
    ACCEPTS("hello", S("5\r\nhello\r\n" LAST),
            S("2\r\nhe\r\n3\r\nllo\r\n" LAST),
            S("0005\r\nhello\r\n0000000000000000\r\n\r\n"));
    ACCEPTS("", S(LAST), S("000\r\n\r\n"));
    ACCEPTS("0123456789", S("a\r\n0123456789\r\n" LAST),
            S("A\r\n0123456789\r\n" LAST));
    ACCEPTS("\r\n0\r\n\r\n", S("7\r\n\r\n0\r\n\r\n\r\n" LAST));
}

Test(chunked, leaves_what_follows_the_body)
{
    struct decoded d = decode(SPAN("1\r\na\r\n" LAST "GET / HTTP/1.1\r\n"));
    cr_assert_eq(d.status, CHUNKED_END);
    cr_assert_eq(d.used, 11);
}

Test(chunked, wants_more_until_the_last_line)
{
    static const char body[] = "1;e\r\na\r\n0\r\nX: y\r\n\r\n";
    for (size_t len = 0; len < sizeof body - 1; len++)
        cr_expect_eq(decode((struct span){body, len}).status, CHUNKED_MORE);
}

Test(chunked, refuses_sizes_that_are_no_hex_number)
{
    REFUSES(400, S("\r\n"), S("0x5\r\n"), S("+5\r\n"), S("-5\r\n"), S("5_\r\n"),
            S("5x\r\n"), S(" 5\r\n"), S("5 \r\n"), S("5\t\r\n"), S("g\r\n"),
            S("\0"
              "5\r\n"),
            S(";a\r\n"), S("5 ;a\r\n"), S("\xd9\xa5\r\n"));
}

Test(chunked, refuses_sizes_that_overflow)
{
    REFUSES(400, S("10000000000000005\r\n"), S("fffffffffffffffb\r\n"),
            S("8000000000000000\r\n"), S("00000000000000005\r\n"));
}

Test(chunked, takes_sizes_of_63_bits)
{
    struct chunked c = {0};
    struct decoded d = {0};
    cr_assert(feed(&c, "7fffffffffffffff\r\nab", 20, &d));
    cr_assert_eq(d.len, 2);
    cr_assert_eq(c.left, INT64_MAX - 2);
}

Test(chunked, refuses_bare_lf_and_bare_cr)
{
    REFUSES(400, S("5\nhello\r\n"), S("5\r\nhello\n"), S("0\n\n"), S("0\r\n\n"),
            S("0\r\n\r\r"), S("5\rhello"), S("5\r\r\n"), S("5\r\nhello\rX"),
            S("5;a\nb\r\n"), S("5;a\rb\r\n"), S("5\r\r;ABCD\r\n"),
            S("0\r\nX: y\n\r\n"), S("0\r\nX: y\r\r\n"),
            S("0\r\nX: y\rZ: 1\r\n"));
}

Test(chunked, refuses_data_not_followed_by_crlf)
{
    REFUSES(400, S("5\r\nhelloXX0\r\n"), S("5\r\nhello0\r\n"),
            S("5\r\nhello!\r\n"), S("5\r\nhello \r\n"));
}

Test(chunked, ignores_extensions)
{
    ACCEPTS("hello", S("5;a\r\nhello\r\n" LAST), S("5;\r\nhello\r\n" LAST),
            S("5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n"),
            S("5;a\tb\xff\r\nhello\r\n" LAST));
}

Test(chunked, refuses_control_bytes_in_extensions)
{
    REFUSES(400, S("5;a\0b\r\n"), S("5;a\x01\r\n"), S("5;a\x7f\r\n"),
            S("5;a\x0b\r\n"));
}

Test(chunked, bounds_the_extensions_of_the_whole_body)
{
    limits.chunk_extension = 6;
    ACCEPTS("ab", S("1;12\r\na\r\n1;34\r\nb\r\n" LAST),
            S("2;12345\r\nab\r\n" LAST));
    REFUSES(413, S("1;12\r\na\r\n1;34\r\nb\r\n0;\r\n\r\n"),
            S("1;123456\r\na\r\n" LAST), S("1;123456"),
            S("1;12\r\na\r\n1;345"));
}

Test(chunked, refuses_any_extension_when_none_is_allowed)
{
    limits.chunk_extension = 0;
    ACCEPTS("a", S("1\r\na\r\n" LAST));
    REFUSES(413, S("1;\r\na\r\n"));
}

Test(chunked, drops_trailers)
{
    ACCEPTS("a", S("1\r\na\r\n0\r\nX: y\r\n\r\n"),
            S("1\r\na\r\n0\r\nHost: b\r\nX-Auth: admin\r\nY:\r\n\r\n"),
            S("1\r\na\r\n0\r\nContent-Lengthy: 5\r\nX: \x80\t \r\n\r\n"),
            S("1\r\na\r\n0\r\nTransfer-Encodings: a\r\n\r\n"));
}

Test(chunked, refuses_framing_fields_in_trailers)
{
    REFUSES(400, S("0\r\nContent-Length: 99\r\n"),
            S("0\r\nX: y\r\ncontent-length:\r\n"),
            S("0\r\nTRANSFER-ENCODING: chunked\r\n"));
}

Test(chunked, judges_trailers_like_header_fields)
{
    REFUSES(400, S("0\r\nX : y\r\n"), S("0\r\n: y\r\n"), S("0\r\n X: y\r\n"),
            S("0\r\nX: y\r\n z\r\n"), S("0\r\nX(: y\r\n"), S("0\r\nX\r\n"),
            S("0\r\nX: a\0b\r\n"), S("0\r\nX: \x01\r\n"), S("0\r\n\0"));
}

Test(chunked, bounds_the_names_of_trailers)
{
    limits.header_name = 4;
    ACCEPTS("", S("0\r\nabcd: y\r\n\r\n"));
    REFUSES(431, S("0\r\nabcde"));
}

Test(chunked, bounds_the_number_of_trailers)
{
    limits.headers = 2;
    ACCEPTS("", S("0\r\na: y\r\nb: y\r\n\r\n"));
    REFUSES(431, S("0\r\na: y\r\nb: y\r\nc"));
}

Test(chunked, bounds_the_size_of_trailers)
{
    limits.header_size = 12;
    ACCEPTS("", S("0\r\na: y\r\nb: y\r\n\r\n"), S("0\r\nab: 345678\r\n\r\n"));
    REFUSES(431, S("0\r\na: y\r\nb: yz\r\n"), S("0\r\nab: 3456789\r\n"),
            S("0\r\nab: 345678901"), S("0\r\nab: 34567890\r"),
            S("0\r\na: y\r\nb: y\r\nc"), S("0\r\nabcdefghijkl:"));
}
