#include "harness/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/train/gate.h"
#include "alphaloop/train/rollout.h"

static const struct asset BTC = {"BTCUSDT"}, ETH = {"ETHUSDT"};

/* ---- stages ---- */

static void test_stages_are_named_and_move_as_the_table_says(void **s)
{
    (void)s;
    /* By hand, from the drawing in docs/learning-details.md: row from, column to, in the table's order. */
    static const char *const allowed[ROLLOUT_STAGE_COUNT] = {
        ".x..x.....", /* offline_passed */
        "..x.x.xx..", /* shadow */
        ".x.xx.xx..", /* canary_5 */
        ".x..x.xx..", /* canary_25 */
        ".....x.xxx", /* active */
        "....x...x.", /* guard */
        "....x.....", /* rejected */
        "....x.....", /* expired */
        "....x.....", /* retired */
        "....x.....", /* rolled_back */
    };
    for (unsigned from = 0; from < ROLLOUT_STAGE_COUNT; from++) {
        enum rollout_stage read;
        assert_true(rollout_stage_parse(slice_of(rollout_stage_name(from)), &read));
        check_i64(read, from);
        assert_true(strlen(rollout_stage_meaning(from)) > 0);
        for (unsigned to = 0; to < ROLLOUT_STAGE_COUNT; to++)
            check_i64(rollout_may_move(from, to), allowed[from][to] == 'x');
    }
    enum rollout_stage none;
    assert_false(rollout_stage_parse(slice_of("canary"), &none));
    check_near(rollout_share(ROLLOUT_canary_5), 0.05, 0);
    check_near(rollout_share(ROLLOUT_canary_25), 0.25, 0);
    check_near(rollout_share(ROLLOUT_active), 1, 0);
}

static void test_ids_fall_to_a_canary_by_their_hash(void **s)
{
    (void)s;
    struct rng rng;
    rng_seed(&rng, 5);
    size_t n5 = 0, n25 = 0;
    for (size_t i = 0; i < 40000; i++) {
        struct uuid id = uuid_v7((int64_t)i * 1000000, &rng);
        bool takes5 = rollout_takes(id, 0.05), takes25 = rollout_takes(id, 0.25);
        assert_true(!takes5 || takes25); /* a canary keeps its decisions when its share grows */
        check_i64(takes5, rollout_takes(id, 0.05));
        assert_false(rollout_takes(id, 0));
        assert_true(rollout_takes(id, 1));
        n5 += takes5;
        n25 += takes25;
    }
    assert_true(fabs((double)n5 - 2000) < 4 * sqrt(40000 * 0.05 * 0.95));
    assert_true(fabs((double)n25 - 10000) < 4 * sqrt(40000 * 0.25 * 0.75));
}

/* sha256 of the sixteen bytes 00 01 .. 0f, by coreutils: be45cb2605bf36be..., which is 0.74325246 of 2^64. */
static void test_hash_is_sha256_of_the_bytes_of_the_id(void **s)
{
    (void)s;
    struct uuid id;
    for (size_t i = 0; i < 16; i++)
        id.bytes[i] = (uint8_t)i;
    assert_false(rollout_takes(id, 0.7432524));
    assert_true(rollout_takes(id, 0.7432525));
}

/* ---- paired blocks ---- */

static void add(
    struct paired *paired, int64_t index, double u_b, double u_a, const struct asset *asset)
{
    const struct paired_block block = {.index = index,
                                       .n = 1,
                                       .d = u_b - u_a,
                                       .u_b = u_b,
                                       .u_a = u_a,
                                       .trades_b = u_b != 0,
                                       .trades_a = u_a != 0};
    check_ok(paired_add(paired, &block, asset));
}

static void test_blocks_close_when_the_next_but_one_begins(void **s)
{
    (void)s;
    struct paired paired = {0};
    add(&paired, 10, 1, 0, &BTC);
    add(&paired, 10, 2, 1, &ETH);
    check_i64((int64_t)paired.n_closed, 0);
    add(&paired, 11, 4, 0, &BTC);
    add(&paired, 10, 8, 0, &BTC); /* settled late, but in time */
    check_i64((int64_t)paired.n_closed, 0);
    add(&paired, 13, 0, 0, &BTC);
    check_i64((int64_t)paired.n_closed,
              2); /* 10 and 11; 12 is open, though nothing was decided in it yet */
    check_near(paired.blocks[0].d, 10, 0);
    check_near(paired.blocks[0].u_a, 1, 0);
    check_i64((int64_t)paired.blocks[0].n, (int64_t)(3));
    add(&paired, 12, 16, 0, &BTC);
    check_i64((int64_t)paired.n, 4);
    check_i64(paired.blocks[2].index, 12);
    add(&paired, 11, 32, 0, &BTC); /* too late */
    check_i64((int64_t)paired.n_late, (int64_t)(1));
    check_near(paired.blocks[1].d, 4, 0);
    check_i64((int64_t)paired.n_symbols, (int64_t)(2));
    check_near(paired.symbols[0].profit, 1 + 4 + 8 + 16, 0);
    paired_deinit(&paired);
}

static void test_only_so_many_blocks_are_kept(void **s)
{
    (void)s;
    struct paired paired = {0};
    for (int64_t i = 0; i < 3 * ROLLOUT_BLOCKS_MAX; i++)
        add(&paired, i, (double)i, 0, &BTC);
    assert_true(paired.n_closed <= ROLLOUT_BLOCKS_MAX);
    assert_true(paired.n_closed >= ROLLOUT_BLOCKS_MAX / 2 - 1);
    check_i64((int64_t)paired.n_closed_ever, (int64_t)(3 * ROLLOUT_BLOCKS_MAX - 2));
    check_i64(paired.blocks[paired.n - 1].index, 3 * ROLLOUT_BLOCKS_MAX - 1);
    paired_deinit(&paired);
}

/* ---- the e-process ---- */

/* Density of noncentral t at t, by Simpson's rule over the chi variable, up to a constant that the ratio loses. */
static double t_density(double t, double v, double shift)
{
    double sum = 0, step = 0.01, top = sqrt(v) + 12;
    size_t n = (size_t)(top / step / 2) * 2;
    for (size_t i = 1; i < n; i++) {
        double u = (double)i * step, z = t * u / sqrt(v) - shift;
        double log_f = (v - 1) * log(u) - u * u / 2 + log(u) - z * z / 2;
        double log_at_mode = v / 2 * log(v) - v / 2; /* keeps it in range */
        sum += (i % 2 == 1 ? 4 : 2) * exp(log_f - log_at_mode);
    }
    return sum * step / 3;
}

/* The mixture itself, integrated: nothing of the closed form. */
static double e_by_integration(size_t n, double mean, double deviation)
{
    double t = mean / deviation * sqrt((double)n / 1.2), v = (double)n - 1, c = 0.3, sum = 0;
    double step = 0.005;
    for (int i = -480; i <= 480; i++) { /* 8 deviations each way */
        double effect = (double)i * step;
        double weight = exp(-effect * effect / (2 * c * c)) / (c * sqrt(2 * acos(-1.0)));
        sum += step * weight * t_density(t, v, effect * sqrt((double)n));
    }
    return sum / t_density(t, v, 0);
}

static void test_e_value_is_the_integral_it_stands_for(void **s)
{
    (void)s;
    static const struct {
        size_t n;
        double mean, deviation;
    } cases[] = {{2, 1, 1}, {20, 0.4, 1}, {20, -0.9, 1}, {60, 3e-5, 1e-4}, {200, 0, 2}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double expected = e_by_integration(cases[i].n, cases[i].mean, cases[i].deviation);
        double e = rollout_e_value(cases[i].n, cases[i].mean, cases[i].deviation);
        check_near(e / expected, 1, 1e-6);
    }
    check_near(rollout_e_value(1, 3, 1), 1, 0);
    check_near(rollout_e_value(50, 3, 0), 1, 0);
}

/* A market without edge: outcomes of overlapping labels, fat-tailed, the difference of two policies that trade at random. */
struct no_edge {
    struct rng rng;
    double moves[16]; /* of the last steps */
    size_t at;
};

static double fat(struct rng *rng)
{
    return rng_normal(rng) * (rng_uniform(rng) < 0.05 ? 4 : 1);
}

/* The sum of d over a block of 32 decisions whose labels reach 16 on; each is traded by one of the two policies, one way
 * for a while. */
static double no_edge_block(struct no_edge *m)
{
    double sum = 0;
    for (size_t i = 0; i < 32; i++) {
        m->moves[m->at++ % 16] = fat(&m->rng);
        for (size_t k = 0; k < 16; k++)
            sum += m->moves[k];
    }
    return sum;
}

struct running {
    size_t n;
    double mean, squares; /* Welford */
};

static double e_after(struct running *r, double x)
{
    double from = x - r->mean;
    r->mean += from / (double)++r->n;
    r->squares += from * (x - r->mean);
    return rollout_e_value(r->n, r->mean, r->n > 1 ? sqrt(r->squares / (double)(r->n - 1)) : 0);
}

/* Looked at after every one of 400 blocks. */
static void test_looking_all_the_time_does_not_win_by_luck(void **s)
{
    (void)s;
    static const double levels[] = {0.05, 0.0304};
    const size_t n_markets = 3000;
    for (size_t l = 0; l < COUNT_OF(levels); l++) {
        size_t n_passed = 0, n_refused = 0;
        for (size_t i = 0; i < n_markets; i++) {
            struct no_edge market = {0};
            struct running r = {0};
            bool passed = false, refused = false;
            rng_seed(&market.rng, 1000 + i);
            for (size_t k = 0; k < 400; k++) {
                double e = e_after(&r, no_edge_block(&market));
                bool says = r.n >= ROLLOUT_BLOCKS_MIN && e >= 1 / levels[l];
                passed |= says && r.mean > 0;
                refused |= says && r.mean < 0;
            }
            n_passed += passed;
            n_refused += refused;
        }
        double share = (double)n_passed / (double)n_markets;
        double error = sqrt(levels[l] * (1 - levels[l]) / (double)n_markets);
        printf("level %.4f: ever better %.4f, ever worse %.4f of %zu markets without edge\n",
               levels[l], share, (double)n_refused / (double)n_markets, n_markets);
        assert_true(share <= levels[l] + 2 * error);
        assert_true(share > 0); /* a test that never says yes is none */
        assert_true((double)n_refused / (double)n_markets <= levels[l] + 2 * error);
    }
}

static void test_an_edge_is_found(void **s)
{
    (void)s;
    size_t n_found = 0, blocks = 0;
    for (size_t i = 0; i < 200; i++) {
        struct rng rng;
        struct running r = {0};
        rng_seed(&rng, 77 + i);
        for (size_t k = 0; k < 400; k++) {
            double e = e_after(&r, 0.4 + rng_normal(&rng));
            if (r.n < ROLLOUT_BLOCKS_MIN || e < 1 / 0.0304 || r.mean <= 0)
                continue;
            n_found++;
            blocks += r.n;
            break;
        }
    }
    printf("an edge of 0.4 deviations a block is found in %.0f of 200 markets, after %.0f blocks\n",
           (double)n_found, (double)blocks / (double)n_found);
    assert_true(n_found >= 198);
    assert_true((double)blocks / (double)n_found < 120);
}

/* ---- the CUSUM ---- */

/* Hawkins (1993): k = 0.25, h = 8.01 gives a two-sided chart 370 blocks between false alarms, so one side 740. */
static void test_cusum_threshold_is_the_published_one(void **s)
{
    (void)s;
    check_near(rollout_cusum_threshold(740), 8.01, 0.02);
    assert_true(rollout_cusum_threshold(10000) > rollout_cusum_threshold(1000));
}

static void test_cusum_adds_up_scores_past_the_reference(void **s)
{
    (void)s;
    double x[26];
    for (size_t i = 0; i < 19; i++)
        x[i] = i % 2 == 0 ? 1 : -1; /* before the twentieth nothing counts */
    for (size_t i = 19; i < 26; i++)
        x[i] = 1; /* mean square stays 1: each scores 1 / sqrt(1.2) - 1/4 = 0.66287 */
    struct rollout_cusum c = rollout_cusum(x, 26, 740);
    check_near(c.level, 7 * (0.9128709291752769 - 0.25), 1e-12);
    assert_false(c.alarm);
    x[25] = -1;
    check_near(rollout_cusum(x, 26, 740).level, 6 * 0.6628709291752769 - 1.1628709291752769, 1e-12);
    check_near(rollout_cusum(x, 19, 740).level, 0, 0);
}

/* Blocks until the first alarm, at most `n_max`. */
static size_t run_length(double *x, size_t n_max, double arl)
{
    size_t low = 1, high = n_max; /* the alarm stays: bisect */
    if (!rollout_cusum(x, n_max, arl).alarm)
        return n_max;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (rollout_cusum(x, middle, arl).alarm)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void test_false_alarms_are_as_far_apart_as_was_asked(void **s)
{
    (void)s;
    enum { N = 4000, RUNS = 300 };
    const double arl = 500;
    double *x = calloc(N, sizeof *x), alike = 0, overlapping = 0, worse = 0;
    for (size_t i = 0; i < RUNS; i++) {
        struct no_edge market = {0};
        rng_seed(&market.rng, 9000 + i);
        for (size_t k = 0; k < N; k++)
            x[k] = rng_normal(&market.rng);
        alike += (double)run_length(x, N, arl);
        for (size_t k = 0; k < N; k++)
            x[k] = no_edge_block(&market);
        overlapping += (double)run_length(x, N, arl);
        for (size_t k = 0; k < N;
             k++) /* alike for 100 blocks, then worse by one deviation a block */
            x[k] = rng_normal(&market.rng) + (k >= 100 ? 1 : 0);
        worse += (double)run_length(x, N, arl * 100) - 100;
    }
    free(x);
    printf("asked for %.0f blocks between false alarms: independent %.0f, overlapping %.0f; one "
           "deviation worse "
           "is seen after %.0f (asked for %.0f)\n",
           arl, alike / RUNS, overlapping / RUNS, worse / RUNS, arl * 100);
    assert_true(alike / RUNS >= 0.9 * arl);
    assert_true(overlapping / RUNS >= 0.9 * arl);
    assert_true(worse / RUNS < 60);
}

/* ---- drawdown ---- */

static void test_drawdown_of_what_always_falls_is_all_of_it(void **s)
{
    (void)s;
    double down[50], up[50], median;
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < 50; i++) {
        down[i] = -1;
        up[i] = 1;
    }
    check_ok(rollout_drawdown(down, 50, &rng, &median));
    check_near(median, 50, 0);
    check_ok(rollout_drawdown(up, 50, &rng, &median));
    check_near(median, 0, 0);
}

/* ---- verdicts ---- */

static const struct rollout_rule RULE = {
    .level = 0.05, .attempt = 1, .margin = 0.001, .symbol_max = 0.8, .n_blocks_max = 60};

/* n closed blocks in which B earns `edge` more than A, give or take noise, trading `trades_b` times a block. */
static void play(
    struct paired *paired, size_t n, double edge, double u_a, uint64_t trades_b, double noise)
{
    struct rng rng;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < n + 2; i++) {
        double d = edge + noise * rng_normal(&rng), a = u_a + 0.001 * rng_normal(&rng);
        const struct paired_block half = {.index = (int64_t)i,
                                          .n = 10,
                                          .d = d / 2,
                                          .u_b = (a + d) / 2,
                                          .u_a = a / 2,
                                          .trades_b = trades_b,
                                          .trades_a = 4};
        check_ok(paired_add(paired, &half, i % 2 == 0 ? &BTC : &ETH));
        check_ok(paired_add(paired, &half, i % 2 == 0 ? &ETH : &BTC));
    }
}

struct verdict_case {
    const char *what;
    enum rollout_stage stage, next;
    size_t n;
    uint64_t n_at_stage;
    double edge, u_a;
    uint64_t trades_b;
    bool is_weak;
    const char *says;
};

static void test_verdicts(void **s)
{
    (void)s;
    static const struct verdict_case cases[] = {
        {"too early", ROLLOUT_shadow, ROLLOUT_shadow, 19, 0, 1, 0.5, 4, false, "too early"},
        {"better", ROLLOUT_shadow, ROLLOUT_canary_5, 30, 0, 1, 0.5, 4, false, "better than the"},
        {"a step needs blocks of its own", ROLLOUT_canary_5, ROLLOUT_canary_5, 30, 21, 1, 0.5, 4,
         false, "too early"},
        {"second step", ROLLOUT_canary_5, ROLLOUT_canary_25, 30, 20, 1, 0.5, 4, false,
         "better than the"},
        {"third step", ROLLOUT_canary_25, ROLLOUT_active, 40, 30, 1, 0.5, 4, false,
         "better than the"},
        {"worse", ROLLOUT_canary_25, ROLLOUT_rejected, 30, 20, -1, 0.5, 4, false, "surely worse"},
        {"the same", ROLLOUT_shadow, ROLLOUT_shadow, 30, 0, 0, 0.5, 4, false, "not surely better"},
        {"the same for ever", ROLLOUT_shadow, ROLLOUT_expired, 60, 0, 0, 0.5, 4, false,
         "no verdict in time"},
        {"trades too much", ROLLOUT_shadow, ROLLOUT_shadow, 30, 0, 1, 0.5, 7, false, "1.5 times"},
        {"no worse than a weak one", ROLLOUT_shadow, ROLLOUT_canary_5, 30, 0, 0.002, 0.5, 4, true,
         "not worse than"},
        {"no worse, but worse than nothing", ROLLOUT_shadow, ROLLOUT_shadow, 30, 0, 0.002, -0.5, 4,
         true, "not surely better"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct verdict_case *c = &cases[i];
        struct paired paired = {0};
        struct rollout_verdict verdict;
        struct rng rng;
        rng_seed(&rng, 2);
        play(&paired, c->n, c->edge, c->u_a, c->trades_b,
             c->edge == 0 ? 0.01
             : c->is_weak ? 0.001
                          : 0.2);
        check_ok(
            rollout_judge(&RULE, c->stage, c->n_at_stage, c->is_weak, &paired, &rng, &verdict));
        if (verdict.next != c->next || strstr(verdict.text, c->says) == NULL)
            fail_msg("%s: %s: %s", c->what, rollout_stage_name(verdict.next), verdict.text);
        paired_deinit(&paired);
    }
}

static void test_profit_of_one_symbol_and_deep_drawdowns_hold_a_step_back(void **s)
{
    (void)s;
    struct paired one = {0}, deep = {0};
    struct rollout_verdict verdict;
    struct rng rng;
    rng_seed(&rng, 2);
    for (int64_t i = 0; i < 40; i++) {
        const struct paired_block btc = {.index = i,
                                         .n = 4,
                                         .d = 1,
                                         .u_b = 1,
                                         .trades_b = 2,
                                         .trades_a = 2},
                                  eth = {.index = i,
                                         .n = 4,
                                         .d = 0.1 * (double)(i % 3),
                                         .u_b = 0.1,
                                         .trades_b = 1,
                                         .trades_a = 2};
        check_ok(paired_add(&one, &btc, &BTC));
        check_ok(paired_add(&one, &eth, &ETH));
        double swing =
            i % 10 < 3 ? -8 : 6; /* earns on average, but falls by 24 now and then; A never falls */
        const struct paired_block wild = {.index = i,
                                          .n = 8,
                                          .d = 1 + 0.1 * (double)(i % 2),
                                          .u_b = swing,
                                          .u_a = 0.1,
                                          .trades_b = 2,
                                          .trades_a = 2};
        check_ok(paired_add(&deep, &wild, &BTC));
    }
    check_ok(rollout_judge(&RULE, ROLLOUT_shadow, 0, false, &one, &rng, &verdict));
    check_i64(verdict.next, ROLLOUT_shadow);
    assert_true(strstr(verdict.text, "one symbol") != NULL);
    check_near(verdict.symbol_share, 1 / 1.1, 1e-9);
    check_ok(rollout_judge(&RULE, ROLLOUT_shadow, 0, false, &deep, &rng, &verdict));
    check_i64(verdict.next, ROLLOUT_shadow);
    assert_true(strstr(verdict.text, "drawdown is more") != NULL);
    paired_deinit(&one);
    paired_deinit(&deep);
}

static void test_later_attempts_need_more(void **s)
{
    (void)s;
    struct paired paired = {0};
    struct rollout_rule rule = RULE;
    struct rollout_verdict first, tenth;
    struct rng rng;
    rng_seed(&rng, 2);
    play(&paired, 24, 0.2, 0.5, 4, 0.17);
    check_ok(rollout_judge(&rule, ROLLOUT_shadow, 0, false, &paired, &rng, &first));
    rule.attempt = 10;
    check_ok(rollout_judge(&rule, ROLLOUT_shadow, 0, false, &paired, &rng, &tenth));
    check_near(first.level, gate_level(0.05, 1), 0);
    check_near(tenth.level, gate_level(0.05, 10), 0);
    check_i64(first.next, ROLLOUT_canary_5);
    check_i64(tenth.next, ROLLOUT_shadow);
    paired_deinit(&paired);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stages_are_named_and_move_as_the_table_says),
        cmocka_unit_test(test_ids_fall_to_a_canary_by_their_hash),
        cmocka_unit_test(test_hash_is_sha256_of_the_bytes_of_the_id),
        cmocka_unit_test(test_blocks_close_when_the_next_but_one_begins),
        cmocka_unit_test(test_only_so_many_blocks_are_kept),
        cmocka_unit_test(test_e_value_is_the_integral_it_stands_for),
        cmocka_unit_test(test_looking_all_the_time_does_not_win_by_luck),
        cmocka_unit_test(test_an_edge_is_found),
        cmocka_unit_test(test_cusum_threshold_is_the_published_one),
        cmocka_unit_test(test_cusum_adds_up_scores_past_the_reference),
        cmocka_unit_test(test_false_alarms_are_as_far_apart_as_was_asked),
        cmocka_unit_test(test_drawdown_of_what_always_falls_is_all_of_it),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_profit_of_one_symbol_and_deep_drawdowns_hold_a_step_back),
        cmocka_unit_test(test_later_attempts_need_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
