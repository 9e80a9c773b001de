/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONFIG_ADDRESS_H
#define RAINBOWS_CONFIG_ADDRESS_H

#include <stdbool.h>

struct err;

/*
 * A listen address taken apart. Forms, as Unicorn's:
 *
 *   8080  :8080  *:8080     every IPv4 address
 *   127.0.0.1:8080  name:80 one address; names are looked up when bound
 *   [::1]:8080              IPv6
 *   unix:/path  /path       a UNIX socket
 *   systemd:name            the sockets that systemd gave under that name
 *
 * Port 0 lets the system pick one.
 */
struct address {
    const char *given; /* borrowed from the text: the name of sockets that are
                          there already; NULL: this is an address */
    const char *path;  /* the same; NULL: TCP */
    char host[256];    /* "0.0.0.0", "::1", "localhost"; no brackets */
    bool ipv6;         /* the host stood in brackets */
    int port;
};

/* 0, or -1 with err set to what is wrong and what to write instead. */
int address_parse(const char *text, struct address *out, struct err *err);

#endif
