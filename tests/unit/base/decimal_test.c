#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "alphaloop/base/decimal.h"

static const char *format(struct decimal value)
{
    static char text[DECIMAL_TEXT_MAX];
    decimal_format(value, text);
    return text;
}

static struct decimal parse(const char *text)
{
    struct decimal value;
    if (decimal_parse(slice_of(text), &value) != AL_OK)
        fail_msg("'%s' did not parse: %s", text, err_text());
    return value;
}

static void parses_to(const char *text, const char *expected)
{
    assert_string_equal(format(parse(text)), expected);
}

static void refuses(const char *text, enum al_err expected)
{
    struct decimal value;
    enum al_err err = decimal_parse(slice_of(text), &value);
    if (err != expected)
        fail_msg("'%s' gave %s", text, al_err_name(err));
}

static void test_parse_reads_the_forms_of_the_contract(void **state)
{
    (void)state;
    parses_to("0.01500000", "0.01500000");
    parses_to("0E-8", "0.00000000");
    parses_to("1.0E-7", "0.00000010");
    parses_to("1.0e-7", "0.00000010");
    parses_to("+1", "1.00000000");
    parses_to("-1.5", "-1.50000000");
    parses_to("5.", "5.00000000");
    parses_to(".5", "0.50000000");
    parses_to("1E+3", "1000.00000000");
    parses_to("000000000000000000012.5", "12.50000000");
    parses_to("-0", "0.00000000");
    parses_to("0E400", "0.00000000");
    parses_to("1E-400", "0.00000000");
    parses_to("0.00000000000000000000000000000000000000000000000001E50", "1.00000000");
    parses_to("100000000000000000000000000000000000000000E-41", "1.00000000");
}

static void test_parse_rounds_half_to_even(void **state)
{
    (void)state;
    parses_to("0.000000005", "0.00000000");
    parses_to("0.000000015", "0.00000002");
    parses_to("0.000000025", "0.00000002");
    parses_to("-0.000000015", "-0.00000002");
    parses_to("0.0000000250000000000000000000000000000000000000000001", "0.00000003");
    parses_to("123456789012.000000005", "123456789012.00000000");
    parses_to("123456789012.0000000050000000000000000000000000000000000001",
              "123456789012.00000001");
    parses_to("0.99999999499999999999999999999999999999999999999999", "0.99999999");
}

static void test_parse_holds_the_limit_of_twelve_digits(void **state)
{
    (void)state;
    parses_to("999999999999.99999999", "999999999999.99999999");
    parses_to("-999999999999.99999999", "-999999999999.99999999");
    parses_to("999999999999.999999994999", "999999999999.99999999");
    refuses("999999999999.999999995", AL_ERANGE);
    refuses("1000000000000", AL_ERANGE);
    refuses("1E12", AL_ERANGE);
    refuses("1E400", AL_ERANGE);
    refuses("-1E99999999999999999999", AL_ERANGE);
    parses_to("9.9E11", "990000000000.00000000");
}

static void test_parse_refuses_what_is_no_number(void **state)
{
    static const char *const texts[] = {"",     "+",   "-",     ".",    "e5",    "1e",       "1e+",
                                        " 1",   "1 ",  "1_000", "0x10", "NaN",   "Infinity", "-inf",
                                        "true", "1,5", "1.2.3", "--1",  "1e5.5", "\xd9\xa1", "1d"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        refuses(texts[i], AL_EPARSE);
    struct decimal value;
    assert_int_equal(decimal_parse((struct slice){"1\0"
                                                  "2",
                                                  3},
                                   &value),
                     AL_EPARSE);
}

static void test_format_trim_drops_zeros_and_point(void **state)
{
    char text[DECIMAL_TEXT_MAX];
    (void)state;
    decimal_format_trim(parse("100.50"), text);
    assert_string_equal(text, "100.5");
    decimal_format_trim(parse("100"), text);
    assert_string_equal(text, "100");
    decimal_format_trim(DECIMAL_ZERO, text);
    assert_string_equal(text, "0");
}

static void test_from_double_takes_the_nearest_unit(void **state)
{
    struct decimal value;
    (void)state;
    assert_int_equal(decimal_from_double(0.1, &value), AL_OK);
    assert_string_equal(format(value), "0.10000000");
    assert_int_equal(decimal_from_double(-123456.789, &value), AL_OK);
    assert_string_equal(format(value), "-123456.78900000");
    assert_int_equal(decimal_from_double(0x1.0p-9, &value), AL_OK); /* 0.001953125 exactly: a tie */
    assert_string_equal(format(value), "0.00195312");
    assert_int_equal(decimal_from_double(3 * 0x1.0p-9, &value),
                     AL_OK); /* 0.005859375: a tie the other way */
    assert_string_equal(format(value), "0.00585938");
    assert_int_equal(decimal_from_double(1e-300, &value), AL_OK);
    assert_int_equal(decimal_sign(value), 0);
    assert_int_equal(decimal_from_double(999999999999.0, &value), AL_OK);
    assert_string_equal(format(value), "999999999999.00000000");
    assert_int_equal(decimal_from_double(1e12, &value), AL_ERANGE);
    assert_int_equal(decimal_from_double(NAN, &value), AL_ERANGE);
    assert_int_equal(decimal_from_double(INFINITY, &value), AL_ERANGE);
}

static void test_to_double_is_exact_for_short_numbers(void **state)
{
    (void)state;
    assert_true(decimal_to_double(parse("0.1")) == 0.1);
    assert_true(decimal_to_double(parse("43250.12345678")) == 43250.12345678);
}

static void test_mul_and_div_round_half_to_even(void **state)
{
    struct decimal out;
    (void)state;
    assert_int_equal(decimal_mul(parse("0.00000005"), parse("0.5"), &out), AL_OK);
    assert_string_equal(format(out), "0.00000002");
    assert_int_equal(decimal_mul(parse("0.00000007"), parse("-0.5"), &out), AL_OK);
    assert_string_equal(format(out), "-0.00000004");
    assert_int_equal(decimal_mul(parse("999999.99999999"), parse("999999.99999999"), &out), AL_OK);
    assert_string_equal(format(out), "999999999999.98000000");
    assert_int_equal(decimal_mul(parse("999999999999"), parse("999999999999"), &out), AL_ERANGE);
    assert_int_equal(decimal_div(parse("1"), parse("3"), &out), AL_OK);
    assert_string_equal(format(out), "0.33333333");
    assert_int_equal(decimal_div(parse("2"), parse("-3"), &out), AL_OK);
    assert_string_equal(format(out), "-0.66666667");
    assert_int_equal(
        decimal_div(parse("999999999999.99999999"), parse("999999999999.99999999"), &out), AL_OK);
    assert_string_equal(format(out), "1.00000000");
    assert_int_equal(decimal_div(parse("1"), DECIMAL_ZERO, &out), AL_EINVAL);
    assert_int_equal(decimal_div(parse("999999999999"), parse("0.00000001"), &out), AL_ERANGE);
}

static void test_add_and_sub_are_checked(void **state)
{
    struct decimal out;
    (void)state;
    assert_int_equal(decimal_add(parse("999999999999.99999999"), parse("0.00000001"), &out),
                     AL_ERANGE);
    assert_int_equal(decimal_sub(parse("-999999999999.99999999"), parse("0.00000001"), &out),
                     AL_ERANGE);
    assert_int_equal(decimal_sub(parse("1"), parse("1.00000001"), &out), AL_OK);
    assert_string_equal(format(out), "-0.00000001");
    assert_int_equal(decimal_cmp(parse("1"), parse("1.0")), 0);
    assert_int_equal(decimal_cmp(parse("-2"), parse("1")), -1);
}

static void increment(
    const char *q1, const char *p1, const char *q2, const char *p2, const char *expected)
{
    struct decimal out;
    enum al_err err = decimal_increment_price(parse(q1), parse(p1), parse(q2), parse(p2), &out);
    assert_string_equal(err == AL_OK ? format(out) : al_err_name(err), expected);
}

static void test_increment_price_is_exact_before_one_rounding(void **state)
{
    (void)state;
    increment("0", "0", "0.015", "43250.5", "43250.50000000");
    increment("1", "100", "3", "200", "250.00000000");
    /* (3 * 0.00000002 - 1 * 0.00000001) / 2 = 0.000000025: to even */
    increment("1", "0.00000001", "3", "0.00000002", "0.00000002");
    increment("1", "0.00000003", "3", "0.00000004", "0.00000004");
    /* products near 10^40, past 128 bits */
    increment("500000000000", "999999999999.99999999", "999999999999.99999999",
              "999999999999.99999999", "999999999999.99999999");
    increment("0.00000001", "900000000000", "999999999999.99999999", "999999999999",
              "999999999999.00000000");
    increment("1", "100", "1", "100", "EINVAL");
    increment("2", "100", "1", "100", "EINVAL");
    increment("1", "100", "2", "40", "ERANGE");
    increment("1", "100", "2", "50", "ERANGE");
    increment("999999999999", "999999999999", "999999999999.00000001", "999999999999.99999999",
              "ERANGE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_reads_the_forms_of_the_contract),
        cmocka_unit_test(test_parse_rounds_half_to_even),
        cmocka_unit_test(test_parse_holds_the_limit_of_twelve_digits),
        cmocka_unit_test(test_parse_refuses_what_is_no_number),
        cmocka_unit_test(test_format_trim_drops_zeros_and_point),
        cmocka_unit_test(test_from_double_takes_the_nearest_unit),
        cmocka_unit_test(test_to_double_is_exact_for_short_numbers),
        cmocka_unit_test(test_mul_and_div_round_half_to_even),
        cmocka_unit_test(test_add_and_sub_are_checked),
        cmocka_unit_test(test_increment_price_is_exact_before_one_rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
