/* Honest models are left alone as often as the header says, dishonest ones are found: on markets whose truth is known. */
#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

#include "alphaloop/train/evaluate.h"
#include "alphaloop/train/honest.h"

#define DECISIONS_MAX 4000
#define ROWS_MAX      (2 * DECISIONS_MAX)
#define SPAN_MAX      32
#define NOMINAL       0.9
#define Z_NOMINAL     1.6448536269514722 /* of 0.9, both sides */

static float q[ROWS_MAX], r[ROWS_MAX];
static size_t block[ROWS_MAX];
static int8_t held[ROWS_MAX];
static double steps[DECISIONS_MAX + SPAN_MAX];

/* Outcomes are x + z: x is known at the decision, z the sum of the next `span` moves of a market that decisions share, so both
 * actions of one decision and the decisions beside it win and lose together. The truth is q = Phi(x). */
struct market {
    size_t n, span;
    double skill; /* standard deviation of x */
    double lie;   /* added to the confidence of either side, towards certainty */
    double z;     /* half width of intervals */
    double shift; /* of q, on both sides alike */
};

static double phi(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

static double bounded(double p)
{
    return fmin(fmax(p, 0), 1);
}

static struct honest_rows draw(const struct market *m, struct rng *rng)
{
    size_t length = (size_t)ceil(fmax(2.0 * (double)m->span, cbrt((double)m->n)));
    for (size_t i = 0; i < m->n + m->span; i++)
        steps[i] = rng_normal(rng);
    for (size_t i = 0; i < m->n; i++) {
        double z = 0, x = m->skill * rng_normal(rng);
        for (size_t k = 0; k < m->span; k++)
            z += steps[i + k] / sqrt((double)m->span);
        double truth = phi(x), said = truth + (truth > 0.5 ? m->lie : -m->lie);
        for (size_t side = 0; side < 2; side++) {
            q[2 * i + side] = (float)bounded((side == 0 ? said : 1 - said) + m->shift);
            r[2 * i + side] = (float)(side == 0 ? x + z : -x - z);
            held[2 * i + side] = fabs(z) <= m->z;
            block[2 * i + side] = i / length;
        }
    }
    return (struct honest_rows){.q = q,
                                .r = r,
                                .block = block,
                                .held = held,
                                .n = 2 * m->n,
                                .n_blocks = (m->n + length - 1) / length,
                                .nominal = NOMINAL,
                                .n_calibration = 1e9};
}

struct rates {
    double ece, coverage, skill, any, mean_ece;
};

static struct rates judge_many(const struct market *m, int n_markets, uint64_t seed)
{
    struct rates out = {0};
    struct rng rng;
    rng_seed(&rng, seed);
    for (int i = 0; i < n_markets; i++) {
        struct honest_rows rows = draw(m, &rng);
        struct honesty h;
        check_ok(honesty_of(&rows, &rng, &h));
        out.ece += (h.ece_low > HONEST_ECE_MAX) / (double)n_markets;
        out.coverage += (h.coverage_off_low > HONEST_COVERAGE_MAX) / (double)n_markets;
        out.skill += (h.brier_loss_low > 0) / (double)n_markets;
        out.any += (honesty_against(&h) != NULL) / (double)n_markets;
        out.mean_ece += h.ece / n_markets;
    }
    return out;
}

/* Half widths at which intervals really hold 0.92, 0.88, 0.85 and 0.8 of normal outcomes (R: qnorm((1 + c) / 2)). */
#define Z_92 1.7506860712521692
#define Z_88 1.5547735945968535
#define Z_85 1.4395314709384563
#define Z_80 1.2815515655446004

/* A tenth of 200 markets is what a level of one twentieth stays below but once in 500. */
#define N_MARKETS     200
#define AT_LEVEL_RATE 0.1

static void test_who_keeps_his_word_is_left_alone(void **state)
{
    static const size_t shapes[][2] = {{300, 1}, {600, 8}, {2000, 30}, {4000, 2}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        struct market m = {.n = shapes[i][0], .span = shapes[i][1], .skill = 0.2, .z = Z_NOMINAL};
        struct rates rates = judge_many(&m, 60, 1 + i);
        assert_true(rates.ece == 0 && rates.skill < 0.03 && rates.coverage < 0.03);
    }
}

/* Of 300 decisions the calibration error of someone who is never wrong about a probability is above the limit. */
static void test_chance_alone_is_above_the_limit_and_no_evidence(void **state)
{
    struct market m = {.n = 300, .span = 2, .skill = 0.2, .z = Z_NOMINAL};
    (void)state;
    struct rates rates = judge_many(&m, 60, 9);
    assert_true(rates.mean_ece > HONEST_ECE_MAX);
    assert_true(rates.ece == 0);
}

static void test_who_is_at_the_limit_is_refused_as_rarely_as_the_level_says(void **state)
{
    struct market m = {.n = 2000, .span = 8, .skill = 0.2, .lie = HONEST_ECE_MAX, .z = Z_92};
    (void)state;
    struct rates above = judge_many(&m, N_MARKETS, 2);
    m.z = Z_88;
    m.lie = 0;
    m.shift = HONEST_ECE_MAX;
    struct rates below = judge_many(&m, N_MARKETS, 3);
    assert_true(above.ece < AT_LEVEL_RATE && above.coverage < AT_LEVEL_RATE);
    assert_true(below.ece < AT_LEVEL_RATE && below.coverage < AT_LEVEL_RATE);
}

static void test_liars_are_found(void **state)
{
    struct market bold = {.n = 2000, .span = 8, .skill = 0.2, .lie = 0.15, .z = Z_NOMINAL};
    struct market high = {.n = 2000, .span = 8, .skill = 0.2, .shift = 0.1, .z = Z_NOMINAL};
    struct market narrow = {.n = 2000, .span = 8, .skill = 0.2, .z = Z_80};
    struct market slightly = {.n = 4000, .span = 1, .skill = 0.2, .z = Z_85};
    (void)state;
    assert_true(judge_many(&bold, 40, 4).ece > 0.95);
    assert_true(judge_many(&high, 40, 5).ece > 0.95);
    assert_true(judge_many(&narrow, 40, 6).coverage > 0.95);
    assert_true(judge_many(&slightly, 40, 7).coverage > 0.95);
    high.shift = 0.15;
    assert_true(judge_many(&high, 40, 8).skill > 0.95);
}

/* What the intervals were made of was a sample too: where that was small, missing by six points proves nothing. */
static void test_intervals_of_few_rows_may_be_off(void **state)
{
    struct market m = {.n = 4000, .span = 1, .skill = 0.2, .z = Z_85};
    struct honesty sure, unsure;
    struct rng rng;
    (void)state;
    rng_seed(&rng, 11);
    struct honest_rows rows = draw(&m, &rng);
    check_ok(honesty_of(&rows, &rng, &sure));
    rows.n_calibration = 60;
    check_ok(honesty_of(&rows, &rng, &unsure));
    check_near(sure.coverage, 0.85, 0.02);
    check_same_double(sure.coverage, unsure.coverage);
    assert_true(sure.coverage_off_low > HONEST_COVERAGE_MAX && unsure.coverage_off_low == 0);
    check_near(sure.coverage_off_low, fabs(sure.coverage - NOMINAL), 0.02);
}

/* Two bins' worth of rows by hand: four blocks, whose errors are +1, -1, +1 and +1 gains. */
static void test_numbers_by_hand(void **state)
{
    static const float said[] = {0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F};
    static const float came[] = {1, 1, -1, -1, 1, 1, 1, 1};
    static const size_t blocks[] = {0, 0, 1, 1, 2, 2, 3, 3};
    static const int8_t holds[] = {1, 1, 0, -1, 1, 1, 1, -1};
    const struct honest_rows rows = {said, came, NULL, blocks, holds, 8, 4, 0.5, 1e9};
    struct honesty h;
    struct rng rng;
    (void)state;
    rng_seed(&rng, 1);
    check_ok(honesty_of(&rows, &rng, &h));
    check_near(h.ece, 0.5, 1e-12); /* each row is a bin of its own and off by a half */
    check_near(h.coverage, 5 / 6.0, 1e-12);
    assert_int_equal(h.n_intervals, 6);
    check_near(h.brier_skill, 1 - 0.25 / (0.75 * 0.25), 1e-12);
    check_near(h.ece_low, 0, 0); /* four signs say nothing at one in twenty */
    check_near(h.coverage_off_low, 0, 0);
    assert_null(honesty_against(&h));
}

static void test_nothing_speaks_against_nothing(void **state)
{
    static const float half = 0.5F, gain = 1;
    static const size_t first = 0;
    static const int8_t none = -1;
    struct honest_rows rows = {.n = 0};
    struct honesty h;
    struct rng rng;
    (void)state;
    rng_seed(&rng, 1);
    check_ok(honesty_of(&rows, &rng, &h));
    assert_true(isnan(h.ece) && isnan(h.coverage) && h.ece_low == 0 && h.coverage_off_low == 0);
    assert_null(honesty_against(&h));
    rows = (struct honest_rows){&half, &gain, NULL, &first, &none, 1, 1, 0.9, 1};
    check_ok(honesty_of(&rows, &rng, &h));
    assert_true(isnan(h.coverage) && isnan(h.brier_skill) && h.n_intervals == 0);
    assert_null(honesty_against(&h));
}

static void test_each_lie_has_its_words(void **state)
{
    (void)state;
    struct honesty h = {.ece_low = 0.051};
    check_has(honesty_against(&h), "off by more than 0.05");
    h = (struct honesty){.coverage = 0.85, .nominal = 0.9, .coverage_off_low = 0.021};
    check_has(honesty_against(&h), "more than two points too rarely");
    h.coverage = 0.95; /* too wide is no lie that costs anybody money */
    assert_null(honesty_against(&h));
    h = (struct honesty){.brier_loss_low = 1e-6};
    check_has(honesty_against(&h), "less than the base rate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_keeps_his_word_is_left_alone),
        cmocka_unit_test(test_chance_alone_is_above_the_limit_and_no_evidence),
        cmocka_unit_test(test_who_is_at_the_limit_is_refused_as_rarely_as_the_level_says),
        cmocka_unit_test(test_liars_are_found),
        cmocka_unit_test(test_intervals_of_few_rows_may_be_off),
        cmocka_unit_test(test_numbers_by_hand),
        cmocka_unit_test(test_nothing_speaks_against_nothing),
        cmocka_unit_test(test_each_lie_has_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
