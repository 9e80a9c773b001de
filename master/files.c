/* SPDX-License-Identifier: MIT */
/*
 * How many descriptors the server needs, and the limit raised to that, by the
 * master, so that workers inherit it and a limit that is too low is told once.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "master/master.h"
#include "worker/model.h"

enum {
    PER_CLIENT = 3, /* its socket, its body in a file, the file of its answer */
    PER_STATE = 4,  /* a thread's own, and what its app keeps open */
    PER_WORKER = 4, /* two pipes in the master, twice during a reload */
    MARGIN = 64     /* standard streams, the loop, modules, the app's files */
};

static bool uses(const struct model *model, const char *directive)
{
    for (const char *const *name = model->unused; *name; name++)
        if (strcmp(*name, directive) == 0)
            return false;
    return true;
}

rlim_t files_needed(const struct setup *s)
{
    const struct config *config = s->config;
    rlim_t states = s->model->states ? s->model->states(config) : 1;
    rlim_t clients = states; /* one each, if nothing else is said */
    if (uses(s->model, "worker_connections"))
        clients = (rlim_t)config->worker_connections;
    rlim_t worker = clients * PER_CLIENT + states * PER_STATE;
    rlim_t master = (rlim_t)config->worker_processes * PER_WORKER;
    return s->listener_count + MARGIN + (worker > master ? worker : master);
}

void files_allow(const struct setup *s)
{
    struct rlimit limit;
    rlim_t need = files_needed(s);
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need)
        return;
    rlim_t hard = limit.rlim_max;
    limit.rlim_cur = need;
    if (hard < need)
        limit.rlim_max = need; /* root may */
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return;
    limit.rlim_cur = limit.rlim_max = hard;
    setrlimit(RLIMIT_NOFILE, &limit);
    log_warn("open files: limit=%llu, but a worker may need %llu; raise it "
             "(ulimit -n, LimitNOFILE of systemd) or lower worker_connections",
             (unsigned long long)hard, (unsigned long long)need);
}
