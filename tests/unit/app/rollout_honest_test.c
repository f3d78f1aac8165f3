/* A version's claims on live decisions, held against what came. */
#include "harness/check.h"

#include <stdlib.h>

#include "../../../src/app/rollout_honest_i.h"

#define N_BLOCKS 100
#define N        (4 * N_BLOCKS)

static struct shadow_claim_row claims[N];
static struct conformal conformal;

/* Intervals are v +- 2 sigma at 0.9: of the 110 scores 0.02, 0.04 .. 2.2 the hundredth is 2. */
static void fill(double q, double held_share, uint64_t seed)
{
    double scores[110];
    struct rng rng;
    for (size_t i = 0; i < COUNT_OF(scores); i++)
        scores[i] = 0.02 * (double)(i + 1);
    check_ok(conformal_fit(scores, COUNT_OF(scores), 1e9, &conformal));
    rng_seed(&rng, seed);
    for (size_t i = 0; i < N; i++) { /* newest first, as they are read */
        double size = rng_uniform(&rng) < held_share ? 0.001 : 0.003;
        double won = rng_uniform(&rng) < 0.6 ? 1 : -1;
        claims[i] = (struct shadow_claim_row){.block = 1000 - (int64_t)(i / 4),
                                              .q = q,
                                              .v = 0,
                                              .net_return = won * size,
                                              .sigma_h = 0.001};
    }
}

static struct honesty ask(void)
{
    struct honesty h;
    struct rng rng;
    rng_seed(&rng, 1);
    check_ok(rollout_honesty(claims, N, &conformal, 0.9, 1e6, &rng, &h));
    return h;
}

static void test_who_kept_his_word_may_step(void **state)
{
    (void)state;
    fill(0.6, 0.9, 1);
    struct honesty h = ask();
    assert_null(honesty_against(&h));
    check_i64((int64_t)h.n_blocks, N_BLOCKS);
    check_i64((int64_t)h.n_intervals, N);
    check_near(h.coverage, 0.9, 0.05);
    check_near(h.nominal, 0.9, 0);
}

static void test_who_promised_more_wins_waits(void **state)
{
    (void)state;
    fill(0.8, 0.9, 2);
    struct honesty h = ask();
    check_has(honesty_against(&h), "off by more than 0.05");
}

static void test_whose_intervals_miss_waits(void **state)
{
    (void)state;
    fill(0.6, 0.75, 3);
    struct honesty h = ask();
    check_near(h.coverage, 0.75, 0.06);
    check_has(honesty_against(&h), "intervals surely hold");
}

/* Volatility was not kept, or the version has no intervals: there is nothing to hold. */
static void test_without_intervals_only_probabilities_count(void **state)
{
    (void)state;
    fill(0.6, 0.75, 3);
    for (size_t i = 0; i < N; i++)
        claims[i].sigma_h = NAN;
    struct honesty h = ask();
    check_i64((int64_t)h.n_intervals, 0);
    assert_null(honesty_against(&h));
    fill(0.6, 0.75, 3);
    conformal = (struct conformal){0};
    h = ask();
    check_i64((int64_t)h.n_intervals, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_kept_his_word_may_step),
        cmocka_unit_test(test_who_promised_more_wins_waits),
        cmocka_unit_test(test_whose_intervals_miss_waits),
        cmocka_unit_test(test_without_intervals_only_probabilities_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
