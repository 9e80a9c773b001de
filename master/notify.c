/* SPDX-License-Identifier: MIT */
/*
 * What systemd is told of us: the protocol of sd_notify(3), a datagram for each
 * message to the socket in $NOTIFY_SOCKET. Without that variable nothing here
 * does anything.
 *
 * Nothing blocks. A message about our state that finds the socket full is kept
 * and sent again soon; a newer one takes its place, as only the last state is
 * true. Keep-alives and status texts are not worth a second try.
 *
 * The variables stay in the master's environment, for the master after an
 * upgrade. Workers drop them: what an app starts must not speak in our name.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/master.h"
#include "worker/model.h"

#define RETRY_PAUSE    (CLOCK_SECOND / 10)
#define INTERVAL_LEAST (CLOCK_SECOND / 100)
/* What our own deadlines may be late before systemd's end the service. */
#define SLACK (5 * CLOCK_SECOND)

static struct {
    struct sockaddr_un to;
    socklen_t to_len;  /* 0: nobody is listening */
    bool warned;       /* of a send that failed */
    bool silent;       /* another master speaks for the service */
    bool reloading;    /* and systemd knows it */
    char state[256];   /* that could not be sent yet; "" when all were */
    int64_t next_try;  /* to send it; base/clock.h */
    char status[128];  /* the last STATUS */
    int64_t interval;  /* between keep-alives; 0: none are wanted */
    int64_t next_beat; /* base/clock.h */
} notify;

/* ---- sending ---- */

/* False: try again later. */
static bool send_message(const char *text)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ssize_t n = -1;
    if (fd >= 0)
        n = sendto(fd, text, strlen(text), MSG_NOSIGNAL,
                   (struct sockaddr *)&notify.to, notify.to_len);
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (n >= 0)
        return true;
    if (!notify.warned)
        log_warn("systemd cannot be told: NOTIFY_SOCKET: %s", strerror(why));
    notify.warned = true;
    return why != EAGAIN && why != ENOBUFS && why != EMFILE && why != ENFILE;
}

/* Sends the state that is kept, if it is time to. */
static void try_state(void)
{
    int64_t now = clock_now();
    if (!notify.state[0] || now < notify.next_try)
        return;
    notify.next_try = now + RETRY_PAUSE;
    if (send_message(notify.state))
        notify.state[0] = '\0';
}

static void send_state(const char *text)
{
    if (!notify.to_len || notify.silent)
        return;
    if (!notify.state[0])
        notify.next_try = 0;
    snprintf(notify.state, sizeof notify.state, "%s", text);
    try_state();
}

static int64_t number_in(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    errno = 0;
    long long n = text ? strtoll(text, &end, 10) : 0;
    return text && end != text && !*end && !errno && n > 0 ? n : 0;
}

/* "/path", or "@name" for a socket without a file. */
static void read_address(const char *text)
{
    size_t len = strlen(text);
    notify.to = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((text[0] != '/' && text[0] != '@') ||
        len >= sizeof notify.to.sun_path) {
        log_warn("systemd cannot be told: NOTIFY_SOCKET=%s is no address",
                 text);
        return;
    }
    memcpy(notify.to.sun_path, text, len);
    if (text[0] == '@')
        notify.to.sun_path[0] = '\0';
    notify.to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* WATCHDOG_PID says for whom WATCHDOG_USEC is; without it, for any. */
static void read_watchdog(void)
{
    int64_t patience = number_in("WATCHDOG_USEC");
    if (getenv("WATCHDOG_PID") && number_in("WATCHDOG_PID") != getpid())
        return;
    unsetenv("WATCHDOG_PID"); /* the master after an upgrade has another */
    if (patience)
        notify.interval =
            patience / 2 > INTERVAL_LEAST ? patience / 2 : INTERVAL_LEAST;
}

void notify_open(const struct master *m)
{
    char text[64];
    const char *address = getenv("NOTIFY_SOCKET");
    if (address && *address)
        read_address(address);
    read_watchdog();
    notify.silent = m->upgrade.predecessor >= 0;
    snprintf(text, sizeof text, "EXTEND_TIMEOUT_USEC=%" PRId64,
             m->setup.config->boot_timeout + SLACK);
    send_state(text);
}

void notify_close(void)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

/* ---- how we are ---- */

static int count_ready(const struct master *m)
{
    int n = 0;
    for (size_t i = 0; i < SLOT_COUNT; i++)
        n += m->slots.slot[i].state == SLOT_READY;
    return n;
}

/* "4 workers, ThreadPool, generation 2", or "3 of 4 workers ...". */
static void describe(const struct master *m, char *text, size_t size)
{
    char ready[16] = "";
    int n = count_ready(m);
    int wanted = workers_wanted(m);
    if (m->stop) {
        snprintf(text, size, "stopping");
        return;
    }
    if (n < wanted)
        snprintf(ready, sizeof ready, "%d of ", n);
    snprintf(text, size, "%s%d worker%s, %s, generation %d", ready, wanted,
             wanted == 1 ? "" : "s", m->setup.model->name, m->generation);
}

static void compose_ready(const struct master *m, char *text, size_t size)
{
    describe(m, notify.status, sizeof notify.status);
    snprintf(text, size, "READY=1\nSTATUS=%s", notify.status);
}

void notify_ready(const struct master *m)
{
    char text[sizeof notify.state];
    notify.reloading = false;
    compose_ready(m, text, sizeof text);
    send_state(text);
}

void notify_reloading(void)
{
    char text[64];
    notify.reloading = true;
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
             clock_now());
    send_state(text);
}

void notify_stopping(const struct master *m)
{
    char text[sizeof notify.state];
    int64_t now = clock_now(), end = now;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const struct slot *slot = &m->slots.slot[i];
        if (slot->state == SLOT_LEAVING && slot->kill_at > end)
            end = slot->kill_at;
    }
    describe(m, notify.status, sizeof notify.status);
    snprintf(text, sizeof text,
             "STOPPING=1\nSTATUS=%s\nEXTEND_TIMEOUT_USEC=%" PRId64,
             notify.status, end - now + SLACK);
    send_state(text);
}

void notify_hand_over(pid_t pid)
{
    char text[32];
    snprintf(text, sizeof text, "MAINPID=%d", (int)pid);
    send_state(text);
    notify.silent = true;
}

/* Systemd hears us only when the old master has said who we are: give it the
 * time. */
void notify_take_over(const struct master *m)
{
    if (!notify.to_len)
        return;
    notify.silent = false;
    compose_ready(m, notify.state, sizeof notify.state);
    notify.next_try = clock_now() + RETRY_PAUSE;
}

/* ---- as time goes by ---- */

static void tell_status(const struct master *m)
{
    char status[sizeof notify.status];
    char text[sizeof status + 8];
    describe(m, status, sizeof status);
    if (strcmp(status, notify.status) == 0)
        return;
    strcpy(notify.status, status);
    snprintf(text, sizeof text, "STATUS=%s", status);
    send_message(text);
}

/* Without a worker, though some are wanted, the service is dead. */
static void keep_alive(const struct master *m)
{
    int64_t now = clock_now();
    if (!notify.interval || now < notify.next_beat)
        return;
    notify.next_beat = now + notify.interval;
    if (workers_wanted(m) == 0 || count_ready(m) > 0)
        send_message("WATCHDOG=1");
}

void notify_tick(const struct master *m)
{
    try_state();
    if (!notify.to_len || notify.silent || notify.state[0])
        return;
    keep_alive(m);
    if (!m->started)
        return;
    if (notify.reloading && reload_over(m))
        notify_ready(m);
    tell_status(m);
}

int64_t notify_due(int64_t due)
{
    int64_t wanted = CLOCK_NEVER;
    if (notify.state[0])
        wanted = notify.next_try;
    else if (notify.to_len && notify.interval && !notify.silent)
        wanted = notify.next_beat;
    return wanted < due ? wanted : due;
}
