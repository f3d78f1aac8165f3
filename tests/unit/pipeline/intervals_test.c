/* Intervals of a model that decides: frozen with every decision, held against outcomes, and the same again after a restart.
 * The model is a small one whose numbers are set by hand, so that it wants to trade and its intervals are known. */
#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/metric.h"
#include "harness/desk.h"
#include "harness/model_folder.h"

#define FEATURES                                                                                   \
    "\"features\":[\"mid_return_10s\",\"mid_return_30s\",\"spread_bps\",\"book_imbalance_1\"]"
#define LIMITS "\"limits\":{\"rate\":600,\"burst\":60,\"skip_on_open_order\":false}"

static struct model_folder folder;
static struct desk_run desk;
static size_t n_warmup_samples;

/* v = 1 %, surely; R = reach at every coverage up to n_levels half per cents. */
static void set_numbers(double reach, size_t n_levels)
{
    struct manifest *m = folder.manifest;
    m->calibration.platt = (struct platt){0, 0};
    m->calibration.value = (struct value_line){.alpha = 0.01, .z = 1, .q_max = 1};
    m->conformal = (struct conformal){.n_rows = 1000, .n_quantiles = n_levels};
    for (size_t i = 0; i < n_levels; i++)
        m->conformal.quantile[i] = reach;
}

/* Every market is like this, or none is. */
static void set_novelty(double centre, double spread)
{
    enum { ROWS = 400, COLS = 4 };
    static float x[ROWS][COLS];
    struct novelty *novelty = NULL;
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; k < COLS; k++)
            x[i][k] = (float)(centre + spread * rng_normal(&rng));
    }
    check_ok(novelty_fit(&x[0][0], ROWS, COLS, NULL, &novelty));
    buf_reset(&folder.novelty);
    novelty_write(novelty, &folder.novelty);
    novelty_destroy(novelty);
}

static void start(const char *json)
{
    const struct desk_options options = {
        .seed = 11,
        .edge = 1,
        .settings = {{"TRADING_ASSETS", "BTCUSDT"}, {"WARMUP_SIGNAL_FREQUENCY", "20"}},
        .strategy_json = json,
    };
    metric_reset_all();
    desk_start(&desk, &options);
}

static void activate(void)
{
    struct scorer *scorer = NULL;
    folder.manifest->schema_hash =
        *pipeline_schema_hash(desk.pipeline, &desk.strategy->strategy_id);
    model_folder_write_manifest(&folder);
    const struct model_files files = model_folder_files(&folder);
    check_ok(scorer_create(&files, NULL, &scorer));
    learn_activate(desk.pipeline, &desk.strategy->strategy_id, scorer, desk.now_ns);
    desk.scorer = scorer;
}

/* Fills enough to price what is not taken, then the model. */
static void start_with_model(const char *json)
{
    start(json);
    desk_play(&desk, 40 * NS_PER_MIN);
    n_warmup_samples = desk.n_samples;
    assert_true(n_warmup_samples > 100);
    activate();
}

static double of_metric(enum metric metric, const char *second)
{
    return metric_value(metric, desk.strategy->strategy_id.text, second);
}

static void test_signals_carry_the_interval(void **state)
{
    size_t n = 0;
    (void)state;
    set_numbers(5, 199);
    start_with_model("{" FEATURES "," LIMITS "}");
    desk_play(&desk, 5 * NS_PER_MIN);
    for (size_t i = 0; i < desk.n_signals; i++) {
        const struct decision *decision = &desk.signals[i].decision;
        if (decision->kind == DECISION_EXIT || decision->is_warmup) {
            assert_true(isnan(decision->interval.coverage));
            assert_null(strstr(desk.signals[i].body, "interval"));
            continue;
        }
        n++;
        assert_int_equal(decision->leaning, decision->side);
        check_near(decision->interval.lower, 0.01 - 5 * decision->sigma_h, 1e-12);
        check_near(decision->interval.upper, 0.01 + 5 * decision->sigma_h, 1e-12);
        check_has(desk.signals[i].body, "\"interval_lower\":");
        check_has(desk.signals[i].body, "\"interval_coverage\":");
    }
    assert_true(n > 20);
    desk_stop(&desk);
}

/* An interval that always holds is asked for less and less, one that never does for more and more. */
static void test_the_level_follows_the_outcomes(void **state)
{
    struct strategy_view view;
    (void)state;
    set_numbers(1000, 199);
    start_with_model("{" FEATURES "," LIMITS ",\"uncertainty\":{\"adaptation\":0.1}}");
    pipeline_strategy_view(desk.pipeline, 0, desk.now_ns, &view);
    check_same_double(view.interval_nominal, 0.9);
    assert_true(isnan(view.interval_coverage));
    desk_play(&desk, 20 * NS_PER_MIN);
    assert_true(of_metric(METRIC_interval_outcomes_total, "held") > 100);
    check_same_double(of_metric(METRIC_interval_outcomes_total, "missed"), 0);
    check_same_double(of_metric(METRIC_interval_coverage, "BTCUSDT"), 1);
    assert_true(of_metric(METRIC_interval_asked, "BTCUSDT") < 0.8);
    pipeline_strategy_view(desk.pipeline, 0, desk.now_ns, &view);
    check_same_double(view.interval_coverage, 1);
    desk_stop(&desk);
    set_numbers(
        1e-6,
        150); /* v is far too high, and beyond 75 % the rows cannot say: nothing is missed there */
    start_with_model("{" FEATURES "," LIMITS
                     ",\"uncertainty\":{\"adaptation\":0.1,\"coverage\":0.5}}");
    desk_play(&desk, 40 * NS_PER_MIN);
    assert_true(of_metric(METRIC_interval_outcomes_total, "missed") > 100);
    assert_true(of_metric(METRIC_interval_outcomes_total, "held") > 100);
    assert_true(of_metric(METRIC_interval_asked, "BTCUSDT") > 0.6);
    desk_stop(&desk);
}

/* Abstentions by the interval are recorded with their reason, and labelled from the market on the row they leaned to. */
static void test_an_interval_below_cost_abstains_when_asked_to(void **state)
{
    size_t n_leaning = 0;
    (void)state;
    set_numbers(1000, 199);
    start_with_model("{" FEATURES "," LIMITS
                     ",\"epsilon\":0,\"uncertainty\":{\"abstain_by\":\"outcome\"}}");
    size_t n_signals = desk.n_signals - desk.n_exits;
    desk_play(&desk, 10 * NS_PER_MIN);
    assert_int_equal(desk.n_signals - desk.n_exits, n_signals);
    assert_true(desk.n_abstentions[REASON_interval_straddles_cost] > 100);
    for (size_t i = n_warmup_samples; i < desk.n_samples; i++) {
        const struct sample *sample = &desk.samples[i];
        if (sample->is_warmup)
            continue;
        assert_int_equal(sample->evidence, EVIDENCE_MARKET);
        assert_true(sample->sigma_h > 0);
        n_leaning += isnan(sample->interval.coverage) ? 0 : 1;
    }
    assert_true(n_leaning > 100);
    check_near(of_metric(METRIC_interval_outcomes_total, "held"), (double)n_leaning, 0);
    desk_stop(&desk);
}

/* A bound nobody can give straddles everything; without intervals at all (an older folder) the rule cannot be met. */
static void test_no_interval_is_no_permission(void **state)
{
    (void)state;
    set_numbers(1, 100);
    start_with_model("{" FEATURES "," LIMITS
                     ",\"epsilon\":0,\"uncertainty\":{\"abstain_by\":\"outcome\"}}");
    desk_play(&desk, NS_PER_MIN);
    assert_true(desk.n_abstentions[REASON_interval_straddles_cost] > 10);
    desk_stop(&desk);
    set_numbers(0, 0);
    folder.manifest->conformal.n_rows = 0;
    start_with_model("{" FEATURES "," LIMITS "}"); /* by value it trades */
    size_t n_signals = desk.n_signals;
    desk_play(&desk, NS_PER_MIN);
    assert_true(desk.n_signals > n_signals);
    check_same_double(of_metric(METRIC_interval_outcomes_total, "held"), 0);
    desk_stop(&desk);
}

static void restore_from(const struct sample *samples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct restored_interval restored = {
            .strategy_id = samples[i].strategy_id,
            .asset = samples[i].asset,
            .model_version = samples[i].model_version,
            .decided_at_ns = samples[i].t0_ns,
            .interval = samples[i].interval,
            .net_return = samples[i].net_return,
        };
        pipeline_restore_interval(desk.pipeline, &restored);
    }
}

static void test_a_restart_finds_the_level_again(void **state)
{
    static const char json[] = "{" FEATURES "," LIMITS ",\"uncertainty\":{\"adaptation\":0.1}}";
    (void)state;
    set_numbers(3, 199);
    start_with_model(json);
    desk_play(&desk, 20 * NS_PER_MIN);
    double asked = of_metric(METRIC_interval_asked, "BTCUSDT");
    double coverage = of_metric(METRIC_interval_coverage, "BTCUSDT");
    size_t n = desk.n_samples, n_kept = n / 4;
    struct sample *samples = malloc(n * sizeof *samples);
    assert_non_null(samples);
    memcpy(samples, desk.samples, n * sizeof *samples);
    desk_stop(&desk);
    assert_true(fabs(asked - 0.9) > 0.02);
    start(json);
    activate();
    restore_from(samples, n);
    check_near(of_metric(METRIC_interval_asked, "BTCUSDT"), asked, 1e-12);
    check_near(of_metric(METRIC_interval_coverage, "BTCUSDT"), coverage, 1e-12);
    desk_stop(&desk);
    start(json); /* the newest alone: the first of them says where the level stood */
    activate();
    restore_from(samples + n - n_kept, n_kept);
    check_near(of_metric(METRIC_interval_asked, "BTCUSDT"), asked, 0.1);
    desk_stop(&desk);
    start(json); /* in warm-up nothing is restored */
    restore_from(samples, n);
    check_same_double(of_metric(METRIC_interval_asked, "BTCUSDT"), 0);
    desk_stop(&desk);
    free(samples);
}

/* Far from all that was seen the model has no say, chance neither; what it thought stays with the abstention, and the market
 * tells what would have come of it. */
static void test_a_market_never_seen_abstains(void **state)
{
    size_t n_own = 0, n_leaning = 0;
    (void)state;
    set_numbers(3, 199);
    set_novelty(1e4, 1);
    start_with_model("{" FEATURES "," LIMITS ",\"epsilon\":0.5}");
    size_t n_signals = desk.n_signals - desk.n_exits;
    desk_play(&desk, 10 * NS_PER_MIN);
    assert_int_equal(desk.n_signals - desk.n_exits, n_signals);
    assert_true(desk.n_abstentions[REASON_out_of_distribution] > 100);
    for (size_t i = n_warmup_samples; i < desk.n_samples; i++) {
        if (desk.samples[i].is_warmup)
            continue;
        n_own += desk.samples[i].evidence == EVIDENCE_OWN_FILL ? 1 : 0;
        n_leaning += isnan(desk.samples[i].interval.coverage) ? 0 : 1;
        check_same_double(desk.samples[i].propensity, 1);
    }
    assert_int_equal(n_own, 0);
    assert_true(n_leaning > 100);
    desk_stop(&desk);
    start_with_model("{" FEATURES "," LIMITS ",\"uncertainty\":{\"abstain_when_novel\":false}}");
    n_signals = desk.n_signals;
    desk_play(&desk, NS_PER_MIN);
    assert_true(desk.n_signals > n_signals);
    desk_stop(&desk);
    set_novelty(0, 1e6);
}

static int setup(void **state)
{
    (void)state;
    model_folder_init(&folder, "xgboost");
    set_novelty(0, 1e6);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    model_folder_deinit(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_carry_the_interval),
        cmocka_unit_test(test_the_level_follows_the_outcomes),
        cmocka_unit_test(test_an_interval_below_cost_abstains_when_asked_to),
        cmocka_unit_test(test_no_interval_is_no_permission),
        cmocka_unit_test(test_a_market_never_seen_abstains),
        cmocka_unit_test(test_a_restart_finds_the_level_again),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
