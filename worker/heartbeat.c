/* SPDX-License-Identifier: MIT */
/*
 * The heartbeat page: memory, so that a slow disk can never look like a stuck
 * worker, and mapped once for the life of the master.
 */
#include "worker/heartbeat.h"

#include <stddef.h>
#include <sys/mman.h>

#include "base/err.h"

struct beat *heartbeat_open(struct err *err)
{
    void *page =
        mmap(NULL, HEARTBEAT_SLOTS * sizeof(struct beat),
             PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        err_sys(err, "cannot map the heartbeat page");
        return NULL;
    }
    return page;
}
