/* SPDX-License-Identifier: MIT */
/*
 * Base: one client at a time, blocking, in the worker's only thread.
 */
#include "concurrency/blocking.h"
#include "worker/model.h"
#include "worker/worker.h"

static int base_run(struct worker *w)
{
    struct blocking b = {.worker = w, .app = w->apps[0]};
    blocking_init(&b, true);
    blocking_run(&b);
    blocking_fini(&b);
    return WORKER_DONE;
}

static const char *const unused[] = {"worker_connections", "pool_size",
                                     "app_pool", NULL};

const struct model model_base = {
    .name = "Base",
    .summary = "blocking, one client at a time",
    .unused = unused,
    .run = base_run,
};
