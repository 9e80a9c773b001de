/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_FUZZ_REQUEST_H
#define RAINBOWS_FUZZ_REQUEST_H

struct request;

/* What holds for every request that was accepted: its pieces lie within the
 * head, and none has a byte that could mean something to whoever writes it into
 * a line. */
void check_request(const struct request *rq);

#endif
