/* SPDX-License-Identifier: MIT */
/*
 * The syntax of listen addresses, checked when the config is loaded, so that
 * a misspelt one has a line. Nothing is looked up or bound here. A host
 * without a port is refused: Unicorn takes port 80, which is hardly ever what
 * was meant.
 */
#include "config/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/span.h"

#define DIGITS "0123456789"
#define LETTERS                                                                \
    "abcdefghijklmnopqrstuvwxyz"                                               \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static int parse_path(const char *text, const char *path, struct address *out,
                      struct err *err)
{
    if (path[0] != '/')
        return err_set(err,
                       "\"%s\": the path of a socket must begin with /, as "
                       "in \"unix:/run/rainbows.sock\"",
                       text);
    size_t room = sizeof((struct sockaddr_un *)NULL)->sun_path;
    if (strlen(path) >= room)
        return err_set(err,
                       "\"%s\": the path of a socket may have %zu bytes, "
                       "this one has %zu",
                       text, room - 1, strlen(path));
    out->path = path;
    return 0;
}

/* FileDescriptorName= of systemd.socket(5): ASCII, no control bytes, no ":". */
static int parse_given(const char *text, const char *name, struct address *out,
                       struct err *err)
{
    size_t len = 0;
    while (name[len] >= ' ' && name[len] <= '~' && name[len] != ':')
        len++;
    if (!len || name[len])
        return err_set(err,
                       "\"%s\": after systemd: comes the FileDescriptorName "
                       "of a .socket unit, as in \"systemd:web\"",
                       text);
    out->given = name;
    return 0;
}

static int parse_port(const char *text, const char *port, struct address *out,
                      struct err *err)
{
    size_t len = strlen(port);
    if (!len || len > 5 || strspn(port, DIGITS) != len || atoi(port) > 65535)
        return err_set(err, "\"%s\": a port is a number from 0 to 65535", text);
    out->port = atoi(port);
    return 0;
}

static bool is_ipv6(const char *host)
{
    char plain[INET6_ADDRSTRLEN];
    size_t len = strcspn(host, "%"); /* fe80::1%eth0 */
    if (len >= sizeof plain || (host[len] && !host[len + 1]))
        return false;
    snprintf(plain, sizeof plain, "%.*s", (int)len, host);
    struct in6_addr scratch;
    return inet_pton(AF_INET6, plain, &scratch) == 1;
}

/* Hexadecimal digits and colons: brackets were forgotten. */
static bool looks_like_ipv6(const char *host)
{
    return strchr(host, ':') &&
           host[strspn(host, DIGITS "abcdefABCDEF:.")] == '\0';
}

static bool is_ipv4_or_name(const char *host)
{
    struct in_addr scratch;
    if (host[strspn(host, DIGITS ".")] == '\0')
        return inet_pton(AF_INET, host, &scratch) == 1;
    return host[strspn(host, DIGITS LETTERS ".-_")] == '\0' && host[0] != '-' &&
           host[0] != '.';
}

/* The host as written, brackets off; "" and "*" mean every IPv4 address. */
static int parse_host(const char *text, struct span host, struct address *out,
                      struct err *err)
{
    out->ipv6 =
        host.len > 1 && host.at[0] == '[' && host.at[host.len - 1] == ']';
    if (out->ipv6)
        host = (struct span){host.at + 1, host.len - 2};
    if (!host.len || span_is(host, "*"))
        host = SPAN("0.0.0.0");
    if (host.len >= sizeof out->host)
        return err_set(err, "\"%s\": the host is too long", text);
    snprintf(out->host, sizeof out->host, "%.*s", (int)host.len, host.at);
    if (out->ipv6 && !is_ipv6(out->host))
        return err_set(err, "\"%s\": no IPv6 address is in the brackets", text);
    if (!out->ipv6 && looks_like_ipv6(out->host))
        return err_set(err,
                       "\"%s\": an IPv6 address stands in brackets, as in "
                       "\"[::1]:8080\"",
                       text);
    if (!out->ipv6 && !is_ipv4_or_name(out->host))
        return err_set(err, "\"%s\": \"%s\" is no host", text, out->host);
    return 0;
}

static int parse_tcp(const char *text, struct address *out, struct err *err)
{
    const char *colon = strrchr(text, ':');
    bool bare = *text && strspn(text, DIGITS) == strlen(text);
    if (!bare && (!colon || text[strlen(text) - 1] == ']'))
        return err_set(err,
                       "\"%s\": no port; write \"8080\", \":8080\", "
                       "\"127.0.0.1:8080\", \"[::1]:8080\" or "
                       "\"unix:/run/rainbows.sock\"",
                       text);
    struct span host = {text, bare ? 0 : (size_t)(colon - text)};
    if (parse_port(text, bare ? text : colon + 1, out, err) < 0)
        return -1;
    return parse_host(text, host, out, err);
}

int address_parse(const char *text, struct address *out, struct err *err)
{
    struct address a = {0};
    int rc;
    if (text[0] == '/')
        rc = parse_path(text, text, &a, err);
    else if (strncmp(text, "unix:", 5) == 0)
        rc = parse_path(text, text + 5, &a, err);
    else if (strncmp(text, "systemd:", 8) == 0)
        rc = parse_given(text, text + 8, &a, err);
    else
        rc = parse_tcp(text, &a, err);
    if (rc == 0)
        *out = a;
    return rc;
}
