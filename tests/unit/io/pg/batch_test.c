/* Building a batch: what libpq is given, and what happens at the bounds. */
#include <string.h>

#include "harness/alloc.h"
#include "harness/check.h"

#include "../src/io/pg/batch_i.h"

static const struct pg_statement one = {"one", "SELECT $1"};
static const struct pg_statement two = {"two", "SELECT $1, $2"};

static void test_parameters_belong_to_their_statement(void **state)
{
    struct pg_batch *batch = pg_batch_create(1024);
    struct pg_bound bound;
    (void)state;
    pg_batch_statement(batch, &two);
    pg_put_i64(batch, 0x0102030405060708);
    pg_put_null(batch, PG_TEXT);
    pg_batch_statement(batch, &one);
    pg_put_bool(batch, true);
    assert_true(pg_batch_ok(batch));
    assert_int_equal(pg_batch_n_statements(batch), 2);
    pg_batch_bind(batch, 0, &bound);
    assert_int_equal(bound.n, 2);
    assert_int_equal(bound.types[0], 20);
    assert_int_equal(bound.lengths[0], 8);
    assert_memory_equal(bound.values[0], "\1\2\3\4\5\6\7\10", 8);
    assert_int_equal(bound.types[1], 25);
    assert_null(bound.values[1]);
    pg_batch_bind(batch, 1, &bound);
    assert_int_equal(bound.n, 1);
    assert_int_equal(bound.values[0][0], 1);
    assert_int_equal(bound.formats[0], 1);
    pg_batch_destroy(batch);
}

static void test_an_array_is_one_parameter(void **state)
{
    static const unsigned char want[] = {0,  0, 0,   1,    0,    0,    0,    0, 0, 0, 0,
                                         25, 0, 0,   0,    3,    0,    0,    0, 1, 0, 0,
                                         0,  1, 'a', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
    struct pg_batch *batch = pg_batch_create(1024);
    struct pg_bound bound;
    (void)state;
    pg_batch_statement(batch, &one);
    pg_array_begin(batch, PG_TEXT, 3);
    pg_put_str(batch, "a");
    pg_put_str(batch, NULL);
    pg_put_text(batch, (struct slice){NULL, 0});
    pg_array_end(batch);
    pg_batch_bind(batch, 0, &bound);
    assert_int_equal(bound.n, 1);
    assert_int_equal(bound.types[0], 1009);
    assert_int_equal(bound.lengths[0], sizeof(want));
    assert_memory_equal(bound.values[0], want, sizeof(want));
    pg_batch_destroy(batch);
}

static void test_too_many_bytes_are_remembered_until_the_reset(void **state)
{
    struct pg_batch *batch = pg_batch_create(16);
    (void)state;
    pg_batch_statement(batch, &two);
    pg_put_i64(batch, 1);
    pg_put_str(batch, "longer than what is left");
    pg_put_str(batch, "x");
    pg_array_begin(batch, PG_I64, 1);
    pg_put_i64(batch, 1);
    pg_array_end(batch);
    assert_false(pg_batch_ok(batch));
    pg_batch_reset(batch);
    assert_true(pg_batch_ok(batch));
    assert_int_equal(pg_batch_n_statements(batch), 0);
    assert_int_equal(pg_batch_n_bytes(batch), 0);
    pg_batch_destroy(batch);
}

static void test_too_many_statements_are_remembered(void **state)
{
    struct pg_batch *batch = pg_batch_create(16);
    (void)state;
    for (int i = 0; i < PG_STATEMENTS_MAX; i++)
        pg_batch_statement(batch, &one);
    assert_true(pg_batch_ok(batch));
    pg_batch_statement(batch, &one);
    pg_put_bool(batch, true); /* goes nowhere */
    assert_false(pg_batch_ok(batch));
    assert_int_equal(pg_batch_n_statements(batch), PG_STATEMENTS_MAX);
    pg_batch_destroy(batch);
}

static void test_a_batch_of_empty_values_has_pointers(void **state)
{
    struct pg_batch *batch = pg_batch_create(16);
    struct pg_bound bound;
    (void)state;
    pg_batch_statement(batch, &one);
    pg_put_str(batch, "");
    pg_batch_bind(batch, 0, &bound);
    assert_non_null(bound.values[0]); /* a NULL pointer would mean null */
    assert_int_equal(bound.lengths[0], 0);
    pg_batch_destroy(batch);
}

static void test_running_out_of_memory_is_remembered(void **state)
{
    size_t n_failed = 0;
    (void)state;
    for (size_t n = 0; alloc_fails_at(n); n++) {
        struct pg_batch *batch = pg_batch_create(4096);
        if (batch == NULL)
            continue;
        for (int i = 0; i < 70; i++) { /* more than the first block of parameters */
            pg_batch_statement(batch, &one);
            pg_put_i64(batch, i);
        }
        n_failed += pg_batch_ok(batch) ? 0 : 1;
        pg_batch_reset(batch);
        assert_true(pg_batch_ok(batch));
        pg_batch_destroy(batch);
    }
    alloc_never_fails();
    assert_true(n_failed >= 2); /* the arena and the parameters */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters_belong_to_their_statement),
        cmocka_unit_test(test_an_array_is_one_parameter),
        cmocka_unit_test(test_too_many_bytes_are_remembered_until_the_reset),
        cmocka_unit_test(test_too_many_statements_are_remembered),
        cmocka_unit_test(test_a_batch_of_empty_values_has_pointers),
        cmocka_unit_test(test_running_out_of_memory_is_remembered),
    };
    return cmocka_run_group_tests_name("pg batch", tests, NULL, NULL);
}
