/* SPDX-License-Identifier: MIT */
/*
 * USR2: the program is started anew, from its file, on the same sockets: with
 * a new binary, a new config, or both. The new master gets the sockets the way
 * systemd gives them (LISTEN_FDS), and in RAINBOWS_UPGRADE a descriptor on
 * which it says that all its workers are ready. Then the old master hands over:
 * its workers finish and it leaves. If the new one ends before that, or takes
 * too long, it is told to leave and the old one goes on as if nothing was.
 *
 * The pid file is moved aside (.oldbin) meanwhile. Requests are served by both
 * masters' workers for a time; none is lost either way.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sig.h"
#include "base/title.h"
#include "master/master.h"
#include "worker/listener.h"

#define VARIABLE "RAINBOWS_UPGRADE"

enum {
    READ_END,
    WRITE_END,
    FIRST_FD = 3 /* of the descriptors that are handed over */
};

static const char *title(const struct master *m)
{
    return m->config_path ? m->config_path : m->setup.config->app;
}

/* ---- the new process, before it is the new master ---- */

static void set_number(const char *name, long value)
{
    char text[32];
    snprintf(text, sizeof text, "%ld", value);
    setenv(name, text, 1);
}

/* The listeners become 3, 4, ..., then comes the ready pipe. All else closes
 * itself. They are moved out of the way first, as any of them may lie where
 * another one goes. */
static int place_descriptors(const struct setup *s, int ready)
{
    size_t n = s->listener_count + 1;
    int *fds = xcalloc(n, sizeof *fds);
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        int fd = i + 1 < n ? s->listeners[i]->fd : ready;
        fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD + (int)n);
        rc = fds[i] < 0 ? -1 : rc;
    }
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = dup2(fds[i], FIRST_FD + (int)i) < 0 ? -1 : 0;
    free(fds);
    /* And what the config may have opened. Older kernels cannot. */
    close_range(FIRST_FD + (unsigned)n, ~0U, CLOSE_RANGE_CLOEXEC);
    return rc;
}

static void run_hook(const struct master *m)
{
    struct err err;
    struct hook_worker who = {
        .number = -1, .pid = (int)getpid(), .generation = m->generation};
    if (config_run_hook(m->setup.config, HOOK_BEFORE_EXEC, &who, &err) < 0)
        log_error("%s", err.text);
}

/* The program is looked for where the shell has found it, from the directory
 * that we were started in: a file that was replaced, or a symbolic link that
 * was moved, leads to the new one. */
_Noreturn static void become_new_master(const struct master *m, int ready)
{
    const char *program = (const char *)getauxval(AT_EXECFN);
    const struct setup *s = &m->setup;
    log_set_actor("upgrade pid=%d", (int)getpid());
    umask(m->start_umask);
    if (chdir(m->start_directory) < 0)
        log_error("cannot enter %s: %s", m->start_directory, strerror(errno));
    run_hook(m);
    if (place_descriptors(s, ready) == 0) {
        char *names = inherit_names(s);
        setenv("LISTEN_FDNAMES", names, 1);
        set_number("LISTEN_FDS", (long)s->listener_count);
        set_number("LISTEN_PID", (long)getpid());
        set_number(VARIABLE, FIRST_FD + (long)s->listener_count);
        execv(program, m->invocation->args);
    }
    log_error("cannot start %s: %s", program, strerror(errno));
    _exit(EXIT_NOT_STARTED);
}

/* ---- the old master ---- */

static const char *why_not(const struct master *m)
{
    if (m->stop)
        return "the server is stopping";
    if (getpid() == 1)
        return "as PID 1 it would end the container with the old master; "
               "HUP loads new code and config";
    if (m->upgrade.pid)
        return "one is under way";
    if (m->upgrade.predecessor >= 0)
        return "the last one is not over";
    if (!m->started)
        return "no worker is ready yet";
    return NULL;
}

static void start_new_master(struct master *m, int pipe[2])
{
    fflush(NULL);
    sig_block_all(); /* the new master unblocks them when it can handle them */
    pid_t pid = fork();
    if (pid == 0)
        become_new_master(m, pipe[WRITE_END]);
    sig_unblock_all();
    if (pid < 0) {
        log_error("no upgrade: fork: %s", strerror(errno));
        pidfile_take_back(m->setup.pid);
        return;
    }
    m->upgrade.pid = pid;
    m->upgrade.ready = pipe[READ_END];
    pipe[READ_END] = -1;
    /* Its config takes a while, and its workers boot_timeout. */
    m->upgrade.deadline = clock_now() + 2 * m->setup.config->boot_timeout;
    m->upgrade.backing_out = false;
    log_info("upgrade: started new master pid=%d", (int)pid);
    title_set("rainbows master (old) %s", title(m));
}

static void begin(struct master *m)
{
    int pipe[2] = {-1, -1};
    struct err err;
    m->upgrade.asked = false;
    if (fd_pipe(pipe, &err) < 0 || pidfile_move_aside(m->setup.pid, &err) < 0)
        log_error("no upgrade: %s", err.text);
    else
        start_new_master(m, pipe);
    fd_close(&pipe[READ_END]);
    fd_close(&pipe[WRITE_END]);
}

void upgrade_ask(struct master *m)
{
    const char *why = why_not(m);
    if (why) {
        log_error("no upgrade: %s", why);
        return;
    }
    if (m->reload.phase != RELOAD_NONE)
        log_info("a reload is under way; the upgrade follows it");
    m->upgrade.asked = true;
}

static void tell_to_leave(struct master *m, const char *why)
{
    struct upgrade *u = &m->upgrade;
    log_error("upgrade failed, the old master goes on: new master pid=%d %s",
              (int)u->pid, why);
    u->backing_out = true;
    u->deadline = clock_now() + m->setup.config->graceful_timeout;
    kill(u->pid, SIGQUIT);
}

static void hand_over(struct master *m)
{
    log_info("upgrade: new master pid=%d is ready, handing over",
             (int)m->upgrade.pid);
    fd_close(&m->upgrade.ready);
    pidfile_remove_aside(m->setup.pid);
    m->upgrade.deadline = 0;
    notify_hand_over(m->upgrade.pid);
    if (m->reload.asked) /* it may have read the config before */
        kill(m->upgrade.pid, SIGHUP);
    stop_begin(m, STOP_HANDOVER);
}

static void look_after(struct master *m)
{
    struct upgrade *u = &m->upgrade;
    char byte;
    ssize_t n = u->ready < 0 ? -1 : read(u->ready, &byte, 1);
    if (n == 1 && !u->backing_out) {
        hand_over(m);
        return;
    }
    if (n == 0) /* it ends, and will be reaped */
        fd_close(&u->ready);
    if (!u->deadline || clock_now() < u->deadline)
        return;
    if (u->backing_out) {
        kill(u->pid, SIGKILL);
        u->deadline = CLOCK_NEVER;
    } else {
        tell_to_leave(m, "was not ready in time");
    }
}

bool upgrade_ended(struct master *m, pid_t pid, const char *how)
{
    struct upgrade *u = &m->upgrade;
    if (pid != u->pid)
        return false;
    if (m->stop == STOP_HANDOVER)
        log_error("the new master pid=%d has ended %s", (int)pid, how);
    else if (u->backing_out)
        log_info("upgrade: new master pid=%d left %s", (int)pid, how);
    else if (!m->stop)
        log_error("upgrade failed, the old master goes on: new master pid=%d "
                  "ended %s",
                  (int)pid, how);
    fd_close(&u->ready);
    *u = (struct upgrade){.ready = -1, .predecessor = -1};
    if (m->stop != STOP_HANDOVER)
        pidfile_take_back(m->setup.pid);
    if (!m->stop)
        title_set("rainbows master %s%s", m->config_path ? "-c " : "",
                  title(m));
    return true;
}

void upgrade_cancel(struct master *m)
{
    struct upgrade *u = &m->upgrade;
    bool quick = m->stop == STOP_QUICK;
    if (!u->pid || !u->deadline) /* 0: handed over, it is the server now */
        return;
    kill(u->pid, quick ? SIGINT : SIGQUIT);
    u->backing_out = true;
    u->deadline = clock_now() +
                  (quick ? CLOCK_SECOND : m->setup.config->graceful_timeout);
}

/* ---- the new master ---- */

bool upgrade_open(struct master *m)
{
    const char *text = getenv(VARIABLE);
    m->upgrade.ready = m->upgrade.predecessor = -1;
    inherit_sockets(&m->given);
    if (!text)
        return false;
    int fd = atoi(text);
    unsetenv(VARIABLE);
    if (fd >= FIRST_FD && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
        m->upgrade.predecessor = fd;
    return true;
}

static bool all_ready(const struct master *m)
{
    int ready = 0;
    for (size_t i = 0; i < SLOT_COUNT; i++)
        ready += m->slots.slot[i].state == SLOT_READY;
    return ready >= m->workers;
}

/* The sockets are ours alone from now on, and so are their files. */
static void take_over(struct master *m)
{
    char byte = 'R';
    if (write(m->upgrade.predecessor, &byte, 1) < 0)
        log_info("upgrade: the old master is gone already");
    else
        log_info("upgrade: ready, taking over");
    fd_close(&m->upgrade.predecessor);
    inherit_settle(m);
    notify_take_over(m);
}

void upgrade_turn(struct master *m)
{
    if (m->upgrade.asked && !m->stop && m->reload.phase == RELOAD_NONE)
        begin(m);
    if (m->upgrade.pid)
        look_after(m);
    if (m->upgrade.predecessor >= 0 && m->started && all_ready(m) && !m->stop)
        take_over(m);
}
