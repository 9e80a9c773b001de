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

short wait_either(const struct wait *first, const struct wait *second,
                  bool *second_came)
{
    struct pollfd fds[2] = {
        {.fd = first->fd, .events = first->events},
        {.fd = second ? second->fd : -1, .events = second ? second->events : 0},
    };
    *second_came = false;
    if (poll(fds, 2, clock_poll_ms(first->deadline, clock_now())) <= 0)
        return 0;
    *second_came = fds[1].revents != 0;
    return fds[0].revents;
}
