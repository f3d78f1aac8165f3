/* Scaling against numbers worked out by hand, and through its text and back. */
#include "harness/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/model/scaler.h"

/* Column 0: 2, 4, 4, 4, 5, 5, 7, 9, mean 5 and deviation 2 (the textbook example); column 1: with a hole, 1 and 3; column 2:
 * constant; column 3: always missing; column 4: varies by less than its floats can tell. */
static const float table[8][5] = {
    {2, 1, 0.1F, NAN, 1e6F}, {4, NAN, 0.1F, NAN, 1e6F},        {4, 3, 0.1F, NAN, 1e6F},
    {4, 1, 0.1F, NAN, 1e6F}, {5, 3, 0.1F, NAN, 1e6F},          {5, NAN, 0.1F, NAN, 1e6F},
    {7, 1, 0.1F, NAN, 1e6F}, {9, 3, 0.1F, NAN, 1000000.0625F},
};

static void test_mean_and_deviation_are_the_textbooks(void **state)
{
    struct scaler *scaler = NULL;
    float *z = NULL;
    (void)state;
    check_ok(scaler_fit(&table[0][0], 8, 5, &scaler));
    check_near((double)scaler->columns[0].mean, 5, 0);
    check_near((double)scaler->columns[0].inverse, 0.5, 0);
    check_near((double)scaler->columns[1].mean, 2, 0);
    check_near((double)scaler->columns[1].inverse, 1, 0);
    for (size_t k = 2; k < 5; k++)
        check_near((double)scaler->columns[k].inverse, 0, 0);
    check_ok(scaler_apply(scaler, &table[0][0], 8, &z));
    check_near((double)z[0], -1.5, 0);
    check_near((double)z[7 * 5], 2, 0);
    assert_true(isnan(z[5 + 1]) && isnan(z[3]));
    check_near((double)z[2], 0, 0);
    check_near((double)scaler_value(&scaler->columns[0], 1e9F), 10, 0);
    check_near((double)scaler_value(&scaler->columns[0], -1e9F), -10, 0);
    free(z);
    free(scaler);
}

static void test_text_brings_back_the_same_bits(void **state)
{
    struct scaler *scaler = NULL, *back = NULL;
    struct buf text = BUF_INIT(10000);
    float x[3 * 4];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(x); i++)
        x[i] = (float)sin((double)(i * i)) * powf(10, (float)(i % 7) - 3);
    check_ok(scaler_fit(x, 3, 4, &scaler));
    scaler_write(scaler, &text);
    check_ok(scaler_read(buf_slice(&text), 4, &back));
    assert_memory_equal(scaler->columns, back->columns, 4 * sizeof scaler->columns[0]);
    free(back);
    check_err(scaler_read(buf_slice(&text), 3, &back), AL_EPARSE);
    check_err(scaler_read(SLICE(""), 0, &back), AL_EPARSE);
    buf_deinit(&text);
    free(scaler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean_and_deviation_are_the_textbooks),
        cmocka_unit_test(test_text_brings_back_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
