/* SPDX-License-Identifier: MIT */
/*
 * Byte queues: what goes in comes out, in order, wherever the bytes lie.
 */
#include "base/buf.h"

#include <criterion/criterion.h>
#include <string.h>

Test(buf, returns_bytes_in_order_after_growing)
{
    struct buf b = {0};
    for (int i = 0; i < 3000; i++)
        buf_put(&b, "abcdefg", 7);
    cr_assert_eq(buf_len(&b), 21000);
    for (int i = 0; i < 3000; i++) {
        cr_assert_eq(memcmp(buf_at(&b), "abcdefg", 7), 0);
        buf_take(&b, 7);
    }
    cr_assert_eq(buf_len(&b), 0);
    buf_drop(&b);
}

Test(buf, moves_bytes_to_the_front_instead_of_growing)
{
    struct buf b = {0};
    buf_put(&b, "0123456789", 10);
    buf_room(&b, BUF_BLOCK - 10, NULL);
    buf_added(&b, BUF_BLOCK - 10);
    buf_take(&b, BUF_BLOCK - 3);
    buf_room(&b, 100, NULL);
    cr_assert_eq(b.cap, BUF_BLOCK);
    cr_assert_eq(buf_len(&b), 3);
    buf_drop(&b);
}

Test(buf, holds_no_memory_after_drop)
{
    struct buf b = {0};
    buf_puts(&b, "x");
    buf_drop(&b);
    cr_assert_null(b.data);
    cr_assert_eq(b.cap, 0);
    buf_trim();
}

Test(buf, inserts_anywhere)
{
    struct buf b = {0};
    buf_puts(&b, "xxad");
    buf_take(&b, 2);
    buf_insert(&b, 1, "bc", 2);
    buf_insert(&b, 0, "<", 1);
    buf_insert(&b, buf_len(&b), ">", 1);
    cr_expect_eq(buf_len(&b), 6);
    cr_expect_eq(memcmp(buf_at(&b), "<abcd>", 6), 0);
    buf_drop(&b);
}
