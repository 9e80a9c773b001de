/* SPDX-License-Identifier: MIT */
/*
 * Loading a config in a process that is thrown away, so that whatever it does
 * (hang, crash, exit) happens there: for `rainbows -t`, with the app, and as
 * the first step of a reload.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "master/master.h"
#include "worker/worker.h"

static int check(const struct master *m)
{
    struct err err;
    const char *what = m->config_path ? m->config_path : m->overrides->app;
    if (setup_check(m, CHECK_APP, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    printf("%s: ok\n", what);
    return 0;
}

int master_check(const struct invocation *invocation)
{
    static struct master m;
    m.overrides = invocation->overrides;
    m.find_model = invocation->find_model;
    m.config_path = (char *)invocation->config_path;
    m.start_umask = setup_umask();
    signals_hold();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        exit(check(&m));
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        perror("rainbows: cannot check");
        return 1;
    }
    if (WIFSIGNALED(status))
        fprintf(stderr, "the check was ended by signal %s\n",
                sigabbrev_np(WTERMSIG(status)));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

int check_for_reload(struct master *m, int status)
{
    struct err err;
    m->loading = LOADING_WATCHED;
    signals_default();
    if (setup_check(m, CHECK_CONFIG, &err) == 0)
        return 0;
    worker_tell_failure(status, err.text);
    return 1;
}
