/* A whole training: what is measured, what is kept, the gate, and that the files alone forecast the same. */
#include "harness/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/forecast/forecaster.h"
#include "alphaloop/forecast/train.h"
#include "harness/bars.h"

#define N_BARS 2400

static struct candle bars[N_BARS];
static struct feature_set *set;

static const char *horizons = "1,24";

static struct forecast_job job_of(const char *kind)
{
    struct forecast_job job;
    forecast_job_default(&job);
    check_ok(forecast_job_horizons(&job, slice_of(horizons)));
    (void)forecast_name_parse(SLICE("test_model"), &job.name);
    (void)asset_parse(SLICE("BTCUSDT"), &job.asset);
    (void)chars_set(job.kind, sizeof job.kind, kind);
    forecast_params_default(forecast_kind_find(slice_of(kind)), &job.params);
    if (strcmp(kind, "xgboost") == 0 || strcmp(kind, "lightgbm") == 0)
        job.params.values[0] = 15; /* rounds */
    job.version = 1;
    return job;
}

static struct forecast_result trained(const char *kind, size_t n_bars)
{
    const struct forecast_hooks hooks = {0};
    struct forecast_job job = job_of(kind);
    struct forecast_result result;
    check_ok(forecast_train(&job, set, bars, n_bars, NULL, &hooks, &result));
    if (result.manifest->n_horizons > 0)
        check_ok(forecast_result_seal(&result, BARS_FROM_NS, 1));
    return result;
}

static void test_a_known_edge_is_measured_as_what_it_is(void **state)
{
    (void)state;
    struct forecast_result result = trained("linear", N_BARS);
    const struct forecast_measures *hour = &result.manifest->horizons[0].measures;
    const struct forecast_measures *day = &result.manifest->horizons[1].measures;
    check_str(result.end.reason, "promoted: nothing served under this name");
    check_i64(result.end.verdict, TRAIN_PROMOTE);
    /* Three fifths of the usable bars. The next return is 0.4 of this one: R^2 0.16, hit rate 1/2 + asin(0.4)/pi = 0.63. */
    assert_true(hour->n > 1200 && hour->n < 1400);
    check_near(hour->r2, 0.16, 0.07);
    check_near(hour->directional_accuracy, 0.631, 0.05);
    assert_true(hour->directional_low < hour->directional_accuracy &&
                hour->directional_accuracy < hour->directional_high);
    assert_true(hour->skill > 0.03 && hour->mase < hour->naive_mase &&
                hour->mape < hour->naive_mape);
    assert_true(hour->pinball < hour->naive_pinball && hour->width < hour->naive_width);
    assert_true(hour->sharpe > 5 && hour->max_drawdown < hour->hold_max_drawdown);
    /* Intervals were made of other blocks than those they are measured on. */
    check_near(hour->coverage, 0.9, 0.04);
    /* Of a day it is next to nothing, and overlapping days are not so many. */
    assert_true(day->n_independent < day->n / 20);
    assert_true(fabs(day->r2_out_of_sample) < 0.15);
    check_near(day->coverage, 0.9, 0.12);
    forecast_result_deinit(&result);
}

static void test_the_baseline_is_the_random_walk(void **state)
{
    (void)state;
    struct forecast_result result = trained("baseline", N_BARS);
    const struct forecast_measures *hour = &result.manifest->horizons[0].measures;
    check_near(hour->skill, 0, 0.01);
    check_near(hour->mape, hour->naive_mape, 0.01 * hour->naive_mape);
    check_near(hour->naive_r2, 0, 0.01);
    check_near(hour->naive_mase, 1, 0.15);
    forecast_result_deinit(&result);
}

static void test_the_same_job_gives_the_same_bytes(void **state)
{
    (void)state;
    struct forecast_result a = trained("xgboost", 1200), b = trained("xgboost", 1200);
    assert_true(slice_eq(buf_slice(&a.manifest_json), buf_slice(&b.manifest_json)));
    assert_true(slice_eq(buf_slice(&a.models[0]), buf_slice(&b.models[0])));
    assert_true(slice_eq(buf_slice(&a.oof), buf_slice(&b.oof)));
    forecast_result_deinit(&a);
    forecast_result_deinit(&b);
}

/* Taught up to some bar, the version knows nothing of those behind it: out-of-fold forecasts of shared hours differ only by what
 * the block's beginning moved, so the poison is in the bars after the last fold. */
static void test_bars_behind_the_last_outcome_change_nothing(void **state)
{
    (void)state;
    static struct candle kept[N_BARS];
    memcpy(kept, bars, sizeof kept);
    struct forecast_result a = trained("linear", N_BARS);
    bars[N_BARS - 1].volume *= 50; /* no outcome: the last bar's features teach nobody */
    struct forecast_result b = trained("linear", N_BARS);
    assert_true(slice_eq(buf_slice(&a.models[0]), buf_slice(&b.models[0])));
    assert_true(slice_eq(buf_slice(&a.oof), buf_slice(&b.oof)));
    memcpy(bars, kept, sizeof kept);
    forecast_result_deinit(&a);
    forecast_result_deinit(&b);
}

static struct forecaster *loaded(const struct forecast_result *result)
{
    struct forecast_manifest *manifest = calloc(1, sizeof *manifest);
    struct slice models[FORECAST_HORIZONS_MAX];
    struct forecaster *forecaster = NULL;
    check_ok(forecast_manifest_read(buf_slice(&result->manifest_json), manifest));
    for (size_t i = 0; i < manifest->n_horizons; i++)
        models[i] = buf_slice(&result->models[i]);
    check_ok(forecaster_create(manifest, models, &forecaster));
    free(manifest);
    return forecaster;
}

static void test_the_files_alone_forecast(void **state)
{
    (void)state;
    struct forecast_result result = trained("lightgbm", N_BARS);
    struct forecaster *forecaster = loaded(&result);
    struct forecast_point all[FORECAST_HORIZONS_MAX], few[FORECAST_HORIZONS_MAX];
    size_t wanted = forecaster_n_bars(forecaster);
    check_ok(forecaster_predict(forecaster, bars, N_BARS, all));
    check_ok(forecaster_predict(forecaster, bars + N_BARS - wanted, wanted, few));
    for (size_t i = 0; i < 2; i++) {
        check_near(few[i].price, all[i].price, 1e-6 * all[i].price);
        check_same_double(all[i].base_price, bars[N_BARS - 1].close);
        assert_true(all[i].low < all[i].price && all[i].price < all[i].high);
        check_i64(all[i].target_ns - all[i].base_ns, all[i].hours * NS_PER_H);
        /* low and high lie as far from the price as the manifest's radius says, in logs. */
        double radius = conformal_radius(&result.manifest->horizons[i].conformal, 0.9);
        check_near(log(all[i].high / all[i].price), radius * all[i].sigma, 1e-9);
    }
    check_i64(all[1].hours, 24);
    check_err(forecaster_predict(forecaster, bars, 0, all), AL_ESHORT);
    forecaster_destroy(forecaster);
    forecast_result_deinit(&result);
}

static void test_a_file_that_is_another_is_refused(void **state)
{
    (void)state;
    struct forecast_result result = trained("baseline", N_BARS);
    struct slice models[2] = {buf_slice(&result.models[0]), buf_slice(&result.models[0])};
    struct forecaster *forecaster = NULL;
    check_err(forecaster_create(result.manifest, models, &forecaster), AL_EVERIFY);
    assert_null(forecaster);
    forecast_result_deinit(&result);
}

static struct forecast_result challenge(const char *kind,
                                        size_t n_bars,
                                        const struct forecast_result *incumbent)
{
    const struct forecast_hooks hooks = {0};
    struct forecast_job job = job_of(kind);
    struct forecast_oof oof;
    struct forecast_result result;
    job.version = 2;
    check_ok(forecast_oof_read(buf_slice(&incumbent->oof), &oof));
    const struct forecast_version serving = {incumbent->manifest, &oof};
    check_ok(forecast_train(&job, set, bars, n_bars, &serving, &hooks, &result));
    forecast_oof_deinit(&oof);
    return result;
}

static void test_the_gate_asks_for_more_of_another_kind(void **state)
{
    (void)state;
    horizons = "1"; /* where the edge is: a day's noise would drown it */
    struct forecast_result walk = trained("baseline", N_BARS);
    struct forecast_result line = challenge("linear", N_BARS, &walk);
    struct forecast_result back = challenge("baseline", N_BARS, &line);
    check_str(line.manifest->gate.rule, "better");
    assert_true(line.end.verdict == TRAIN_PROMOTE && line.manifest->gate.lower > 0);
    check_i64((int64_t)line.manifest->gate.incumbent, 1);
    assert_true(back.end.verdict == TRAIN_REFUSE && back.manifest->gate.gain < 0);
    forecast_result_deinit(&walk);
    forecast_result_deinit(&line);
    forecast_result_deinit(&back);
    horizons = "1,24";
}

static void test_newer_bars_need_only_do_no_worse(void **state)
{
    (void)state;
    struct forecast_result old = trained("linear", N_BARS - 200);
    struct forecast_result newer = challenge("linear", N_BARS, &old);
    struct forecast_result same = challenge("linear", N_BARS - 200, &old);
    check_str(newer.manifest->gate.rule, "no_worse");
    assert_true(newer.end.verdict == TRAIN_PROMOTE);
    check_str(same.manifest->gate.rule, "better");
    assert_true(same.end.verdict == TRAIN_REFUSE);
    forecast_result_deinit(&old);
    forecast_result_deinit(&newer);
    forecast_result_deinit(&same);
}

static void test_too_few_bars_make_no_model(void **state)
{
    (void)state;
    struct forecast_result result = trained("baseline", 500);
    check_i64(result.end.verdict, TRAIN_TOO_FEW);
    check_has(result.end.reason, "400 are needed");
    forecast_result_deinit(&result);
    result = trained("baseline", 0);
    check_i64(result.end.verdict, TRAIN_TOO_FEW);
    forecast_result_deinit(&result);
}

static bool at_once(void *ctx)
{
    return ++*(int *)ctx > 3;
}

static void test_cancel_stops(void **state)
{
    (void)state;
    int asked = 0;
    const struct forecast_hooks hooks = {.is_cancelled = at_once, .ctx = &asked};
    struct forecast_job job = job_of("xgboost");
    struct forecast_result result;
    check_err(forecast_train(&job, set, bars, N_BARS, NULL, &hooks, &result), AL_ECANCELED);
    check_i64(asked, 4);
    forecast_result_deinit(&result);
}

static void test_a_job_survives_its_file(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(FORECAST_JOB_BYTES_MAX), again = BUF_INIT(FORECAST_JOB_BYTES_MAX);
    struct forecast_job job = job_of("random_forest"), read;
    job.seed = UINT64_MAX;
    forecast_job_write(&job, &text);
    check_ok(forecast_job_read(buf_slice(&text), &read));
    forecast_job_write(&read, &again);
    check_str(buf_str(&again), buf_str(&text));
    check_err(forecast_job_read(SLICE("{}"), &read), AL_EPARSE);
    check_err(forecast_job_horizons(&job, SLICE("3,1")), AL_EINVAL);
    check_err(forecast_job_horizons(&job, SLICE("")), AL_EINVAL);
    check_err(forecast_job_horizons(&job, SLICE("1,,2")), AL_EINVAL);
    check_err(forecast_job_horizons(&job, SLICE("8761")), AL_EINVAL);
    check_ok(forecast_job_horizons(&job, SLICE("1,24")));
    job.interval_ns = 7 * NS_PER_H;
    check_err(forecast_job_check(&job), AL_EINVAL);
    buf_deinit(&text);
    buf_deinit(&again);
}

static void test_kinds_go_by_the_names_callers_use(void **state)
{
    (void)state;
    static const struct {
        const char *type, *kind;
    } cases[] = {{"RandomForest", "random_forest"},
                 {"random_forest", "random_forest"},
                 {"LinearRegression", "linear"},
                 {"baseline", "baseline"},
                 {"XGBoost", "xgboost"},
                 {"LightGBM", "lightgbm"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_str(forecast_kind_by_type(slice_of(cases[i].type))->name, cases[i].kind);
    assert_null(forecast_kind_by_type(SLICE("RandomFores")));
    assert_null(forecast_kind_by_type(SLICE("")));
    assert_null(forecast_kind_by_type(SLICE("___")));
}

static int setup(void **state)
{
    struct slice names[FEATURES_MAX];
    (void)state;
    size_t n = forecast_default_features(names);
    set = calloc(1, sizeof *set);
    check_ok(feature_set_resolve(names, n, NS_PER_H, set));
    bars_make(bars, N_BARS, 0.4, 0.005, 5);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(set);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_known_edge_is_measured_as_what_it_is),
        cmocka_unit_test(test_the_baseline_is_the_random_walk),
        cmocka_unit_test(test_the_same_job_gives_the_same_bytes),
        cmocka_unit_test(test_bars_behind_the_last_outcome_change_nothing),
        cmocka_unit_test(test_the_files_alone_forecast),
        cmocka_unit_test(test_a_file_that_is_another_is_refused),
        cmocka_unit_test(test_the_gate_asks_for_more_of_another_kind),
        cmocka_unit_test(test_newer_bars_need_only_do_no_worse),
        cmocka_unit_test(test_too_few_bars_make_no_model),
        cmocka_unit_test(test_cancel_stops),
        cmocka_unit_test(test_a_job_survives_its_file),
        cmocka_unit_test(test_kinds_go_by_the_names_callers_use),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
