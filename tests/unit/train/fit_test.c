/* Training runs in memory, on a market whose edge is known. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "harness/learnable.h"
#include "harness/learnable_samples.h"

#define N 4000

static struct learnable_samples market;
static struct train_job job;
static struct train_rows rows;
static struct train_result result;

static void begin(size_t n_decisions, double edge, uint64_t seed)
{
    learnable_samples_init(&market, n_decisions, edge, seed);
    learnable_samples_job(&market, &job);
    learnable_samples_rows(&market, &rows);
}

static void end(void)
{
    train_result_deinit(&result);
    train_rows_deinit(&rows);
}

static void run(void)
{
    check_ok(train_run(&job, &market.set, &rows, NULL, NULL, &result));
}

static double metric(const char *name)
{
    return manifest_metric_value(result.manifest, name);
}

/* Of someone who knows the edge and nothing else. */
static double best_auc(void)
{
    double *scores = malloc(rows.n_rows * sizeof *scores);
    float *labels = malloc(rows.n_rows * sizeof *labels);
    for (size_t i = 0; i < rows.n_rows; i++) {
        float x0 = rows.x[i * rows.n_cols];
        scores[i] = isnan(x0) ? 0 : side_sign((enum side)rows.rows[i].action) * (double)x0;
        labels[i] = rows.rows[i].net_return > 0 ? 1.0F : 0.0F;
    }
    double auc = auc_of_doubles(scores, labels, rows.n_rows);
    free(scores);
    free(labels);
    return auc;
}

static void test_the_edge_is_found_and_promoted(void **state)
{
    (void)state;
    for (size_t i = 0; i < model_kind_count(); i++) {
        begin(N, 1, 1);
        snprintf(job.kind, sizeof job.kind, "%s", model_kind_at(i)->name);
        if (strcmp(job.kind, "xgboost") != 0)
            model_params_default(model_kind_at(i), &job.params);
        run();
        printf("%s: AUC %.3f of at best %.3f, net utility %.5f a decision of at best %.5f; %s\n",
               job.kind, metric("roc_auc"), best_auc(), metric("net_utility"), market.best_utility,
               result.end.reason);
        check_i64(result.end.verdict, TRAIN_PROMOTE);
        assert_true(metric("roc_auc") > 0.5 + 0.85 * (best_auc() - 0.5));
        assert_true(metric("net_utility") > 0.5 * market.best_utility);
        assert_true(metric("net_utility") < 1.4 * market.best_utility);
        assert_true(metric("ece") < 0.08);
        end();
    }
}

/* Of one market; what they hold on average is in tests/evidence/coverage_test.c. */
static void test_intervals_hold_on_the_untouched_block(void **state)
{
    (void)state;
    begin(N, 1.5, 6);
    run();
    printf("intervals: %.3f of 0.9 held, %.4f wide\n", metric("interval_coverage"),
           metric("interval_width"));
    check_same_double(metric("interval_nominal"), 0.9);
    assert_true(metric("interval_coverage") > 0.82 && metric("interval_coverage") < 0.97);
    assert_true(metric("interval_width") > 0.005 && metric("interval_width") < 0.02);
    assert_int_equal(result.manifest->conformal.n_quantiles, CONFORMAL_LEVELS - 1);
    check_has(result.report.ptr, "\"calibration\":{\"method\":\"");
    end();
    begin(N, 1.5, 6);
    for (size_t i = 0; i < rows.n_rows; i++)
        rows.rows[i].sigma_h = NAN; /* rows from before it was kept */
    run();
    assert_int_equal(result.manifest->conformal.n_rows, 0);
    assert_true(isnan(metric("interval_coverage")));
    end();
}

static void test_without_an_edge_nothing_is_promoted(void **state)
{
    size_t n_promoted = 0, n_skilled = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        begin(1500, 0, seed);
        run();
        n_promoted += result.end.verdict == TRAIN_PROMOTE;
        n_skilled += metric("brier_skill") > 0.005;
        end();
    }
    printf("without an edge: %zu of 8 promoted, %zu with a Brier skill\n", n_promoted, n_skilled);
    check_i64((int64_t)n_promoted, 0);
    check_i64((int64_t)n_skilled, 0);
}

static void test_an_edge_says_more_than_luck_and_than_nothing(void **state)
{
    struct train_result again;
    (void)state;
    begin(1500, 0.8, 5);
    run();
    double psr = metric("psr");
    assert_true(psr > 0.5 && psr < 1);
    check_same_double(metric("dsr"), psr); /* the first attempt was not chosen from several */
    assert_true(metric("rmse_ratio") < 1 && metric("mase") < 1.1);
    job.gate.attempt = 20;
    check_ok(train_run(&job, &market.set, &rows, NULL, NULL, &again));
    check_same_double(manifest_metric_value(again.manifest, "psr"), psr);
    assert_true(manifest_metric_value(again.manifest, "dsr") < psr - 0.05);
    check_has((const char *)again.report.ptr, "\"trials\":20");
    train_result_deinit(&again);
    end();
}

static void test_a_search_has_a_probability_of_overfitting(void **state)
{
    (void)state;
    begin(1500, 1, 19);
    run();
    assert_true(isnan(metric("pbo")));
    train_result_deinit(&result);
    job.search.trials = 4;
    run();
    assert_true(metric("pbo") >= 0 && metric("pbo") <= 1);
    assert_true(metric("dsr") <= metric("psr"));
    end();
}

/* The whole text from a key on, until the next one is met. */
static const char *report_from(const struct train_result *of, const char *key)
{
    const char *at = strstr((const char *)of->report.ptr, key);
    assert_non_null(at);
    return at;
}

static double first_number(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

static void test_paths_tell_an_edge_from_none(void **state)
{
    (void)state;
    begin(N, 1, 15);
    job.cpcv_rows_max = 50000;
    run();
    const char *spread = report_from(&result, "\"spread\":");
    printf("paths with an edge: %.400s\n", spread);
    assert_true(first_number(spread, "\"roc_auc\":[") > 0.5 + 0.7 * (best_auc() - 0.5));
    assert_true(first_number(spread, "\"net_utility\":[") > 0.3 * market.best_utility);
    end();
    begin(N, 0, 16); /* a forest does not stop early: it would know by heart what it was taught */
    snprintf(job.kind, sizeof job.kind, "random_forest");
    model_params_default(model_kind_find(SLICE("random_forest")), &job.params);
    job.cpcv_rows_max = 50000;
    run();
    spread = report_from(&result, "\"spread\":");
    assert_true(first_number(spread, "\"roc_auc\":[") < 0.52);
    assert_true(first_number(spread, "\"net_utility\":[") <= 0);
    end();
}

static void test_paths_keep_off_the_untouched_block(void **state)
{
    struct train_result again;
    (void)state;
    begin(1500, 1, 17);
    job.cpcv_rows_max = 50000;
    run();
    for (size_t i = 0; i < rows.n_rows; i++) {
        if (rows.rows[i].available_at_ns > result.manifest->data.holdout_from_ns)
            rows.rows[i].net_return = -rows.rows[i].net_return;
    }
    check_ok(train_run(&job, &market.set, &rows, NULL, NULL, &again));
    const char *before = report_from(&result, "\"cpcv\":"),
               *after = report_from(&again, "\"cpcv\":");
    assert_int_equal(strncmp(before, after, (size_t)(strstr(before, "\"trials\"") - before)), 0);
    train_result_deinit(&again);
    end();
}

static void test_paths_are_left_out_of_few_rows_of_many_and_if_not_asked_for(void **state)
{
    (void)state;
    begin(700, 1, 18);
    job.gate.n_eff_min = 100;
    job.cut_ns = rows.rows[300].t0_ns;
    job.cpcv_rows_max = 50000;
    run();
    check_has(report_from(&result, "\"cpcv\":"), "\"left_out\":\"a split has ");
    job.cpcv_rows_max = result.manifest->data.n_rows - 1;
    train_result_deinit(&result);
    run();
    check_has(report_from(&result, "\"cpcv\":"), "\"left_out\":\"there are ");
    train_result_deinit(&result);
    job.cpcv_rows_max = 0;
    run();
    check_has((const char *)result.report.ptr, "\"cpcv\":{}");
    end();
}

static void test_the_same_job_gives_the_same_bytes(void **state)
{
    struct train_result again;
    (void)state;
    begin(1500, 1, 2);
    job.cpcv_rows_max = 50000;
    run();
    check_ok(train_run(&job, &market.set, &rows, NULL, NULL, &again));
    check_ok(train_result_seal(&result, NS_PER_DAY, 1));
    check_ok(train_result_seal(&again, NS_PER_DAY, 1));
    assert_true(slice_eq(buf_slice(&result.manifest_json), buf_slice(&again.manifest_json)));
    assert_true(sha256_eq(&result.end.manifest_hash, &again.end.manifest_hash));
    train_result_deinit(&again);
    job.seed++;
    check_ok(train_run(&job, &market.set, &rows, NULL, NULL, &again));
    assert_false(slice_eq(buf_slice(&result.model), buf_slice(&again.model)));
    train_result_deinit(&again);
    end();
}

/* Rows may come in any order: the database promises one, but nothing here may depend on it. */
static void test_the_order_of_reading_does_not_matter(void **state)
{
    struct train_rows backwards;
    struct train_result again;
    (void)state;
    begin(1200, 1, 3);
    run();
    check_ok(train_rows_init(&backwards, rows.n_cols, rows.n_rows));
    backwards.assets = calloc(rows.n_assets, sizeof *backwards.assets);
    memcpy(backwards.assets, rows.assets, rows.n_assets * sizeof *rows.assets);
    backwards.n_assets = rows.n_assets;
    backwards.rows = malloc(rows.n_rows * sizeof *rows.rows);
    backwards.x = malloc(rows.n_rows * rows.n_cols * sizeof *rows.x);
    backwards.n_rows = rows.n_rows;
    for (size_t i = 0; i < rows.n_rows; i++) {
        size_t from = rows.n_rows - 1 - i;
        backwards.rows[i] = rows.rows[from];
        memcpy(backwards.x + i * rows.n_cols, rows.x + from * rows.n_cols,
               rows.n_cols * sizeof *rows.x);
    }
    check_ok(train_run(&job, &market.set, &backwards, NULL, NULL, &again));
    assert_true(slice_eq(buf_slice(&result.model), buf_slice(&again.model)));
    assert_true(sha256_eq(&result.manifest->data.hash, &again.manifest->data.hash));
    train_rows_deinit(&backwards);
    train_result_deinit(&again);
    end();
}

/* The block judges; if the model or its calibration had seen what was not known when it began, turning those outcomes round
 * would change them. */
static void test_the_untouched_block_is_untouched(void **state)
{
    struct train_result again;
    (void)state;
    begin(1500, 1, 4);
    run();
    for (size_t i = 0; i < rows.n_rows; i++) {
        if (rows.rows[i].available_at_ns > result.manifest->data.holdout_from_ns)
            rows.rows[i].net_return = -rows.rows[i].net_return;
    }
    check_ok(train_run(&job, &market.set, &rows, NULL, NULL, &again));
    assert_true(slice_eq(buf_slice(&result.model), buf_slice(&again.model)));
    check_same_double(again.manifest->calibration.platt.a, result.manifest->calibration.platt.a);
    check_same_double(again.manifest->calibration.value.beta,
                      result.manifest->calibration.value.beta);
    check_i64(again.end.verdict, TRAIN_REFUSE);
    assert_true(manifest_metric_value(again.manifest, "roc_auc") < 0.4);
    train_result_deinit(&again);
    end();
}

/* Turned off, what the price did in between is nothing to the model; turned on, it is. */
static void test_attribution_of_returns_can_be_turned_off(void **state)
{
    struct sha256 hashes[2][2];
    (void)state;
    for (int on = 0; on < 2; on++) {
        for (int moved = 0; moved < 2; moved++) {
            begin(1500, 1, 4);
            job.return_attribution = on == 1;
            for (size_t i = 0; i < rows.n_rows && moved == 1; i++)
                rows.rows[i].span_returns[0] = 0.01F * (float)(i % 7);
            run();
            sha256_of(result.model.ptr, result.model.len, &hashes[on][moved]);
            end();
        }
    }
    assert_true(sha256_eq(&hashes[0][0], &hashes[0][1]));
    assert_false(sha256_eq(&hashes[1][0], &hashes[1][1]));
}

static void test_labels_not_available_at_the_cut_are_not_used(void **state)
{
    struct train_result again;
    (void)state;
    begin(1500, 1, 6);
    job.cut_ns = rows.rows[2000].t0_ns;
    run();
    assert_true(result.manifest->data.n_rows < 2000);
    for (size_t i = 0; i < rows.n_rows; i++) {
        if (rows.rows[i].available_at_ns > job.cut_ns)
            rows.rows[i].net_return = NAN;
    }
    check_ok(train_run(&job, &market.set, &rows, NULL, NULL, &again));
    assert_true(slice_eq(buf_slice(&result.model), buf_slice(&again.model)));
    assert_true(sha256_eq(&result.manifest->data.hash, &again.manifest->data.hash));
    train_result_deinit(&again);
    end();
}

/* The version that run() made, as it would be loaded. */
static struct scorer *scorer_of_result(void)
{
    struct scorer *scorer = NULL;
    check_ok(train_result_seal(&result, NS_PER_DAY, 2));
    struct model_files files = {buf_slice(&result.manifest_json), buf_slice(&result.trees),
                                buf_slice(&result.probe), buf_slice(&result.model),
                                buf_slice(&result.novelty)};
    check_ok(scorer_create(&files, &market.set.schema_hash, &scorer));
    return scorer;
}

static void test_a_result_can_be_served(void **state)
{
    struct scorer *scorer = NULL;
    struct prediction buy, sell;
    float x[FEATURES_MAX], oriented[FEATURES_MAX];
    (void)state;
    begin(N, 1, 7);
    run();
    scorer = scorer_of_result();
    assert_true(scorer_uses_walker(scorer));
    for (size_t k = 0; k < market.set.n_columns; k++)
        x[k] = market.set.columns[k].neutral;
    double buy_q = 0, sell_q = 0, buy_v = 0, truth = 0;
    for (int i = -5; i <= 5; i++) { /* trees make steps: neighbours together lie on the curve */
        x[0] = 1.5F + 0.1F * (float)i;
        feature_orient(&market.set, x, SIDE_BUY, oriented);
        check_ok(scorer_predict(scorer, oriented, &buy));
        feature_orient(&market.set, x, SIDE_SELL, oriented);
        check_ok(scorer_predict(scorer, oriented, &sell));
        buy_q += buy.q / 11;
        sell_q += sell.q / 11;
        buy_v += buy.v / 11;
        truth += 1 / (1 + exp(-(double)x[0])) / 11;
    }
    check_near(truth, 0.81, 0.005);
    check_near(buy_q, truth, 0.08);
    check_near(sell_q, 1 - truth, 0.08);
    check_near(buy_v, 0.0021, 0.0012);
    assert_true(buy.v_low > 0 && sell.v_low < 0);
    scorer_destroy(scorer);
    end();
}

static void test_an_equal_incumbent_stays(void **state)
{
    struct train_result again;
    (void)state;
    begin(N, 1, 8);
    run();
    struct scorer *scorer = scorer_of_result();
    check_ok(train_run(&job, &market.set, &rows, scorer, NULL, &again));
    check_i64(again.end.verdict, TRAIN_REFUSE);
    printf("against itself: %s\n", again.end.reason);
    train_result_deinit(&again);
    scorer_destroy(scorer);
    end();
}

static double gate_number(const struct train_result *of, const char *name)
{
    const struct manifest_gate *gate = &of->manifest->gate;
    for (size_t i = 0; i < gate->n_numbers; i++) {
        if (strcmp(gate->numbers[i].name, name) == 0)
            return gate->numbers[i].value;
    }
    fail_msg("no number %s", name);
    return 0;
}

/* Where the market tells the outcome, this much of it is taken to have filled. */
static double utility_with(float market_fraction, double *n_own)
{
    for (size_t i = 0; i < rows.n_rows; i++) {
        if (rows.rows[i].evidence == EVIDENCE_MARKET)
            rows.rows[i].fill_fraction = market_fraction;
    }
    run();
    double utility = metric("net_utility");
    *n_own = gate_number(&result, "own_evidence");
    train_result_deinit(&result);
    return utility;
}

/* The same model, whose choices the market pays by the fraction: the mean is linear in it. At 0 an order that was sent did not
 * fill, which is as much a truth of our own as a fill. */
static void test_what_the_market_says_counts_by_what_orders_get(void **state)
{
    double n_own[3];
    (void)state;
    begin(N, 1, 10);
    double whole = utility_with(1, &n_own[0]), half = utility_with(0.5F, &n_own[1]);
    double none = utility_with(0, &n_own[2]);
    assert_true(none > 0 && whole > 1.5 * none);
    check_near(half, (whole + none) / 2, 1e-9);
    assert_true(n_own[1] == n_own[0] && n_own[2] > 1.5 * n_own[0]);
    train_rows_deinit(&rows);
}

static double trades_of_a_run(void)
{
    struct train_result again;
    check_ok(train_run(&job, &market.set, &rows, NULL, NULL, &again));
    double n_trades = gate_number(&again, "trades");
    train_result_deinit(&again);
    return n_trades;
}

/* Live it would not have traded there: beyond what an outcome promises, or where it has seen nothing like it. */
static void test_the_trial_abstains_as_the_policy_would(void **state)
{
    (void)state;
    begin(N, 3, 8);
    run();
    double by_value = gate_number(&result, "trades");
    job.abstain_by_outcome = true;
    check_same_double(trades_of_a_run(), 0); /* no interval of 0.9 lies above cost */
    job.interval_coverage = 0.3;
    double by_outcome = trades_of_a_run();
    assert_true(by_outcome > 0 && by_outcome < by_value);
    job.interval_coverage = 0.9;
    job.abstain_by_outcome = false;
    for (size_t i = 0; i < rows.n_rows; i++) { /* every other decision: no such market before */
        if (rows.rows[i].t0_ns < result.manifest->data.holdout_from_ns ||
            rows.rows[i].t0_ns / (20 * NS_PER_S) % 2 == 0)
            continue;
        for (size_t k = 0; k < rows.n_cols; k++)
            rows.x[i * rows.n_cols + k] *= 1000;
    }
    double when_novel = trades_of_a_run();
    job.abstain_when_novel = false;
    double whatever_comes = trades_of_a_run();
    printf("trades: %.0f by value, %.0f by outcome, %.0f where nothing is novel, %.0f\n", by_value,
           by_outcome, when_novel, whatever_comes);
    assert_true(when_novel > 0.4 * by_value && when_novel < 0.6 * by_value);
    assert_true(whatever_comes > 0.8 * by_value);
    end();
}

static double turnover_of_paths(void)
{
    struct train_result again;
    check_ok(train_run(&job, &market.set, &rows, NULL, NULL, &again));
    double turnover = first_number(report_from(&again, "\"spread\":"), "\"turnover\":[");
    train_result_deinit(&again);
    return turnover;
}

/* So do the models of cross-validation. The oldest sixth of the rows is like nothing that those who are judged on it were taught. */
static void test_the_paths_abstain_as_their_models_would(void **state)
{
    (void)state;
    begin(N, 3, 8);
    job.cpcv_rows_max = 50000;
    run();
    double by_value = turnover_of_paths();
    job.abstain_by_outcome = true;
    check_same_double(turnover_of_paths(), 0); /* no interval of 0.9 lies above cost */
    job.interval_coverage = 0.3;
    double by_outcome = turnover_of_paths();
    assert_true(by_outcome > 0 && by_outcome < by_value);
    job.interval_coverage = 0.9;
    job.abstain_by_outcome = false;
    size_t n_before = 0;
    while (rows.rows[n_before].t0_ns < result.manifest->data.holdout_from_ns)
        n_before++;
    for (size_t i = 0; i < n_before / 6 * rows.n_cols; i++)
        rows.x[i] *= 1000;
    double when_novel = turnover_of_paths();
    job.abstain_when_novel = false;
    double whatever_comes = turnover_of_paths();
    printf("paths trade: %.3f by value, %.3f by outcome, %.3f where nothing is novel, %.3f\n",
           by_value, by_outcome, when_novel, whatever_comes);
    check_near(whatever_comes - when_novel, by_value / 6, 0.35 * by_value / 6);
    end();
}

/* The incumbent is played by the same rule: what is novel to it alone counts against it alone. */
static void test_the_incumbent_abstains_as_the_policy_would(void **state)
{
    struct train_result again;
    (void)state;
    begin(N, 1, 8);
    run();
    struct scorer *scorer = scorer_of_result();
    for (size_t i = 0; i < rows.n_rows; i++)
        for (size_t k = 0; k < rows.n_cols; k++)
            rows.x[i * rows.n_cols + k] *= 1000;
    check_ok(train_run(&job, &market.set, &rows, scorer, NULL, &again));
    check_same_double(gate_number(&again, "mean_utility_incumbent"), 0);
    assert_true(gate_number(&again, "mean_utility") > 0);
    train_result_deinit(&again);
    scorer_destroy(scorer);
    end();
}

static void test_what_the_gate_asks_for_is_told(void **state)
{
    (void)state;
    begin(N, 1, 8);
    run();
    assert_true(gate_number(&result, "real_capital") == 1);
    assert_true(gate_number(&result, "walker_agrees") == 1);
    check_same_double(gate_number(&result, "ece"), metric("ece"));
    check_same_double(gate_number(&result, "interval_coverage"), metric("interval_coverage"));
    check_same_double(gate_number(&result, "dsr"), metric("dsr"));
    assert_true(gate_number(&result, "ece_surely") < gate_number(&result, "ece"));
    for (size_t i = 0; i < rows.n_rows; i++)
        rows.rows[i].is_dry_run = true;
    train_result_deinit(&result);
    job.gate.dsr_min = 1; /* nobody has that, and nobody is asked */
    run();
    check_i64(result.end.verdict, TRAIN_PROMOTE);
    assert_true(gate_number(&result, "real_capital") == 0);
    end();
}

static void test_own_fills_alone_are_enough_to_learn(void **state)
{
    (void)state;
    begin(2 * N, 1, 9);
    job.use_market_evidence = false;
    run();
    printf("own fills alone: net utility %.5f a decision of at best %.5f; %s\n",
           metric("net_utility"), market.best_utility, result.end.reason);
    check_i64((int64_t)result.manifest->data.n_rows, 2 * N);
    check_i64(result.end.verdict, TRAIN_PROMOTE);
    check_near(metric("net_utility"), market.best_utility, 0.5 * market.best_utility);
    end();
}

static void test_too_few_rows_are_said(void **state)
{
    (void)state;
    begin(400, 1, 10);
    run();
    check_i64(result.end.verdict, TRAIN_TOO_FEW);
    check_has(result.end.reason, "1000 are needed");
    assert_null(result.manifest);
    end();
}

static void test_no_rows_at_all_are_too_few(void **state)
{
    (void)state;
    begin(10, 1, 10);
    job.cut_ns = 0;
    run();
    check_i64(result.end.verdict, TRAIN_TOO_FEW);
    end();
}

static bool cancel_later(void *ctx)
{
    return ++*(int *)ctx > 20;
}

static void test_cancel_is_heard_between_rounds(void **state)
{
    int n_asked = 0;
    const struct train_hooks hooks = {.is_cancelled = cancel_later, .ctx = &n_asked};
    (void)state;
    begin(1500, 1, 11);
    check_err(train_run(&job, &market.set, &rows, NULL, &hooks, &result), AL_ECANCELED);
    check_i64(result.end.verdict, TRAIN_CANCELLED);
    check_i64(n_asked, 21);
    end();
}

static void on_progress(void *ctx, const struct train_line *line)
{
    double *last = ctx;
    assert_true(line->fraction >= *last && line->fraction <= 1);
    *last = line->fraction;
}

static void test_progress_only_grows(void **state)
{
    double last = 0;
    const struct train_hooks hooks = {.on_progress = on_progress, .ctx = &last};
    (void)state;
    begin(1200, 1, 12);
    job.cpcv_rows_max = 50000;
    check_ok(train_run(&job, &market.set, &rows, NULL, &hooks, &result));
    assert_true(last > 0.9);
    end();
}

static void test_another_schema_is_refused(void **state)
{
    (void)state;
    begin(100, 1, 13);
    job.schema_hash.bytes[0] ^= 1;
    check_err(train_run(&job, &market.set, &rows, NULL, NULL, &result), AL_EVERSION);
    end();
}

static void test_rows_that_cannot_be_are_refused(void **state)
{
    static struct sample sample;
    struct sample *good = &sample;
    (void)state;
    begin(1, 1, 14);
    *good = (struct sample){.action = SIDE_BUY,
                            .t0_ns = 1,
                            .t1_ns = 2,
                            .available_at_ns = 3,
                            .n_features = rows.n_cols};
    check_ok(train_rows_add(&rows, good));
    good->net_return = NAN;
    check_err(train_rows_add(&rows, good), AL_EINVAL);
    good->net_return = 0;
    good->features[1] = -INFINITY;
    check_err(train_rows_add(&rows, good), AL_EINVAL);
    good->features[1] = NAN;
    check_ok(train_rows_add(&rows, good));
    good->t1_ns = 0;
    check_err(train_rows_add(&rows, good), AL_EINVAL);
    good->t1_ns = 2;
    good->n_features--;
    check_err(train_rows_add(&rows, good), AL_EVERSION);
    end();
}

/* Every second order fills, the sooner the higher its first column; the others are cancelled after 20 s. */
static void fill_orders(struct fill_rows *fills, size_t n)
{
    struct rng rng;
    float x[FEATURES_MAX];
    rng_seed(&rng, 8);
    fill_rows_init(fills, market.set.n_columns);
    for (size_t i = 0; i < n; i++) {
        int64_t decided_ns = LEARNABLE_START_NS + (int64_t)i * 20 * NS_PER_S;
        for (size_t k = 0; k < market.set.n_columns; k++)
            x[k] = (float)(rng_normal(&rng) + (double)market.set.columns[k].neutral);
        double t = exp(2.5 - (double)x[0] + 0.5 * rng_normal(&rng));
        struct fill_signal signal = {.side = SIDE_BUY,
                                     .decided_at_ns = decided_ns,
                                     .expires_at_ns = decided_ns + 20 * NS_PER_S,
                                     .first_fill_ns = TIMESTAMP_NONE,
                                     .answered_at_ns = decided_ns + (int64_t)(fmin(t, 20) * 1e9),
                                     .features = x};
        if (t < 20)
            signal.first_fill_ns = signal.answered_at_ns;
        check_ok(fill_rows_add(fills, &market.set, &signal, job.cut_ns));
    }
}

/* The model of fill times is a file of its own beside the model, and in the report; without orders there is neither. */
static void test_fill_times_come_with_the_model(void **state)
{
    struct fill_rows fills;
    (void)state;
    begin(1500, 1, 2);
    run();
    assert_int_equal(result.fill_times.len, 0);
    assert_null(strstr(buf_str(&result.report), "fill_times"));
    struct sha256 model_hash, again;
    sha256_of(result.model.ptr, result.model.len, &model_hash);
    train_result_deinit(&result);
    fill_orders(&fills, 1500);
    rows.fills = &fills;
    run();
    assert_true(result.fill_times.len > 0);
    check_ok(manifest_check_file(result.manifest, FILL_TIMES_FILE, buf_slice(&result.fill_times)));
    check_has(buf_str(&result.report), "\"fill_times\":{\"signals\":1500,");
    check_has(buf_str(&result.report), "\"value_of_signalling\":");
    sha256_of(result.model.ptr, result.model.len, &again);
    assert_true(sha256_eq(&model_hash, &again)); /* it changes nothing of what decides */
    fill_rows_deinit(&fills);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill_times_come_with_the_model),
        cmocka_unit_test(test_the_edge_is_found_and_promoted),
        cmocka_unit_test(test_intervals_hold_on_the_untouched_block),
        cmocka_unit_test(test_without_an_edge_nothing_is_promoted),
        cmocka_unit_test(test_an_edge_says_more_than_luck_and_than_nothing),
        cmocka_unit_test(test_a_search_has_a_probability_of_overfitting),
        cmocka_unit_test(test_paths_tell_an_edge_from_none),
        cmocka_unit_test(test_paths_keep_off_the_untouched_block),
        cmocka_unit_test(test_paths_are_left_out_of_few_rows_of_many_and_if_not_asked_for),
        cmocka_unit_test(test_the_same_job_gives_the_same_bytes),
        cmocka_unit_test(test_the_order_of_reading_does_not_matter),
        cmocka_unit_test(test_the_untouched_block_is_untouched),
        cmocka_unit_test(test_attribution_of_returns_can_be_turned_off),
        cmocka_unit_test(test_labels_not_available_at_the_cut_are_not_used),
        cmocka_unit_test(test_a_result_can_be_served),
        cmocka_unit_test(test_an_equal_incumbent_stays),
        cmocka_unit_test(test_what_the_market_says_counts_by_what_orders_get),
        cmocka_unit_test(test_the_trial_abstains_as_the_policy_would),
        cmocka_unit_test(test_the_paths_abstain_as_their_models_would),
        cmocka_unit_test(test_the_incumbent_abstains_as_the_policy_would),
        cmocka_unit_test(test_what_the_gate_asks_for_is_told),
        cmocka_unit_test(test_own_fills_alone_are_enough_to_learn),
        cmocka_unit_test(test_too_few_rows_are_said),
        cmocka_unit_test(test_no_rows_at_all_are_too_few),
        cmocka_unit_test(test_cancel_is_heard_between_rounds),
        cmocka_unit_test(test_progress_only_grows),
        cmocka_unit_test(test_another_schema_is_refused),
        cmocka_unit_test(test_rows_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
