/* LEARN   order event -> validate -> match -> fill -> label -> sample -> train -> gate
 *
 * Validation and matching need no state and are domain functions (order_event_parse, order_state_apply); the app runs them
 * around one database transaction and calls learn_on_order() once what they found is durable. From then on a decision is
 * followed until its outcome is known: fills add up, the label falls due when the horizon after the last fill is over,
 * and each action becomes a sample. Actions not taken are priced by a model of our own fills.
 *
 * The invariant: a sample depends only on the frozen decision, its executions and the price path, so settling again after
 * a restart or a late fill gives the same sample under the same key. A settled signal is kept for as long as the price path
 * reaches back to it; a fill that comes by then opens it again, and its sample is made anew, available from the news on.
 * What was counted of it is not counted twice. A fill that comes later still leaves the sample as it is, marked (the app
 * does, with the fill: samples.is_stale_fill).
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/log.h"

#include "pipeline_i.h"

/* How long after the signal expired a fill may still come before the decision counts as unfilled. Order events can be
 * lost (their publisher drops what it cannot send), so this wait must end. */
#define FILL_WAIT_NS (5 * NS_PER_MIN)

/* How long after it fell due a label may wait for prices before it is given up as a market gap. */
#define LABEL_WAIT_NS (10 * NS_PER_MIN)

/* An open order this old is taken for lost: its end was never reported. */
#define OPEN_ORDER_AGE_MAX_NS NS_PER_H

/* ---- match: from orders to the decision behind them ---- */

static void count_open_order(struct pipeline *pipeline,
                             const struct order_state *state,
                             int64_t now_ns)
{
    const struct order_id *id = &state->order_id;
    struct open_order *order = map_get(&pipeline->open_orders, id);
    struct market_desk *market = pipeline_market(pipeline, &state->asset);
    if (market == NULL)
        return;
    if (order == NULL)
        neighbours_order_ended(pipeline, id); /* from here on its events tell */
    if (state->ended && order != NULL) {
        map_remove(&pipeline->open_orders, id);
        market->n_open_orders--;
        free(order);
    } else if (!state->ended && order == NULL) {
        order = calloc(1, sizeof(*order));
        if (order == NULL)
            return;
        *order = (struct open_order){.market = market, .since_ns = now_ns};
        if (map_put(&pipeline->open_orders, id, order) != AL_OK)
            free(order);
        else
            market->n_open_orders++;
    }
}

static void forget_lost_orders(struct pipeline *pipeline, int64_t now_ns)
{
    size_t cursor = 0;
    const void *key;
    struct open_order *order;
    while ((order = map_next(&pipeline->open_orders, &cursor, &key)) != NULL) {
        if (now_ns - order->since_ns < OPEN_ORDER_AGE_MAX_NS)
            continue;
        struct order_id id = *(const struct order_id *)key;
        map_remove(&pipeline->open_orders, &id);
        order->market->n_open_orders--;
        step_count("learn", "match", "order_lost");
        free(order);
    }
}

/* ---- fill: executions add up on their decision ---- */

/* Not before the decision: an executor's clock may run behind ours, and a label cannot begin before it. */
static int64_t entered_at_ns(const struct open_decision *item)
{
    int64_t decided_ns = item->decision.decided_at_ns;
    return item->last_fill_ns > decided_ns ? item->last_fill_ns : decided_ns;
}

static int64_t label_due_ns(const struct open_decision *item, const struct desk *desk)
{
    return entered_at_ns(item) + item->decision.horizon_ns + desk->config->settlement_lag_ns;
}

static void add_fill(struct open_decision *item, const struct execution *execution)
{
    double quantity = decimal_to_double(execution->quantity);
    item->filled_quantity += quantity;
    item->filled_notional += quantity * decimal_to_double(execution->price);
    item->fees += decimal_to_double(execution->fees);
    item->is_dry_run = execution->is_dry_run;
    if (item->last_fill_ns == TIMESTAMP_NONE || execution->executed_at_ns > item->last_fill_ns)
        item->last_fill_ns = execution->executed_at_ns;
    if (item->last_fill_recv_ns == TIMESTAMP_NONE ||
        execution->ts_recv_ns > item->last_fill_recv_ns)
        item->last_fill_recv_ns = execution->ts_recv_ns;
}

static void follow_fill(struct pipeline *pipeline,
                        struct open_decision *item,
                        const struct execution *execution,
                        bool order_ended)
{
    const struct desk *desk = pipeline_desk(pipeline, &item->decision.strategy_id);
    if (execution != NULL)
        add_fill(item, execution);
    item->order_ended |= order_ended;
    int64_t due_ns = label_due_ns(item, desk);
    item->give_up_ns = due_ns + LABEL_WAIT_NS;
    open_decisions_reschedule(&pipeline->open, item, due_ns);
}

/* A total can be heard of first by an event that came after the fill: a cancel tells the same total. When the fill's own event
 * comes, its time stands. Only where one order filled the decision; of several the last one's time is not known to be that. */
static bool has_wrong_fill_time(const struct open_decision *item, const struct order_fact *fact)
{
    bool is_same_total =
        decimal_cmp(fact->event->filled_quantity, fact->state->filled_quantity) == 0 &&
        fabs(item->filled_quantity - decimal_to_double(fact->state->filled_quantity)) <=
            1e-9 * item->filled_quantity;
    return fact->execution == NULL && is_same_total && item->last_fill_ns != TIMESTAMP_NONE &&
           fact->event->executed_at_ns < item->last_fill_ns;
}

static void hear(struct pipeline *pipeline,
                 struct open_decision *item,
                 const struct order_fact *fact)
{
    if (has_wrong_fill_time(item, fact))
        item->last_fill_ns = fact->event->executed_at_ns;
    follow_fill(pipeline, item, fact->execution, fact->state->ended);
}

/* What came after the outcome was settled; nothing but a fill changes it. */
static void hear_late(struct pipeline *pipeline,
                      struct open_decision *item,
                      const struct order_fact *fact,
                      int64_t now_ns)
{
    if (fact->execution == NULL && !has_wrong_fill_time(item, fact))
        return;
    bool opened = open_decisions_move(&pipeline->settled, &pipeline->open, item, now_ns);
    step_count("learn", "fill", opened ? "late" : "too_late");
    if (!opened)
        return;
    item->news_ns = now_ns;
    hear(pipeline, item, fact);
}

void learn_on_order(struct pipeline *pipeline,
                    const struct order_fact *fact,
                    int64_t now_ns,
                    struct effects *effects)
{
    (void)effects;
    struct market_desk *market = pipeline_market(pipeline, &fact->state->asset);
    count_open_order(pipeline, fact->state, now_ns);
    if (market != NULL)
        protect_on_order(market, fact->state);
    step_count("learn", "fill", fact->execution != NULL ? "next" : "unchanged");
    struct open_decision *item = open_decisions_find(&pipeline->open, fact->state->signal_id);
    struct open_decision *late = open_decisions_find(&pipeline->settled, fact->state->signal_id);
    if (market != NULL) /* what became of an order that had filled is not watched from the middle */
        order_watch_fact(pipeline, market, fact,
                         late != NULL && late->filled_quantity <= 0 ? late : item, now_ns);
    if (item != NULL)
        hear(pipeline, item, fact);
    else if (late != NULL)
        hear_late(pipeline, late, fact, now_ns);
}

/* ---- label: what became of each action ---- */

static struct label_rule rule_of(const struct decision *decision, const struct market_desk *market)
{
    return (struct label_rule){
        .sigma_h = decision->sigma_h,
        .barrier_up = decision->barrier_up,
        .barrier_down = decision->barrier_down,
        .horizon_ns = decision->horizon_ns,
        .gap_max_ns = market->gap_max_ns,
    };
}

static struct label_entry own_entry(const struct open_decision *item)
{
    return (struct label_entry){
        .side = item->decision.side,
        .price = item->filled_notional / item->filled_quantity,
        .fee_rate = item->fees / item->filled_notional,
        .ts_ns = entered_at_ns(item),
    };
}

static void learn_costs(struct market_desk *market,
                        const struct open_decision *item,
                        const struct label_entry *entry)
{
    double slippage = side_sign(entry->side) * (entry->price / item->decision.snapshot.mid - 1.0);
    double delay_ns = (double)(entry->ts_ns - item->decision.decided_at_ns);
    cost_model_update(&market->costs, slippage, entry->fee_rate, delay_ns);
}

static double fill_fraction_of(const struct open_decision *item)
{
    double wanted = decimal_to_double(item->decision.amount);
    return wanted > 0 ? fmin(1.0, item->filled_notional / wanted) : 1.0;
}

struct outcome {
    bool known; /* false: this action becomes no sample */
    enum evidence evidence;
    struct label_entry entry;
    struct label label;
    double fill_fraction;
};

/* How much of the action there is in the outcome: what our order got, nothing when it got nothing, and of an action not taken
 * what our orders get on average. */
static double fraction_of(const struct open_decision *item,
                          const struct cost_model *costs,
                          enum side side)
{
    if (side != item->decision.side)
        return cost_model_fill_fraction(costs);
    return item->filled_quantity > 0 ? fill_fraction_of(item) : 0;
}

/* Both actions of one decision. AL_ESHORT: ask again later; AL_ENOTFOUND: the market left a hole. */
static enum al_err settle(struct pipeline *pipeline,
                          const struct open_decision *item,
                          struct outcome out[3])
{
    struct market_desk *market = pipeline_market(pipeline, &item->decision.asset);
    const struct desk *desk = pipeline_desk(pipeline, &item->decision.strategy_id);
    struct label_rule rule = rule_of(&item->decision, market);
    bool filled = item->filled_quantity > 0;
    bool by_market = !item->is_settled && desk->config->training.use_market_evidence &&
                     cost_model_is_fit(&market->costs);
    for (enum side side = SIDE_BUY; side <= SIDE_SELL; side++) {
        bool own = filled && side == item->decision.side;
        if (!own && !by_market)
            continue;
        out[side].entry = own ? own_entry(item)
                              : cost_model_entry(&market->costs, side, item->decision.snapshot.mid,
                                                 item->decision.decided_at_ns);
        out[side].evidence = own ? EVIDENCE_OWN_FILL : EVIDENCE_MARKET;
        enum al_err err =
            label_triple_barrier(&market->path, &rule, &out[side].entry, &out[side].label);
        if (err != AL_OK)
            return err;
        out[side].fill_fraction = fraction_of(item, &market->costs, side);
        out[side].known = true;
    }
    return AL_OK;
}

/* ---- sample: one row an action ---- */

static void push_sample(const struct open_decision *item,
                        const struct desk *desk,
                        const struct market_desk *market,
                        enum side side,
                        const struct outcome *outcome,
                        int64_t now_ns,
                        struct effects *effects)
{
    const struct decision *decision = &item->decision;
    bool own = outcome->evidence == EVIDENCE_OWN_FILL;
    struct sample *sample = calloc(1, sizeof(*sample));
    assert(sample != NULL);
    int64_t known_ns = outcome->label.t1_ns;
    if (own && item->last_fill_recv_ns > known_ns)
        known_ns = item->last_fill_recv_ns;
    if (item->news_ns != TIMESTAMP_NONE && item->news_ns > known_ns)
        known_ns = item->news_ns;
    if (known_ns >
        now_ns) /* receipt is on the wall's clock, which a replayed market does not share */
        known_ns = now_ns;
    *sample = (struct sample){
        .decision_id = decision->decision_id,
        .strategy_id = decision->strategy_id,
        .asset = decision->asset,
        .action = side,
        .evidence = outcome->evidence,
        .t0_ns = decision->decided_at_ns,
        .t1_ns = outcome->label.t1_ns,
        .available_at_ns = known_ns + desk->config->settlement_lag_ns,
        .gross_return = outcome->label.gross,
        .cost_return = outcome->label.cost,
        .net_return = outcome->label.net,
        .barrier = outcome->label.barrier,
        .fill_fraction = outcome->fill_fraction,
        .propensity = decision->propensity,
        .policy_took = own,
        .is_warmup = decision->is_warmup,
        .is_dry_run = item->is_dry_run,
        .model_version = decision->model_version,
        .confidence = side == decision->side ? decision->confidence : NAN,
        .sigma_h = decision->sigma_h,
        .interval = side == decision->leaning ? decision->interval : INTERVAL_NONE,
        .schema_hash = decision->schema_hash,
        .n_features = decision->n_features,
    };
    memcpy(sample->features, decision->features, decision->n_features * sizeof(float));
    label_span_returns(&market->path, sample->t0_ns, sample->t1_ns, sample->span_returns);
    effects_push(effects, EFFECT_store_sample)->sample = sample;
}

struct pair *pair_of(struct market_desk *market, const struct desk *desk)
{
    for (size_t i = 0; i < market->n_pairs; i++) {
        if (market->pairs[i].desk == desk)
            return &market->pairs[i];
    }
    return NULL;
}

double news_in(int64_t *last_ns, int64_t decided_at_ns, int64_t horizon_ns)
{
    int64_t since_ns = *last_ns == TIMESTAMP_NONE ? horizon_ns : decided_at_ns - *last_ns;
    if (since_ns > horizon_ns)
        since_ns = horizon_ns;
    if (since_ns <= 0)
        return 0;
    *last_ns = decided_at_ns;
    return (double)since_ns / (double)horizon_ns;
}

bool is_serving(const struct desk *desk, const struct model_version_id *version)
{
    return desk->scorer != NULL &&
           strcmp(version->text, scorer_manifest(desk->scorer)->version.text) == 0;
}

/* What the serving model promised is held against what came; what an earlier one left open is not its doing. */
static void watch_model(struct desk *desk,
                        struct pair *pair,
                        const struct open_decision *item,
                        bool won)
{
    const struct decision *decision = &item->decision;
    if (is_serving(desk, &decision->model_version))
        trigger_on_outcome(
            &desk->trigger, decision->confidence, won,
            news_in(&pair->last_outcome_ns, decision->decided_at_ns, decision->horizon_ns));
}

/* Once a decision, whatever a late fill made of it; its profit is the newest that is known. */
static void account_own(struct desk *desk,
                        struct pair *pair,
                        struct open_decision *item,
                        const struct label *label)
{
    bool won = label->net > 0;
    double pnl = label->net * item->filled_notional;
    if (!item->own_told) {
        desk->n_settled++;
        desk->n_samples++;
        desk->trigger.n_since++;
        watch_model(desk, pair, item, won);
    }
    desk->n_won += won;
    desk->n_won -= item->won;
    desk->settled_pnl += pnl - item->pnl;
    item->own_told = true;
    item->won = won;
    item->pnl = pnl;
}

static void push_drop(const struct open_decision *item, enum reason reason, struct effects *effects)
{
    struct effect *effect = effects_push(effects, EFFECT_drop_decision);
    effect->drop.decision_id = item->decision.decision_id;
    effect->drop.reason = reason;
    step_count("learn", "label", reason_name(reason));
}

/* A decision whose outcome is known becomes its samples. */
static void push_samples(struct pipeline *pipeline,
                         struct open_decision *item,
                         const struct outcome outcomes[3],
                         int64_t now_ns,
                         struct effects *effects)
{
    struct desk *desk = pipeline_desk(pipeline, &item->decision.strategy_id);
    struct market_desk *market = pipeline_market(pipeline, &item->decision.asset);
    bool any = false, known[3] = {0};
    double utility[3] = {0};
    struct pair *pair = pair_of(market, desk);
    for (enum side side = SIDE_BUY; side <= SIDE_SELL; side++) {
        if (!outcomes[side].known)
            continue;
        any = known[side] = true;
        utility[side] = outcomes[side].label.net * outcomes[side].fill_fraction;
        push_sample(item, desk, market, side, &outcomes[side], now_ns, effects);
        if (side == item->decision.leaning && pair != NULL && !item->is_settled)
            interval_settle(pair, &item->decision, outcomes[side].label.net);
        if (outcomes[side].evidence == EVIDENCE_OWN_FILL) {
            if (!item->own_told)
                learn_costs(market, item, &outcomes[side].entry);
            account_own(desk, pair, item, &outcomes[side].label);
        }
    }
    if (item->decision.side != SIDE_NONE && !item->is_settled)
        cost_model_on_orders(&market->costs, 1,
                             item->filled_quantity > 0 ? fill_fraction_of(item) : 0);
    if (any && !item->is_settled)
        shadow_settle(desk, item, utility, known);
    step_count("learn", "sample", !any ? "drop" : item->is_settled ? "again" : "next");
    if (!any)
        push_drop(item, item->decision.side == SIDE_NONE ? REASON_cost_model_unfit : REASON_no_fill,
                  effects);
}

static bool awaits_fill(const struct open_decision *item)
{
    return item->decision.side != SIDE_NONE && item->filled_quantity <= 0 && !item->order_ended;
}

/* How far back the path of its market reaches: by then a late fill can still be settled. */
static int64_t reach_ns(const struct market_desk *market)
{
    return (int64_t)market->path.cap * market->path.bar_ns;
}

/* Nothing fills an abstention, so nothing changes its outcome. */
static void close_decision(struct pipeline *pipeline, struct open_decision *item)
{
    const struct market_desk *market = pipeline_market(pipeline, &item->decision.asset);
    struct open_decisions *settled = &pipeline->settled;
    int64_t until_ns = item->decision.decided_at_ns + reach_ns(market);
    item->is_settled = true;
    free(item->scores);
    item->scores = NULL;
    if (open_decisions_count(settled) == settled->max)
        open_decisions_remove(settled, open_decisions_due(settled, INT64_MAX));
    if (item->decision.side == SIDE_NONE ||
        !open_decisions_move(&pipeline->open, settled, item, until_ns))
        open_decisions_remove(&pipeline->open, item);
}

static void forget_settled(struct pipeline *pipeline, int64_t now_ns)
{
    struct open_decision *item;
    while ((item = open_decisions_due(&pipeline->settled, now_ns)) != NULL)
        open_decisions_remove(&pipeline->settled, item);
}

static void label_one(struct pipeline *pipeline,
                      struct open_decision *item,
                      int64_t now_ns,
                      struct effects *effects)
{
    int64_t fill_by_ns = item->decision.expires_at_ns + FILL_WAIT_NS;
    if (awaits_fill(item) && now_ns < fill_by_ns) {
        open_decisions_reschedule(&pipeline->open, item, fill_by_ns);
        return;
    }
    struct outcome outcomes[3] = {0};
    enum al_err err = settle(pipeline, item, outcomes);
    if (err == AL_ESHORT && now_ns < item->give_up_ns) {
        open_decisions_reschedule(&pipeline->open, item, now_ns + NS_PER_S);
        return;
    }
    if (err == AL_OK)
        push_samples(pipeline, item, outcomes, now_ns, effects);
    else if (!item->is_settled)
        push_drop(item, REASON_market_gap, effects);
    else
        step_count("learn", "label", "late_market_gap");
    close_decision(pipeline, item);
}

static void label_due(struct pipeline *pipeline, int64_t now_ns, struct effects *effects)
{
    struct open_decision *item;
    while (effects_room(effects) > EFFECTS_PER_CALL &&
           (item = open_decisions_due(&pipeline->open, now_ns)) != NULL)
        label_one(pipeline, item, now_ns, effects);
}

bool learn_open(struct pipeline *pipeline, const struct decision *decision)
{
    const struct desk *desk = pipeline_desk(pipeline, &decision->strategy_id);
    int64_t due_ns =
        decision->decided_at_ns + decision->horizon_ns + desk->config->settlement_lag_ns;
    return open_decisions_add(&pipeline->open, decision, due_ns,
                              due_ns + FILL_WAIT_NS + LABEL_WAIT_NS) != NULL;
}

/* ---- train and gate ---- */

static void train_due(struct desk *desk, int64_t now_ns, struct effects *effects)
{
    desk->trigger.expires_ns = desk->shadows.has_market ? desk_expires_ns(desk) : TIMESTAMP_NONE;
    const char *trigger = trigger_due(&desk->trigger, now_ns);
    if (trigger == NULL)
        return;
    struct effect *effect = effects_push(effects, EFFECT_start_training);
    effect->training.strategy_id = desk->config->strategy_id;
    effect->training.trigger = trigger;
    desk->shadows.is_drifting |= strcmp(trigger, "degradation") == 0;
    step_count("learn", "train", trigger);
}

/* The app reports every start, by trigger or by hand, before it returns to the loop: the trigger is asked only once. */
void learn_on_training_start(struct pipeline *pipeline,
                             const struct strategy_id *strategy_id,
                             int64_t now_ns)
{
    struct desk *desk = pipeline_desk(pipeline, strategy_id);
    assert(desk != NULL);
    desk->n_since_at_start = desk->trigger.n_since;
    trigger_on_start(&desk->trigger, now_ns);
}

void learn_on_training_end(struct pipeline *pipeline,
                           const struct strategy_id *strategy_id,
                           bool had_result,
                           uint64_t n_samples_needed,
                           int64_t now_ns)
{
    struct desk *desk = pipeline_desk(pipeline, strategy_id);
    assert(desk != NULL);
    if (had_result) {
        desk->trigger.n_since -= desk->n_since_at_start;
        desk->trigger.n_needed = n_samples_needed;
    }
    desk->n_since_at_start = 0;
    trigger_on_end(&desk->trigger, now_ns);
}

void desk_activate(struct desk *desk, struct scorer *scorer, bool keeps_guard, int64_t now_ns)
{
    shadow_on_activation(desk, scorer, keeps_guard);
    desk->active_since_ns = now_ns;
    trigger_on_new_model(&desk->trigger);
    step_count("learn", "gate", scorer != NULL ? "activated" : "warmup");
}

void learn_activate(struct pipeline *pipeline,
                    const struct strategy_id *strategy_id,
                    struct scorer *scorer,
                    int64_t now_ns)
{
    struct desk *desk = pipeline_desk(pipeline, strategy_id);
    assert(desk != NULL);
    desk_activate(desk, scorer, false, now_ns);
}

static void do_what_is_due(struct pipeline *pipeline, int64_t now_ns, struct effects *effects)
{
    label_due(pipeline, now_ns, effects);
    forget_settled(pipeline, now_ns);
    order_watch_time(pipeline, now_ns, effects);
    forget_lost_orders(pipeline, now_ns);
    for (size_t i = 0; i < pipeline->n_desks; i++)
        train_due(&pipeline->desks[i], now_ns, effects);
}

int64_t pipeline_tick(struct pipeline *pipeline, int64_t now_ns, struct effects *effects)
{
    int64_t next_ns = now_ns + NS_PER_S;
    if (pipeline->has_time)
        do_what_is_due(pipeline, now_ns, effects);
    bool has_market = pipeline_newest_market_ns(pipeline) != TIMESTAMP_NONE;
    for (size_t i = 0; i < pipeline->n_desks; i++)
        shadow_tick(&pipeline->desks[i], has_market, now_ns, effects);
    for (size_t i = 0; i < pipeline->n_markets && pipeline->has_time; i++)
        protect_again(pipeline, &pipeline->markets[i], now_ns, effects);
    int64_t due_ns[] = {act_on_time(pipeline, now_ns, effects),
                        open_decisions_next_ns(&pipeline->open)};
    for (size_t i = 0; i < COUNT_OF(due_ns); i++)
        next_ns = due_ns[i] < next_ns ? due_ns[i] : next_ns;
    return next_ns;
}

/* ---- recovery ---- */

void pipeline_restore_open(struct pipeline *pipeline, const struct decision *decision)
{
    if (pipeline_desk(pipeline, &decision->strategy_id) != NULL &&
        pipeline_market(pipeline, &decision->asset) != NULL)
        (void)learn_open(pipeline, decision);
}

void pipeline_restore_execution(struct pipeline *pipeline,
                                const struct execution *execution,
                                bool order_ended)
{
    struct open_decision *item = open_decisions_find(&pipeline->open, execution->signal_id);
    if (item != NULL)
        follow_fill(pipeline, item, execution, order_ended);
}

void pipeline_restore_order(struct pipeline *pipeline,
                            const struct order_state *state,
                            int64_t now_ns)
{
    count_open_order(pipeline, state, now_ns);
}

void pipeline_restore_training(struct pipeline *pipeline,
                               const struct strategy_id *strategy_id,
                               const struct restored_training *training,
                               int64_t now_ns)
{
    struct desk *desk = pipeline_desk(pipeline, strategy_id);
    if (desk == NULL)
        return;
    desk->n_samples = training->n_samples;
    desk->trigger.n_since = training->n_samples_since_training;
    if (training->n_samples_needed > 0)
        desk->trigger.n_needed = training->n_samples_needed;
    for (uint64_t i = 0; i < training->n_starts; i++)
        trigger_restore_start(&desk->trigger, training->starts_ns[i]);
    trigger_restore(&desk->trigger, training->last_training_ns, training->next_training_ns, now_ns);
}

void pipeline_restore_cost(struct pipeline *pipeline,
                           const struct execution *execution,
                           double signal_price,
                           int64_t decided_at_ns)
{
    struct market_desk *market = pipeline_market(pipeline, &execution->asset);
    double price = decimal_to_double(execution->price);
    double notional = price * decimal_to_double(execution->quantity);
    if (market == NULL || !(signal_price > 0) || !(notional > 0))
        return;
    cost_model_update(&market->costs, side_sign(execution->side) * (price / signal_price - 1),
                      decimal_to_double(execution->fees) / notional,
                      (double)(execution->executed_at_ns - decided_at_ns));
}

void pipeline_restore_fills(struct pipeline *pipeline, const struct restored_fills *fills)
{
    struct market_desk *market = pipeline_market(pipeline, &fills->asset);
    if (market != NULL)
        cost_model_on_orders(&market->costs, fills->n_orders, fills->mean_fraction);
}

void pipeline_restore_outcome(struct pipeline *pipeline, const struct restored_outcome *outcome)
{
    struct desk *desk = pipeline_desk(pipeline, &outcome->strategy_id);
    struct market_desk *market = pipeline_market(pipeline, &outcome->asset);
    struct pair *pair = desk != NULL && market != NULL ? pair_of(market, desk) : NULL;
    if (pair != NULL && is_serving(desk, &outcome->model_version))
        trigger_on_outcome(
            &desk->trigger, outcome->confidence, outcome->won,
            news_in(&pair->last_outcome_ns, outcome->decided_at_ns, desk->config->horizon_ns));
}
