/* SPDX-License-Identifier: MIT */
/*
 * The state before the first head, on listeners with proxy_protocol: a PROXY
 * header says who the client is. Only the proxies named may connect, and
 * nothing is answered before the header is there: who fails is cut off, and
 * the log says why.
 */
#include <poll.h>

#include "base/cidr.h"
#include "base/log.h"
#include "config/config.h"
#include "http/proxy.h"
#include "worker/conn_states.h"
#include "worker/listener.h"
#include "worker/worker.h"

static void log_refusal(const struct conn *c, const char *why)
{
    char ip[PEER_TEXT];
    log_info("refused peer=%s on=%s: %s", peer_ip(&c->client, ip),
             c->listener->name, why);
}

static enum turn refuse(struct conn *c, const char *why)
{
    log_refusal(c, why);
    return conn_enter(c, CONN_CLOSED);
}

enum conn_state conn_first_state(const struct conn *c)
{
    if (!c->listener->proxies)
        return CONN_HEAD;
    if (cidrs_have(c->listener->proxies, &c->client))
        return CONN_PROXY;
    log_refusal(c, "not named in proxy_protocol");
    return CONN_CLOSED;
}

/* The head has the rest of the time. */
static enum turn go_on(struct conn *c, const struct proxy_header *header)
{
    int64_t deadline = c->deadline;
    buf_take(&c->in, header->size);
    if (!header->keep)
        c->client = header->from;
    conn_enter(c, CONN_HEAD);
    c->deadline = deadline;
    return TURN_AGAIN;
}

static enum turn wait_for_more(struct conn *c)
{
    bool begun = buf_len(&c->in) > 0;
    bool hurry = c->worker->quit == QUIT_STOP && !begun;
    if (hurry)
        conn_hurry(c);
    if (!conn_late(c))
        return conn_wait(c, POLLIN);
    if (hurry)
        return conn_enter(c, CONN_CLOSED);
    return refuse(c, begun ? "PROXY header cut off (client_header_timeout)"
                           : "no PROXY header (client_header_timeout)");
}

/* Who comes and goes without a word, as a health check, is not told of. */
static enum turn gone(struct conn *c)
{
    if (!buf_len(&c->in))
        return conn_enter(c, CONN_CLOSED);
    return refuse(c, "PROXY header cut off");
}

enum turn conn_proxy(struct conn *c)
{
    struct proxy_header header;
    if (buf_len(&c->in)) {
        switch (proxy_read(buf_at(&c->in), buf_len(&c->in), &header)) {
        case PROXY_MORE:
            break;
        case PROXY_DONE:
            return go_on(c, &header);
        case PROXY_REFUSED:
            return refuse(c, header.why);
        }
    }
    size_t first = (size_t)c->worker->config->client_header_buffer_size;
    switch (conn_read(c, buf_len(&c->in) ? PROXY_MAX : first)) {
    case CAME_BYTES:
        return TURN_AGAIN;
    case CAME_NOTHING:
        return wait_for_more(c);
    default:
        return gone(c);
    }
}
