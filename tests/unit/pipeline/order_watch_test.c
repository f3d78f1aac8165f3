/* What became of orders, on a simulated market: against the fills themselves, matched once more in whole units. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "harness/desk.h"

static const struct desk_options ordinary = {
    .seed = 21,
    .edge = 1,
    .settings = {{"TRADING_ASSETS", "BTCUSDT,ETHUSDT"}, {"WARMUP_SIGNAL_FREQUENCY", "20"}},
    .strategy_json = "{\"limits\":{\"rate\":600,\"burst\":60,\"skip_on_open_order\":false}}",
};

/* One signal's position, in 1e-8 units; what closed it, by value. */
struct lot {
    struct uuid signal_id;
    struct asset asset;
    enum side side;
    bool is_dry_run;
    int64_t filled, left;
    double paid, closed, received, fees, exit_fees;
    int64_t first_ns, last_ns, exited_ns;
};

static const struct desk_signal *signal_of(const struct desk_run *desk, struct uuid id)
{
    for (size_t i = 0; i < desk->n_signals; i++) {
        if (uuid_eq(desk->signals[i].decision.decision_id, id))
            return &desk->signals[i];
    }
    return NULL;
}

static struct lot *lot_of(struct lot *lots, size_t *n, const struct execution *fill)
{
    for (size_t i = 0; i < *n; i++) {
        if (uuid_eq(lots[i].signal_id, fill->signal_id))
            return &lots[i];
    }
    lots[*n] = (struct lot){.signal_id = fill->signal_id,
                            .asset = fill->asset,
                            .side = fill->side,
                            .is_dry_run = fill->is_dry_run,
                            .first_ns = fill->executed_at_ns};
    return &lots[(*n)++];
}

static int64_t units(struct decimal quantity)
{
    return (int64_t)llround(decimal_to_double(quantity) * 1e8);
}

/* First in, first out, over all fills of the desk. */
static size_t match(const struct desk_run *desk, struct lot *lots)
{
    size_t n = 0;
    for (size_t f = 0; f < desk->n_fills; f++) {
        const struct execution *fill = &desk->fills[f];
        double price = decimal_to_double(fill->price), fees = decimal_to_double(fill->fees);
        int64_t all = units(fill->quantity), left = all;
        for (size_t i = 0; i < n && left > 0; i++) {
            if (lots[i].side == fill->side || !asset_eq(&lots[i].asset, &fill->asset) ||
                lots[i].is_dry_run != fill->is_dry_run)
                continue;
            int64_t part = lots[i].left < left ? lots[i].left : left;
            lots[i].left -= part;
            left -= part;
            lots[i].closed += (double)part;
            lots[i].received += (double)part * price;
            lots[i].exit_fees += fees * (double)part / (double)all;
            if (part > 0)
                lots[i].exited_ns = fill->executed_at_ns;
        }
        if (signal_of(desk, fill->signal_id)->decision.kind == DECISION_EXIT)
            continue;
        struct lot *lot = lot_of(lots, &n, fill);
        lot->filled += all;
        lot->left += left;
        lot->paid += (double)all * price;
        lot->fees += fees;
        lot->last_ns = fill->executed_at_ns;
    }
    return n;
}

/* The last that was stored of a signal; NULL when nothing was. */
static const struct order_outcome *outcome_of(const struct desk_run *desk, struct uuid id)
{
    for (size_t i = desk->n_outcomes; i-- > 0;) {
        if (uuid_eq(desk->outcomes[i].signal_id, id))
            return &desk->outcomes[i];
    }
    return NULL;
}

static void check_exit(const struct order_outcome *outcome, const struct lot *lot)
{
    double sign = lot->side == SIDE_BUY ? 1 : -1;
    double entry = lot->paid / (double)lot->filled, exit = lot->received / lot->closed;
    double cost = lot->fees * 1e8 / lot->paid + lot->exit_fees * 1e8 / lot->received;
    check_i64(outcome->exited_at_ns, lot->exited_ns);
    check_near(outcome->exit_price, exit, 1e-6 * exit);
    check_near(outcome->realised_gross, sign * (exit - entry) / entry, 1e-9);
    check_near(outcome->realised_cost, cost, 1e-9);
    check_near(outcome->realised_net, outcome->realised_gross - outcome->realised_cost, 1e-15);
}

static void check_realised(bool plays_half)
{
    struct desk_run desk;
    size_t n_realised = 0, n_checked = 0, n_by_position = 0;
    desk_start(&desk, &ordinary);
    desk.plays_half = plays_half;
    desk_play(&desk, 70 * NS_PER_MIN);
    struct lot *lots = calloc(desk.n_fills + 1, sizeof *lots);
    size_t n = match(&desk, lots);
    assert_true(n > 300);
    for (size_t i = 0; i < n; i++) {
        const struct order_outcome *outcome = outcome_of(&desk, lots[i].signal_id);
        if (lots[i].last_ns > desk.now_ns - 10 * NS_PER_MIN)
            continue; /* still going on */
        assert_non_null(outcome);
        n_checked++;
        check_i64(outcome->first_fill_ns, lots[i].first_ns);
        check_i64(outcome->last_fill_ns, lots[i].last_ns);
        check_near(outcome->quantity, (double)lots[i].filled / 1e8, 1e-9);
        check_near(outcome->price, lots[i].paid / (double)lots[i].filled, 1e-6 * outcome->price);
        n_by_position += outcome->exit_source == EXIT_POSITION;
        bool is_exited = lots[i].left == 0 && lots[i].closed > 0 &&
                         lots[i].exited_ns < desk.now_ns - 2 * NS_PER_MIN;
        if (!is_exited || outcome->exit_source != EXIT_FILLS)
            continue;
        check_exit(outcome, &lots[i]);
        n_realised++;
    }
    printf("%zu signals filled, %zu realised by fills, %zu by a position that was gone\n",
           n_checked, n_realised, n_by_position);
    assert_true(n_realised > n_checked / 4);
    assert_true(n_by_position <= n_checked / 50);
    free(lots);
    desk_stop(&desk);
}

static void test_realised_exits_are_those_of_the_fills(void **state)
{
    (void)state;
    check_realised(false);
}

static void test_played_and_real_fills_never_meet(void **state)
{
    (void)state;
    check_realised(true);
}

/* Nothing but the spread and what the market does: at one second a fill at the quote is half a spread behind. */
static void test_markouts_are_kept_and_averaged(void **state)
{
    struct desk_run desk;
    struct strategy_view view;
    size_t n_marked = 0, n_filled = 0;
    double sum[MARKOUT_COUNT] = {0};
    (void)state;
    desk_start(&desk, &ordinary);
    desk_play(&desk, NS_PER_H);
    for (size_t i = 0; i < desk.n_signals; i++) {
        const struct order_outcome *outcome =
            outcome_of(&desk, desk.signals[i].decision.decision_id);
        if (outcome == NULL || outcome->quantity == 0 ||
            outcome->last_fill_ns > desk.now_ns - 6 * NS_PER_MIN)
            continue;
        n_filled++;
        n_marked += isnan(outcome->markouts[MARKOUT_COUNT - 1]) ? 0 : 1;
        for (size_t k = 0; k < MARKOUT_COUNT; k++)
            sum[k] += outcome->markouts[k];
    }
    assert_true(n_filled > 200);
    check_i64((int64_t)n_marked, (int64_t)n_filled);
    pipeline_strategy_view(desk.pipeline, 0, desk.now_ns, &view);
    for (size_t k = 0; k < MARKOUT_COUNT; k++) {
        printf("%s: mean %.6f of %llu, t %.1f\n", markout_lags[k].name, view.markouts[k].mean,
               (unsigned long long)view.markouts[k].n, markout_mean_t(&view.markouts[k]));
        assert_true(view.markouts[k].n >= n_filled);
        check_near(view.markouts[k].mean, sum[k] / (double)n_filled, 2e-4);
    }
    assert_true(markout_mean_t(&view.markouts[0]) < -3); /* they cross the spread and slip */
    desk_stop(&desk);
}

/* Unfilled orders are answered and forgotten: the time of a censored fill. */
static void test_orders_without_a_fill_are_answered(void **state)
{
    struct desk_run desk;
    size_t n_unfilled = 0;
    (void)state;
    desk_start(&desk, &ordinary);
    desk_play(&desk, NS_PER_H);
    for (size_t i = 0; i < desk.n_outcomes; i++) {
        const struct order_outcome *outcome = &desk.outcomes[i];
        assert_true(outcome->answered_at_ns >= outcome->decided_at_ns);
        if (outcome->quantity > 0)
            continue;
        n_unfilled++;
        check_i64(outcome->first_fill_ns, TIMESTAMP_NONE);
        check_near(outcome->realised_net, NAN, 0);
        check_near(outcome->markouts[0], NAN, 0);
    }
    assert_true(n_unfilled > 0);
    desk_stop(&desk);
}

static size_t count_held(const struct desk_run *desk, const struct asset *asset, int64_t until_ns)
{
    size_t n = 0;
    for (size_t i = 0; i < desk->n_signals; i++) {
        const struct order_outcome *o = outcome_of(desk, desk->signals[i].decision.decision_id);
        n += o != NULL && asset_eq(&o->asset, asset) && order_outcome_held(o) > 0 &&
                     o->last_fill_ns < until_ns
                 ? 1
                 : 0;
    }
    return n;
}

/* No fill says why the position is gone: it counts as closed at the mid of that moment, once fills had time to come. */
static void test_a_position_that_is_gone_closes_what_was_held(void **state)
{
    struct desk_run desk;
    size_t n_gone = 0;
    (void)state;
    desk_start(&desk, &ordinary);
    desk_play(&desk, 30 * NS_PER_MIN);
    struct position_update update = {.asset = desk.strategy->assets[0],
                                     .position_id = "gone",
                                     .unrealized_pnl_pct = NAN,
                                     .ts_event_ns = desk.now_ns,
                                     .ts_recv_ns = desk.now_ns};
    int64_t gone_ns = desk.now_ns;
    size_t n_before = count_held(&desk, &update.asset, gone_ns), from = desk.n_outcomes;
    assert_true(n_before > 0);
    desk.hold_fills = true; /* from here on nobody explains anything */
    protect_on_position(desk.pipeline, &update, desk.now_ns, &desk.effects);
    desk_play(&desk, 50 * NS_PER_S);
    assert_true(count_held(&desk, &update.asset, gone_ns) >= n_before);
    desk_play(&desk, 20 * NS_PER_S);
    for (size_t i = from; i < desk.n_outcomes; i++) {
        const struct order_outcome *o = &desk.outcomes[i];
        if (o->exit_source != EXIT_POSITION)
            continue;
        n_gone++;
        check_i64(o->exited_at_ns, gone_ns);
        assert_true(asset_eq(&o->asset, &update.asset) && o->realised_cost > o->fee_rate);
        check_near(o->realised_gross, side_sign(o->side) * (o->exit_price / o->price - 1), 1e-12);
    }
    assert_true(n_gone >= n_before);
    check_i64((int64_t)count_held(&desk, &update.asset, gone_ns), 0);
    desk_stop(&desk);
}

/* Nothing is heard of it any more: its markouts come with time alone, and only then. */
static void test_a_quiet_order_is_looked_at_when_its_markouts_are_due(void **state)
{
    (void)state;
    static const struct desk_options quiet = {
        .seed = 22,
        .edge = 1,
        .settings = {{"TRADING_ASSETS", "BTCUSDT,ETHUSDT"}, {"WARMUP_MODE_ENABLED", "false"}},
    };
    struct desk_run desk;
    desk_start(&desk, &quiet);
    desk_play(&desk, 10 * NS_PER_MIN);
    assert_int_equal(desk.n_signals, 0);
    struct order_outcome order = {.strategy_id = {"momentum_v1"},
                                  .asset = {"BTCUSDT"},
                                  .side = SIDE_BUY,
                                  .decided_at_ns = desk.now_ns - NS_PER_S,
                                  .first_fill_ns = desk.now_ns,
                                  .last_fill_ns = desk.now_ns,
                                  .answered_at_ns = desk.now_ns,
                                  .quantity = 1,
                                  .price = 50000,
                                  .exited_at_ns = TIMESTAMP_NONE};
    memset(&order.signal_id, 7, sizeof order.signal_id);
    for (size_t i = 0; i < MARKOUT_COUNT; i++)
        order.markouts[i] = NAN;
    pipeline_restore_order_outcome(desk.pipeline, &order);
    desk_play(&desk, 4 * NS_PER_MIN);
    assert_true(outcome_of(&desk, order.signal_id) == NULL);
    desk_play(&desk, 2 * NS_PER_MIN);
    const struct order_outcome *marked = outcome_of(&desk, order.signal_id);
    assert_true(marked != NULL);
    for (size_t i = 0; i < MARKOUT_COUNT; i++)
        assert_true(marked->markouts[i] == marked->markouts[i]); /* known */
    desk_stop(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_position_that_is_gone_closes_what_was_held),
        cmocka_unit_test(test_realised_exits_are_those_of_the_fills),
        cmocka_unit_test(test_played_and_real_fills_never_meet),
        cmocka_unit_test(test_markouts_are_kept_and_averaged),
        cmocka_unit_test(test_orders_without_a_fill_are_answered),
        cmocka_unit_test(test_a_quiet_order_is_looked_at_when_its_markouts_are_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
