/* SPDX-License-Identifier: MIT */
/*
 * The PROXY header under arbitrary bytes. What must hold for each of them:
 *
 * - the verdict is the same in one piece, byte by byte and cut anywhere;
 * - there is one with as many bytes as the longest header has;
 * - a refusal says why; a header ends where it says, names a client or nobody,
 *   and depends on no byte behind it.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "fuzz/fuzz.h"
#include "http/proxy.h"

struct verdict {
    enum proxy_status status;
    struct proxy_header header;
};

/* Looks at a copy that ends where the bytes end, so that the sanitizer sees a
 * look beyond. */
static struct verdict look(const char *bytes, size_t len)
{
    struct verdict v;
    char *copy = malloc(len ? len : 1);
    CHECK(copy);
    memcpy(copy, bytes, len);
    v.status = proxy_read(copy, len, &v.header);
    free(copy);
    return v;
}

static void check_same(const struct verdict *a, const struct verdict *b)
{
    CHECK(a->status == b->status);
    if (a->status == PROXY_REFUSED)
        CHECK(strcmp(a->header.why, b->header.why) == 0);
    if (a->status != PROXY_DONE)
        return;
    CHECK(a->header.size == b->header.size);
    CHECK(a->header.keep == b->header.keep);
    CHECK(memcmp(a->header.from.ip, b->header.from.ip, 16) == 0);
    CHECK(a->header.from.port == b->header.from.port);
    CHECK(a->header.from.family == b->header.from.family);
}

static void check_header(const char *bytes, size_t len,
                         const struct verdict *whole)
{
    const struct proxy_header *h = &whole->header;
    char text[PEER_TEXT];
    bool v1 = bytes[0] == 'P';
    CHECK(h->size <= len && h->size >= (v1 ? 15 : 16));
    CHECK(h->size <= (v1 ? PROXY_V1_MAX : PROXY_MAX));
    if (v1)
        CHECK(memcmp(bytes + h->size - 2, "\r\n", 2) == 0);
    struct verdict alone = look(bytes, h->size);
    check_same(whole, &alone);
    CHECK(look(bytes, h->size - 1).status == PROXY_MORE);
    if (!h->keep)
        CHECK(peer_ip(&h->from, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct verdict whole = look(bytes, size), single = {0};
    struct verdict parts = look(bytes, cut_of(data, size));
    for (size_t n = 0; n <= size && single.status == PROXY_MORE; n++)
        single = look(bytes, n);
    if (parts.status == PROXY_MORE)
        parts = whole;
    check_same(&whole, &single);
    check_same(&whole, &parts);
    if (whole.status == PROXY_MORE)
        CHECK(size < PROXY_MAX);
    if (whole.status == PROXY_REFUSED)
        CHECK(*whole.header.why);
    if (whole.status == PROXY_DONE)
        check_header(bytes, size, &whole);
    return 0;
}
