/* SPDX-License-Identifier: MIT */
/*
 * Clients that never stop asking. See load.h. Each is a thread with a blocking
 * socket. Nothing in them asserts: Criterion's asserts belong to the test's
 * own thread, which judges the numbers in the end.
 */
#include "tests/support/load.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/server.h"

enum {
    ANSWERED = LOAD_FAILURES, /* beside the failures */
    CLIENTS = 5,
    ON_TCP = 3,      /* the first of them */
    ANSWER = 1 << 15 /* bytes that an answer may have at most */
};

/* A connection that has not sent a byte for so long may have to make way for
 * another one, in models that serve few at a time (worker/conn.h). A client
 * that the machine does not let run is as silent as any. */
#define SILENCE INT64_C(200000)

struct client {
    struct load *load; /* borrowed */
    int number;
    bool keeps; /* its connection, for many requests */
    bool is_unix;
    pthread_t thread;
    long passed; /* answers; under load->lock */
    struct load_count count;
    /* the connection */
    int fd; /* -1: none */
    int answers;
    int64_t dialed, since; /* before and after connect() */
    int64_t sent;          /* its last request */
    int error;             /* errno of what ended it */
    size_t got;            /* bytes in answer */
    char answer[ANSWER];
};

struct load {
    int port;
    const char *path;
    int clients;
    _Atomic bool over;         /* no more requests */
    _Atomic int64_t last_from; /* of load_last(); CLOCK_NEVER: not yet */
    pthread_mutex_t lock;
    pthread_cond_t passed; /* a client has */
    struct client client[CLIENTS];
};

static const char *const names[] = {
    [LOAD_REFUSED] = "refused", [LOAD_CLOSED] = "closed", [LOAD_CUT] = "cut",
    [LOAD_WRONG] = "wrong",     [LOAD_SILENT] = "silent",
};

/* ---- the connection ---- */

static int connect_tcp(int fd, int port)
{
    int at_once = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connect(fd, (struct sockaddr *)&to, sizeof to);
}

static int connect_unix(int fd, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    return connect(fd, (struct sockaddr *)&to, sizeof to);
}

static bool open_connection(struct client *c)
{
    struct timeval patience = {.tv_sec = PATIENCE};
    c->fd =
        socket(c->is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    c->answers = 0;
    c->dialed = clock_now();
    int rc = c->is_unix ? connect_unix(c->fd, c->load->path)
                        : connect_tcp(c->fd, c->load->port);
    c->error = errno;
    c->since = clock_now();
    return rc == 0;
}

static void close_connection(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* ---- a request ---- */

/* The head's end and where the body begins; NULL as long as it is not there. */
static const char *body_of(const struct client *c)
{
    const char *end = memmem(c->answer, c->got, "\r\n\r\n", 4);
    return end ? end + 4 : NULL;
}

/* How long the body has to be; -1: the head does not say. */
static long length_of(const struct client *c, const char *body)
{
    static const char field[] = "\r\ncontent-length: ";
    const char *at =
        memmem(c->answer, (size_t)(body - c->answer), field, sizeof field - 1);
    return at ? atol(at + sizeof field - 1) : -1;
}

/* Reads until the answer is complete, by its own words. */
static int receive(struct client *c)
{
    const char *body;
    do {
        ssize_t n = recv(c->fd, c->answer + c->got, ANSWER - 1 - c->got, 0);
        c->error = n < 0 ? errno : 0;
        if (n < 0 && errno == EAGAIN)
            return LOAD_SILENT;
        if (n <= 0)
            return c->got ? LOAD_CUT : LOAD_CLOSED;
        c->got += (size_t)n;
        c->answer[c->got] = '\0';
        body = body_of(c);
    } while (c->got < ANSWER - 1 &&
             (!body || c->answer + c->got < body + length_of(c, body)));
    return ANSWERED;
}

/* The body is the query, again and again. */
static bool is_right(const struct client *c, const char *query)
{
    const char *body = body_of(c);
    size_t n = strlen(query), at = 0;
    if (strncmp(c->answer, "HTTP/1.1 200 ", 13) != 0 || !body)
        return false;
    size_t length = (size_t)(c->answer + c->got - body);
    while (at + n <= length && memcmp(body + at, query, n) == 0)
        at += n;
    return length > 0 && at == length && length == n * 1000;
}

/* Sends and receives on the connection that is open. */
static int talk_once(struct client *c, const char *query)
{
    char text[256];
    int n = snprintf(text, sizeof text,
                     "GET /load?%s HTTP/1.1\r\nHost: load\r\n%s\r\n", query,
                     c->keeps ? "" : "Connection: close\r\n");
    c->got = 0;
    bool sent = send(c->fd, text, (size_t)n, MSG_NOSIGNAL) == n;
    c->error = sent ? 0 : errno;
    c->sent = clock_now();
    if (!sent)
        return c->error == EAGAIN ? LOAD_SILENT : LOAD_CLOSED;
    int rc = receive(c);
    if (rc == ANSWERED && !is_right(c, query))
        return LOAD_WRONG;
    return rc;
}

/* Was it told that this answer is the last, or does it want no more? */
static bool is_last(const struct client *c)
{
    return !c->keeps || strstr(c->answer, "\r\nconnection: close\r\n");
}

/* May a request that nothing came for be sent once more? */
static bool may_retry(const struct client *c)
{
    return c->answers > 0 || c->sent - c->dialed >= SILENCE;
}

static int request(struct client *c, const char *query)
{
    if (c->fd < 0 && !open_connection(c))
        return LOAD_REFUSED;
    int rc = talk_once(c, query);
    if (rc == LOAD_CLOSED && may_retry(c)) {
        c->count.retried++;
        close_connection(c);
        if (!open_connection(c))
            return LOAD_REFUSED;
        rc = talk_once(c, query);
    }
    return rc;
}

/* ---- a client ---- */

static void describe(struct client *c, int rc, const char *query)
{
    if (c->count.first[0])
        return;
    snprintf(c->count.first, sizeof c->count.first,
             "client %d (%s, %s), request %s: %s; errno %d (%s), answer %d of "
             "its connection, which is %.3f s old; got %zu bytes: %.300s",
             c->number, c->is_unix ? "unix" : "tcp",
             c->keeps ? "keeps its connection" : "new connections", query,
             names[rc], c->error, strerror(c->error), c->answers + 1,
             (double)(clock_now() - c->since) / CLOCK_SECOND, c->got,
             c->got ? c->answer : "");
}

static void pass(struct client *c)
{
    c->answers++;
    c->count.answered++;
    if (is_last(c))
        close_connection(c);
    pthread_mutex_lock(&c->load->lock);
    c->passed++;
    pthread_cond_signal(&c->load->passed);
    pthread_mutex_unlock(&c->load->lock);
}

/* False: the server ends, and this client has seen it. */
static bool take(struct client *c, int rc, const char *query)
{
    if (rc == ANSWERED) {
        pass(c);
        return true;
    }
    bool late = c->since >= atomic_load(&c->load->last_from);
    if (late && rc != LOAD_WRONG) {
        c->count.turned_away++;
    } else {
        c->count.failed[rc]++;
        describe(c, rc, query);
    }
    close_connection(c);
    return !late;
}

static void *ask_on(void *arg)
{
    struct client *c = arg;
    char query[64];
    int i = 0;
    do
        snprintf(query, sizeof query, "%d.%d.", c->number, i++);
    while (take(c, request(c, query), query) && !atomic_load(&c->load->over));
    close_connection(c);
    return NULL;
}

/* ---- all of them ---- */

struct load *load_begin(int port, const char *path)
{
    struct load *load = xcalloc(1, sizeof *load);
    load->port = port;
    load->path = path;
    load->clients = path ? CLIENTS : ON_TCP;
    load->last_from = CLOCK_NEVER;
    pthread_mutex_init(&load->lock, NULL);
    pthread_cond_init(&load->passed, NULL);
    for (int i = 0; i < load->clients; i++) {
        struct client *c = &load->client[i];
        c->load = load;
        c->number = i;
        c->fd = -1;
        c->is_unix = i >= ON_TCP;
        c->keeps = i % 3 != 2;
        cr_assert_eq(pthread_create(&c->thread, NULL, ask_on, c), 0);
    }
    load_pass(load, 1);
    return load;
}

void load_pass(struct load *load, int answers)
{
    struct timespec until;
    long goal[CLIENTS];
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE;
    pthread_mutex_lock(&load->lock);
    for (int i = 0; i < load->clients; i++)
        goal[i] = load->client[i].passed + answers;
    for (int i = 0; i < load->clients; i++)
        while (load->client[i].passed < goal[i] && rc == 0)
            rc = pthread_cond_timedwait(&load->passed, &load->lock, &until);
    pthread_mutex_unlock(&load->lock);
    if (rc == 0)
        return;
    struct load_count count = load_end(load);
    cr_assert_fail("a client had no answer in time; %s", count.first);
}

void load_last(struct load *load)
{
    atomic_store(&load->last_from, clock_now());
}

static void add(struct load_count *sum, const struct load_count *one)
{
    sum->answered += one->answered;
    sum->retried += one->retried;
    sum->turned_away += one->turned_away;
    for (int i = 0; i < LOAD_FAILURES; i++)
        sum->failed[i] += one->failed[i];
    if (!sum->first[0])
        memcpy(sum->first, one->first, sizeof sum->first);
}

struct load_count load_end(struct load *load)
{
    struct load_count sum = {0};
    atomic_store(&load->over, true);
    for (int i = 0; i < load->clients; i++) {
        struct client *c = &load->client[i];
        pthread_join(c->thread, NULL);
        add(&sum, &c->count);
    }
    pthread_cond_destroy(&load->passed);
    pthread_mutex_destroy(&load->lock);
    free(load);
    return sum;
}

void load_end_well(struct load *load)
{
    struct load_count count = load_end(load);
    cr_assert_eq(load_failed(&count), 0, "%ld of %ld requests failed; %s",
                 load_failed(&count), load_failed(&count) + count.answered,
                 count.first);
}

long load_failed(const struct load_count *count)
{
    long failed = 0;
    for (int i = 0; i < LOAD_FAILURES; i++)
        failed += count->failed[i];
    return failed;
}
