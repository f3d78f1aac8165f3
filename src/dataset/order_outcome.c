#include "alphaloop/dataset/order_outcome.h"

#include <assert.h>
#include <math.h>

#include "alphaloop/base/timestamp.h"

#define DUST 1e-9 /* of the fill: sums of quantities are not exact */

const char *const exit_source_names[EXIT_SOURCE_COUNT] = {"open", "fills", "position"};

void order_outcome_init(struct order_outcome *outcome, const struct decision *decision)
{
    *outcome = (struct order_outcome){
        .signal_id = decision->decision_id,
        .strategy_id = decision->strategy_id,
        .asset = decision->asset,
        .side = decision->side,
        .decided_at_ns = decision->decided_at_ns,
        .answered_at_ns = TIMESTAMP_NONE,
        .first_fill_ns = TIMESTAMP_NONE,
        .last_fill_ns = TIMESTAMP_NONE,
        .exited_at_ns = TIMESTAMP_NONE,
        .realised_gross = NAN,
        .realised_cost = NAN,
        .realised_net = NAN,
    };
    for (size_t i = 0; i < MARKOUT_COUNT; i++)
        outcome->markouts[i] = NAN;
}

/* The mean of two parts, weighted by what they are worth. */
static double mean_of(double a, double weight_a, double b, double weight_b)
{
    return weight_a + weight_b > 0 ? (a * weight_a + b * weight_b) / (weight_a + weight_b) : 0;
}

void order_outcome_fill(
    struct order_outcome *outcome, double quantity, double price, double fees, int64_t ts_ns)
{
    double notional = quantity * price;
    if (!(notional > 0))
        return;
    outcome->fee_rate =
        mean_of(outcome->fee_rate, outcome->quantity * outcome->price, fees / notional, notional);
    outcome->price = mean_of(outcome->price, outcome->quantity, price, quantity);
    outcome->quantity += quantity;
    if (outcome->first_fill_ns == TIMESTAMP_NONE || ts_ns < outcome->first_fill_ns)
        outcome->first_fill_ns = ts_ns;
    if (outcome->last_fill_ns == TIMESTAMP_NONE || ts_ns > outcome->last_fill_ns)
        outcome->last_fill_ns = ts_ns;
    if (order_outcome_held(outcome) > 0) { /* a late fill opens again what was closed */
        outcome->exited_at_ns = TIMESTAMP_NONE;
        outcome->realised_gross = outcome->realised_cost = outcome->realised_net = NAN;
    }
}

bool order_outcome_told(struct order_outcome *outcome, double total, int64_t ts_ns)
{
    bool is_first = total > 0 && outcome->quantity > 0 && ts_ns < outcome->first_fill_ns;
    bool is_last = fabs(total - outcome->quantity) <= DUST * outcome->quantity &&
                   outcome->quantity > 0 && ts_ns < outcome->last_fill_ns;
    if (is_first)
        outcome->first_fill_ns = ts_ns;
    if (is_last)
        outcome->last_fill_ns = ts_ns;
    return is_first || is_last;
}

double order_outcome_held(const struct order_outcome *outcome)
{
    double held = outcome->quantity - outcome->netted - outcome->exit_quantity;
    return held > DUST * outcome->quantity ? held : 0;
}

static void realise(struct order_outcome *outcome)
{
    outcome->realised_gross =
        side_sign(outcome->side) * (outcome->exit_price / outcome->price - 1.0);
    outcome->realised_cost = outcome->fee_rate + outcome->exit_fee_rate;
    outcome->realised_net = outcome->realised_gross - outcome->realised_cost;
}

void order_outcome_close(struct order_outcome *outcome,
                         double quantity,
                         double price,
                         double cost_rate,
                         int64_t ts_ns,
                         enum exit_source source)
{
    assert(quantity > 0 && quantity <= order_outcome_held(outcome) && price > 0);
    outcome->exit_fee_rate =
        mean_of(outcome->exit_fee_rate, outcome->exit_quantity * outcome->exit_price, cost_rate,
                quantity * price);
    outcome->exit_price = mean_of(outcome->exit_price, outcome->exit_quantity, price, quantity);
    outcome->exit_quantity += quantity;
    outcome->exit_source = source > outcome->exit_source ? source : outcome->exit_source;
    if (order_outcome_held(outcome) > 0)
        return;
    outcome->exited_at_ns = ts_ns;
    realise(outcome);
}
