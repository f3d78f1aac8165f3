/* Values of a result: their widths, and what is read of one that has not the width of its type. */
#include "harness/check.h"
#include "harness/pg_value.h"

#include <math.h>
#include <string.h>

#include <libpq-fe.h>

#include "../../../../src/io/pg/types_i.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/io/pg_result.h"

static int64_t i64_of(Oid oid, const char *value, size_t len)
{
    PGresult *made = pg_value_new(oid, value, len);
    int64_t read = pg_result_i64((const struct pg_result *)made, 0, 0);
    PQclear(made);
    return read;
}

static double double_of(Oid oid, const char *value, size_t len)
{
    PGresult *made = pg_value_new(oid, value, len);
    double read = pg_result_double((const struct pg_result *)made, 0, 0);
    PQclear(made);
    return read;
}

static bool bool_of(const char *value, size_t len)
{
    PGresult *made = pg_value_new(PG_BOOL_OID, value, len);
    bool read = pg_result_bool((const struct pg_result *)made, 0, 0);
    PQclear(made);
    return read;
}

static struct uuid uuid_of(const char *value, size_t len)
{
    PGresult *made = pg_value_new(PG_UUID_OID, value, len);
    struct uuid read = pg_result_uuid((const struct pg_result *)made, 0, 0);
    PQclear(made);
    return read;
}

static int64_t time_of(const char *value, size_t len)
{
    PGresult *made = pg_value_new(PG_TIME_OID, value, len);
    int64_t read = pg_result_time((const struct pg_result *)made, 0, 0);
    PQclear(made);
    return read;
}

static void test_pg_result_reads_every_width(void **state)
{
    (void)state;
    assert_int_equal(i64_of(PG_I64_OID, "\xff\xff\xff\xff\xff\xff\xff\xfe", 8), -2);
    assert_int_equal(i64_of(PG_I32_OID, "\xff\xff\xff\xfd", 4), -3);
    assert_int_equal(i64_of(PG_OID_I16, "\1\2", 2), 258);
    assert_true(double_of(PG_DOUBLE_OID, "\x3f\xf8\0\0\0\0\0\0", 8) == 1.5);
    assert_true(double_of(PG_OID_REAL, "\x3f\xc0\0\0", 4) == 1.5);
    assert_true(bool_of("\1", 1) && !bool_of("\0", 1));
    assert_int_equal(uuid_of("0123456789abcdef", 16).bytes[15], 'f');
    assert_int_equal(time_of("\0\0\0\0\0\0\0\0", 8), PG_EPOCH_US * NS_PER_US);
}

static void test_pg_result_of_another_width_is_absent(void **state)
{
    const struct uuid nil = {{0}};
    (void)state;
    assert_int_equal(i64_of(PG_I64_OID, "\1\1\1\1\1\1\1", 7), 0);
    assert_int_equal(i64_of(PG_I32_OID, "\1", 1), 0);
    assert_int_equal(i64_of(PG_I64_OID, "", 0), 0);
    assert_true(isnan(double_of(PG_DOUBLE_OID, "\x3f\xf8\0\0\0", 5)));
    assert_true(isnan(double_of(PG_OID_REAL, "\x3f", 1)));
    assert_false(bool_of("\1\1", 2));
    assert_true(uuid_eq(uuid_of("0123456789abcde", 15), nil));
    assert_int_equal(time_of("\0\0\0\1", 4), TIMESTAMP_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pg_result_reads_every_width),
        cmocka_unit_test(test_pg_result_of_another_width_is_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
