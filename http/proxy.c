/* SPDX-License-Identifier: MIT */
/*
 * The PROXY protocol as HAProxy's proxy-protocol.txt has it. Strict where a
 * proxy has no reason to differ: whoever sends something else is none, and its
 * words about addresses are worth nothing.
 */
#include "http/proxy.h"

#include <string.h>
#include <sys/socket.h>

#include "base/span.h"
#include "http/text.h"

static enum proxy_status refuse(struct proxy_header *out, const char *why)
{
    out->why = why;
    return PROXY_REFUSED;
}

/* ---- version 1: "PROXY TCP4 192.0.2.1 192.0.2.9 4711 80\r\n" ---- */

/* Takes the next word and the one space behind it, but for the last word. */
static struct span next_word(struct span *line)
{
    const char *space = memchr(line->at, ' ', line->len);
    size_t len = space ? (size_t)(space - line->at) : line->len;
    struct span word = {line->at, len};
    line->at += len + (space != NULL);
    line->len -= len + (space != NULL);
    return word;
}

static bool take_address(struct span *line, bool ipv6, struct peer *peer)
{
    struct span word = next_word(line);
    bool colons = word.len && memchr(word.at, ':', word.len);
    return colons == ipv6 && peer_parse(word, peer);
}

static bool take_port(struct span *line, uint16_t *port)
{
    int64_t number;
    struct span word = next_word(line);
    if (word.len > 5 || (word.len > 1 && *word.at == '0') ||
        !text_number(word, &number) || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

/* The line without its end. The target is checked and not kept. */
static enum proxy_status read_line(struct span line, struct proxy_header *out)
{
    struct peer to;
    uint16_t to_port, port;
    next_word(&line); /* "PROXY" */
    struct span family = next_word(&line);
    out->keep = span_is(family, "UNKNOWN");
    if (out->keep)
        return PROXY_DONE;
    bool ipv6 = span_is(family, "TCP6");
    if (!ipv6 && !span_is(family, "TCP4"))
        return refuse(out,
                      "PROXY header with a protocol not TCP4, TCP6, UNKNOWN");
    if (!take_address(&line, ipv6, &out->from) ||
        !take_address(&line, ipv6, &to))
        return refuse(out, "PROXY header with a malformed address");
    const char *end = line.at + line.len;
    if (!take_port(&line, &port) || !take_port(&line, &to_port) || line.len ||
        end[-1] == ' ')
        return refuse(out, "PROXY header with a malformed port");
    out->from.port = port;
    return PROXY_DONE;
}

static enum proxy_status read_v1(const char *bytes, size_t len,
                                 struct proxy_header *out)
{
    size_t in = len < PROXY_V1_MAX ? len : PROXY_V1_MAX;
    const char *end = memchr(bytes, '\n', in);
    if (!end && len < PROXY_V1_MAX)
        return PROXY_MORE;
    if (!end)
        return refuse(out, "PROXY header longer than 107 bytes");
    size_t line = (size_t)(end - bytes);
    if (bytes[line - 1] != '\r' || memchr(bytes, '\r', line - 1))
        return refuse(out, "PROXY header without CRLF at its end");
    out->size = line + 1;
    return read_line((struct span){bytes, line - 1}, out);
}

/* ---- version 2 ---- */

/* The fixed part: signature (12), version and command, family and transport,
 * length of what follows in network order (2). */
enum {
    SIGNATURE = 12,
    V2_FIXED = 16
};

/* By the high half of the family byte: unspecified, IPv4, IPv6, UNIX. Source
 * and target address, then their ports; paths of UNIX sockets. */
static const struct {
    int family;
    size_t addresses; /* bytes */
} v2_families[] = {
    {AF_UNSPEC, 0},
    {AF_INET, 12},
    {AF_INET6, 36},
    {AF_UNIX, 216},
};

enum {
    V2_FAMILIES = sizeof v2_families / sizeof *v2_families
};

/* What a proxy that was asked for a client by one must send: stream or
 * datagram (a client of HTTP/3) with a family, nothing without one. */
static bool v2_family_ok(unsigned byte)
{
    unsigned family = byte >> 4, transport = byte & 15;
    if (!family)
        return transport == 0;
    return family < V2_FAMILIES && (transport == 1 || transport == 2);
}

/* Of a PROXY command that is long enough for them. */
static void read_v2_addresses(const uint8_t *b, struct proxy_header *out)
{
    int family = v2_families[b[13] >> 4].family;
    const uint8_t *at = b + V2_FIXED;
    if (family == AF_UNSPEC) {
        out->keep = true;
    } else if (family == AF_UNIX) {
        out->from = (struct peer){.family = AF_UNIX};
    } else { /* source, target, the source's port, the target's */
        const uint8_t *port = at + (family == AF_INET ? 8 : 32);
        peer_set_ip(&out->from, family, at, (uint16_t)(port[0] << 8 | port[1]));
    }
}

static enum proxy_status read_v2(const uint8_t *b, size_t len,
                                 struct proxy_header *out)
{
    if (len > 12 && b[12] >> 4 != 2)
        return refuse(out, "PROXY header with a version not 1 or 2");
    if (len > 12 && (b[12] & 15) > 1)
        return refuse(out, "PROXY header with a command not LOCAL or PROXY");
    bool local = len > 12 && (b[12] & 15) == 0;
    if (len > 13 && !local && !v2_family_ok(b[13]))
        return refuse(out, "PROXY header with an unknown address family");
    if (len < V2_FIXED)
        return PROXY_MORE;
    size_t size = V2_FIXED + ((size_t)b[14] << 8 | b[15]);
    if (size > PROXY_MAX)
        return refuse(out, "PROXY header longer than 4096 bytes");
    if (!local && size < V2_FIXED + v2_families[b[13] >> 4].addresses)
        return refuse(out, "PROXY header too short for its addresses");
    if (len < size)
        return PROXY_MORE;
    out->size = size;
    out->keep = local;
    if (!local)
        read_v2_addresses(b, out);
    return PROXY_DONE;
}

/* ---- either ---- */

static bool begins(const char *bytes, size_t len, const char *with, size_t n)
{
    return memcmp(bytes, with, len < n ? len : n) == 0;
}

enum proxy_status proxy_read(const char *bytes, size_t len,
                             struct proxy_header *out)
{
    static const char v1[] = "PROXY ", v2[] = "\r\n\r\n\0\r\nQUIT\n";
    *out = (struct proxy_header){0};
    if (!len)
        return PROXY_MORE;
    if (begins(bytes, len, v1, sizeof v1 - 1))
        return len < sizeof v1 ? PROXY_MORE : read_v1(bytes, len, out);
    if (begins(bytes, len, v2, SIGNATURE))
        return read_v2((const uint8_t *)bytes, len, out);
    return refuse(out, "no PROXY header");
}
