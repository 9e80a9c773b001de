/* SPDX-License-Identifier: MIT */
/*
 * The authority of a request, in a Host field or an absolute target. The head
 * check judges it, the parser cuts it out: both must see the same bounds.
 */
#include "http/authority.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "http/text.h"

/* The bytes of "[address]" at the front of text, 0 when there is none. */
static size_t bracketed(struct span text)
{
    const char *close = memchr(text.at, ']', text.len);
    char address[INET6_ADDRSTRLEN];
    size_t len = close ? (size_t)(close - text.at) - 1 : 0;
    if (!len || len >= sizeof address)
        return 0;
    memcpy(address, text.at + 1, len);
    address[len] = '\0';
    struct in6_addr ignored;
    return inet_pton(AF_INET6, address, &ignored) == 1 ? len + 2 : 0;
}

/* The bytes of a reg-name at the front of text. */
static size_t named(struct span text)
{
    size_t n = 0;
    for (;;) {
        n += text_run((struct span){text.at + n, text.len - n}, TEXT_NAME);
        if (text.len - n < 3 || text.at[n] != '%' ||
            !text_in(text.at[n + 1], TEXT_HEX) ||
            !text_in(text.at[n + 2], TEXT_HEX))
            return n;
        n += 3;
    }
}

bool authority_ok(struct span text)
{
    if (!text.len)
        return false;
    size_t host = text.at[0] == '[' ? bracketed(text) : named(text);
    if (!host)
        return false;
    if (host == text.len)
        return true;
    struct span port = {text.at + host + 1, text.len - host - 1};
    int64_t number = 0;
    if (text.at[host] != ':')
        return false;
    return !port.len || (text_number(port, &number) && number <= UINT16_MAX);
}

size_t authority_at(struct span target)
{
    if (target.len >= 7 &&
        span_is_nocase((struct span){target.at, 7}, "http://"))
        return 7;
    if (target.len >= 8 &&
        span_is_nocase((struct span){target.at, 8}, "https://"))
        return 8;
    return 0;
}

size_t authority_len(struct span text)
{
    size_t n = 0;
    while (n < text.len && text.at[n] != '/' && text.at[n] != '?')
        n++;
    return n;
}
