/* SPDX-License-Identifier: MIT */
/*
 * Addresses of clients, small enough to be kept for thousands of them.
 */
#include "base/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

void peer_set_ip(struct peer *peer, int family, const void *ip, uint16_t port)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool ipv4 = family == AF_INET;
    const uint8_t *bytes = ip;
    if (!ipv4 && memcmp(ip, mapped, sizeof mapped) == 0) {
        ipv4 = true;
        bytes += sizeof mapped;
    }
    *peer = (struct peer){.family = ipv4 ? AF_INET : AF_INET6, .port = port};
    memcpy(peer->ip, bytes, ipv4 ? 4 : 16);
}

void peer_set(struct peer *peer, const struct sockaddr *from)
{
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)from;
        peer_set_ip(peer, AF_INET, &in->sin_addr, ntohs(in->sin_port));
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)from;
        peer_set_ip(peer, AF_INET6, &in6->sin6_addr, ntohs(in6->sin6_port));
    } else {
        *peer = (struct peer){.family = AF_UNIX};
    }
}

bool peer_parse(struct span text, struct peer *peer)
{
    char copy[PEER_TEXT];
    uint8_t ip[16];
    if (text.len >= sizeof copy || memchr(text.at, '\0', text.len))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    int family = memchr(text.at, ':', text.len) ? AF_INET6 : AF_INET;
    if (inet_pton(family, copy, ip) != 1)
        return false;
    peer_set_ip(peer, family, ip, 0);
    return true;
}

static char *put_byte(char *to, unsigned n)
{
    if (n >= 100)
        *to++ = (char)('0' + n / 100);
    if (n >= 10)
        *to++ = (char)('0' + n / 10 % 10);
    *to++ = (char)('0' + n % 10);
    return to;
}

/* inet_ntop(3) goes through printf, which takes longer than all else that the
 * access log does for a request. */
static const char *ipv4(const uint8_t ip[4], char text[PEER_TEXT])
{
    char *to = text;
    for (int i = 0; i < 4; i++) {
        to = put_byte(to, ip[i]);
        *to++ = i < 3 ? '.' : '\0';
    }
    return text;
}

const char *peer_ip(const struct peer *peer, char text[PEER_TEXT])
{
    if (peer->family == AF_UNIX)
        return strcpy(text, "127.0.0.1");
    if (peer->family == AF_INET)
        return ipv4(peer->ip, text);
    return inet_ntop(peer->family, peer->ip, text, PEER_TEXT);
}
