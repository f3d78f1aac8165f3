#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "alphaloop/base/buf.h"

static void test_buf_stays_terminated(void **state)
{
    struct buf buf = BUF_INIT(1000);
    (void)state;
    assert_string_equal(buf_str(&buf), "");
    for (int i = 0; i < 200; i++)
        buf_printf(&buf, "%d,", i % 10);
    assert_int_equal(buf.len, 400);
    assert_int_equal(strlen(buf_str(&buf)), 400);
    buf_consume(&buf, 398);
    assert_string_equal(buf_str(&buf), "9,");
    buf_reset(&buf);
    assert_string_equal(buf_str(&buf), "");
    buf_deinit(&buf);
}

static void test_buf_drops_what_passes_its_bound(void **state)
{
    struct buf buf = BUF_INIT(10);
    (void)state;
    buf_puts(&buf, "12345");
    buf_puts(&buf, "123456");
    assert_false(buf_ok(&buf));
    assert_string_equal(buf_str(&buf), "12345");
    buf_puts(&buf, "67890");
    assert_string_equal(buf_str(&buf), "1234567890");
    assert_false(buf_ok(&buf));
    buf_reset(&buf);
    assert_true(buf_ok(&buf));
    buf_printf(&buf, "%s", "12345678901");
    assert_false(buf_ok(&buf));
    assert_null(buf_reserve(&buf, 11));
    buf_deinit(&buf);
}

static void test_buf_writes_big_endian(void **state)
{
    struct buf buf = BUF_INIT(100);
    (void)state;
    buf_put_u16be(&buf, 0x0102);
    buf_put_u32be(&buf, 0x03040506);
    buf_put_u64be(&buf, UINT64_C(0x0708090a0b0c0d0e));
    assert_memory_equal(buf.ptr, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e", 14);
    buf_deinit(&buf);
}

static void test_buf_writes_little_endian_and_reads_it_back(void **state)
{
    struct buf buf = BUF_INIT(100);
    (void)state;
    buf_put_u32le(&buf, 0x04030201);
    buf_put_f32le(&buf, -1.5F);
    assert_memory_equal(buf.ptr, "\x01\x02\x03\x04\x00\x00\xc0\xbf", 8);
    assert_int_equal(u32le_at(buf.ptr), 0x04030201);
    assert_float_equal(f32le_at(buf.ptr + 4), -1.5F, 0);
    buf_deinit(&buf);
}

static void test_buf_reserve_gives_room_to_write(void **state)
{
    struct buf buf = BUF_INIT(100);
    (void)state;
    memcpy(buf_reserve(&buf, 64), "abc", 3);
    buf_added(&buf, 3);
    assert_true(slice_is(buf_slice(&buf), "abc"));
    buf_deinit(&buf);
}

static void test_slices_compare_by_content(void **state)
{
    (void)state;
    assert_true(slice_is(SLICE("abc"), "abc"));
    assert_false(slice_is(SLICE("abc"), "abcd"));
    assert_true(slice_is_nocase(SLICE("AbC"), "aBc"));
    assert_false(slice_is_nocase(SLICE("AbC"), "aB"));
    assert_true(slice_eq(slice_of(NULL), SLICE("")));
    assert_false(slice_eq(SLICE("a\0b"), SLICE("a\0c")));
}

static void test_slice_takes_its_first_byte(void **state)
{
    struct slice text = SLICE("ab");
    (void)state;
    assert_false(slice_take_byte(&text, 'b'));
    assert_true(slice_take_byte(&text, 'a'));
    assert_true(slice_is(text, "b"));
    assert_true(slice_take_byte(&text, 'b'));
    assert_false(slice_take_byte(&text, 'b'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_stays_terminated),
        cmocka_unit_test(test_buf_drops_what_passes_its_bound),
        cmocka_unit_test(test_buf_writes_big_endian),
        cmocka_unit_test(test_buf_writes_little_endian_and_reads_it_back),
        cmocka_unit_test(test_buf_reserve_gives_room_to_write),
        cmocka_unit_test(test_slices_compare_by_content),
        cmocka_unit_test(test_slice_takes_its_first_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
