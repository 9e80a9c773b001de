/* SPDX-License-Identifier: MIT */
/*
 * `rainbows -t`: loads config and app in a child, so that whatever they do
 * (hang, crash, exit) happens there.
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

/* The longest a check may take, in seconds. */
enum {
    PATIENCE = 60
};

static int check(const struct master *m)
{
    struct err err;
    const char *what = m->config_path ? m->config_path : m->overrides->app;
    alarm(PATIENCE);
    if (setup_check(m, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    printf("%s: ok\n", what);
    return 0;
}

int master_check(const char *config_path,
                 const struct config_overrides *overrides,
                 const struct model *(*find_model)(const char *, struct err *))
{
    static struct master m;
    m.config_path = config_path;
    m.overrides = overrides;
    m.find_model = find_model;
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
