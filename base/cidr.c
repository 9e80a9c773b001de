/* SPDX-License-Identifier: MIT */
/*
 * Lists of networks, to tell the proxies of the house from everybody else.
 * They are short and asked once for a connection or a request, so each network
 * is looked at in turn.
 */
#include "base/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/peer.h"

static int full(const struct cidr *c)
{
    return c->family == AF_INET ? 32 : 128;
}

/* 0 to max without leading zeros, or -1. */
static int parse_bits(const char *text, int max)
{
    int bits = 0;
    size_t len = strlen(text);
    if (!len || len > 3 || (len > 1 && *text == '0'))
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        bits = bits * 10 + (*text - '0');
    }
    return bits <= max ? bits : -1;
}

/* Clears the bits behind the prefix. Were some set? */
static bool mask(struct cidr *c)
{
    bool were = false;
    int bits = c->bits;
    for (int i = 0; i < full(c) / 8; i++, bits -= 8) {
        unsigned keep = 0xff;
        if (bits < 8)
            keep = bits > 0 ? 0xff00u >> bits & 0xff : 0;
        were = were || (c->ip[i] & ~keep);
        c->ip[i] = (uint8_t)(c->ip[i] & keep);
    }
    return were;
}

/* The prefix as it was written; a mapped address has lost 96 bits of it. */
static int take_bits(const char *text, struct span address, struct cidr *c,
                     struct err *err)
{
    const char *written = address.at + address.len + 1;
    int lost =
        c->family == AF_INET && memchr(address.at, ':', address.len) ? 96 : 0;
    int bits = parse_bits(written, full(c) + lost);
    if (bits < lost)
        return err_set(err,
                       "\"%s\" is no network: behind the / stands a number "
                       "from %d to %d",
                       text, lost, full(c) + lost);
    c->bits = (uint8_t)(bits - lost);
    struct cidr masked = *c;
    if (!mask(&masked))
        return 0;
    char network[CIDR_TEXT];
    return err_set(err,
                   "\"%s\" is no network: bits behind the prefix are set; "
                   "write \"%s\", or \"%.*s\" for this one address",
                   text, cidr_text(&masked, network), (int)address.len,
                   address.at);
}

int cidr_parse(const char *text, struct cidr *out, struct err *err)
{
    struct peer peer;
    struct cidr c = {.family = AF_UNIX};
    if (strcmp(text, "unix") == 0) {
        *out = c;
        return 0;
    }
    struct span address = {text, strcspn(text, "/")};
    if (!peer_parse(address, &peer))
        return err_set(err,
                       "\"%s\" is no address: write one as \"10.0.0.1\" or "
                       "\"::1\", a network as \"10.0.0.0/8\", or \"unix\"",
                       text);
    c.family = peer.family;
    memcpy(c.ip, peer.ip, sizeof c.ip);
    c.bits = (uint8_t)full(&c);
    if (text[address.len] && take_bits(text, address, &c, err) < 0)
        return -1;
    *out = c;
    return 0;
}

const char *cidr_text(const struct cidr *c, char text[CIDR_TEXT])
{
    char ip[INET6_ADDRSTRLEN];
    if (c->family == AF_UNIX)
        return strcpy(text, "unix");
    inet_ntop(c->family, c->ip, ip, sizeof ip);
    if (c->bits == full(c))
        snprintf(text, CIDR_TEXT, "%s", ip);
    else
        snprintf(text, CIDR_TEXT, "%s/%d", ip, c->bits);
    return text;
}

static bool holds(const struct cidr *c, const struct peer *peer)
{
    if (c->family != peer->family)
        return false;
    size_t bytes = c->bits / 8;
    unsigned rest = c->bits % 8;
    if (memcmp(c->ip, peer->ip, bytes) != 0)
        return false;
    return !rest || (c->ip[bytes] ^ peer->ip[bytes]) >> (8 - rest) == 0;
}

bool cidrs_have(const struct cidrs *cidrs, const struct peer *peer)
{
    for (size_t i = 0; i < cidrs->count; i++)
        if (holds(&cidrs->list[i], peer))
            return true;
    return false;
}
