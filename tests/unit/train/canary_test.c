/* Canaries on markets whose leaks are known, because they were planted: which are found and named, from what strength on, and
 * that honest rows raise no alarm. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../src/train/fit_i.h"
#include "alphaloop/base/timestamp.h"
#include "harness/learnable.h"
#include "harness/learnable_samples.h"

#define N      2500
#define LEAKER 1 /* return_5 */

static struct learnable_samples market;
static struct train_job job;
static struct train_rows rows;
static struct train_result result;

static void begin(size_t n_decisions, double edge, uint64_t seed)
{
    learnable_samples_init(&market, n_decisions, edge, seed);
    learnable_samples_job(&market, &job);
    learnable_samples_rows(&market, &rows);
    job.params.values[0] = 15; /* rounds: the canaries do not depend on them */
    job.params.values[2] = 0.3;
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

static bool has_failed(void)
{
    return result.manifest->canaries == MANIFEST_CANARIES_FAILED;
}

/* +1 where the price went up after the decision of row i. */
static double direction(size_t i)
{
    const struct train_row *row = &rows.rows[i];
    return row->net_return > 0 ? side_sign((enum side)row->action)
                               : -side_sign((enum side)row->action);
}

/* A column becomes the direction of the price `lag` decisions of its asset later, and noise. Both rows of a decision get the
 * same value; the assets take turns, so a decision of the same asset is four rows on. */
static void plant(size_t column, double strength, size_t lag, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i + 1 < rows.n_rows; i += 2) {
        size_t from = i + 4 * lag < rows.n_rows ? i + 4 * lag : i;
        float value = (float)(strength * direction(from) + rng_normal(&rng));
        rows.x[i * rows.n_cols + column] = value;
        rows.x[(i + 1) * rows.n_cols + column] = value;
    }
}

/* AUC of +-strength plus a standard normal: Phi(sqrt(2) strength). */
static double auc_of_strength(double strength)
{
    return 0.5 * erfc(-strength);
}

/* The label and some noise. */
static void test_a_column_that_is_the_label_is_named(void **state)
{
    (void)state;
    begin(N, 0, 1);
    plant(LEAKER, 1.2, 0, 7);
    run();
    printf("%s\n", result.end.reason);
    check_i64(result.end.verdict, TRAIN_REFUSE);
    assert_true(has_failed());
    check_has(result.end.reason, "planted future");
    check_has(result.end.reason, "'return_5'");
    check_str(result.manifest->gate.reason, result.end.reason);
    assert_false(result.manifest->gate.promote);
    check_has(buf_str(&result.report), "\"canaries\":{\"verdict\":\"failed\"");
    end();
}

/* Without the canary the gate would be glad of it. */
static void test_the_same_rows_would_be_promoted_without_canaries(void **state)
{
    (void)state;
    begin(N, 0, 1);
    plant(LEAKER, 1.2, 0, 7);
    job.canaries = false;
    run();
    check_i64(result.end.verdict, TRAIN_PROMOTE);
    check_i64(result.manifest->canaries, MANIFEST_CANARIES_OFF);
    check_ok(train_result_seal(&result, NS_PER_DAY, 1));
    check_has(buf_str(&result.manifest_json), "\"canaries\":\"off\"");
    end();
}

/* A leak is noisy: found from an AUC of about 0.85 on, never called by another name, never below 0.80. */
static void test_leaks_are_found_by_their_strength(void **state)
{
    static const double strengths[] = {2, 1.2, 1, 0.8, 0.65, 0.5, 0.3};
    (void)state;
    for (size_t k = 0; k < COUNT_OF(strengths); k++) {
        size_t n_found = 0;
        for (uint64_t seed = 1; seed <= 5; seed++) {
            begin(N, 0, seed);
            plant(LEAKER, strengths[k], 0, 100 + seed);
            run();
            n_found += has_failed();
            if (has_failed())
                check_has(result.end.reason, "'return_5'");
            end();
        }
        printf("a column with an AUC of %.3f: found in %zu of 5\n", auc_of_strength(strengths[k]),
               n_found);
        if (auc_of_strength(strengths[k]) > 0.87)
            check_i64((int64_t)n_found, 5);
        if (auc_of_strength(strengths[k]) < 0.8)
            check_i64((int64_t)n_found, 0);
    }
}

static void test_a_column_without_direction_cannot_hide_a_leak(void **state)
{
    (void)state;
    begin(N, 0, 3);
    size_t spread = feature_set_find(&market.set, SLICE("spread_bps"));
    assert_false(market.set.columns[spread].is_oriented);
    plant(spread, 3, 0, 7);
    run();
    assert_true(has_failed());
    check_has(result.end.reason, "'spread_bps'");
    end();
}

/* The outcome of the decision after is worth nothing for this one, but no one could have known it. */
static void test_a_column_from_later_than_the_label_is_named(void **state)
{
    (void)state;
    begin(N, 0, 4);
    plant(LEAKER, 0.5, 1, 7); /* AUC 0.76 of the outcome after, 0.5 of its own */
    run();
    printf("%s\n", result.end.reason);
    assert_true(has_failed());
    check_has(result.end.reason, "shifted labels");
    check_has(result.end.reason, "'return_5'");
    end();
}

/* No column alone is suspicious, all together are. */
static void test_leaks_in_many_columns_are_found_together(void **state)
{
    (void)state;
    begin(2 * N, 0, 5);
    for (size_t k = 0; k < 4; k++)
        plant(k, 0.57, 0, 50 + k); /* AUC 0.79 each, 0.95 together */
    job.params.values[0] = 60;
    run();
    printf("%s\n", result.end.reason);
    assert_true(has_failed());
    check_has(result.end.reason, "all columns together");
    end();
}

static void test_honest_rows_raise_no_alarm(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 25; seed++) {
        begin(N / 2, seed % 2 == 0 ? 1 : 0, seed);
        run();
        if (has_failed())
            fail_msg("seed %d: %s", (int)seed, result.end.reason);
        check_i64(result.manifest->canaries, MANIFEST_CANARIES_PASSED);
        end();
    }
}

static void test_too_few_independent_labels_are_said(void **state)
{
    (void)state;
    begin(600, 1, 6);
    job.gate.n_eff_min = 100;
    for (size_t i = 0; i < rows.n_rows; i++) { /* labels of an hour instead of half a minute */
        rows.rows[i].t1_ns = rows.rows[i].t0_ns + NS_PER_H / 4;
        rows.rows[i].available_at_ns = rows.rows[i].t1_ns;
    }
    run();
    check_i64(result.manifest->canaries, MANIFEST_CANARIES_SKIPPED);
    check_has(buf_str(&result.report), "\"verdict\":\"skipped\"");
    end();
}

/* ---- the parts ---- */

static void make_rows(struct canary_rows *out, size_t n, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    *out = (struct canary_rows){.n_cols = 3, .n_teach = n, .n_test = n, .n_independent = (double)n};
    out->x = malloc(2 * n * 3 * sizeof(float));
    out->labels = malloc(2 * n * sizeof(float));
    out->sign = malloc(2 * n * sizeof(float));
    for (size_t i = 0; i < 2 * n; i++) {
        out->labels[i] = (float)rng_below(&rng, 2);
        out->sign[i] = rng_below(&rng, 2) == 0 ? 1.0F : -1.0F;
        for (size_t k = 0; k < 3; k++)
            out->x[i * 3 + k] = (float)rng_normal(&rng);
    }
}

/* Rows that teach and judge at once: the one fault that shuffled labels are there for. */
static void test_judging_by_teachers_shows_on_shuffled_labels(void **state)
{
    struct canary_rows own;
    struct training *t = calloc(1, sizeof *t);
    double honest, leaky;
    (void)state;
    train_job_default(&job);
    t->job = &job;
    make_rows(&own, 1500, 3);
    check_ok(canary_model_auc(t, &own, own.labels, &honest));
    memcpy(own.x + 1500 * 3, own.x, 1500 * 3 * sizeof(float));
    memcpy(own.labels + 1500, own.labels, 1500 * sizeof(float));
    check_ok(canary_model_auc(t, &own, own.labels, &leaky));
    double bound = 0.5 + 3 * canary_auc_se(0.5, 750, 750);
    printf("labels of chance: AUC %.3f on other rows, %.3f on the teachers; chance ends at %.3f\n",
           honest, leaky, bound);
    assert_true(honest < bound && leaky > bound);
    canary_rows_deinit(&own);
    free(t);
}

/* A relation that goes up and down again has a rank AUC of 1/2; bins see it. */
static void test_a_column_need_not_be_monotone(void **state)
{
    struct canary_rows own;
    double auc;
    (void)state;
    make_rows(&own, 2000, 4);
    for (size_t i = 0; i < 4000; i++)
        own.labels[i] = fabsf(own.x[i * 3 + 2]) > 0.6745F ? 1.0F : 0.0F;
    check_ok(canary_column_auc(&own, 2, false, &auc));
    assert_true(auc > 0.97);
    check_ok(canary_column_auc(&own, 1, false, &auc));
    check_near(auc, 0.5, 0.05);
    canary_rows_deinit(&own);
}

/* Against pairs counted one by one, with a column that has as many values as there are bins. */
static void test_a_columns_auc_is_that_of_its_pairs(void **state)
{
    struct canary_rows own;
    double auc;
    (void)state;
    make_rows(&own, 800, 5);
    for (size_t i = 0; i < 1600; i++) {
        float value = (float)(i * 7 % 4);
        own.x[i * 3] = value;
        own.labels[i] = (float)(i * 5 % 11 < (size_t)(3 + 2 * value));
    }
    check_ok(canary_column_auc(&own, 0, false, &auc));
    float scores[800];
    for (size_t i = 0; i < 800; i++)
        scores[i] = own.x[(800 + i) * 3];
    check_near(auc, auc_of_floats(scores, own.labels + 800, 800), 1e-6);
    canary_rows_deinit(&own);
}

/* Hanley and McNeil (1982), the example of their section on sample sizes: A = 0.80 with 45 and 45 cases. By the formula with
 * Q1 = 2/3 and Q2 = 0.7111: sqrt((0.16 + 44 * 0.026667 + 44 * 0.071111) / 2025) = 0.0470. */
static void test_the_standard_error_is_hanley_and_mcneils(void **state)
{
    (void)state;
    check_near(canary_auc_se(0.8, 45, 45), 0.04697, 1e-4);
    check_near(canary_auc_se(0.5, 100, 300), sqrt(401.0 / (12 * 100 * 300)), 1e-9);
}

static void test_shuffling_keeps_every_label_and_neighbours(void **state)
{
    float labels[1000], out[1000];
    struct rng rng;
    size_t kept = 0, moved = 0;
    double sum = 0;
    (void)state;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < 1000; i++)
        labels[i] = (float)i;
    check_ok(canary_shuffle(labels, 1000, 10, &rng, out));
    for (size_t i = 0; i < 1000; i++) {
        sum += (double)out[i];
        moved += out[i] != labels[i];
        kept += i > 0 && out[i] == out[i - 1] + 1;
    }
    check_near(sum, 999 * 500, 0);
    assert_true(moved > 900);
    assert_true(kept >= 1000 - 101 && kept < 1000 - 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_column_that_is_the_label_is_named),
        cmocka_unit_test(test_the_same_rows_would_be_promoted_without_canaries),
        cmocka_unit_test(test_leaks_are_found_by_their_strength),
        cmocka_unit_test(test_a_column_without_direction_cannot_hide_a_leak),
        cmocka_unit_test(test_a_column_from_later_than_the_label_is_named),
        cmocka_unit_test(test_leaks_in_many_columns_are_found_together),
        cmocka_unit_test(test_honest_rows_raise_no_alarm),
        cmocka_unit_test(test_too_few_independent_labels_are_said),
        cmocka_unit_test(test_judging_by_teachers_shows_on_shuffled_labels),
        cmocka_unit_test(test_a_column_need_not_be_monotone),
        cmocka_unit_test(test_a_columns_auc_is_that_of_its_pairs),
        cmocka_unit_test(test_the_standard_error_is_hanley_and_mcneils),
        cmocka_unit_test(test_shuffling_keeps_every_label_and_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
