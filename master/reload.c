/* SPDX-License-Identifier: MIT */
/*
 * HUP: a reload is a transaction. A process that is thrown away loads the
 * config first, so that one that hangs or crashes does so there. Then the
 * master loads the same text, binds new listeners beside the old ones and
 * starts one worker of the new generation, the canary. When that one serves,
 * the new setup takes the old one's place; keep_workers() replaces the others,
 * one at a time. Until then any failure undoes everything, with one log line.
 *
 * A HUP that comes meanwhile is served afterwards, once.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "master/master.h"
#include "worker/model.h"

static const char *path_of(const struct master *m)
{
    return m->config_path ? m->config_path : "none";
}

/* Two paths may be one file: a directory may be a symbolic link. */
static bool same(const char *a, const char *b)
{
    struct stat one, other;
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0 ||
           (stat(a, &one) == 0 && stat(b, &other) == 0 &&
            one.st_dev == other.st_dev && one.st_ino == other.st_ino);
}

/* ---- the end of it ---- */

static void forget_text(struct master *m)
{
    free(m->config_text);
    m->config_text = NULL;
}

/* What the next setup has brought goes, but for what the present one has. */
static void undo(struct master *m)
{
    struct setup *next = &m->reload.next;
    if (!same(next->pid, m->setup.pid))
        pidfile_remove(next->pid);
    setup_free(next);
    forget_text(m);
    m->reload.phase = RELOAD_NONE;
}

static void fail(struct master *m, const char *why)
{
    log_error("reload failed, everything stays as it was: %s", why);
    undo(m);
}

void reload_cancel(struct master *m)
{
    m->reload.asked = false;
    if (m->reload.phase != RELOAD_NONE) {
        log_info("reload cancelled");
        undo(m);
    }
}

/* ---- check ---- */

static void begin(struct master *m)
{
    struct err err;
    m->reload.asked = false;
    m->reload.refills = true;
    notify_reloading();
    log_info("reloading config=%s", path_of(m));
    if (m->config_path) {
        m->config_text = fd_read_file(m->config_path, &m->config_size, &err);
        if (!m->config_text) {
            fail(m, err.text);
            return;
        }
    }
    if (spawn_check(m, &err) == 0)
        m->reload.phase = RELOAD_CHECK;
    else
        fail(m, err.text);
}

/* ---- canary ---- */

static int prepare(struct master *m, struct err *err)
{
    struct setup *next = &m->reload.next;
    if (setup_load(next, m, &m->setup, err) < 0)
        return -1;
    files_allow(next);
    if (!same(next->pid, m->setup.pid) && pidfile_write(next->pid, err) < 0)
        return -1;
    return 0;
}

static void start_canary(struct master *m)
{
    struct err err;
    m->reload.phase = RELOAD_CANARY;
    if (prepare(m, &err) < 0 || spawn_canary(m, &err) < 0)
        fail(m, err.text);
}

void reload_step_ended(struct master *m, const struct slot *slot, bool well)
{
    enum reload_phase phase = m->reload.phase;
    bool check = slot->role == ROLE_CHECK && phase == RELOAD_CHECK;
    bool canary = slot->role == ROLE_CANARY && phase == RELOAD_CANARY;
    if (check && well)
        start_canary(m);
    else if (check || canary)
        fail(m, slot->reason);
}

/* ---- commit ---- */

static void take_place(struct master *m, struct setup *old)
{
    struct setup *now = &m->setup;
    *old = *now;
    *now = m->reload.next;
    m->reload.next = (struct setup){0};
    m->generation++;
    if (!sockets_live_on(old))
        m->sockets_since = m->generation;
    if (now->config->worker_processes != old->config->worker_processes)
        m->workers = now->config->worker_processes;
    m->emptied = m->emptied && !m->reload.refills;
}

void reload_canary_ready(struct master *m, struct slot *canary)
{
    struct setup old;
    struct err err;
    if (m->reload.phase != RELOAD_CANARY)
        return;
    canary->role = ROLE_WORKER;
    take_place(m, &old);
    log_set_level((enum log_level)m->setup.config->log_level);
    keep_config_path(m);
    if (setup_enter(&m->setup) < 0)
        log_error("cannot enter %s", m->setup.directory);
    sockets_apply(&m->setup);
    if (!same(m->setup.pid, old.pid))
        pidfile_remove(old.pid);
    else if (pidfile_write(m->setup.pid, &err) < 0) /* it may be gone */
        log_error("%s", err.text);
    setup_free(&old);
    forget_text(m);
    m->reload.phase = RELOAD_NONE;
    respawn_reset(m);
    reopen_logs(m);
    log_info("reloaded generation=%d model=%s workers=%d", m->generation,
             m->setup.model->name, m->workers);
    setup_announce(&m->setup);
}

/* ---- beginning ---- */

/* Is the last replacement over, as far as it will ever be? A number has two
 * workers at most. */
static bool settled(const struct master *m)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const struct slot *slot = &m->slots.slot[i];
        if (slot->state == SLOT_STARTING)
            return false;
        if (slot_works(slot) && slot->number < m->workers &&
            slot->generation < m->generation &&
            !m->slots.seat[slot->number].failures)
            return false;
    }
    return true;
}

bool reload_over(const struct master *m)
{
    return m->reload.phase == RELOAD_NONE && !m->reload.asked && settled(m);
}

void reload_ask(struct master *m)
{
    if (m->stop)
        return;
    if (m->reload.phase != RELOAD_NONE && !m->reload.asked)
        log_info("a reload is under way; another one follows it");
    m->reload.asked = true;
}

void reload_turn(struct master *m)
{
    if (m->reload.asked && m->reload.phase == RELOAD_NONE && !m->upgrade.pid &&
        (m->started || m->emptied) && settled(m))
        begin(m);
}
