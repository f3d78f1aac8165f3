/* Which rows teach, and how they are weighted, on markets where it is known what is better. */
#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../../../src/train/fit_i.h"
#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "harness/learnable_samples.h"

#define N 4000 /* decisions */

static struct learnable_samples market;
static struct train_job job;
static struct train_rows rows;
static struct train_result result;

static struct log {
    size_t n;
    struct train_trial trials[16];
} told;

static void on_trial(void *ctx, const struct train_trial *trial)
{
    struct log *log = ctx;
    assert_true(log->n < COUNT_OF(log->trials));
    log->trials[log->n++] = *trial;
}

static const struct train_hooks hooks = {.on_trial = on_trial, .ctx = &told};

static void begin(size_t n_decisions, double edge, uint64_t seed)
{
    learnable_samples_init(&market, n_decisions, edge, seed);
    learnable_samples_job(&market, &job);
    learnable_samples_rows(&market, &rows);
    job.n_folds = 5;
    job.canaries = false;
    job.gate.n_eff_min = 400;
    job.gate.n_bootstrap = 100;
    job.try_windows = true;
}

static void end(void)
{
    train_result_deinit(&result);
    train_rows_deinit(&rows);
}

static void run(void)
{
    told.n = 0;
    train_result_deinit(&result);
    check_ok(train_run(&job, &market.set, &rows, NULL, &hooks, &result));
    assert_non_null(result.manifest);
}

/* The one whose parameters, and teachers, the model has. */
static const struct trial_teachers *chosen(void)
{
    const struct train_trial *last = &told.trials[told.n - 1];
    check_i64(last->verdict, TRIAL_CHOSEN);
    return &last->teachers;
}

static double loss_of_block(void)
{
    return manifest_metric_value(result.manifest, "log_loss");
}

/* ---- the window ---- */

/* Until a share of the decisions has passed the market goes against the column. */
static void turn_round(double share)
{
    size_t n = (size_t)((double)rows.n_rows * share);
    for (size_t i = 0; i < n; i++)
        rows.x[i * rows.n_cols] = -rows.x[i * rows.n_cols];
}

static void test_after_a_change_half_the_window_is_taken(void **state)
{
    (void)state;
    begin(N, 1, 1);
    turn_round(0.25);
    run();
    check_near(chosen()->window_scale, 0.5, 0);
    check_has(buf_str(&result.report), "\"teachers\":{\"window_scale\":0.5,");
    check_has(buf_str(&result.report),
              "\"taught_on\":319"); /* of 3200: the newest were not known */
    double half = loss_of_block();
    job.try_windows = false;
    run();
    check_near(chosen()->window_scale, 1, 0);
    printf("block, log loss: half the window %.4f, all of it %.4f\n", half, loss_of_block());
    assert_true(half < loss_of_block() - 0.005);
    end();
}

static void keep_newest(size_t n_decisions)
{
    job.window_ns = job.cut_ns - rows.rows[rows.n_rows - 2 * n_decisions].t0_ns;
}

/* Which way the first column points is told by the last: that takes many rows to learn. */
static void make_it_hard(void)
{
    size_t last = rows.n_cols - 1;
    for (size_t i = 0; i < rows.n_rows; i++) {
        float *x = rows.x + i * rows.n_cols;
        x[0] *= x[last] < market.set.columns[last].neutral ? -1 : 1;
    }
}

/* Half of so few would not be enough to train on, and is not tried. The window is 3.5 h long up to an hour after the last. */
static void test_of_few_rows_twice_the_window_is_taken(void **state)
{
    size_t n_double = 0, n_markets = 12;
    double with = 0, without = 0;
    (void)state;
    for (uint64_t seed = 0; seed < n_markets; seed++) {
        begin(N, 2, 20 + seed);
        job.gate.n_eff_min = 800;
        keep_newest(450);
        make_it_hard();
        run();
        bool is_double = chosen()->window_scale > 1;
        n_double += is_double;
        check_i64((int64_t)told.n, 3);
        check_i64((int64_t)result.end.n_rows, is_double ? 2160 : 900);
        check_i64((int64_t)result.manifest->data.n_rows, is_double ? 2160 : 900);
        check_i64((int64_t)result.manifest->data.n_holdout_rows, 180); /* a fifth of the base's */
        check_has(buf_str(&result.report), "\"older_rows\":1260,");
        with += loss_of_block() / (double)n_markets;
        job.try_windows = false;
        run();
        check_i64((int64_t)result.manifest->data.n_rows, 900);
        check_i64((int64_t)result.manifest->data.n_holdout_rows, 180);
        without += loss_of_block() / (double)n_markets;
        end();
    }
    printf("few rows: twice the window in %zu of %zu; block, mean log loss %.4f, without %.4f\n",
           n_double, n_markets, with, without);
    assert_true(n_double >= n_markets / 3 && with < without);
}

static void test_without_a_difference_the_base_stays(void **state)
{
    size_t n_base = 0, n_markets = 12;
    (void)state;
    for (uint64_t seed = 0; seed < n_markets; seed++) {
        begin(N, 0, 10 + seed);
        keep_newest(N / 2);
        run();
        n_base += chosen()->window_scale > 0.9 && chosen()->window_scale < 1.1;
        check_i64((int64_t)told.n, 4); /* three windows, and the one that was chosen */
        end();
    }
    printf("nothing to learn: the base stays in %zu of %zu\n", n_base, n_markets);
    assert_true(n_base >= n_markets / 2);
}

/* Rows before the window are read as far as rows_max leaves room for them. */
static void test_older_rows_are_bounded(void **state)
{
    (void)state;
    begin(N, 1, 3);
    keep_newest(1000);
    job.n_rows_max = 2600;
    run();
    check_has(buf_str(&result.report), "\"older_rows\":600,");
    job.n_rows_max = 2400; /* less than a quarter more: not worth a fit */
    run();
    check_has(buf_str(&result.report), "\"older_rows\":0,");
    job.n_rows_max = 2000;
    run();
    check_has(buf_str(&result.report), "\"older_rows\":0,");
    check_i64((int64_t)result.manifest->data.n_rows, 2000);
    end();
}

/* The job asks the database for twice the window, and for everything where that is before time began. */
static void test_a_job_reaches_twice_its_window(void **state)
{
    (void)state;
    begin(10, 1, 3);
    job.cut_ns = 100 * NS_PER_DAY;
    job.window_ns = 30 * NS_PER_DAY;
    check_i64(train_job_reach_ns(&job), 60 * NS_PER_DAY);
    job.try_windows = false;
    check_i64(train_job_reach_ns(&job), 30 * NS_PER_DAY);
    job.try_windows = true;
    job.window_ns = 60 * NS_PER_DAY;
    check_i64(train_job_reach_ns(&job), 0);
    job.window_ns = 0;
    check_i64(train_job_reach_ns(&job), 0);
    end();
}

/* ---- the weights ---- */

/* The column says nothing of the decisions of every third hour, in which the market moves most (or least). */
static void make_some_moot(bool they_move)
{
    struct rng rng;
    rng_seed(&rng, 77);
    for (size_t i = 0; i < rows.n_rows; i += 2) {
        bool is_moot = rows.rows[i].t0_ns / NS_PER_H % 3 == 0;
        float value = (float)rng_normal(&rng);
        for (size_t k = 0; k < 2; k++) {
            if (is_moot)
                rows.x[(i + k) * rows.n_cols] = value;
            for (size_t p = 0; p < SPAN_PIECES; p++)
                rows.rows[i + k].span_returns[p] *= is_moot == they_move ? 20 : 1;
        }
    }
}

static void try_weights(bool they_move)
{
    begin(N, 1.5, 5);
    job.try_windows = false;
    job.try_weights = true;
    make_some_moot(they_move);
    run();
    check_i64((int64_t)told.n, 3);
}

static void test_attribution_is_left_out_where_it_does_harm(void **state)
{
    struct sha256 hashes[2];
    (void)state;
    try_weights(true);
    assert_false(chosen()->return_attribution);
    double left_out = loss_of_block();
    sha256_of(result.model.ptr, result.model.len, &hashes[0]);
    job.return_attribution = false;
    run();
    check_i64((int64_t)told.n, 1); /* there is nothing to leave out */
    sha256_of(result.model.ptr, result.model.len, &hashes[1]);
    assert_true(sha256_eq(&hashes[0], &hashes[1])); /* as if it had never been asked for */
    job.return_attribution = true;
    job.try_weights = false;
    run();
    printf("block, log loss: without attribution %.4f, with it %.4f\n", left_out, loss_of_block());
    assert_true(left_out < loss_of_block());
    end();
}

static void test_attribution_stays_where_it_does_good(void **state)
{
    (void)state;
    try_weights(false);
    assert_true(chosen()->return_attribution);
    end();
}

/* ---- what both have in common ---- */

static void test_every_candidate_is_a_trial(void **state)
{
    (void)state;
    begin(N, 1, 6);
    keep_newest(1500);
    job.try_weights = true;
    job.search.trials = 3;
    job.gate.attempt = 5;
    run();
    check_i64((int64_t)told.n, 8); /* four choices of teachers, three searched, the chosen one */
    for (size_t i = 0; i < 4; i++) {
        const struct train_trial *trial = &told.trials[i];
        check_i64(trial->number, (int64_t)(3 + i));
        check_i64(trial->tries, TRIAL_TRIES_TEACHERS);
        check_i64((int64_t)trial->n_folds, CANDIDATE_FOLDS);
        assert_true(isfinite(trial->loss) && isnan(trial->sharpe));
        assert_memory_equal(&trial->params, &job.params, sizeof job.params);
    }
    check_near(told.trials[0].teachers.window_scale, 1, 0);
    check_near(told.trials[1].teachers.window_scale, 1, 0);
    check_near(told.trials[2].teachers.window_scale, 0.5, 0);
    check_near(told.trials[3].teachers.window_scale, 2, 0);
    assert_true(told.trials[0].teachers.return_attribution);
    assert_false(told.trials[1].teachers.return_attribution);
    check_i64(told.trials[3].teachers.return_attribution,
              told.trials[2].teachers.return_attribution);
    for (size_t i = 4; i < 8; i++)
        check_i64(told.trials[i].tries, TRIAL_TRIES_PARAMETERS);
    const char *report = buf_str(&result.report);
    check_has(
        report,
        ",\"trials\":10,"); /* 4 challengers before; 3 sets of parameters, 3 more of teachers */
    check_has(report, "\"tries\":\"teachers\",\"window_scale\":1,\"return_attribution\":false");
    check_has(report, "\"tries\":\"teachers\",\"window_scale\":2,");
    check_has(report, "\"tries\":\"teachers\",\"window_scale\":0.5,");
    end();
}

/* Nor is anything chosen by rows that nobody could know yet. */
static void test_candidates_do_not_see_the_untouched_block(void **state)
{
    static struct log before;
    (void)state;
    begin(N, 1, 7);
    job.try_weights = true;
    run();
    before = told;
    for (size_t i = rows.n_rows * 8 / 10; i < rows.n_rows; i++)
        rows.rows[i].net_return = -rows.rows[i].net_return;
    run();
    check_i64((int64_t)told.n, (int64_t)before.n);
    for (size_t i = 0; i + 1 < told.n; i++)
        check_same_double(told.trials[i].loss, before.trials[i].loss);
    end();
}

/* By hand: blocks of two rows; in each the sum of d less its mean is 2 (-1)^b, so se = sqrt(32/31 * 32 * 4) / 64. */
static void test_a_paired_mean(void **state)
{
    double d[2 * CANDIDATE_BLOCKS];
    float w[2 * CANDIDATE_BLOCKS];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(d); i++) {
        d[i] = 3 + (i / 2 % 2 == 0 ? 1 : -1) + (i % 2 == 0 ? 7 : -7);
        w[i] = 1;
    }
    struct paired_mean got = candidate_paired_mean(d, w, COUNT_OF(d));
    check_near(got.mean, 3, 1e-12);
    check_near(got.se, sqrt(32.0 / 31 * 32 * 4) / 64, 1e-12);
    for (size_t i = 0; i < COUNT_OF(d); i++)
        w[i] = i % 2 == 0 ? 3.0F : 0; /* the first of each block alone: 11, 9, 11 ... */
    got = candidate_paired_mean(d, w, COUNT_OF(d));
    check_near(got.mean, 10, 1e-12);
    check_near(got.se, sqrt(32.0 / 31 * 32 * 9) / 96, 1e-12);
    assert_true(isnan(candidate_paired_mean(d, w, COUNT_OF(d) - 1).se));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_a_change_half_the_window_is_taken),
        cmocka_unit_test(test_of_few_rows_twice_the_window_is_taken),
        cmocka_unit_test(test_without_a_difference_the_base_stays),
        cmocka_unit_test(test_older_rows_are_bounded),
        cmocka_unit_test(test_a_job_reaches_twice_its_window),
        cmocka_unit_test(test_attribution_is_left_out_where_it_does_harm),
        cmocka_unit_test(test_attribution_stays_where_it_does_good),
        cmocka_unit_test(test_every_candidate_is_a_trial),
        cmocka_unit_test(test_candidates_do_not_see_the_untouched_block),
        cmocka_unit_test(test_a_paired_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
