/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_PARSER_H
#define RAINBOWS_HTTP_PARSER_H

#include <stddef.h>

struct request;

/* Once per process, before the first parse: the parser's own limit on heads
 * is one variable for the process; it is set above every limit of ours. */
void parser_init(void);

/*
 * Reads a head that head_check() found complete: bytes[0, len), up to and
 * including the empty line. rq->fields must point to room for max_fields; the
 * rest of *rq is filled. Returns 0, or the status to refuse the request with
 * (400, 501).
 */
int parser_read(struct request *rq, const char *bytes, size_t len,
                size_t max_fields);

#endif
