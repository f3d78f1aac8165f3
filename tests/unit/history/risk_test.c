#include "harness/check.h"

#include <math.h>

#include "alphaloop/history/closes.h"
#include "alphaloop/history/risk.h"

static enum al_err read_text(const char *text, double *out)
{
    struct json_reader *reader = json_reader_create(1 << 12, 8);
    struct json_node *array;
    check_ok(json_read(reader, slice_of(text), &array));
    enum al_err err = posted_closes_read(array, "prices", out);
    json_put(array);
    json_reader_destroy(reader);
    return err;
}

static void test_closes_are_read(void **state)
{
    double out[4];
    (void)state;
    check_ok(read_text("[1, 2.5, 1e15, 1e-18]", out));
    check_near(out[1], 2.5, 0);
    check_near(out[3], 1e-18, 0);
    check_ok(read_text("[]", out));
}

static void test_shape_comes_before_value(void **state)
{
    double out[4];
    (void)state;
    assert_int_equal(read_text("[0, 1, null]", out), AL_EINVAL);
    check_str(err_text(), "prices[2] must be a number");
    assert_int_equal(read_text("[1, 1e999, -2]", out), AL_ERANGE);
    check_has(err_text(), "prices[1] must be above 0");
}

/* By hand: mean 15.5, population variance (30^2 - 1) / 12, slope 1, last week 24 to 30. */
static void test_a_straight_line(void **state)
{
    double closes[30], work[30];
    (void)state;
    for (int i = 0; i < 30; i++)
        closes[i] = i + 1;
    struct risk risk = risk_of_closes(closes, 30, work);
    check_near(risk.volatility, sqrt(899.0 / 12) / 15.5, 1e-12);
    check_near(risk.swing, 6.0 / 27, 1e-12);
    check_near(risk.trend, 1 / 15.5, 1e-12);
    assert_int_equal(risk.score, 66); /* 50 + 10 + 6.45 */
    check_str(risk.level, "moderate");
    check_near(risk.value_at_risk_95, 0, 0);
    check_near(risk.max_drawdown, 0, 0);
}

/* Two falls, by a half and a quarter, of 29 returns; the 5 % quantile is at 0.05 * 28 = 1.4 of them in order. */
static void test_one_fall(void **state)
{
    double closes[30], work[30];
    (void)state;
    for (int i = 0; i < 30; i++)
        closes[i] = i == 10 ? 2 : i == 12 ? 3 : 4;
    struct risk risk = risk_of_closes(closes, 30, work);
    check_near(risk.max_drawdown, 0.5, 1e-12);
    check_near(risk.value_at_risk_95, 0.25 * 0.6, 1e-12); /* sorted -0.5, -0.25, 0, ... */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closes_are_read),
        cmocka_unit_test(test_shape_comes_before_value),
        cmocka_unit_test(test_a_straight_line),
        cmocka_unit_test(test_one_fall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
