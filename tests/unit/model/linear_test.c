/* The flattened linear model against sums done by hand, and its reader against files that lie. */
#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/model/linear.h"
#include "alphaloop/model/trees.h"
#include "alphaloop/model/walker.h"

/* Two columns, mean 10 and 0, deviation 2 and 0.5; a third that says nothing. Weights 0.5, -0.25 and 8, bias 0.125. */
static const char json_text_of_three[] =
    "{\"learner\":{\"attributes\":{\"scaler\":\"1 10 0.5 0 2 3 0\"},"
    "\"gradient_booster\":{\"model\":{\"boosted_rounds\":7,"
    "\"weights\":[5E-1,-2.5E-1,8E0,1.25E-1]},\"name\":\"gblinear\"},"
    "\"learner_model_param\":{\"base_score\":\"5E-1\",\"num_class\":\"0\",\"num_feature\":\"3\"}}}";

static struct buf flattened(void)
{
    struct buf bytes = BUF_INIT(TREES_BYTES_MAX);
    check_ok(linear_flatten(slice_of(json_text_of_three), &bytes));
    return bytes;
}

static void test_sums_are_those_done_by_hand(void **state)
{
    static const struct {
        float x[3], margin;
    } cases[] = {
        {{10, 0, 3}, 0.125F},   /* all at their mean */
        {{12, 0, 99}, 0.625F},  /* one deviation up; the constant column is not heard */
        {{8, 1, 3}, -0.875F},   /* 0.125 - 0.5 - 0.25 * 2 */
        {{NAN, 1, 3}, -0.375F}, /* missing is the mean */
        {{NAN, NAN, NAN}, 0.125F},    {{1e6F, 0, 3}, 5.125F}, /* ten deviations at most */
        {{-1e6F, -1e6F, 3}, -2.375F},                         /* 0.125 - 5 + 2.5 */
    };
    struct buf bytes = flattened();
    struct walker *walker = NULL;
    (void)state;
    check_ok(walker_load(buf_slice(&bytes), &walker));
    check_i64((int64_t)walker_n_features(walker), 3);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double got[3];
        check_near((double)walker_score(walker, cases[i].x), (double)cases[i].margin, 0);
        assert_true(walker_contributions(walker, cases[i].x, got));
        check_near(walker_bias(walker) + got[0] + got[1] + got[2], (double)cases[i].margin, 0);
    }
    double got[3];
    assert_true(walker_contributions(walker, (float[]){8, 1, 3}, got));
    check_near(got[0], -0.5, 0);
    check_near(got[1], -0.5, 0);
    check_near(got[2], 0, 0);
    walker_destroy(walker);
    buf_deinit(&bytes);
}

/* The text with `from` replaced by `to`. */
static void altered(const char *from, const char *to, char out[1024])
{
    const char *at = strstr(json_text_of_three, from);
    assert_non_null(at);
    snprintf(out, 1024, "%.*s%s%s", (int)(at - json_text_of_three), json_text_of_three, to,
             at + strlen(from));
}

static void test_what_is_no_such_model_is_refused(void **state)
{
    static const struct {
        const char *from, *to;
        enum al_err expected;
    } cases[] = {
        {"\"gblinear\"", "\"gbtree\"", AL_EVERSION},
        {"\"scaler\":", "\"other\":", AL_EVERSION},
        {"\"1 10 0.5", "\"2 10 0.5", AL_EPARSE},
        {" 3 0\"", " 3\"", AL_EPARSE},
        {" 3 0\"", " 3 0 1\"", AL_EPARSE},
        {" 3 0\"", " 3 -1\"", AL_EPARSE},
        {" 3 0\"", " 3 inf\"", AL_EPARSE},
        {" 3 0\"", " 3  0\"", AL_EPARSE},
        {",1.25E-1]", "]", AL_EPARSE},
        {"8E0", "null", AL_EPARSE},
        {"8E0", "1E99", AL_EPARSE},
        {"\"num_feature\":\"3\"", "\"num_feature\":\"2000\"", AL_ERANGE},
        {"\"num_class\":\"0\"", "\"num_class\":\"3\"", AL_ERANGE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[1024];
        struct buf out = BUF_INIT(TREES_BYTES_MAX);
        altered(cases[i].from, cases[i].to, text);
        check_err(linear_flatten(slice_of(text), &out), cases[i].expected);
        buf_deinit(&out);
    }
}

static void test_a_damaged_file_is_refused(void **state)
{
    struct buf bytes = flattened();
    struct walker *walker = NULL;
    (void)state;
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.ptr[i] ^= 0x10;
        assert_true(walker_load(buf_slice(&bytes), &walker) != AL_OK);
        bytes.ptr[i] ^= 0x10;
    }
    for (size_t length = 0; length < bytes.len; length++)
        assert_true(walker_load((struct slice){bytes.ptr, length}, &walker) != AL_OK);
    check_ok(walker_load(buf_slice(&bytes), &walker));
    walker_destroy(walker);
    buf_deinit(&bytes);
}

/* A checksum that holds over numbers that do not. */
static void test_a_file_out_of_bounds_is_refused(void **state)
{
    static const struct {
        size_t at;
        uint32_t bits;
        enum al_err expected;
    } cases[] = {
        {4, 2, AL_EVERSION}, /* another format */
        {8, 4, AL_EVERIFY},  /* more features than bytes */
        {8, 0, AL_EVERIFY},           {8, 1U << 30, AL_EVERIFY},
        {12, 0x7fc00000, AL_EVERIFY},                               /* bias NaN */
        {16, 0x7f800000, AL_EVERIFY},                               /* mean infinite */
        {20, 0xbf800000, AL_EVERIFY},                               /* deviation below 0 */
        {20, 0x7fc00000, AL_EVERIFY}, {24, 0x7f7fffff, AL_EVERIFY}, /* weight 3.4e38 */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf bytes = flattened();
        struct walker *walker = NULL;
        struct sha256 hash;
        memcpy(bytes.ptr + cases[i].at, &cases[i].bits, 4);
        sha256_of(bytes.ptr, bytes.len - sizeof hash.bytes, &hash);
        memcpy(bytes.ptr + bytes.len - sizeof hash.bytes, hash.bytes, sizeof hash.bytes);
        check_err(walker_load(buf_slice(&bytes), &walker), cases[i].expected);
        buf_deinit(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_are_those_done_by_hand),
        cmocka_unit_test(test_what_is_no_such_model_is_refused),
        cmocka_unit_test(test_a_damaged_file_is_refused),
        cmocka_unit_test(test_a_file_out_of_bounds_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
