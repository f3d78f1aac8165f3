/* A market of orders whose times to fill are known: some fill, some are cancelled, some nobody ever hears of again. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/model/aft.h"
#include "alphaloop/train/fill_times.h"
#include "harness/learnable_samples.h"

#define N      4000
#define TTL_S  30.0
#define START  LEARNABLE_START_NS
#define STEP   (5 * NS_PER_S)
#define CUT_NS (START + N * STEP)

static struct learnable_samples market; /* for its feature set */
static struct fill_rows rows;
static struct fill_report report;
static struct buf model;
static double true_mu[N];

/* log T = 2 + slope z + 0.6 Z with z the oriented first column; one in five is cancelled at any time, and of every
 * second one that waited in vain nothing is ever heard. */
static void draw_signal(struct rng *rng, size_t i, double slope, float *x, struct fill_signal *out)
{
    enum side side = rng_below(rng, 2) == 0 ? SIDE_BUY : SIDE_SELL;
    for (size_t k = 0; k < market.set.n_columns; k++)
        x[k] = (float)(rng_normal(rng) + (double)market.set.columns[k].neutral);
    true_mu[i] = 2 + slope * side_sign(side) * (double)x[0];
    double t = exp(true_mu[i] + 0.6 * rng_normal(rng));
    double end = rng_below(rng, 5) == 0 ? TTL_S * rng_uniform(rng) : TTL_S + 10;
    int64_t decided_ns = START + (int64_t)i * STEP;
    *out = (struct fill_signal){.side = side,
                                .decided_at_ns = decided_ns,
                                .expires_at_ns = decided_ns + (int64_t)(TTL_S * 1e9),
                                .first_fill_ns = TIMESTAMP_NONE,
                                .features = x};
    out->answered_at_ns = decided_ns + (int64_t)(fmin(t, end) * 1e9);
    if (t < end)
        out->first_fill_ns = out->answered_at_ns;
    /* Nobody hears of its end. */
    if (t >= end && end > TTL_S && rng_below(rng, 2) == 0)
        out->answered_at_ns = TIMESTAMP_NONE;
}

static void begin(double slope, uint64_t seed, bool is_late_changed)
{
    struct rng rng;
    static float x[FEATURES_MAX];
    learnable_samples_init(&market, 1, 0, 1);
    fill_rows_init(&rows, market.set.n_columns);
    model = BUF_INIT(1 << 24);
    rng_seed(&rng, seed);
    int64_t judged_ns = START + (N - N / 5) * STEP;
    for (size_t i = 0; i < N; i++) {
        struct fill_signal signal;
        draw_signal(&rng, i, slope, x, &signal);
        bool is_late = signal.decided_at_ns < judged_ns && signal.answered_at_ns > judged_ns;
        if (is_late_changed && is_late) { /* filled later still, for all anybody knew */
            signal.answered_at_ns += 3 * NS_PER_S;
            signal.first_fill_ns = signal.answered_at_ns;
        }
        check_ok(fill_rows_add(&rows, &market.set, &signal, CUT_NS));
    }
}

static void end(void)
{
    fill_rows_deinit(&rows);
    buf_deinit(&model);
}

static void fit(void)
{
    const struct fill_hooks hooks = {.seed = 5};
    check_ok(fill_times_fit(&rows, &hooks, &report, &model));
}

/* What someone who knows the truth would expect of the judged rows. */
static void test_times_to_fill_are_learned_past_censoring(void **state)
{
    double chance = 0, waiting = 0, likelihood = 0;
    (void)state;
    begin(0.7, 1, false);
    fit();
    static float mu[N];
    for (size_t i = N - N / 5; i < N; i++) {
        chance += aft_chance(true_mu[i], 0.6, TTL_S) / (N / 5);
        waiting += aft_waiting(true_mu[i], 0.6, TTL_S) / (N / 5);
        likelihood +=
            aft_log_likelihood(true_mu[i], 0.6, rows.seconds[i], rows.filled[i]) / (N / 5);
        mu[i] = (float)true_mu[i];
    }
    size_t first = N - N / 5;
    double concordance =
        fill_concordance(mu + first, rows.seconds + first, rows.filled + first, N / 5);
    printf("filled by its end %.3f of %.3f, seen %.3f; waits %.2f of %.2f s; concordance %.3f of "
           "%.3f; log-likelihood %.3f of %.3f, constant rate %.3f; %zu rounds, sigma %.3f\n",
           report.filled_by_ttl, chance, report.filled_by_ttl_seen, report.waiting_s, waiting,
           report.concordance, concordance, report.log_likelihood, likelihood,
           report.log_likelihood_constant, report.n_rounds, report.sigma);
    assert_true(report.is_fitted && report.n_rounds > 0 && model.len > 0);
    check_i64((int64_t)report.n_judged, N / 5);
    check_near(report.filled_by_ttl, chance, 0.02);
    check_near(report.filled_by_ttl_seen, chance, 0.03);
    check_near(report.waiting_s, waiting, 0.05 * waiting);
    check_near(report.concordance, concordance, 0.02);
    assert_true(report.log_likelihood > report.log_likelihood_constant + 0.1);
    check_near(report.log_likelihood, likelihood, 0.06);
    end();
}

/* Leaving censored orders out would have it that orders fill surely and soon. */
static void test_without_anything_to_know_nothing_is_claimed(void **state)
{
    (void)state;
    begin(0, 2, false);
    fit();
    assert_true(report.is_fitted);
    check_near(report.concordance, 0.5, 0.03);
    check_near(report.filled_by_ttl, aft_chance(2, 0.6, TTL_S), 0.02);
    end();
}

/* The newest fifth judges a model that knew nothing of what was only heard later. */
static void test_what_was_heard_later_teaches_nothing(void **state)
{
    struct fill_report before;
    (void)state;
    begin(0.7, 3, false);
    fit();
    before = report;
    end();
    begin(0.7, 3, true);
    fit();
    check_same_double(report.log_likelihood, before.log_likelihood);
    check_same_double(report.concordance, before.concordance);
    check_same_double(report.sigma, before.sigma);
    end();
}

static void test_a_few_orders_are_no_fault(void **state)
{
    (void)state;
    begin(0.7, 4, false);
    rows.n = 200;
    fit();
    assert_false(report.is_fitted);
    check_i64((int64_t)report.n, 200);
    assert_int_equal(model.len, 0);
    end();
}

/* Known by the cut or not: the same signal asked for at different times. */
static void test_signals_are_read_as_they_were_known(void **state)
{
    float x[FEATURES_MAX] = {0};
    (void)state;
    learnable_samples_init(&market, 1, 0, 1);
    const struct fill_signal signal = {.side = SIDE_BUY,
                                       .decided_at_ns = START,
                                       .expires_at_ns = START + 30 * NS_PER_S,
                                       .first_fill_ns = START + 8 * NS_PER_S,
                                       .answered_at_ns = START + 10 * NS_PER_S,
                                       .features = x};
    struct fill_signal silent = signal, cancelled = signal;
    silent.first_fill_ns = silent.answered_at_ns = TIMESTAMP_NONE;
    cancelled.first_fill_ns = TIMESTAMP_NONE;
    fill_rows_init(&rows, market.set.n_columns);
    check_ok(fill_rows_add(&rows, &market.set, &signal, START));
    assert_int_equal(rows.n, 0); /* not even decided */
    check_ok(fill_rows_add(&rows, &market.set, &signal, START + 9 * NS_PER_S));
    check_ok(fill_rows_add(&rows, &market.set, &signal, START + 10 * NS_PER_S));
    check_ok(fill_rows_add(&rows, &market.set, &cancelled, START + NS_PER_H));
    check_ok(fill_rows_add(&rows, &market.set, &silent, START + NS_PER_H));
    const double expected[] = {9, 8, 10, 30};
    const bool filled[] = {false, true, false, false};
    for (size_t i = 0; i < 4; i++) {
        check_near(rows.seconds[i], expected[i], 1e-9);
        assert_true(rows.filled[i] == filled[i]);
    }
    fill_rows_deinit(&rows);
}

/* Freireich et al. (1963), the 6-MP arm (21 patients, weeks of remission), as in every textbook: the estimate of staying is
 * 0.857 after 6, 0.807 after 7, 0.753 after 10, 0.690 after 13, 0.627 after 16, 0.538 after 22, 0.448 after 23. */
static void test_kaplan_and_meier_are_those_of_the_textbook(void **state)
{
    const double weeks[] = {6,  6,  6,  7,  10, 13, 16, 22, 23, 6, 9,
                            10, 11, 17, 19, 20, 25, 32, 32, 34, 35};
    const double by[][2] = {{6, 0.857},  {7, 0.807},  {10, 0.753}, {13, 0.690},
                            {16, 0.627}, {22, 0.538}, {23, 0.448}, {40, 0.448}};
    bool relapsed[21] = {false};
    (void)state;
    memset(relapsed, true, 9);
    for (size_t i = 0; i < COUNT_OF(by); i++)
        check_near(1 - fill_share_by(weeks, relapsed, 21, by[i][0]), by[i][1], 6e-4);
}

/* Pairs by hand: order 0 filled at 1, order 1 at 3, order 2 censored at 2. Known: 0 before 1, 0 before 2. */
static void test_concordance_counts_known_pairs(void **state)
{
    const double seconds[] = {1, 3, 2};
    const bool filled[] = {true, true, false};
    (void)state;
    check_near(fill_concordance((const float[]){0, 1, 2}, seconds, filled, 3), 1, 0);
    check_near(fill_concordance((const float[]){1, 0, 2}, seconds, filled, 3), 0.5, 0);
    check_near(fill_concordance((const float[]){1, 1, 0}, seconds, filled, 3), 0.25, 0);
    check_near(fill_concordance((const float[]){1}, seconds, filled, 1), NAN, 0);
}

/* 80 % fill, earn 10 bp over 60 s, 3 s of waiting: 8 bp less a twentieth of 10. */
static void test_the_value_of_signalling_by_hand(void **state)
{
    const struct fill_report by_hand = {.filled_by_ttl = 0.8, .waiting_s = 3};
    (void)state;
    check_near(fill_waiting_cost(&by_hand, 0.001, 60), 0.00005, 1e-15);
    check_near(fill_value(&by_hand, 0.001, 60), 0.00075, 1e-15);
    check_near(fill_value(&by_hand, -0.001, 60), -0.0008,
               1e-15); /* waiting for a loss costs nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_to_fill_are_learned_past_censoring),
        cmocka_unit_test(test_without_anything_to_know_nothing_is_claimed),
        cmocka_unit_test(test_what_was_heard_later_teaches_nothing),
        cmocka_unit_test(test_a_few_orders_are_no_fault),
        cmocka_unit_test(test_signals_are_read_as_they_were_known),
        cmocka_unit_test(test_kaplan_and_meier_are_those_of_the_textbook),
        cmocka_unit_test(test_concordance_counts_known_pairs),
        cmocka_unit_test(test_the_value_of_signalling_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
