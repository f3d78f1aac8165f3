/* Vetting message properties: what the library would decode passes, what could hurt it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../src/io/amqp/codec_i.h"
#include "../src/io/amqp/props_i.h"

static bool is_sound(const char *bytes, size_t n)
{
    return props_are_sound((struct slice){bytes, n});
}
#define SOUND(literal) is_sound(literal, sizeof(literal) - 1)

static void test_props_take_every_property(void **state)
{
    (void)state;
    amqp_table_entry_t inner[] = {
        {.key = amqp_bytes_of("x"), .value = {.kind = AMQP_FIELD_KIND_VOID}}};
    amqp_field_value_t items[] = {{.kind = AMQP_FIELD_KIND_F64, .value.f64 = 1},
                                  {.kind = AMQP_FIELD_KIND_DECIMAL, .value.decimal = {2, 3}}};
    amqp_table_entry_t entries[] = {
        {.key = amqp_bytes_of("a"),
         .value = {.kind = AMQP_FIELD_KIND_ARRAY, .value.array = {2, items}}},
        {.key = amqp_bytes_of("t"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {1, inner}}},
        {.key = amqp_bytes_of("s"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_bytes_of("text")}},
    };
    amqp_bytes_t text = amqp_bytes_of("text");
    amqp_basic_properties_t all = {._flags = 0xfffc,
                                   .content_type = text,
                                   .content_encoding = text,
                                   .headers = {3, entries},
                                   .correlation_id = text,
                                   .reply_to = text,
                                   .expiration = text,
                                   .message_id = text,
                                   .type = text,
                                   .user_id = text,
                                   .app_id = text,
                                   .cluster_id = text};
    char bytes[512];
    int n = amqp_encode_properties(AMQP_BASIC_CLASS, &all, (amqp_bytes_t){sizeof(bytes), bytes});
    assert_true(n > 0);
    assert_true(is_sound(bytes, (size_t)n));
    for (size_t cut = 0; cut < (size_t)n; cut++)
        assert_false(is_sound(bytes, cut));
}

static void test_props_take_none(void **state)
{
    (void)state;
    assert_true(SOUND("\0\0"));
}

static void test_props_refuse_more_flag_words(void **state)
{
    (void)state;
    assert_false(SOUND("\0\1\0\0"));
}

static void test_props_refuse_bytes_left_over(void **state)
{
    (void)state;
    assert_false(SOUND("\0\0x"));
}

static void test_props_refuse_an_entry_beyond_its_table(void **state)
{
    (void)state;
    assert_true(SOUND("\x20\0\0\0\0\4\1kt\1"));
    assert_false(SOUND("\x20\0\0\0\0\3\1kt\1"));
    assert_false(SOUND("\x20\0\0\0\0\5\1kt\1"));
}

static void test_props_refuse_an_inner_table_beyond_the_outer(void **state)
{
    (void)state;
    assert_true(SOUND("\xa0\0\1c\0\0\0\7\1kF\0\0\0\0"));
    assert_false(SOUND("\xa0\0\1c\0\0\0\7\1kF\0\0\0\1x"));
}

static void test_props_refuse_an_unknown_kind(void **state)
{
    (void)state;
    assert_false(SOUND("\x20\0\0\0\0\3\1k?"));
}

static size_t nest(char *out, size_t depth, char kind)
{
    struct buf buf = BUF_INIT(1U << 20);
    size_t per_level = kind == 'F' ? 6 : 5;
    buf_append(&buf, "\x20\0", 2);
    buf_put_u32be(&buf, (uint32_t)(2 + 4 + (depth - 2) * per_level));
    buf_putc(&buf, '\0');
    for (size_t i = 1; i < depth; i++) {
        if (i > 1 && kind == 'F')
            buf_putc(&buf, '\0');
        buf_putc(&buf, kind);
        buf_put_u32be(&buf, (uint32_t)((depth - 1 - i) * per_level));
    }
    size_t n = buf.len;
    memcpy(out, buf.ptr, n);
    buf_deinit(&buf);
    return n;
}

static void test_props_bound_the_depth(void **state)
{
    (void)state;
    char bytes[4096];
    for (const char *kind = "FA"; *kind != '\0'; kind++) {
        assert_true(is_sound(bytes, nest(bytes, PROPS_DEPTH_MAX, *kind)));
        assert_false(is_sound(bytes, nest(bytes, PROPS_DEPTH_MAX + 1, *kind)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_props_take_every_property),
        cmocka_unit_test(test_props_take_none),
        cmocka_unit_test(test_props_refuse_more_flag_words),
        cmocka_unit_test(test_props_refuse_bytes_left_over),
        cmocka_unit_test(test_props_refuse_an_entry_beyond_its_table),
        cmocka_unit_test(test_props_refuse_an_inner_table_beyond_the_outer),
        cmocka_unit_test(test_props_refuse_an_unknown_kind),
        cmocka_unit_test(test_props_bound_the_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
