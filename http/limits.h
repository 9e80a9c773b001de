/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_HTTP_LIMITS_H
#define RAINBOWS_HTTP_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* How large a request may be; a larger one is refused with the status named.
 * Sizes are bytes, all inclusive: a request of exactly the limit passes. The
 * directives of the same names set them. */
struct limits {
    size_t uri_size;    /* client_max_uri_size: the request target; 414 */
    size_t header_size; /* client_max_header_size: all header lines together,
                           request line not counted; 431 */
    size_t header_name; /* client_max_header_name: one field name; 431 */
    size_t headers;     /* client_max_headers: how many fields; 431 */
    size_t chunk_extension; /* client_max_chunk_extension: extension bytes of
                               one body's chunks together; 413 */
    int64_t body_size;      /* client_max_body_size: -1 unlimited; 413 */
};

#endif
