/* ACT   market data -> snapshot -> features -> predict -> decide -> limit -> publish
 *
 * One market message updates its asset; each strategy that is due then walks the line as a journey. A step says NEXT, or
 * DROP with a reason: the journey ends as an abstention, which is recorded like any decision. The decision is frozen as it
 * goes: whatever a later step sees was written by an earlier one, never by anything that happened afterwards.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/domain/signal.h"
#include "alphaloop/model/explain.h"
#include "alphaloop/observe/metric.h"

#include "pipeline_i.h"

enum step_result { STEP_NEXT, STEP_DROP };

/* One walk along the line. */
struct journey {
    struct pipeline *pipeline;
    struct pair *pair;
    struct market_desk *market;
    const struct strategy_config *config;
    int64_t now_ns;
    struct decision *decision;    /* filled step by step; the journey's until it is stored */
    struct entry_choice choice;   /* the model's, with what sizing needs of it */
    struct shadow_scores *scores; /* of every version; NULL when there is only one */
};

static enum step_result drop(struct journey *j, enum reason reason)
{
    j->decision->side = SIDE_NONE;
    j->decision->reason = reason;
    j->decision->propensity = 1;
    j->decision->amount = DECIMAL_ZERO;
    return STEP_DROP;
}

static enum step_result step_snapshot(struct journey *j)
{
    enum reason reason = market_state_snapshot(j->market->market, j->now_ns, &j->pair->freshness,
                                               &j->decision->snapshot);
    if (reason != REASON_NONE)
        return drop(j, reason);
    const struct snapshot *snapshot = &j->decision->snapshot;
    double minutes = (double)j->config->horizon_ns / (double)NS_PER_MIN;
    double bounce = snapshot->spread / 2 / snapshot->mid;
    /* Even a market that stands still goes back and forth between bid and ask. */
    j->decision->sigma_h = fmax(snapshot->volatility * sqrt(minutes), bounce);
    return STEP_NEXT;
}

static struct position_features position_of(const struct journey *j)
{
    const struct position_track *track = &j->market->position;
    bool open = position_track_is_open(track);
    double bound = j->pair->desk->position_scale;
    return (struct position_features){
        .is_known = track->known,
        .size_fraction =
            open ? decimal_to_double(track->last.size) * j->decision->snapshot.mid / bound : 0,
        .unrealized_pnl_pct = open ? track->last.unrealized_pnl_pct : 0,
        .n_open_orders = (double)j->market->n_open_orders,
    };
}

/* A model is only asked about vectors like those it was trained on. Heuristics do not read the vector: while its windows
 * fill (half an hour of minutes for the standard set), what is not known yet is frozen as missing. */
static enum step_result step_features(struct journey *j)
{
    struct position_features position = position_of(j);
    enum reason reason =
        feature_engine_vector(j->pair->engine, j->market->market, &j->pair->freshness, &position,
                              j->now_ns, j->decision->features);
    bool may_miss = reason == REASON_features_warming_up && j->pair->desk->scorer == NULL;
    if (reason != REASON_NONE && !may_miss)
        return drop(j, reason);
    j->decision->n_features = j->pair->desk->features->n_columns;
    return STEP_NEXT;
}

/* Without a model the heuristics choose; their strength says how loud they are, not how probable a profit is. */
static enum step_result predict_warmup(struct journey *j)
{
    const struct settings *settings = j->pipeline->settings;
    if (!settings->warmup_mode_enabled)
        return drop(j, REASON_warmup_disabled);
    struct market_moves moves;
    market_state_moves(j->market->market, j->now_ns, &j->pair->freshness, &moves);
    struct heuristic_input input = {
        .return_sigma = moves.return_60s,
        .deviation_sigma = moves.ema_distance,
        .last_return = moves.return_10s,
        .volume_ratio = moves.volume_ratio,
        .volatility_ratio = moves.volatility_ratio,
    };
    struct warmup_choice choice =
        warmup_choose(j->pair->desk->heuristic_weights, &input, settings->warmup_randomness_level,
                      &j->pipeline->rng);
    j->decision->side = choice.side;
    j->decision->reason = choice.reason;
    j->decision->propensity = choice.propensity;
    j->decision->confidence = choice.strength;
    j->decision->expected_value = NAN;
    strncpy(j->decision->heuristic, choice.heuristic, sizeof(j->decision->heuristic) - 1);
    return STEP_NEXT;
}

/* A model's numbers mean little where it has seen nothing like it; they are kept with the abstention all the same. */
static bool is_novel(const struct journey *j, const struct scorer *decider)
{
    if (j->scores == NULL)
        return must_abstain(j->pair, decider, j->decision);
    for (size_t i = 0; i < j->scores->n; i++) { /* it was asked already */
        const char *version = j->scores->items[i].version.text;
        if (strcmp(version, scorer_manifest(decider)->version.text) == 0)
            return j->scores->items[i].is_novel;
    }
    return false;
}

static enum step_result predict_model(struct journey *j)
{
    struct desk *desk = j->pair->desk;
    const struct scorer *decider = shadow_decider(desk, j->decision->decision_id);
    struct action_value values[3] = {0};
    struct interval intervals[3];
    if (!value_actions(j->pair, decider, j->decision, values, intervals))
        return drop(j, REASON_model_unavailable);
    j->choice = entry_choose(values, j->config->epsilon, &j->pipeline->rng);
    j->decision->model_version = scorer_manifest(decider)->version;
    j->decision->side = j->choice.side;
    j->decision->leaning = j->choice.leaning;
    j->decision->interval = intervals[j->choice.leaning];
    j->decision->reason = j->choice.reason;
    j->scores = shadow_score(j->pair, j->decision, j->now_ns);
    j->decision->propensity =
        shadow_propensity(desk, j->scores, j->choice.side, j->choice.propensity);
    j->decision->confidence = j->choice.confidence;
    j->decision->expected_value = j->choice.expected_value;
    if (!is_novel(j, decider))
        return STEP_NEXT;
    (void)drop(j, REASON_out_of_distribution);
    j->decision->propensity = shadow_propensity(desk, j->scores, SIDE_NONE, 1);
    return STEP_DROP;
}

static enum step_result step_predict(struct journey *j)
{
    j->decision->is_warmup = j->pair->desk->scorer == NULL;
    return j->decision->is_warmup ? predict_warmup(j) : predict_model(j);
}

static double position_quote(const struct journey *j)
{
    const struct position_track *track = &j->market->position;
    double size = track->known ? decimal_to_double(track->last.size) : j->market->told_position;
    return size * j->decision->snapshot.mid;
}

/* A buy spends quote currency, a sale base currency: what the account holds of it, or the long position if that is more. */
static double spendable_quote(const struct journey *j)
{
    if (j->decision->side == SIDE_BUY)
        return j->market->quote_balance;
    double held = j->market->base_balance * j->decision->snapshot.mid;
    return isnan(held) ? NAN : fmax(held, position_quote(j));
}

/* Abstaining by choice keeps the propensity the policy gave it; abstaining by refusal (drop) leaves nothing to chance. */
static enum step_result step_decide(struct journey *j)
{
    const struct desk *desk = j->pair->desk;
    if (j->decision->side == SIDE_NONE)
        return STEP_DROP;
    if (j->decision->is_warmup)
        j->decision->amount =
            size_warmup(&desk->warmup_sizing, j->pipeline->settings->warmup_randomness_level,
                        &j->pipeline->rng);
    else
        j->decision->amount = size_model(&desk->sizing, j->choice.explored ? 0 : j->choice.v_lower);
    j->decision->amount = size_afford(j->decision->amount, spendable_quote(j));
    return STEP_NEXT;
}

static enum step_result step_limit(struct journey *j)
{
    if (j->pipeline->paused)
        return drop(j, REASON_publishing_paused);
    if (open_decisions_count(&j->pipeline->open) >= j->pipeline->open.max)
        return drop(j, REASON_open_decisions_full);
    struct limit_input input = {
        .now_ns = j->now_ns,
        .side = j->decision->side,
        .amount = decimal_to_double(j->decision->amount),
        .budget = &j->pair->desk->budget,
        .last_signal_ns = j->pair->last_signal_ns,
        .cooldown_ns = j->config->limits.cooldown_ns,
        .n_open_orders = j->market->n_open_orders + j->market->n_told_orders,
        .skip_on_open_order = j->config->limits.skip_on_open_order,
        .balance = spendable_quote(j),
        .position = position_quote(j),
        .max_position = j->config->limits.max_position_quote,
    };
    enum reason reason = limits_check(&input);
    return reason == REASON_NONE ? STEP_NEXT : drop(j, reason);
}

static enum step_result step_publish(struct journey *j)
{
    j->pair->last_signal_ns = j->now_ns;
    desk_count_signal(j->pair->desk, j->now_ns);
    return STEP_NEXT;
}

static const struct {
    const char *name;
    enum step_result (*run)(struct journey *j);
} line[] = {
    {"snapshot", step_snapshot}, {"features", step_features}, {"predict", step_predict},
    {"decide", step_decide},     {"limit", step_limit},       {"publish", step_publish},
};

/* A signal or an abstention that froze features goes to the ledger and is followed to its outcome. Without features there
 * is nothing to learn from: the first of a run is recorded, repeats within a minute are only counted. */
static bool worth_keeping(struct journey *j)
{
    struct pair *pair = j->pair;
    enum reason reason = j->decision->reason;
    if (j->decision->n_features > 0) {
        pair->last_reason = REASON_NONE;
        return true;
    }
    bool repeat = pair->last_reason == reason && j->now_ns - pair->last_reason_ns < NS_PER_MIN;
    if (!repeat) {
        pair->last_reason = reason;
        pair->last_reason_ns = j->now_ns;
    }
    return !repeat;
}

/* In short words what spoke for the side: the loudest heuristic or the model's value, and chance when it decided. */
static size_t entry_reasons(const struct journey *j, const char *reasons[REASONS_MAX])
{
    const struct decision *decision = j->decision;
    size_t n = 0;
    bool by_chance = decision->is_warmup ? decision->propensity < 0.5 : j->choice.explored;
    if (decision->is_warmup && decision->heuristic[0] != '\0')
        reasons[n++] = decision->heuristic;
    if (!decision->is_warmup && !by_chance)
        reasons[n++] = "value_above_cost";
    if (by_chance)
        reasons[n++] = "exploration";
    return n;
}

static void write_body(struct journey *j, struct buf *body)
{
    const struct desk *desk = j->pair->desk;
    const char *reasons[REASONS_MAX];
    size_t n_reasons = entry_reasons(j, reasons);
    struct explanation explanation;
    bool is_explained =
        !j->decision->is_warmup &&
        explain_action(shadow_decider(desk, j->decision->decision_id), desk->features,
                       j->decision->features, j->decision->side, &explanation);
    struct signal_extra extra = {
        .reasons = reasons,
        .n_reasons = n_reasons,
        .explanation = is_explained ? &explanation : NULL,
        .risk_score = risk_score(&j->decision->snapshot, j->decision->sigma_h),
        .indicator_names = desk->feature_names,
        .n_indicators = j->decision->n_features,
    };
    signal_body_write(j->decision, &extra, body);
}

static void keep(struct journey *j, struct effects *effects)
{
    struct decision *decision = j->decision;
    bool follow = decision->n_features > 0 &&
                  (decision->side != SIDE_NONE || j->config->training.use_market_evidence);
    if (follow && learn_open(j->pipeline, decision) && j->scores != NULL) {
        pipeline_restore_scores(j->pipeline, j->scores);
        effects_push(effects, EFFECT_store_scores)->scores = j->scores;
        j->scores = NULL;
    }
    struct effect *effect = effects_push(effects, EFFECT_store_decision);
    effect->decision = decision;
    if (decision->side != SIDE_NONE)
        write_body(j, &effect->body);
}

/* False when there was no market to act on. */
static bool walk(struct journey *j, struct effects *effects)
{
    enum step_result result = STEP_NEXT;
    for (size_t i = 0; i < COUNT_OF(line) && result == STEP_NEXT; i++) {
        result = line[i].run(j);
        step_count("act", line[i].name,
                   result == STEP_NEXT ? "next" : reason_name(j->decision->reason));
        if (result == STEP_DROP)
            metric_add(METRIC_refusals_total, 1, line[i].name, reason_name(j->decision->reason));
    }
    j->pair->desk->n_decisions++;
    j->pair->desk->n_abstained += result == STEP_DROP;
    bool had_market = j->decision->n_features > 0;
    if (worth_keeping(j))
        keep(j, effects);
    else
        free(j->decision);
    free(j->scores);
    return had_market;
}

/* `event` is what caused the decision; NULL when time alone did. */
static void freeze_identity(struct journey *j, const struct market_event *event)
{
    struct decision *decision = j->decision;
    decision->decision_id = uuid_v7(j->now_ns, &j->pipeline->rng);
    decision->kind = DECISION_ENTRY;
    decision->interval = INTERVAL_NONE;
    decision->strategy_id = j->config->strategy_id;
    decision->asset = j->market->asset;
    decision->decided_at_ns = j->now_ns;
    decision->horizon_ns = j->config->horizon_ns;
    decision->barrier_up = j->config->label.barrier_up;
    decision->barrier_down = j->config->label.barrier_down;
    decision->schema_hash = j->pair->desk->features->schema_hash;
    decision->expires_at_ns = j->now_ns + j->pipeline->settings->signal_ttl_seconds * NS_PER_S;
    if (event != NULL) {
        decision->trace_id = event->trace_id;
        memcpy(decision->traceparent, event->traceparent, sizeof(decision->traceparent));
    }
    if (decision->trace_id.text[0] == '\0')
        uuid_format(decision->decision_id, decision->trace_id.text);
}

/* How long until the strategy is to decide for this asset again. */
static int64_t decision_interval_ns(const struct pipeline *pipeline, const struct desk *desk)
{
    if (desk->scorer == NULL)
        return NS_PER_MIN / pipeline->settings->warmup_signal_frequency;
    return desk->config->decision.interval_ns;
}

/* A market that could not be acted on is looked at again soon, however rarely the strategy decides. */
#define LOOK_AGAIN_NS NS_PER_S

static void decide(struct pipeline *pipeline,
                   struct pair *pair,
                   const struct market_event *event,
                   int64_t now_ns,
                   struct effects *effects)
{
    struct journey j = {
        .pipeline = pipeline,
        .pair = pair,
        .market = pair->market,
        .config = pair->desk->config,
        .now_ns = now_ns,
        .decision = calloc(1, sizeof(struct decision)),
    };
    assert(j.decision != NULL);
    freeze_identity(&j, event);
    int64_t wait_ns = decision_interval_ns(pipeline, pair->desk);
    if (!walk(&j, effects) && wait_ns > LOOK_AGAIN_NS)
        wait_ns = LOOK_AGAIN_NS;
    /* From when it fell due, so that small delays do not add up to fewer decisions a minute. */
    int64_t late_ns =
        pair->next_decision_ns == TIMESTAMP_NONE ? 0 : now_ns - pair->next_decision_ns;
    pair->next_decision_ns = now_ns + wait_ns - (late_ns > 0 && late_ns < wait_ns ? late_ns : 0);
}

/* ---- when ---- */

/* How long a message that is due may let itself be waited for. */
#define MESSAGE_GRACE_NS (250 * NS_PER_MS)

static bool has_candle(const struct market_update *update, int64_t interval_ns)
{
    for (size_t i = 0; i < update->n_candles; i++) {
        if (update->candles[i].interval_ns == interval_ns)
            return true;
    }
    return false;
}

static bool is_due(const struct pair *pair, const struct market_update *update, int64_t now_ns)
{
    switch (pair->desk->config->decision.trigger) {
    case DECISION_TRIGGER_CANDLE:
        return has_candle(update, pair->desk->config->timeframe_ns);
    case DECISION_TRIGGER_TICK:
        return update->has_quote;
    case DECISION_TRIGGER_INTERVAL:
        break;
    }
    return now_ns >= pair->next_decision_ns;
}

static void take_in(struct market_desk *market,
                    const struct market_update *update,
                    struct effects *effects)
{
    for (size_t i = 0; i < market->n_pairs; i++)
        feature_engine_on_update(market->pairs[i].engine, update);
    if (update->has_quote)
        price_path_append(&market->path, update->quote.ts_event_ns, update->quote.mid,
                          (update->quote.ask - update->quote.bid) / 2);
    if (update->has_quote)
        order_watch_price(market, &update->quote);
    for (size_t i = 0; i < update->n_candles && update->is_live; i++) {
        struct effect *effect = effects_push(effects, EFFECT_store_candle);
        effect->candle.asset = market->asset;
        effect->candle.candle = update->candles[i];
    }
}

static const char *outcome_of(const struct market_counts *before,
                              const struct market_counts *after,
                              enum market_kind kind,
                              bool used)
{
    if (used)
        return "used";
    if (after->n_late[kind] > before->n_late[kind])
        return "late";
    if (after->n_refused[kind] > before->n_refused[kind])
        return "refused";
    return kind == MARKET_BOOK ? "no_snapshot" : "unused";
}

/* True when something of the message was used. */
static bool take_message(struct market_desk *market,
                         const struct market_event *event,
                         int64_t now_ns,
                         struct market_update *update)
{
    struct market_counts before = *market_state_counts(market->market);
    bool used = market_state_on_event(market->market, event, now_ns, update);
    const struct market_counts *after = market_state_counts(market->market);
    metric_add(METRIC_market_events_total, 1, market_kind_name(event->kind),
               outcome_of(&before, after, event->kind, used));
    step_count("act", "market", used ? "next" : "unused");
    if (event->kind == MARKET_BOOK)
        metric_set(METRIC_order_book_usable, used && update->book != NULL, market->asset.text,
                   NULL);
    return used;
}

void act_on_market(struct pipeline *pipeline,
                   const struct market_event *event,
                   int64_t now_ns,
                   struct effects *effects)
{
    assert(effects_room(effects) >= EFFECTS_PER_CALL);
    if (!pipeline->has_time)
        pipeline_time_begins(pipeline, now_ns);
    struct market_desk *market = pipeline_market(pipeline, &event->asset);
    if (market == NULL)
        return;
    struct market_update update;
    if (!take_message(market, event, now_ns, &update))
        return;
    take_in(market, &update, effects);
    if (market->exit.is_wanted)
        protect_again(pipeline, market, now_ns, effects);
    for (size_t i = 0; i < market->n_pairs; i++) {
        struct pair *pair = &market->pairs[i];
        if (is_due(pair, &update, now_ns))
            decide(pipeline, pair, event, now_ns, effects);
    }
}

/* When time alone makes the pair decide: a little after it fell due, because a message that comes by then is fresher.
 * TIMESTAMP_NONE: never; a market that follows its messages decides at them, or a replay would depend on its speed. */
static int64_t overdue_ns(const struct pipeline *pipeline, const struct pair *pair)
{
    if (pipeline->settings->clock != SETTING_CLOCK_WALL ||
        pair->desk->config->decision.trigger != DECISION_TRIGGER_INTERVAL ||
        pair->next_decision_ns == TIMESTAMP_NONE)
        return TIMESTAMP_NONE;
    int64_t grace_ns = decision_interval_ns(pipeline, pair->desk) / 2;
    return pair->next_decision_ns + (grace_ns < MESSAGE_GRACE_NS ? grace_ns : MESSAGE_GRACE_NS);
}

int64_t act_on_time(struct pipeline *pipeline, int64_t now_ns, struct effects *effects)
{
    int64_t next_ns = INT64_MAX;
    for (size_t i = 0; i < pipeline->n_markets; i++) {
        for (size_t k = 0; k < pipeline->markets[i].n_pairs; k++) {
            struct pair *pair = &pipeline->markets[i].pairs[k];
            int64_t due_ns = overdue_ns(pipeline, pair);
            if (due_ns != TIMESTAMP_NONE && now_ns >= due_ns && effects_room(effects) > 0) {
                decide(pipeline, pair, NULL, now_ns, effects);
                due_ns = overdue_ns(pipeline, pair);
            }
            if (due_ns != TIMESTAMP_NONE && due_ns < next_ns)
                next_ns = due_ns;
        }
    }
    return next_ns;
}

void act_pause(struct pipeline *pipeline, bool paused)
{
    pipeline->paused = paused;
}

void pipeline_restore_candle(struct pipeline *pipeline,
                             const struct asset *asset,
                             const struct candle *candle)
{
    struct market_desk *market = pipeline_market(pipeline, asset);
    struct market_update update;
    if (market == NULL || !market_state_on_stored_candle(market->market, candle, &update))
        return;
    for (size_t i = 0; i < market->n_pairs; i++)
        feature_engine_on_update(market->pairs[i].engine, &update);
}
