/* SPDX-License-Identifier: MIT */
/*
 * Requests in progress: kept for reuse, without anything of the last one.
 */
#include "worker/exchange.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/err.h"
#include "base/mem.h"

TestSuite(exchange, .fini = exchange_trim);

Test(exchange, is_new_when_it_begins)
{
    struct exchange *x = exchange_new(8);
    cr_expect_eq(x->request.fields, x->fields);
    cr_expect_eq(x->body.bytes.fd, -1);
    cr_expect_eq(x->file.fd, -1);
    cr_expect_null(x->call);
    cr_expect_eq(buf_len(&x->kept), 0);
    cr_expect(!x->sent && !x->waits && x->mark == 0);
    exchange_free(x);
    exchange_free(NULL);
}

/* Fills what a request may leave behind; two descriptors. */
static void use(struct exchange *x)
{
    struct err err;
    cr_assert_eq(spool_put(&x->body.bytes, "body", 4, 0, &err), 0);
    x->file.fd = open("/dev/null", O_RDONLY);
    buf_puts(&x->kept, "head");
    x->sent = x->waits = true;
    x->mark = 7;
    x->chunked.state = 3;
    x->request.field_count = 5;
    memset(x->fields, 0xff, 8 * sizeof *x->fields);
}

Test(exchange, has_nothing_of_the_one_before)
{
    struct exchange *x = exchange_new(8);
    use(x);
    int body = x->body.bytes.fd, file = x->file.fd;
    exchange_free(x);
    cr_expect_eq(fcntl(body, F_GETFD), -1);
    cr_expect_eq(fcntl(file, F_GETFD), -1);
    cr_expect_eq(exchange_new(8), x, "not used again");
    cr_expect(x->body.bytes.fd == -1 && x->body.bytes.size == 0 &&
              x->file.fd == -1);
    cr_expect(!x->sent && !x->waits && !x->mark && !x->kept.data && !x->call);
    cr_expect_eq(x->chunked.state, 0);
    exchange_free(x);
}

Test(exchange, has_room_for_as_many_fields_as_asked_for)
{
    struct exchange *small = exchange_new(2);
    exchange_free(small);
    struct exchange *large = exchange_new(200);
    cr_expect_neq(large, small);
    memset(large->fields, 0xff, 200 * sizeof *large->fields);
    cr_expect_eq(exchange_new(2), small);
    exchange_free(small);
    exchange_free(large);
}

Test(exchange, keeps_a_few_and_frees_the_rest)
{
    enum {
        MANY = 200
    };
    struct exchange *all[MANY];
    for (int i = 0; i < MANY; i++)
        all[i] = exchange_new(4);
    for (int i = 0; i < MANY; i++)
        exchange_free(all[i]);
    exchange_trim();
    exchange_trim();
    exchange_free(exchange_new(4));
}
