/* Distance from the training rows, against the formula worked out another way. */
#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/model/novelty.h"

enum { N = 5000, COLS = 5 };

static struct rng rng;
static float x[N][COLS];
static struct novelty *novelty;

/* Two columns that go together, one with heavy tails and another unit, one that is always the same, one counter that is
 * mostly 0. */
static void draw_row(float row[COLS])
{
    double a = rng_normal(&rng), b = rng_normal(&rng), c = rng_normal(&rng);
    row[0] = (float)a;
    row[1] = (float)(0.95 * a + 0.3 * b);
    row[2] = (float)(1e-4 * c * fabs(c));
    row[3] = 7;
    row[4] = rng_below(&rng, 10) == 0 ? 1 : 0;
}

static int begin(void **state)
{
    (void)state;
    rng_seed(&rng, 23);
    for (size_t i = 0; i < N; i++)
        draw_row(x[i]);
    return 0;
}

static int end(void **state)
{
    (void)state;
    novelty_destroy(novelty);
    novelty = NULL;
    return 0;
}

static void fit(const bool *ignored)
{
    check_ok(novelty_fit(&x[0][0], N, COLS, ignored, &novelty));
}

/* ---- the formula again: medians by counting, the inverse by Gauss and Jordan ---- */

static int by_size(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static void scale_of(size_t k, double *median, double *scale)
{
    static double sorted[N];
    double mean = 0, square = 0;
    for (size_t i = 0; i < N; i++) {
        sorted[i] = (double)x[i][k];
        mean += sorted[i] / N;
    }
    for (size_t i = 0; i < N; i++)
        square += (sorted[i] - mean) * (sorted[i] - mean) / N;
    qsort(sorted, N, sizeof *sorted, by_size);
    *median = sorted[N / 2];
    *scale = (sorted[N - 1 - N / 4] - sorted[N / 4]) / 1.349;
    if (*scale == 0)
        *scale = sqrt(square);
}

enum { USED = 4 };
static const size_t used[USED] = {0, 1, 2, 4};

static void invert(double s[USED][USED], double inverse[USED][USED])
{
    for (size_t r = 0; r < USED; r++) {
        for (size_t c = 0; c < USED; c++)
            inverse[r][c] = r == c;
    }
    for (size_t p = 0; p < USED; p++) {
        double pivot = s[p][p];
        for (size_t c = 0; c < USED; c++) {
            s[p][c] /= pivot;
            inverse[p][c] /= pivot;
        }
        for (size_t r = 0; r < USED; r++) {
            double times = s[r][p];
            for (size_t c = 0; c < USED && r != p; c++) {
                s[r][c] -= times * s[p][c];
                inverse[r][c] -= times * inverse[p][c];
            }
        }
    }
}

static double z[N][USED], mean[USED], inverse[USED][USED];

static void z_of(const float *row, double out[USED])
{
    for (size_t k = 0; k < USED; k++) {
        double median, scale;
        scale_of(used[k], &median, &scale);
        out[k] = fmin(fmax(((double)row[used[k]] - median) / scale, -8), 8);
    }
}

static double distance_of(const double at[USED])
{
    double square = 0;
    for (size_t r = 0; r < USED; r++) {
        for (size_t c = 0; c < USED; c++)
            square += (at[r] - mean[r]) * inverse[r][c] * (at[c] - mean[c]);
    }
    return sqrt(square);
}

static void work_out(void)
{
    double s[USED][USED] = {0}, median[USED], scale[USED];
    memset(mean, 0, sizeof mean);
    for (size_t k = 0; k < USED; k++) {
        scale_of(used[k], &median[k], &scale[k]);
        for (size_t i = 0; i < N; i++) {
            z[i][k] = fmin(fmax(((double)x[i][used[k]] - median[k]) / scale[k], -8), 8);
            mean[k] += z[i][k] / N;
        }
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t r = 0; r < USED; r++) {
            for (size_t c = 0; c < USED; c++)
                s[r][c] += (z[i][r] - mean[r]) * (z[i][c] - mean[c]) / N * (r == c ? 1 : 0.9);
        }
    }
    invert(s, inverse);
}

static void test_the_distance_is_the_formula(void **state)
{
    static double distances[N];
    (void)state;
    fit(NULL);
    assert_int_equal(novelty_n_used(novelty), USED);
    work_out();
    for (size_t i = 0; i < N; i++)
        distances[i] = distance_of(z[i]);
    qsort(distances, N, sizeof *distances, by_size);
    double threshold = distances[N * 99 / 100 - 1];
    for (size_t i = 0; i < N; i += 50)
        check_near(novelty_score(novelty, x[i]), distance_of(z[i]) / threshold, 2e-4);
    const float far[COLS] = {30, -2, 0.01F, 7, 3};
    double at[USED];
    z_of(far, at);
    check_near(novelty_score(novelty, far), distance_of(at) / threshold, 2e-3);
}

static void test_one_in_a_hundred_is_novel(void **state)
{
    size_t n_seen = 0, n_new = 0;
    float row[COLS];
    (void)state;
    fit(NULL);
    for (size_t i = 0; i < N; i++) {
        n_seen += novelty_score(novelty, x[i]) > 1 ? 1 : 0;
        draw_row(row);
        n_new += novelty_score(novelty, row) > 1 ? 1 : 0;
    }
    check_near((double)n_seen / N, 0.01, 0.001);
    check_near((double)n_new / N, 0.01, 0.006);
}

static void test_a_combination_never_seen_is_novel(void **state)
{
    const float usual[COLS] = {1.8F, 1.7F, 0, 7, 0}, unusual[COLS] = {1.8F, -1.7F, 0, 7, 0};
    (void)state;
    fit(NULL);
    assert_true(novelty_score(novelty, usual) < 0.8);
    assert_true(novelty_score(novelty, unusual) > 1.2);
}

static void test_what_has_no_say(void **state)
{
    const bool ignored[COLS] = {true, false, false, false, false};
    const float row[COLS] = {50, 0, 0, 7, 0}, other[COLS] = {50, 0, 0, -7e6F, 0};
    (void)state;
    fit(ignored);
    assert_int_equal(novelty_n_used(novelty), USED - 1);
    assert_true(novelty_score(novelty, row) < 0.5);
    check_same_double(novelty_score(novelty, row),
                      novelty_score(novelty, other)); /* never varied */
}

static void test_missing_is_the_middle(void **state)
{
    const float nothing[COLS] = {NAN, NAN, NAN, NAN, NAN}, some[COLS] = {NAN, 0.1F, NAN, 7, 0};
    (void)state;
    fit(NULL);
    assert_true(novelty_score(novelty, nothing) < 0.5);
    assert_true(novelty_score(novelty, some) < 0.5);
}

/* A few absurd rows in the training data do not stretch the scale until nothing is novel. */
static void test_a_few_absurd_rows_do_not_blind(void **state)
{
    const float strange[COLS] = {9, 9, 0, 7, 0};
    (void)state;
    for (size_t i = 0; i < N; i += 500)
        x[i][0] = 1e9F;
    fit(NULL);
    assert_true(novelty_score(novelty, strange) > 1);
}

static void test_too_little_to_go_by(void **state)
{
    float flat[NOVELTY_ROWS_MIN][1];
    (void)state;
    check_err(novelty_fit(&x[0][0], NOVELTY_ROWS_MIN - 1, COLS, NULL, &novelty), AL_ESHORT);
    for (size_t i = 0; i < NOVELTY_ROWS_MIN; i++)
        flat[i][0] = 1;
    check_err(novelty_fit(&flat[0][0], NOVELTY_ROWS_MIN, 1, NULL, &novelty), AL_ESHORT);
    assert_null(novelty);
}

static void test_many_rows_are_thinned(void **state)
{
    enum { MANY = 2 * NOVELTY_ROWS_MAX + 1 };
    float *many = malloc(MANY * sizeof *many);
    (void)state;
    assert_non_null(many);
    for (size_t i = 0; i < MANY; i++)
        many[i] = (float)rng_normal(&rng);
    check_ok(novelty_fit(many, MANY, 1, NULL, &novelty));
    check_near(novelty_score(novelty, &(float){2.5758F}), 1, 0.05); /* 99 % of |z| */
    free(many);
}

/* ---- the file ---- */

static struct buf written(void)
{
    struct buf bytes = BUF_INIT(NOVELTY_BYTES_MAX);
    novelty_write(novelty, &bytes);
    assert_true(buf_ok(&bytes));
    return bytes;
}

static void test_the_file_gives_the_same_bits(void **state)
{
    struct novelty *back = NULL;
    (void)state;
    fit(NULL);
    struct buf bytes = written();
    check_ok(novelty_read(buf_slice(&bytes), COLS, &back));
    for (size_t i = 0; i < 100; i++)
        check_same_double(novelty_score(back, x[i]), novelty_score(novelty, x[i]));
    novelty_destroy(back);
    buf_deinit(&bytes);
}

static void test_a_distance_past_all_numbers_is_novel(void **state)
{
    const float numbers[][3] = {{0, 1, 0}, {0, 1, 0}};             /* median, s, m of two columns */
    const float factor[] = {1e-38F, 0, 1}, row[] = {1e30F, 1e30F}; /* the first overflows */
    struct buf file = BUF_INIT(1024);
    struct novelty *odd;
    (void)state;
    buf_puts(&file, "ALNV");
    buf_put_u32le(&file, NOVELTY_VERSION);
    buf_put_u32le(&file, 2);
    buf_put_u32le(&file, 2);
    buf_put_f32le(&file, 1);
    for (uint32_t k = 0; k < 2; k++) {
        buf_put_u32le(&file, k);
        for (size_t i = 0; i < 3; i++)
            buf_put_f32le(&file, numbers[k][i]);
    }
    for (size_t i = 0; i < COUNT_OF(factor); i++)
        buf_put_f32le(&file, factor[i]);
    check_ok(novelty_read(buf_slice(&file), 2, &odd));
    assert_true(novelty_score(odd, row) > 1);
    novelty_destroy(odd);
    buf_deinit(&file);
}

static void test_a_file_that_cannot_be_is_refused(void **state)
{
    struct novelty *back = NULL;
    (void)state;
    fit(NULL);
    struct buf bytes = written();
    check_err(novelty_read(buf_slice(&bytes), COLS + 1, &back), AL_EVERIFY);
    check_err(novelty_read((struct slice){bytes.ptr, bytes.len - 1}, COLS, &back), AL_EVERIFY);
    check_err(novelty_read((struct slice){bytes.ptr, 10}, COLS, &back), AL_EVERIFY);
    static const struct {
        size_t at;
        unsigned char to[4];
    } changes[] = {
        {0, {'A', 'L', 'P', 'R'}}, {4, {9, 0, 0, 0}},        {12, {0, 0, 0, 0}},
        {12, {200, 0, 0, 0}},      {16, {0, 0, 0xc0, 0x7f}}, {16, {0, 0, 0, 0}},
        {20, {COLS, 0, 0, 0}},     {28, {0, 0, 0, 0}},       {24, {0, 0, 0x80, 0x7f}},
        {84, {0, 0, 0, 0}},        {88, {0, 0, 0xc0, 0x7f}},
    };
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        char kept[4];
        memcpy(kept, bytes.ptr + changes[i].at, 4);
        memcpy(bytes.ptr + changes[i].at, changes[i].to, 4);
        check_err(novelty_read(buf_slice(&bytes), COLS, &back), AL_EVERIFY);
        memcpy(bytes.ptr + changes[i].at, kept, 4);
    }
    check_ok(novelty_read(buf_slice(&bytes), COLS, &back));
    novelty_destroy(back);
    buf_deinit(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_distance_is_the_formula, begin, end),
        cmocka_unit_test_setup_teardown(test_one_in_a_hundred_is_novel, begin, end),
        cmocka_unit_test_setup_teardown(test_a_combination_never_seen_is_novel, begin, end),
        cmocka_unit_test_setup_teardown(test_what_has_no_say, begin, end),
        cmocka_unit_test_setup_teardown(test_missing_is_the_middle, begin, end),
        cmocka_unit_test_setup_teardown(test_a_few_absurd_rows_do_not_blind, begin, end),
        cmocka_unit_test_setup_teardown(test_too_little_to_go_by, begin, end),
        cmocka_unit_test_setup_teardown(test_many_rows_are_thinned, begin, end),
        cmocka_unit_test_setup_teardown(test_the_file_gives_the_same_bits, begin, end),
        cmocka_unit_test(test_a_distance_past_all_numbers_is_novel),
        cmocka_unit_test_setup_teardown(test_a_file_that_cannot_be_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
