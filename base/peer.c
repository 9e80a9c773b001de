/* SPDX-License-Identifier: MIT */
/*
 * Addresses of clients, small enough to be kept for thousands of them.
 */
#include "base/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static void set_ipv6(struct peer *peer, const struct sockaddr_in6 *from)
{
    peer->port = ntohs(from->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&from->sin6_addr)) {
        peer->family = AF_INET;
        memcpy(peer->ip, from->sin6_addr.s6_addr + 12, 4);
    } else {
        memcpy(peer->ip, from->sin6_addr.s6_addr, 16);
    }
}

void peer_set(struct peer *peer, const struct sockaddr *from)
{
    *peer = (struct peer){.family = (uint8_t)from->sa_family};
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)from;
        peer->port = ntohs(in->sin_port);
        memcpy(peer->ip, &in->sin_addr, 4);
    } else if (from->sa_family == AF_INET6) {
        set_ipv6(peer, (const void *)from);
    } else {
        peer->family = AF_UNIX;
    }
}

const char *peer_ip(const struct peer *peer, char text[PEER_TEXT])
{
    if (peer->family == AF_UNIX)
        return strcpy(text, "127.0.0.1");
    return inet_ntop(peer->family, peer->ip, text, PEER_TEXT);
}
