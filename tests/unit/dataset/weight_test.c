#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/dataset/weight.h"

static const struct weight_rule plain = {
    .cut_ns = 0, .half_life_s = 0, .propensity_cap = WEIGHT_PROPENSITY_CAP};

static struct weight_row row(int64_t t0_s, int64_t t1_s)
{
    return (struct weight_row){
        .t0_ns = t0_s * NS_PER_S, .t1_ns = t1_s * NS_PER_S, .propensity = 1, .fill_fraction = 1};
}

static void test_rows_alone_are_unique(void **state)
{
    struct weight_row rows[] = {row(0, 10), row(20, 30), row(40, 40)};
    double u[3];
    (void)state;
    check_ok(weight_uniqueness(rows, 3, u));
    for (int i = 0; i < 3; i++)
        check_near(u[i], 1, 1e-9);
}

/* By hand: [0,10] and [5,15]: 5 s alone, 5 s shared by two: (5 + 5/2) / 10. */
static void test_overlap_is_shared(void **state)
{
    struct weight_row rows[] = {row(0, 10), row(5, 15), row(100, 100), row(100, 100),
                                row(100, 100)};
    double u[5];
    (void)state;
    check_ok(weight_uniqueness(rows, 5, u));
    check_near(u[0], 0.75, 1e-9);
    check_near(u[1], 0.75, 1e-9);
    for (int i = 2; i < 5; i++)
        check_near(u[i], 1.0 / 3, 1e-6);
}

static void test_groups_do_not_overlap(void **state)
{
    struct weight_row rows[] = {row(0, 10), row(0, 10)};
    double u[2];
    (void)state;
    rows[1].group = 7;
    check_ok(weight_uniqueness(rows, 2, u));
    check_near(u[0], 1, 1e-9);
    check_near(u[1], 1, 1e-9);
}

#define ROWS 120

/* The definition, second by second: spans are whole seconds here. */
static double naive_uniqueness(const struct weight_row *rows, size_t n, size_t i)
{
    double sum = 0, length = 0;
    for (int64_t t = rows[i].t0_ns; t < rows[i].t1_ns; t += NS_PER_S, length++) {
        double alive = 0;
        for (size_t k = 0; k < n; k++)
            alive += rows[k].group == rows[i].group && rows[k].t0_ns <= t && t < rows[k].t1_ns;
        sum += 1 / alive;
    }
    return sum / length;
}

static void test_uniqueness_agrees_with_its_definition(void **state)
{
    struct weight_row rows[ROWS];
    struct rng rng;
    double u[ROWS];
    (void)state;
    rng_seed(&rng, 11);
    for (size_t i = 0; i < ROWS; i++) {
        int64_t t0 = (int64_t)rng_below(&rng, 300);
        rows[i] = row(t0, t0 + 1 + (int64_t)rng_below(&rng, 60));
        rows[i].group = (uint32_t)rng_below(&rng, 3);
    }
    check_ok(weight_uniqueness(rows, ROWS, u));
    for (size_t i = 0; i < ROWS; i++)
        check_near(u[i], naive_uniqueness(rows, ROWS, i), 1e-9);
}

static void test_weights_multiply_and_have_mean_one(void **state)
{
    struct weight_row rows[] = {row(0, 1), row(10, 11), row(20, 21), row(30, 31)};
    struct weight_rule rule = {.cut_ns = 31 * NS_PER_S, .half_life_s = 10, .propensity_cap = 4};
    struct weight_summary summary;
    float w[4], plain_w[4];
    double u[4], raw[4], sum = 0;
    (void)state;
    rows[0].propensity = 0.1F; /* capped at 4 */
    rows[1].propensity = 0.5F;
    rows[2].fill_fraction = 0.25F;
    raw[0] = exp2(-3.1) * 4;
    raw[1] = exp2(-2.1) * 2;
    raw[2] = exp2(-1.1) * 0.25;
    raw[3] = exp2(-0.1);
    const struct weight_columns out = {w, plain_w, u};
    check_ok(weight_rows(&rule, rows, 4, &out, &summary));
    for (int i = 0; i < 4; i++)
        sum += raw[i];
    for (int i = 0; i < 4; i++)
        check_near((double)w[i], raw[i] * 4 / sum, 1e-6);
    for (int i = 0; i < 4; i++) /* without returns nothing is attributed */
        check_near((double)plain_w[i], (double)w[i], 0);
    check_near((double)(w[0] + w[1] + w[2] + w[3]), 4, 1e-5);
    for (int i = 0; i < 4; i++)
        check_near(u[i], 1, 1e-12);
    check_near(summary.n_independent, 4, 1e-6);
    check_near(summary.concurrency_max, 1, 0);
    check_near(summary.span_rows, 1, 0);
}

static void test_effective_size_is_kish(void **state)
{
    const float w[] = {1, 1, 2};
    (void)state;
    check_near(weight_n_eff(w, 3), 16.0 / 6, 1e-12);
    check_near(weight_n_eff(NULL, 5), 5, 0);
    check_near(weight_n_eff((const float[]){0, 0}, 2), 0, 0);
}

static void test_unfilled_rows_weigh_nothing(void **state)
{
    struct weight_row rows[] = {row(0, 1), row(10, 11)};
    struct weight_summary summary;
    float w[2], plain_w[2];
    double u[2];
    const struct weight_columns out = {w, plain_w, u};
    (void)state;
    rows[0].fill_fraction = rows[1].fill_fraction = 0;
    check_ok(weight_rows(&plain, rows, 2, &out, &summary));
    check_near((double)w[0], 0, 0);
    check_near(summary.n_eff, 0, 0);
    check_ok(weight_rows(&plain, rows, 0, &out, &summary));
}

/* A row every second, each alive for ten: ten begin within a span. */
static void test_span_rows_count_what_begins_within_a_span(void **state)
{
    struct weight_row *rows = calloc(2000, sizeof *rows);
    float *w = calloc(2000, sizeof *w), *plain_w = calloc(2000, sizeof *plain_w);
    double *u = calloc(2000, sizeof *u);
    const struct weight_columns out = {w, plain_w, u};
    struct weight_summary summary;
    (void)state;
    for (int64_t i = 0; i < 2000; i++)
        rows[i] = row(i, i + 10);
    check_ok(weight_rows(&plain, rows, 2000, &out, &summary));
    check_near(summary.span_rows, 10, 0.05);
    check_near(summary.n_independent, 2000 / 10.0, 3);
    check_near(summary.n_eff, 2000, 20);
    free(rows);
    free(w);
    free(plain_w);
    free(u);
}

/* ---- attribution of returns ---- */

#define SECONDS 400
#define GROUPS  2

/* A market second by second: ret[g][t] is the log return from t to t + 1. */
struct second_market {
    double ret[GROUPS][SECONDS];
    struct weight_row rows[ROWS];
    float returns[ROWS][SPAN_PIECES];
};

/* Rows of `length` times one to `most` seconds; a part of a row is what the seconds in it add up to. */
static void draw_market(struct second_market *m, uint64_t seed, int64_t length, uint64_t most)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t g = 0; g < GROUPS; g++) {
        for (size_t t = 0; t < SECONDS; t++)
            m->ret[g][t] = 0.001 * rng_normal(&rng);
    }
    for (size_t i = 0; i < ROWS; i++) {
        int64_t span = length * (1 + (int64_t)rng_below(&rng, most));
        int64_t t0 = (int64_t)rng_below(&rng, (uint64_t)(SECONDS - span));
        m->rows[i] = row(t0, t0 + span);
        m->rows[i].group = (uint32_t)rng_below(&rng, GROUPS);
        m->rows[i].returns = m->returns[i];
        for (size_t k = 0; k < SPAN_PIECES; k++) {
            double sum = 0;
            for (int64_t t = t0 + span * (int64_t)k / SPAN_PIECES;
                 t < t0 + span * (int64_t)(k + 1) / SPAN_PIECES; t++)
                sum += m->ret[m->rows[i].group][t];
            m->returns[i][k] = (float)sum;
        }
    }
}

/* Snippet 4.10 as it stands: concurrency and return of every second. */
static double naive_attribution(const struct second_market *m, size_t i)
{
    const struct weight_row *row_i = &m->rows[i];
    double sum = 0;
    for (int64_t t = row_i->t0_ns; t < row_i->t1_ns; t += NS_PER_S) {
        double alive = 0;
        for (size_t k = 0; k < ROWS; k++)
            alive +=
                m->rows[k].group == row_i->group && m->rows[k].t0_ns <= t && t < m->rows[k].t1_ns;
        sum += m->ret[row_i->group][t / NS_PER_S] / alive;
    }
    return fabs(sum);
}

/* Spans of eight seconds: a part is a second, and nothing is approximate. */
static void test_attribution_is_exact_where_parts_are_bars(void **state)
{
    static struct second_market market;
    double a[ROWS];
    (void)state;
    draw_market(&market, 3, SPAN_PIECES, 1);
    check_ok(weight_attribution(market.rows, ROWS, a));
    for (size_t i = 0; i < ROWS; i++)
        check_near(a[i], naive_attribution(&market, i), 1e-9);
}

/* Longer spans, up to fifteen seconds a part, begun and ended at any time, so that concurrency changes within most parts: the
 * worst there is. It is near, and nearer than the whole return of a span at its mean concurrency. */
static void test_attribution_is_near_where_parts_are_coarse(void **state)
{
    static struct second_market market;
    double a[ROWS], u[ROWS], error = 0, error_whole = 0, size = 0;
    (void)state;
    draw_market(&market, 4, SPAN_PIECES, 15);
    check_ok(weight_attribution(market.rows, ROWS, a));
    check_ok(weight_uniqueness(market.rows, ROWS, u));
    for (size_t i = 0; i < ROWS; i++) {
        double exact = naive_attribution(&market, i), whole = 0;
        for (size_t k = 0; k < SPAN_PIECES; k++)
            whole += (double)market.returns[i][k];
        error_whole += (fabs(whole) * u[i] - exact) * (fabs(whole) * u[i] - exact);
        error += (a[i] - exact) * (a[i] - exact);
        size += exact * exact;
    }
    printf("attribution: relative error %.3f, of whole returns %.3f\n", sqrt(error / size),
           sqrt(error_whole / size));
    assert_true(sqrt(error / size) < 0.25);
    assert_true(error < 0.5 * error_whole);
}

static void test_what_teaches_is_attributed_and_what_measures_is_not(void **state)
{
    static struct second_market market;
    static float w[ROWS], plain_w[ROWS];
    static double u[ROWS], exact[ROWS];
    const struct weight_columns out = {w, plain_w, u};
    struct weight_summary summary;
    double sum = 0, plain_sum = 0, squares = 0, plain_squares = 0;
    (void)state;
    draw_market(&market, 5, SPAN_PIECES, 1);
    check_ok(weight_rows(&plain, market.rows, ROWS, &out, &summary));
    for (size_t i = 0; i < ROWS; i++) {
        double unique = naive_uniqueness(market.rows, ROWS, i);
        exact[i] = unique * naive_attribution(&market, i);
        sum += exact[i];
        plain_sum += unique;
        squares += exact[i] * exact[i];
        plain_squares += unique * unique;
    }
    for (size_t i = 0; i < ROWS; i++) {
        check_near((double)w[i], exact[i] * ROWS / sum, 1e-5);
        check_near((double)plain_w[i], u[i] * ROWS / plain_sum, 1e-5);
    }
    check_near(summary.n_eff_teach, sum * sum / squares, 1e-3);
    check_near(summary.n_eff, plain_sum * plain_sum / plain_squares, 1e-3);
}

static void test_a_market_that_stood_still_attributes_nothing(void **state)
{
    static const float still[SPAN_PIECES];
    struct weight_row rows[] = {row(0, 10), row(5, 15)};
    float w[2], plain_w[2];
    double u[2];
    const struct weight_columns out = {w, plain_w, u};
    struct weight_summary summary;
    (void)state;
    rows[0].returns = rows[1].returns = still;
    check_ok(weight_rows(&plain, rows, 2, &out, &summary));
    for (int i = 0; i < 2; i++)
        check_near((double)w[i], 1, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_alone_are_unique),
        cmocka_unit_test(test_overlap_is_shared),
        cmocka_unit_test(test_groups_do_not_overlap),
        cmocka_unit_test(test_uniqueness_agrees_with_its_definition),
        cmocka_unit_test(test_weights_multiply_and_have_mean_one),
        cmocka_unit_test(test_effective_size_is_kish),
        cmocka_unit_test(test_unfilled_rows_weigh_nothing),
        cmocka_unit_test(test_span_rows_count_what_begins_within_a_span),
        cmocka_unit_test(test_attribution_is_exact_where_parts_are_bars),
        cmocka_unit_test(test_attribution_is_near_where_parts_are_coarse),
        cmocka_unit_test(test_what_teaches_is_attributed_and_what_measures_is_not),
        cmocka_unit_test(test_a_market_that_stood_still_attributes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
