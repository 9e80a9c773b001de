/* SPDX-License-Identifier: MIT */
/*
 * A whole connection without sockets and without time: the client is a
 * transport that hands out its bytes in pieces, and the clock moves when
 * nothing else can. So each talk is the same whenever it is held, waits of an
 * hour take no time, and a connection that waits for nothing is found at once.
 */
#include "fuzz/talk.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "fuzz/fuzz.h"
#include "fuzz/request.h"
#include "http/parser.h"
#include "lua/app.h"
#include "worker/conn.h"
#include "worker/exchange.h"
#include "worker/listener.h"
#include "worker/model.h"
#include "worker/transport.h"
#include "worker/worker.h"

/* The defaults, and limits that short inputs reach. */
static const struct limits default_limits = {.uri_size = 15360,
                                             .header_size = 114688,
                                             .header_name = 256,
                                             .headers = 100,
                                             .chunk_extension = 16384,
                                             .body_size = 1 << 20};
static const struct limits small_limits = {.uri_size = 64,
                                           .header_size = 400,
                                           .header_name = 32,
                                           .headers = 8,
                                           .chunk_extension = 32,
                                           .body_size = 64};

static const struct model buffers = {.name = "Buffers",
                                     .flags = MODEL_BUFFERS_INPUT};
static const struct model streams = {.name = "Streams",
                                     .flags = MODEL_YIELDS | MODEL_ASYNC};

/* ---- the clock ---- */

static struct {
    int64_t now;
    int64_t pace; /* what one look takes */
} watch = {CLOCK_SECOND, 1};

/* In place of the C library's. The fuzzer's own clock goes on. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
    if (id == CLOCK_REALTIME_COARSE) {
        *ts = (struct timespec){784111777, 0}; /* the RFCs' example */
        return 0;
    }
    if (id != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, id, ts);
    watch.now += watch.pace;
    ts->tv_sec = watch.now / CLOCK_SECOND;
    ts->tv_nsec = watch.now % CLOCK_SECOND * 1000;
    return 0;
}

/* ---- the client ---- */

enum {
    CLIENT_FD = 1000 /* no real one */
};

static struct {
    struct span input;
    const uint8_t *sizes;
    unsigned flags;
    size_t pieces; /* sent so far */
    size_t sent, read;
    bool ended;      /* it has closed its side, or is gone */
    bool full;       /* it takes no more for now */
    bool shut, over; /* the server has closed its side, or all */
    struct buf *answers;
} client;

/* Something more comes from the client. False: nothing ever will. */
static bool client_sends(void)
{
    size_t left = client.input.len - client.sent;
    if (client.read < client.sent)
        return true;
    if (left) {
        size_t size = client.sizes[client.pieces++ % 3];
        client.sent += size && size < left ? size : left;
        return true;
    }
    client.ended = !(client.flags & TALK_SILENT);
    return client.ended;
}

static ssize_t client_read(int fd, void *into, size_t n)
{
    (void)fd;
    CHECK(n && !client.over);
    size_t there = client.sent - client.read;
    if (n > there)
        n = there;
    memcpy(into, client.input.at + client.read, n);
    client.read += n;
    if (n)
        return (ssize_t)n;
    if (client.ended && !(client.flags & TALK_RESETS))
        return 0;
    errno = client.ended ? ECONNRESET : EAGAIN;
    return -1;
}

static ssize_t client_write(int fd, const void *bytes, size_t n)
{
    enum {
        DRIP = 50
    };
    (void)fd;
    CHECK(n && !client.shut && !client.over);
    if (client.ended && client.flags & TALK_RESETS) {
        errno = EPIPE;
        return -1;
    }
    if (client.full) {
        errno = EAGAIN;
        return -1;
    }
    if (client.flags & TALK_DRIPS) {
        n = n < DRIP ? n : DRIP;
        client.full = true;
    }
    buf_put(client.answers, bytes, n);
    return (ssize_t)n;
}

static void client_shutdown(int fd)
{
    (void)fd;
    client.shut = true;
}

static void client_close(int fd)
{
    (void)fd;
    CHECK(!client.over);
    client.over = true;
}

static const struct transport transport = {
    .read = client_read,
    .write = client_write,
    .shutdown = client_shutdown,
    .close = client_close,
};

/* ---- the server ---- */

static struct {
    struct worker worker;
    struct listener listener;
    struct app *reads, *idle;
} server;

static void wake(struct conn *c)
{
    (void)c;
}

static struct app *load(const char *model)
{
    struct err err;
    struct app_source source = {.path = FUZZ_APP};
    struct app_identity identity = {
        .model = model, .waits_in_call = true, .async = true};
    struct app *app = app_new(&source, &err);
    CHECK(app && app_boot(app, &identity, &err) == 0);
    return app;
}

static void start_server(void)
{
    struct err err;
    const struct config_overrides overrides = {.app = FUZZ_APP};
    log_set_level((enum log_level)(LOG_ERROR + 1)); /* apps fail on purpose */
    parser_init();
    server.worker.config = config_load(NULL, &overrides, &err);
    CHECK(server.worker.config);
    server.worker.config->keepalive_requests = TALK_REQUESTS;
    server.worker.wake = wake;
    server.listener.address = (struct peer){{127, 0, 0, 1}, 8080, AF_INET};
    server.reads = load("Test");
    server.idle = load("Idle");
}

/* ---- what is seen ---- */

static char *copy_body(const struct spool *spool, size_t *size)
{
    char *body = xmalloc((size_t)spool->size + 1);
    *size = (size_t)spool->size;
    CHECK(spool_read(spool, 0, body, *size) == spool->size);
    return body;
}

static void note(struct talk *t, const struct conn *c)
{
    const struct exchange *x = c->exchange;
    const struct request *rq = &x->request;
    CHECK(t->count < TALK_REQUESTS);
    struct seen *s = &t->seen[t->count++];
    check_request(rq);
    s->request = *rq;
    s->request.bytes = xmemdup(rq->bytes, rq->size);
    s->request.fields =
        xmemdup(rq->fields, rq->field_count * sizeof *rq->fields);
    s->complete = x->body.complete;
    s->end = client.read - buf_len(&c->in) + (x->in_place ? rq->size : 0);
    s->body = copy_body(&x->body.bytes, &s->body_size);
    CHECK(!s->complete || rq->content_length < 0 ||
          s->body_size == (size_t)rq->content_length);
}

void talk_fini(struct talk *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free((void *)t->seen[i].request.bytes);
        free(t->seen[i].request.fields);
        free(t->seen[i].body);
    }
    buf_drop(&t->answers);
}

/* ---- serving ---- */

/* What a wait brings: events, or 0 when its time has passed. */
static short wait_for(const struct wait *w)
{
    if (w->deadline <= watch.now)
        return 0;
    if (w->fd >= 0 && w->events & POLLOUT) {
        client.full = false;
        return POLLOUT;
    }
    if (w->fd >= 0 && client_sends())
        return POLLIN;
    CHECK(w->deadline != CLOCK_NEVER);
    watch.now = w->deadline;
    return 0;
}

/* In place of the C library's: of reads where Lua cannot yield, which block.
 * Nothing else polls. */
int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    CHECK(count == 1 && timeout >= 0);
    struct wait w = {.fd = CLIENT_FD,
                     .events = POLLIN,
                     .deadline = watch.now + timeout * INT64_C(1000)};
    client.full = false;
    fds->revents = wait_for(&w);
    return fds->revents != 0;
}

static void serve(struct talk *t, struct conn *c)
{
    size_t steps = 1000 + 100 * client.input.len;
    enum step step;
    while ((step = conn_step(c)) != STEP_OVER) {
        CHECK(steps--);
        if (step == STEP_WAIT) {
            c->ready = wait_for(&c->wait) == POLLIN || c->ready;
            continue;
        }
        if (!c->exchange->call)
            note(t, c);
        c->app = client.flags & TALK_IDLE ? server.idle : server.reads;
    }
}

void talk_hold(struct talk *t, struct span input, const uint8_t sizes[3],
               unsigned flags)
{
    if (!server.reads)
        start_server();
    struct worker *w = &server.worker;
    w->limits = flags & TALK_SMALL ? small_limits : default_limits;
    w->model = flags & TALK_STREAMS ? &streams : &buffers;
    w->config->client_body_buffer_size = flags & TALK_DRIPS ? 16 : 65536;
    w->config->output_buffer_size = flags & TALK_DRIPS ? 16 : 65536;
    watch.pace = flags & TALK_SLOW ? 700 : 1;
    memset(&client, 0, sizeof client);
    client.input = input;
    client.sizes = sizes;
    client.flags = flags;
    client.answers = &t->answers;
    struct conn c;
    conn_init(&c, w, &server.listener, CLIENT_FD, &server.listener.address);
    c.transport = &transport;
    serve(t, &c);
    conn_fini(&c);
    CHECK(client.over);
}
