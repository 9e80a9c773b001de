/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_REQUEST_ID_H
#define RAINBOWS_HTTP_REQUEST_ID_H

#include "base/serial.h"
#include "base/span.h"

struct cidrs;
struct peer;
struct request;

enum {
    REQUEST_ID_MAX = 128
};

/*
 * The name by which a request is found in logs: its only X-Request-Id when it
 * comes from a trusted peer and is 1 to REQUEST_ID_MAX bytes of
 * [A-Za-z0-9_.=+/-], so that it is safe in any log; else one made of
 * request->serial, in text. trusted NULL: nobody is. Lives as long as both.
 */
struct span request_id(const struct request *rq, const struct cidrs *trusted,
                       const struct peer *peer, char text[SERIAL_TEXT]);

#endif
