/* SPDX-License-Identifier: MIT */
/*
 * The ids of requests: taken over from a proxy, or made here.
 */
#include "http/request_id.h"

#include "base/cidr.h"
#include "http/request.h"

static bool is_sane(struct span id)
{
    if (!id.at || !id.len || id.len > REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.at[i];
        char low = c | 0x20;
        bool known = (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') ||
                     (c && strchr("_.=+/-", c));
        if (!known)
            return false;
    }
    return true;
}

/* The only field of that name; two of them are nobody's word. */
static struct span told(const struct request *rq)
{
    struct span id = {0};
    for (uint32_t i = 0; i < rq->field_count; i++) {
        const struct field *field = &rq->fields[i];
        if (!span_is_nocase(request_span(rq, field->name), "x-request-id"))
            continue;
        if (id.at)
            return (struct span){0};
        id = request_span(rq, field->value);
    }
    return id;
}

struct span request_id(const struct request *rq, const struct cidrs *trusted,
                       const struct peer *peer, char text[SERIAL_TEXT])
{
    if (trusted && cidrs_have(trusted, peer)) {
        struct span id = told(rq);
        if (is_sane(id))
            return id;
    }
    serial_text(rq->serial, text);
    return (struct span){text, SERIAL_TEXT};
}
