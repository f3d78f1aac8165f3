/* The binary form of numeric, byte by byte (as numeric_send of a server wrote them). */
#include "harness/check.h"

#include "../src/io/pg/numeric_i.h"
#include "alphaloop/base/rng.h"

static const struct {
    const char *text;
    size_t n_bytes;
    unsigned char bytes[24];
} rows[] = {
    {"0.00000000", 8, {0, 0, 0, 0, 0, 0, 0, 8}},
    {"1.00000000", 10, {0, 1, 0, 0, 0, 0, 0, 8, 0, 1}},
    {"-1.00000000", 10, {0, 1, 0, 0, 0x40, 0, 0, 8, 0, 1}},
    {"0.00000001", 10, {0, 1, 0xff, 0xfe, 0, 0, 0, 8, 0, 1}},
    {"0.00010000", 10, {0, 1, 0xff, 0xff, 0, 0, 0, 8, 0, 1}},
    {"10000.00000000", 10, {0, 1, 0, 1, 0, 0, 0, 8, 0, 1}},
    {"12345.67800000", 14, {0, 3, 0, 1, 0, 0, 0, 8, 0, 1, 0x09, 0x29, 0x1a, 0x7c}},
    {"999999999999.99999999",
     18,
     {0, 5, 0, 2, 0, 0, 0, 8, 0x27, 0x0f, 0x27, 0x0f, 0x27, 0x0f, 0x27, 0x0f, 0x27, 0x0f}},
};

static void test_encoding_gives_the_servers_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct decimal value;
        unsigned char bytes[PG_NUMERIC_BYTES_MAX];
        check_ok(decimal_parse(slice_of(rows[i].text), &value));
        assert_int_equal(pg_numeric_encode(value, bytes), rows[i].n_bytes);
        assert_memory_equal(bytes, rows[i].bytes, rows[i].n_bytes);
    }
}

static void test_decoding_reads_them_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct decimal value;
        char text[DECIMAL_TEXT_MAX];
        check_ok(pg_numeric_decode(rows[i].bytes, rows[i].n_bytes, &value));
        decimal_format(value, text);
        check_str(text, rows[i].text);
    }
}

static void test_damaged_bytes_are_refused(void **state)
{
    static const unsigned char short_one[] = {0, 2, 0, 0, 0, 0, 0, 8, 0, 1};
    static const unsigned char nan_bytes[] = {0, 0, 0, 0, 0xc0, 0, 0, 0};
    struct decimal value;
    (void)state;
    check_err(pg_numeric_decode(short_one, sizeof(short_one), &value), AL_EPARSE);
    check_err(pg_numeric_decode(short_one, 4, &value), AL_EPARSE);
    check_err(pg_numeric_decode(nan_bytes, sizeof(nan_bytes), &value), AL_ERANGE);
}

static void test_zeros_may_stand_before_and_behind(void **state)
{
    /* 0 10000^3 + 0 10000^2 + 0 10000 + 7 + 0 / 10000: never sent by a server, but it means 7 */
    static const unsigned char bytes[] = {0, 5, 0, 3, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0};
    static const unsigned char zero[] = {0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0, 0};
    struct decimal value;
    (void)state;
    check_err(pg_numeric_decode(bytes, sizeof(bytes), &value),
              AL_ERANGE); /* past what we promise to read */
    check_ok(pg_numeric_decode(zero, sizeof(zero), &value));
    assert_int_equal(decimal_sign(value), 0);
}

static void test_random_values_survive(void **state)
{
    struct rng rng;
    (void)state;
    rng_seed(&rng, 3);
    for (int i = 0; i < 100000; i++) {
        unsigned char bytes[PG_NUMERIC_BYTES_MAX];
        struct decimal back,
            value = {(al_i128)(rng_u64(&rng) >> rng_below(&rng, 64)) * (i % 2 == 0 ? 1 : -1)};
        check_ok(pg_numeric_decode(bytes, pg_numeric_encode(value, bytes), &back));
        assert_true(back.units == value.units);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoding_gives_the_servers_bytes),
        cmocka_unit_test(test_decoding_reads_them_back),
        cmocka_unit_test(test_damaged_bytes_are_refused),
        cmocka_unit_test(test_zeros_may_stand_before_and_behind),
        cmocka_unit_test(test_random_values_survive),
    };
    return cmocka_run_group_tests_name("pg numeric", tests, NULL, NULL);
}
