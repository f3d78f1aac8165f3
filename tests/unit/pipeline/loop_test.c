/* The three lines together on a synthetic market: what goes in, what comes out, and that outcomes are what the market did. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "alphaloop/base/timestamp.h"
#include "harness/desk.h"

/* Long enough for every feature window to fill. */
#define WARM_UP_NS (70 * NS_PER_MIN)

static const struct desk_options ordinary = {
    .seed = 11,
    .edge = 1,
    .settings = {{"TRADING_ASSETS", "BTCUSDT,ETHUSDT"}, {"WARMUP_SIGNAL_FREQUENCY", "20"}},
    .strategy_json = "{\"limits\":{\"rate\":600,\"burst\":60,\"skip_on_open_order\":false}}",
};

static void test_warmup_signals_fill_and_become_samples(void **state)
{
    (void)state;
    struct desk_run desk;
    desk_start(&desk, &ordinary);
    desk_play(&desk, 2 * NS_PER_H);
    assert_true(desk.n_signals > 500);
    assert_true(desk.n_executions > 400);
    assert_true(desk.n_samples > 500);
    assert_true(desk.n_candles >= 2 * 110);
    assert_true(desk.n_positions > 0);
    struct strategy_view view;
    pipeline_strategy_view(desk.pipeline, 0, desk.now_ns, &view);
    assert_true(view.is_warmup);
    assert_int_equal(view.n_signals, desk.n_signals - desk.n_exits);
    assert_true(view.n_settled > 400);
    desk_stop(&desk);
}

static void test_samples_are_available_only_after_their_span(void **state)
{
    (void)state;
    struct desk_run desk;
    desk_start(&desk, &ordinary);
    desk_play(&desk, NS_PER_H);
    assert_true(desk.n_samples > 100);
    size_t n_own = 0, n_market = 0;
    for (size_t i = 0; i < desk.n_samples; i++) {
        const struct sample *sample = &desk.samples[i];
        assert_true(sample->t0_ns < sample->t1_ns);
        assert_true(sample->t1_ns < sample->available_at_ns);
        assert_true(sample->available_at_ns <= desk.now_ns + NS_PER_S);
        assert_true(fabs(sample->net_return - (sample->gross_return - sample->cost_return)) <
                    1e-12);
        assert_true(sample->n_features > 25);
        assert_true(sample->propensity > 0 && sample->propensity <= 1);
        n_own += sample->evidence == EVIDENCE_OWN_FILL;
        n_market += sample->evidence == EVIDENCE_MARKET;
    }
    assert_true(n_own > 0 && n_market > 0);
    desk_stop(&desk);
}

static void test_the_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    struct desk_run a, b;
    desk_start(&a, &ordinary);
    desk_start(&b, &ordinary);
    desk_play(&a, WARM_UP_NS);
    desk_play(&b, WARM_UP_NS);
    assert_true(a.n_signals > 0);
    assert_int_equal(a.n_signals, b.n_signals);
    for (size_t i = 0; i < a.n_signals; i++) {
        assert_string_equal(a.signals[i].body, b.signals[i].body);
        assert_memory_equal(a.signals[i].decision.features, b.signals[i].decision.features,
                            a.signals[i].decision.n_features * sizeof(float));
    }
    assert_int_equal(a.n_samples, b.n_samples);
    desk_stop(&a);
    desk_stop(&b);
}

static int by_id(const void *left, const void *right)
{
    const struct sample *a = left, *b = right;
    int by = memcmp(a->decision_id.bytes, b->decision_id.bytes, sizeof(a->decision_id.bytes));
    return by != 0 ? by : (int)a->action - (int)b->action;
}

/* Order events come late, in any order and twice: the samples are those of the same events in order. Three worlds: what was
 * cut into executions differs, their sum does not. */
static void test_samples_do_not_depend_on_the_order_of_events(void **state)
{
    (void)state;
    size_t n_partial = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct desk_options options = ordinary;
        struct desk_run desks[2];
        options.seed = 100 + seed;
        for (int i = 0; i < 2; i++) {
            desk_start(&desks[i], &options);
            desks[i].post_every_ns = 7 * NS_PER_S;
            desks[i].post_is_mixed = i == 1;
            rng_seed(&desks[i].post_rng, seed);
            desk_play(&desks[i], WARM_UP_NS);
        }
        assert_true(desks[0].n_samples > 100);
        assert_true(desks[1].n_executions < desks[0].n_executions); /* it did come out of order */
        assert_int_equal(desks[0].n_samples, desks[1].n_samples);
        for (int i = 0; i < 2; i++) /* which of two that are due at once comes first says nothing */
            qsort(desks[i].samples, desks[i].n_samples, sizeof(struct sample), by_id);
        for (size_t k = 0; k < desks[0].n_samples; k++) {
            const struct sample *a = &desks[0].samples[k], *b = &desks[1].samples[k];
            assert_true(uuid_eq(a->decision_id, b->decision_id));
            assert_int_equal(a->action, b->action);
            assert_int_equal(a->t0_ns, b->t0_ns);
            assert_int_equal(a->t1_ns, b->t1_ns);
            assert_int_equal(a->barrier, b->barrier);
            assert_true(fabs(a->net_return - b->net_return) < 1e-7);
            assert_true(fabs(a->fill_fraction - b->fill_fraction) < 1e-7);
            assert_memory_equal(a->span_returns, b->span_returns, sizeof(a->span_returns));
            n_partial += a->evidence == EVIDENCE_OWN_FILL && a->fill_fraction < 0.9;
        }
        desk_stop(&desks[0]);
        desk_stop(&desks[1]);
    }
    assert_true(n_partial > 0);
}

/* However many fills an order had, its decision is one row an action, weighted by what was filled of it; nothing that still
 * waits is a row. */
static void test_a_decision_is_one_row_an_action(void **state)
{
    (void)state;
    struct desk_run desk;
    size_t n_in_parts = 0;
    desk_start(&desk, &ordinary);
    desk_play(&desk, WARM_UP_NS);
    for (size_t i = 0; i < desk.n_samples; i++) {
        const struct sample *sample = &desk.samples[i];
        double notional = 0, amount = 0;
        size_t n_fills = 0;
        assert_true(sample->available_at_ns <= desk.now_ns + NS_PER_S);
        for (size_t k = 0; k < i; k++)
            assert_false(uuid_eq(desk.samples[k].decision_id, sample->decision_id) &&
                         desk.samples[k].action == sample->action);
        if (sample->evidence != EVIDENCE_OWN_FILL)
            continue;
        for (size_t k = 0; k < desk.n_fills; k++) {
            if (!uuid_eq(desk.fills[k].signal_id, sample->decision_id))
                continue;
            notional +=
                decimal_to_double(desk.fills[k].quantity) * decimal_to_double(desk.fills[k].price);
            n_fills++;
        }
        for (size_t k = 0; k < desk.n_signals; k++) {
            if (uuid_eq(desk.signals[k].decision.decision_id, sample->decision_id))
                amount = decimal_to_double(desk.signals[k].decision.amount);
        }
        n_in_parts += n_fills > 1;
        assert_true(fabs(sample->fill_fraction - fmin(1, notional / amount)) < 1e-9);
    }
    assert_true(n_in_parts > 0);
    desk_stop(&desk);
}

/* Chance must be logged as it is: over many decisions the mean of 1[buy] / propensity is the number of decisions. */
static void test_logged_propensities_are_unbiased(void **state)
{
    (void)state;
    struct desk_run desk;
    desk_start(&desk, &ordinary);
    desk_play(&desk, 3 * NS_PER_H);
    double sum[3] = {0};
    size_t n = 0;
    for (size_t i = 0; i < desk.n_signals; i++) {
        const struct decision *decision = &desk.signals[i].decision;
        if (decision->kind != DECISION_ENTRY)
            continue;
        sum[decision->side] += 1 / decision->propensity;
        n++;
    }
    /* Each is 1/p with p in {3/4, 1/4}: the standard deviation of one term is at most sqrt(3). */
    double tolerance = 4 * sqrt(3.0 / (double)n);
    assert_true(fabs(sum[SIDE_BUY] / (double)n - 1) < tolerance);
    assert_true(fabs(sum[SIDE_SELL] / (double)n - 1) < tolerance);
    desk_stop(&desk);
}

static void test_no_fill_no_own_sample(void **state)
{
    (void)state;
    struct desk_run desk;
    desk_start(&desk, &ordinary);
    desk.hold_fills = true;
    desk_play(&desk, NS_PER_H);
    assert_true(desk.n_signals > 100);
    assert_int_equal(desk.n_samples, 0);
    assert_true(desk.n_drops[REASON_no_fill] > 100);
    desk_stop(&desk);
}

static void test_a_paused_outbox_abstains(void **state)
{
    (void)state;
    struct desk_run desk;
    desk_start(&desk, &ordinary);
    desk_play(&desk, WARM_UP_NS);
    size_t before = desk.n_signals;
    act_pause(desk.pipeline, true);
    desk_play(&desk, 5 * NS_PER_MIN);
    assert_int_equal(desk.n_signals, before);
    assert_true(desk.n_abstentions[REASON_publishing_paused] > 50);
    act_pause(desk.pipeline, false);
    desk_play(&desk, NS_PER_MIN);
    assert_true(desk.n_signals > before);
    desk_stop(&desk);
}

static void test_enough_samples_ask_for_a_training_once(void **state)
{
    (void)state;
    struct desk_options options = ordinary;
    options.settings[2][0] = "MODEL_TRAINING_MIN_DATASET_SIZE";
    options.settings[2][1] = "100";
    struct desk_run desk;
    desk_start(&desk, &options);
    while (desk.n_trainings == 0 && desk.n_samples < 2000)
        desk_play(&desk, NS_PER_MIN);
    assert_true(desk.n_trainings >= 1);
    learn_on_training_start(desk.pipeline, &desk.strategy->strategy_id, desk.now_ns);
    size_t asked = desk.n_trainings;
    desk_play(&desk, 10 * NS_PER_MIN);
    assert_int_equal(desk.n_trainings, asked);
    desk_stop(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warmup_signals_fill_and_become_samples),
        cmocka_unit_test(test_samples_are_available_only_after_their_span),
        cmocka_unit_test(test_the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(test_samples_do_not_depend_on_the_order_of_events),
        cmocka_unit_test(test_a_decision_is_one_row_an_action),
        cmocka_unit_test(test_logged_propensities_are_unbiased),
        cmocka_unit_test(test_no_fill_no_own_sample),
        cmocka_unit_test(test_a_paused_outbox_abstains),
        cmocka_unit_test(test_enough_samples_ask_for_a_training_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
