/* What every kind of forecast must do: all rows of forecast_kinds.def are walked. */
#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/forecast/kind.h"

#define N_ROWS       900
#define N_COLS       4
#define N_TEACH      500
#define N_VALIDATION 150
#define TEACH_FROM   100
#define TEST_FROM    (TEACH_FROM + N_TEACH + N_VALIDATION)
#define N_TEST       (N_ROWS - TEST_FROM)
#define N_SPREAD     40 /* of those, when spreads are asked for: some kinds take long over one */
/* The first column says 0.6 of the return's deviation, so 0.36 of its variance can be known. */
#define KNOWN     0.6
#define DEVIATION 0.01

static float x[N_ROWS * N_COLS], y[N_ROWS];
static int64_t ts_ns[N_ROWS];
static size_t all_rows[N_ROWS];

static void make_rows(void)
{
    struct rng rng;
    rng_seed(&rng, 11);
    for (size_t i = 0; i < N_ROWS; i++) {
        for (size_t k = 0; k < N_COLS; k++)
            x[i * N_COLS + k] = (float)rng_normal(&rng);
        y[i] = (float)(DEVIATION * (KNOWN * (double)x[i * N_COLS] +
                                    sqrt(1 - KNOWN * KNOWN) * rng_normal(&rng)));
        if (rng_below(&rng, 20) == 0)
            x[i * N_COLS + 1] = NAN;
        ts_ns[i] = (int64_t)(i + (i > 300 ? 30 : 0)) * 3600 * NS_PER_S; /* with a gap */
        all_rows[i] = i;
    }
}

static struct forecast_series series_of(const float *features, size_t n_rows)
{
    return (struct forecast_series){n_rows, N_COLS, features, ts_ns, y};
}

static struct forecast_fit fit_of(const struct forecast_kind *kind, struct model_params *params)
{
    forecast_params_default(kind, params);
    return (struct forecast_fit){
        .series = series_of(x, N_ROWS),
        .teach = all_rows + TEACH_FROM,
        .n_teach = N_TEACH,
        .validation = all_rows + TEACH_FROM + N_TEACH,
        .n_validation = N_VALIDATION,
        .params = params,
        .seed = 7,
    };
}

/* With its default parameters: what most tests ask of, fitted once a kind. */
static struct forecast_model *taught;

static struct forecast_model *fit_default(const struct forecast_kind *kind)
{
    struct model_params params;
    struct forecast_fit fit = fit_of(kind, &params);
    struct forecast_model *model = NULL;
    check_ok(kind->fit(&fit, &model));
    return model;
}

static struct buf saved(const struct forecast_kind *kind, const struct forecast_model *model)
{
    struct buf bytes = BUF_INIT(MODEL_BYTES_MAX);
    check_ok(kind->save(model, &bytes));
    return bytes;
}

/* Of rows TEST_FROM to the end of the first n_rows. */
static void predict_test(const struct forecast_kind *kind,
                         const struct forecast_model *model,
                         const float *features,
                         size_t n_rows,
                         float *mean,
                         float *spread)
{
    struct forecast_series series = series_of(features, n_rows);
    series.y = NULL;
    check_ok(kind->predict(model, &series, all_rows + TEST_FROM, n_rows - TEST_FROM, mean, spread));
}

static void test_the_table_says_what_a_kind_needs(const struct forecast_kind *kind)
{
    assert_true(kind->n_lookback <= FORECAST_LOOKBACK_MAX && kind->n_lookback <= TEACH_FROM);
    assert_true(strlen(kind->name) < MODEL_KIND_TEXT_MAX && kind->summary[0] != '\0');
    assert_true(kind->n_params <= MODEL_PARAMS_MAX);
    for (size_t i = 0; i < kind->n_params; i++) {
        const struct model_param_spec *spec = &kind->params[i];
        assert_true(spec->value_default >= spec->min && spec->value_default <= spec->max);
        assert_true(spec->help[0] != '\0');
    }
}

static void test_same_data_and_seed_give_the_same_bytes(const struct forecast_kind *kind)
{
    struct forecast_model *again = fit_default(kind);
    struct buf bytes_a = saved(kind, taught), bytes_b = saved(kind, again);
    assert_true(slice_eq(buf_slice(&bytes_a), buf_slice(&bytes_b)));
    buf_deinit(&bytes_a);
    buf_deinit(&bytes_b);
    kind->destroy(again);
}

static void test_a_loaded_model_predicts_the_same_bits(const struct forecast_kind *kind)
{
    static float before[N_SPREAD], after[N_SPREAD], spread_before[N_SPREAD], spread_after[N_SPREAD];
    struct forecast_model *loaded = NULL;
    struct buf bytes = saved(kind, taught);
    check_ok(kind->load(buf_slice(&bytes), &loaded));
    predict_test(kind, taught, x, TEST_FROM + N_SPREAD, before, spread_before);
    predict_test(kind, loaded, x, TEST_FROM + N_SPREAD, after, spread_after);
    assert_memory_equal(before, after, sizeof before);
    assert_memory_equal(spread_before, spread_after, sizeof spread_before);
    struct buf again = saved(kind, loaded);
    assert_true(slice_eq(buf_slice(&bytes), buf_slice(&again)));
    buf_deinit(&bytes);
    buf_deinit(&again);
    kind->destroy(loaded);
}

static void test_it_finds_what_can_be_known(const struct forecast_kind *kind)
{
    static float mean[N_TEST];
    double squares = 0, naive = 0;
    predict_test(kind, taught, x, N_ROWS, mean, NULL);
    for (size_t i = 0; i < N_TEST; i++) {
        double outcome = (double)y[TEST_FROM + i], d = outcome - (double)mean[i];
        squares += d * d;
        naive += outcome * outcome;
    }
    double r2 = 1 - squares / naive;
    printf("%s: out-of-sample R2 %.3f of at best about %.2f\n", kind->name, r2, KNOWN * KNOWN);
    assert_true(kind->is_naive ? fabs(r2) < 0.05 : r2 > 0.1);
}

static void test_missing_is_no_number(const struct forecast_kind *kind)
{
    static float missing[N_ROWS * N_COLS], mean[N_SPREAD], spread[N_SPREAD];
    for (size_t i = 0; i < COUNT_OF(missing); i++)
        missing[i] = NAN;
    predict_test(kind, taught, missing, TEST_FROM + N_SPREAD, mean, spread);
    for (size_t i = 0; i < N_SPREAD; i++)
        assert_true(isfinite(mean[i]) && !(spread[i] < 0));
}

/* Every later row is poison, or is not there: the prediction is the same, bit for bit, and alone or among others. */
static void test_nothing_after_a_row_changes_its_prediction(const struct forecast_kind *kind)
{
    static float poisoned[N_ROWS * N_COLS], mean[N_SPREAD], spread[N_SPREAD];
    predict_test(kind, taught, x, TEST_FROM + N_SPREAD, mean, spread);
    for (size_t i = 0; i < N_SPREAD; i += 13) {
        size_t row = TEST_FROM + i;
        float one, one_spread;
        memcpy(poisoned, x, sizeof x);
        for (size_t k = (row + 1) * N_COLS; k < COUNT_OF(poisoned); k++)
            poisoned[k] = k % 2 == 0 ? NAN : 1e6F;
        struct forecast_series later = series_of(poisoned, N_ROWS), none = series_of(x, row + 1);
        later.y = none.y = NULL;
        check_ok(kind->predict(taught, &later, &row, 1, &one, &one_spread));
        assert_memory_equal(&one, &mean[i], sizeof one);
        assert_memory_equal(&one_spread, &spread[i], sizeof one);
        check_ok(kind->predict(taught, &none, &row, 1, &one, &one_spread));
        assert_memory_equal(&one, &mean[i], sizeof one);
        assert_memory_equal(&one_spread, &spread[i], sizeof one);
    }
}

/* Rows that neither teach nor validate are poison, features and outcomes: the model is the same. Rows a teacher looks back on are
 * not poisoned. */
static void test_nothing_after_the_teachers_changes_the_model(const struct forecast_kind *kind)
{
    static float poisoned[N_ROWS * N_COLS], later_y[N_ROWS];
    struct model_params params;
    struct forecast_fit fit = fit_of(kind, &params);
    struct forecast_model *other = NULL;
    memcpy(poisoned, x, sizeof x);
    memcpy(later_y, y, sizeof y);
    for (size_t i = 0; i < N_ROWS; i++) {
        bool is_used = i >= TEACH_FROM && i < TEST_FROM;
        later_y[i] = is_used ? y[i] : 1e6F;
        for (size_t k = 0; k < N_COLS && i >= TEST_FROM; k++)
            poisoned[i * N_COLS + k] = k % 2 == 0 ? NAN : 1e6F;
    }
    fit.series.x = poisoned;
    fit.series.y = later_y;
    check_ok(kind->fit(&fit, &other));
    struct buf bytes = saved(kind, taught), others = saved(kind, other);
    assert_true(slice_eq(buf_slice(&bytes), buf_slice(&others)));
    buf_deinit(&bytes);
    buf_deinit(&others);
    kind->destroy(other);
}

static void test_too_little_to_look_back_on_is_missing(const struct forecast_kind *kind)
{
    struct forecast_series series = series_of(x, N_ROWS);
    size_t enough = kind->n_lookback;
    float mean;
    check_ok(kind->predict(taught, &series, &enough, 1, &mean, NULL));
    assert_true(isfinite(mean));
    for (size_t row = 0; row < kind->n_lookback; row++) {
        check_ok(kind->predict(taught, &series, &row, 1, &mean, NULL));
        assert_true(isnan(mean));
    }
}

static bool cancel_at_once(void *ctx, const struct model_round *round)
{
    *(size_t *)ctx = round->round;
    return true;
}

static void test_cancel_stops_between_rounds(const struct forecast_kind *kind)
{
    struct model_params params;
    struct forecast_fit fit = fit_of(kind, &params);
    struct forecast_model *model = NULL;
    size_t rounds = 0;
    fit.on_round = cancel_at_once;
    fit.ctx = &rounds;
    check_err(kind->fit(&fit, &model), AL_ECANCELED);
    check_i64((int64_t)rounds, 1);
    assert_null(model);
}

static void test_no_teachers_are_refused(const struct forecast_kind *kind)
{
    struct model_params params;
    struct forecast_fit fit = fit_of(kind, &params);
    struct forecast_model *model = NULL;
    fit.n_teach = 0;
    check_err(kind->fit(&fit, &model), AL_EINVAL);
    assert_null(model);
}

static void test_a_wrong_number_of_columns_is_refused(const struct forecast_kind *kind)
{
    struct forecast_series series = series_of(x, N_ROWS);
    size_t row = N_ROWS - 1;
    float mean;
    series.n_cols = N_COLS - 1;
    check_err(kind->predict(taught, &series, &row, 1, &mean, NULL), AL_EINVAL);
}

/* Cut anywhere, or of another kind. */
static void test_bytes_that_are_no_model_are_refused(const struct forecast_kind *kind)
{
    struct forecast_model *loaded = NULL;
    struct buf bytes = saved(kind, taught);
    size_t step = bytes.len / 50 + 1;
    for (size_t len = 0; len < bytes.len; len += step) {
        assert_true(kind->load((struct slice){bytes.ptr, len}, &loaded) != AL_OK);
        assert_null(loaded);
    }
    bytes.ptr[0] ^= 1;
    assert_true(kind->load(buf_slice(&bytes), &loaded) != AL_OK);
    assert_null(loaded);
    buf_deinit(&bytes);
}

static void (*const contract[])(const struct forecast_kind *kind) = {
    test_the_table_says_what_a_kind_needs,
    test_same_data_and_seed_give_the_same_bytes,
    test_a_loaded_model_predicts_the_same_bits,
    test_it_finds_what_can_be_known,
    test_missing_is_no_number,
    test_nothing_after_a_row_changes_its_prediction,
    test_nothing_after_the_teachers_changes_the_model,
    test_too_little_to_look_back_on_is_missing,
    test_cancel_stops_between_rounds,
    test_no_teachers_are_refused,
    test_a_wrong_number_of_columns_is_refused,
    test_bytes_that_are_no_model_are_refused,
};

static void test_every_kind_keeps_the_contract(void **state)
{
    (void)state;
    for (size_t k = 0; k < forecast_kind_count(); k++) {
        taught = fit_default(forecast_kind_at(k));
        for (size_t i = 0; i < COUNT_OF(contract); i++)
            contract[i](forecast_kind_at(k));
        forecast_kind_at(k)->destroy(taught);
    }
}

static void test_kinds_are_found_by_whole_name(void **state)
{
    (void)state;
    for (size_t k = 0; k < forecast_kind_count(); k++)
        assert_ptr_equal(forecast_kind_find(slice_of(forecast_kind_at(k)->name)),
                         forecast_kind_at(k));
    assert_null(forecast_kind_find(SLICE("baselin")));
    assert_null(forecast_kind_find(SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_are_found_by_whole_name),
        cmocka_unit_test(test_every_kind_keeps_the_contract),
    };
    make_rows();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
