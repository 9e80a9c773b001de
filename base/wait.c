/* SPDX-License-Identifier: MIT */
/*
 * The blocking way to wait, for threads that serve one client at a time and
 * for places where Lua cannot yield.
 */
#include "base/wait.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"

short wait_block_unless(const struct wait *wait,
                        const volatile sig_atomic_t *stop)
{
    for (;;) {
        struct pollfd p = {.fd = wait->fd, .events = wait->events};
        int64_t now = clock_now();
        int n = poll(&p, 1, clock_poll_ms(wait->deadline, now));
        if (n > 0)
            return p.revents;
        if (n == 0 && clock_now() >= wait->deadline)
            return 0;
        if ((n < 0 && errno != EINTR) || (stop && *stop))
            return POLLERR;
    }
}

short wait_block(const struct wait *wait)
{
    return wait_block_unless(wait, NULL);
}
