/* The recurrent kind where the contract of all kinds does not look: short series, its parameters, what it refuses. */
#include "harness/check.h"

#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/forecast/kind.h"
#include "alphaloop/forecast/lstm.h"

#define N_ROWS 60 /* the fewest closes a caller may send */

static const struct forecast_kind *kind;
static float x[N_ROWS], y[N_ROWS];
static int64_t ts_ns[N_ROWS];
static size_t rows[N_ROWS];
static struct model_params params;

/* One column: the daily log return, which the first close has none of; the outcome is that of the next day. */
static int make_closes(void **state)
{
    struct rng rng;
    rng_seed(&rng, 6);
    (void)state;
    kind = forecast_kind_find(SLICE("lstm"));
    for (size_t i = 0; i < N_ROWS; i++) {
        x[i] = i == 0 ? NAN : (float)(0.03 * rng_normal(&rng));
        ts_ns[i] = (int64_t)i * 86400 * 1000000000;
        rows[i] = i;
    }
    for (size_t i = 0; i < N_ROWS; i++)
        y[i] = i + 1 < N_ROWS ? x[i + 1] : NAN;
    return 0;
}

static void set(const char *name, double value)
{
    struct model_kind named = {.params = kind->params, .n_params = kind->n_params};
    params.values[model_kind_param(&named, name)] = value;
}

static struct forecast_fit small_fit(void)
{
    forecast_params_default(kind, &params);
    set("hidden", 8);
    set("epochs", 5);
    return (struct forecast_fit){.series = {N_ROWS, 1, x, ts_ns, y},
                                 .teach = rows,
                                 .n_teach = N_ROWS - 1,
                                 .params = &params,
                                 .seed = 3};
}

static struct forecast_model *fitted(const struct forecast_fit *fit)
{
    struct forecast_model *model = NULL;
    check_ok(kind->fit(fit, &model));
    return model;
}

static void predict(const struct forecast_model *model, size_t row, float *mean, float *spread)
{
    struct forecast_series series = {N_ROWS, 1, x, ts_ns, NULL};
    check_ok(kind->predict(model, &series, &row, 1, mean, spread));
}

static void test_sixty_closes_are_enough(void **state)
{
    struct forecast_fit fit = small_fit();
    struct forecast_model *model = fitted(&fit);
    float mean, spread;
    (void)state;
    predict(model, N_ROWS - 1, &mean, &spread);
    assert_true(isfinite(mean) && fabsf(mean) < 0.1F);
    assert_true(spread > 0 && spread < 0.1F);
    predict(model, N_ROWS - 2, &mean, &spread);
    assert_true(isnan(mean) && isnan(spread));
    kind->destroy(model);
}

static void test_a_shorter_sequence_needs_fewer_rows(void **state)
{
    struct forecast_fit fit = small_fit();
    float mean;
    (void)state;
    set("n_steps", 10);
    struct forecast_model *model = fitted(&fit);
    predict(model, 9, &mean, NULL);
    assert_true(isfinite(mean));
    predict(model, 8, &mean, NULL);
    assert_true(isnan(mean));
    kind->destroy(model);
}

static void test_parameters_shape_the_network(void **state)
{
    struct forecast_fit fit = small_fit();
    struct buf bytes = BUF_INIT(1U << 20);
    struct lstm_model read;
    (void)state;
    set("hidden", 9);
    set("layers", 3);
    set("attention", 1);
    set("dropout", 0.5);
    set("n_steps", 7);
    set("mc_samples", 12);
    struct forecast_model *model = fitted(&fit);
    check_ok(kind->save(model, &bytes));
    check_ok(lstm_model_read(buf_slice(&bytes), &read));
    const struct lstm_shape *shape = lstm_shape(read.net);
    assert_true(shape->n_hidden == 12 && shape->n_layers == 3 && shape->n_steps == 7);
    assert_true(shape->has_attention && shape->dropout == 0.5F && shape->n_inputs == 2);
    assert_true(read.n_samples == 12 && read.seed == 3);
    lstm_model_deinit(&read);
    kind->destroy(model);
    buf_deinit(&bytes);
}

static void test_without_dropout_there_is_no_spread(void **state)
{
    struct forecast_fit fit = small_fit();
    float mean, spread;
    (void)state;
    set("dropout", 0);
    struct forecast_model *model = fitted(&fit);
    predict(model, N_ROWS - 1, &mean, &spread);
    assert_true(isfinite(mean) && isnan(spread));
    kind->destroy(model);
}

/* Returns ten times as large about another mean: the same forecast, ten times as large about it. */
static void test_returns_are_scaled(void **state)
{
    static float larger[N_ROWS];
    struct forecast_fit fit = small_fit();
    struct forecast_model *model = fitted(&fit), *other;
    float mean, spread, other_mean, other_spread;
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++)
        larger[i] = 10 * y[i] + 0.5F;
    fit.series.y = larger;
    other = fitted(&fit);
    predict(model, N_ROWS - 1, &mean, &spread);
    predict(other, N_ROWS - 1, &other_mean, &other_spread);
    check_near((double)other_mean, 10 * (double)mean + 0.5, 1e-3);
    check_near((double)other_spread, 10 * (double)spread, 1e-3);
    kind->destroy(model);
    kind->destroy(other);
}

static void refused(struct forecast_fit fit, const char *says)
{
    struct forecast_model *model = NULL;
    check_err(kind->fit(&fit, &model), AL_EINVAL);
    check_has(err_text(), says);
    assert_null(model);
}

static void test_what_cannot_teach_is_refused(void **state)
{
    static float infinite[N_ROWS];
    struct forecast_fit fit = small_fit();
    (void)state;
    fit.n_teach = 7;
    refused(fit, "7 teachers");
    fit.n_teach = N_ROWS; /* the last has no outcome yet */
    refused(fit, "outcome of row 59");
    fit = small_fit();
    fit.series.n_cols = 0;
    refused(fit, "0 columns");
    fit = small_fit();
    memcpy(infinite, x, sizeof x);
    infinite[20] = INFINITY;
    fit.series.x = infinite;
    refused(fit, "column 0 of row 20");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sixty_closes_are_enough),
        cmocka_unit_test(test_a_shorter_sequence_needs_fewer_rows),
        cmocka_unit_test(test_parameters_shape_the_network),
        cmocka_unit_test(test_without_dropout_there_is_no_spread),
        cmocka_unit_test(test_returns_are_scaled),
        cmocka_unit_test(test_what_cannot_teach_is_refused),
    };
    return cmocka_run_group_tests(tests, make_closes, NULL);
}
