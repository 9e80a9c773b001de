/* SPDX-License-Identifier: MIT */
/*
 * A whole connection under arbitrary bytes of a client. The first says how the
 * talk is held (TALK_...), the next three how large the pieces are that the
 * others come in (modulo 64; 0: all at once), so "@@@@" in front of requests
 * makes an input. What must hold for each of them:
 *
 * - the connection comes to an end and never waits for nothing;
 * - each request that the app is given is well-formed (request.c), and another
 *   parser reads the same ones (llhttp.c, where it is there);
 * - the answers are those to the requests, and nothing comes behind a refusal
 *   or behind what was said to be the last (answers.c);
 * - in one piece and in pieces, under a model that collects bodies and one that
 *   streams, to a client that takes the answers drop by drop: the app is given
 *   the same requests and the client gets the same answers.
 *
 * The last of these ends where chance has a say: of an app that leaves bodies
 * unread, and of a client that is gone before it has its answers, only as many
 * requests as came so far are compared.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/talk.h"

enum {
    PREFIX = 4,
    BOTH = TALK_SMALL | TALK_SILENT, /* how the first talk is held, too */
    BY_CHANCE = TALK_IDLE | TALK_RESETS,
    BYTEWISE_MAX = 1024 /* longer ones take too much time */
};

static void check_same_request(const struct seen *a, const struct seen *b)
{
    CHECK(a->request.size == b->request.size);
    CHECK(memcmp(a->request.bytes, b->request.bytes, a->request.size) == 0);
    if (!a->complete || !b->complete)
        return;
    CHECK(a->end == b->end);
    CHECK(a->body_size == b->body_size);
    CHECK(memcmp(a->body, b->body, a->body_size) == 0);
}

/* A call that streams may have begun before its body was refused. */
static void check_same(const struct talk *whole, const struct talk *parts,
                       unsigned flags)
{
    size_t n = whole->count < parts->count ? whole->count : parts->count;
    for (size_t i = 0; i < n; i++)
        check_same_request(&whole->seen[i], &parts->seen[i]);
    if (flags & BY_CHANCE)
        return;
    CHECK(parts->count == n || (flags & TALK_STREAMS && parts->count == n + 1));
    CHECK(whole->count == n);
    size_t size = buf_len(&whole->answers);
    CHECK(buf_len(&parts->answers) == size);
    CHECK(!size ||
          memcmp(buf_at(&whole->answers), buf_at(&parts->answers), size) == 0);
}

/* Holds the talk in another way and compares. */
static void check_way(const struct talk *whole, struct span input,
                      const uint8_t sizes[3], unsigned flags)
{
    struct talk parts = {0};
    talk_hold(&parts, input, sizes, flags);
    talk_check_answers(&parts, flags);
    check_same(whole, &parts, flags);
    talk_fini(&parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t at_once[3] = {0}, bytewise[3] = {1, 1, 1};
    if (size < PREFIX)
        return 0;
    unsigned flags = data[0] & ~64u; /* so that they can be letters */
    uint8_t sizes[3];
    for (int i = 0; i < 3; i++)
        sizes[i] = data[1 + i] % 64;
    struct span input = {(const char *)data + PREFIX, size - PREFIX};
    struct talk whole = {0};
    talk_hold(&whole, input, at_once, flags & BOTH);
    talk_check_answers(&whole, flags & BOTH);
#ifdef FUZZ_LLHTTP
    talk_check_second(&whole, input);
#endif
    check_way(&whole, input, sizes, flags);
    if (input.len <= BYTEWISE_MAX)
        check_way(&whole, input, bytewise, flags & BOTH);
    talk_fini(&whole);
    return 0;
}
