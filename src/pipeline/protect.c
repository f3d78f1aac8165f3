/* PROTECT   position update -> track -> exit -> publish
 *
 * Exits protect what is already at risk: they pass no strategy limit, take nothing off a budget, and are no training rows
 * (nobody chose between actions). They are sent in the name of the strategy that last traded the asset.
 *
 * An exit is sent once: while it may still be answered (its time to live, and longer while an order works on it) no other
 * is sent for the position, and never two within a minute. One that cannot be priced, because the market is stale, is
 * recorded as an abstention and asked again with the next market message, for as long as what the position said is fresh.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/domain/signal.h"
#include "alphaloop/observe/metric.h"

#include "pipeline_i.h"

/* A profit told so long ago wants out no more; the next update will say. */
#define WANTED_FOR_NS NS_PER_MIN

/* An order may outlive the signal it came of, but its end can be lost on the way, and a loss must not wait for that. */
#define ORDER_WAIT_NS (5 * NS_PER_MIN)

/* The pair that last sent a signal for the asset, else the first that trades it. */
static struct pair *responsible_pair(struct market_desk *market)
{
    struct pair *last = &market->pairs[0];
    for (size_t i = 1; i < market->n_pairs; i++) {
        if (market->pairs[i].last_signal_ns > last->last_signal_ns)
            last = &market->pairs[i];
    }
    return last;
}

static struct decision *exit_decision(struct pipeline *pipeline,
                                      const struct pair *pair,
                                      const struct position_update *update,
                                      const struct snapshot *snapshot,
                                      const struct exit_choice *choice,
                                      int64_t now_ns)
{
    struct decision *decision = calloc(1, sizeof(*decision));
    assert(decision != NULL);
    decision->decision_id = uuid_v7(now_ns, &pipeline->rng);
    decision->kind = DECISION_EXIT;
    decision->strategy_id = pair->desk->config->strategy_id;
    decision->asset = update->asset;
    decision->decided_at_ns = now_ns;
    decision->side = choice->side;
    decision->reason = choice->reason;
    decision->confidence = 1;
    decision->expected_value = NAN;
    decision->interval = INTERVAL_NONE;
    decision->propensity = 1;
    decision->is_warmup = pair->desk->scorer == NULL;
    if (pair->desk->scorer != NULL)
        decision->model_version = scorer_manifest(pair->desk->scorer)->version;
    decision->snapshot = *snapshot;
    decision->schema_hash = pair->desk->features->schema_hash;
    decision->expires_at_ns = now_ns + pipeline->settings->signal_ttl_seconds * NS_PER_S;
    decision->trace_id = update->trace_id;
    memcpy(decision->traceparent, update->traceparent, sizeof(decision->traceparent));
    if (decision->trace_id.text[0] == '\0')
        uuid_format(decision->decision_id, decision->trace_id.text);
    return decision;
}

/* What closes the wanted part, in quote currency, within what a signal may carry; the rest follows a minute later. */
static struct decimal exit_amount(const struct position_update *update, double mid, double fraction)
{
    double amount = fabs(decimal_to_double(update->size)) * fraction * mid;
    struct sizing exact = {.min_amount = fmin(amount, SIGNAL_AMOUNT_MAX), .edge_scale = 1};
    exact.max_amount = exact.min_amount;
    return size_model(&exact, 0);
}

/* Less than the rule wanted when the amount was cut to what a signal may carry. */
static double exit_fraction(const struct position_update *update, double mid, double wanted)
{
    double amount = fabs(decimal_to_double(update->size)) * wanted * mid;
    return amount > SIGNAL_AMOUNT_MAX ? wanted * SIGNAL_AMOUNT_MAX / amount : wanted;
}

static void watch_exit(struct market_desk *market, const struct decision *decision)
{
    market->exit.is_wanted = false;
    market->exit.is_out = true;
    market->exit.has_order = false;
    market->exit.signal_id = decision->decision_id;
    market->exit.expires_ns = decision->expires_at_ns;
    market->exit.size = market->position.last.size;
}

static bool is_under_way(struct market_desk *market, int64_t now_ns)
{
    int64_t until_ns = market->exit.expires_ns + (market->exit.has_order ? ORDER_WAIT_NS : 0);
    if (now_ns >= until_ns)
        market->exit.is_out = false;
    return market->exit.is_out;
}

void protect_on_order(struct market_desk *market, const struct order_state *state)
{
    if (!market->exit.is_out || !uuid_eq(market->exit.signal_id, state->signal_id))
        return;
    market->exit.has_order = !state->ended;
    market->exit.is_out = !state->ended;
}

/* Without an order to go by, a size that changed says that the exit was answered. */
static void note_update(struct market_desk *market, int64_t now_ns)
{
    bool other_position = market->position.last_exit_ns == TIMESTAMP_NONE;
    bool other_size = decimal_cmp(market->exit.size, market->position.last.size) != 0;
    if (other_position || (other_size && !market->exit.has_order))
        market->exit.is_out = false;
    market->exit.is_wanted = false;
    market->exit.told_ns = now_ns;
}

static void push_exit(struct pipeline *pipeline,
                      struct market_desk *market,
                      const struct snapshot *snapshot,
                      const struct exit_choice *choice,
                      struct decimal amount,
                      int64_t now_ns,
                      struct effects *effects)
{
    const struct position_update *update = &market->position.last;
    const char *const reasons[] = {reason_name(choice->reason)};
    struct signal_extra extra = {
        .reasoning = reason_text(choice->reason),
        .risk_score = risk_score(snapshot, snapshot->volatility),
        .reasons = reasons,
        .n_reasons = 1,
        .position_id = update->position_id,
        .exit_fraction = exit_fraction(update, snapshot->mid, choice->fraction),
    };
    struct effect *effect = effects_push(effects, EFFECT_store_decision);
    effect->decision =
        exit_decision(pipeline, responsible_pair(market), update, snapshot, choice, now_ns);
    effect->decision->amount = amount;
    watch_exit(market, effect->decision);
    signal_body_write(effect->decision, &extra, &effect->body);
    exit_sent(&market->position, choice, now_ns);
    step_count("protect", "publish", reason_name(choice->reason));
}

/* Recorded once a minute, so that an exit that is missing can be explained. */
static void push_refusal(struct pipeline *pipeline,
                         struct market_desk *market,
                         const struct exit_choice *choice,
                         enum reason refused,
                         int64_t now_ns,
                         struct effects *effects)
{
    if (market->exit.refused_ns != TIMESTAMP_NONE &&
        now_ns - market->exit.refused_ns < EXIT_INTERVAL_NS)
        return;
    struct exit_choice none = {.side = SIDE_NONE, .reason = refused, .fraction = choice->fraction};
    struct effect *effect = effects_push(effects, EFFECT_store_decision);
    effect->decision = exit_decision(pipeline, responsible_pair(market), &market->position.last,
                                     &(struct snapshot){0}, &none, now_ns);
    effect->decision->confidence = NAN;
    market->exit.refused_ns = now_ns;
    step_count("protect", "publish", reason_name(refused));
    metric_add(METRIC_refusals_total, 1, "exit", reason_name(refused));
}

static enum reason price_exit(struct pipeline *pipeline,
                              const struct market_desk *market,
                              const struct market_limits *freshness,
                              const struct exit_choice *choice,
                              int64_t now_ns,
                              struct snapshot *snapshot,
                              struct decimal *amount)
{
    enum reason refused = market_state_snapshot(market->market, now_ns, freshness, snapshot);
    if (refused != REASON_NONE)
        return refused;
    if (pipeline->paused)
        return REASON_publishing_paused;
    *amount = exit_amount(&market->position.last, snapshot->mid, choice->fraction);
    return decimal_to_double(*amount) < SIGNAL_AMOUNT_MIN ? REASON_amount_below_min : REASON_NONE;
}

/* True when an exit was sent. */
static bool send_or_want(struct pipeline *pipeline,
                         struct market_desk *market,
                         const struct exit_choice *choice,
                         int64_t now_ns,
                         struct effects *effects)
{
    struct snapshot snapshot;
    struct decimal amount;
    if (is_under_way(market, now_ns)) {
        step_count("protect", "publish", reason_name(REASON_exit_under_way));
        return false;
    }
    enum reason refused = price_exit(pipeline, market, &responsible_pair(market)->freshness, choice,
                                     now_ns, &snapshot, &amount);
    market->exit.is_wanted = refused != REASON_NONE;
    if (refused == REASON_NONE)
        push_exit(pipeline, market, &snapshot, choice, amount, now_ns, effects);
    else
        push_refusal(pipeline, market, choice, refused, now_ns, effects);
    return refused == REASON_NONE;
}

static bool exit_if_due(struct pipeline *pipeline,
                        struct market_desk *market,
                        const struct position_track *track,
                        int64_t now_ns,
                        struct effects *effects)
{
    const struct pair *pair = responsible_pair(market);
    struct exit_choice choice = exit_choose(track, &pair->desk->exits, now_ns);
    step_count("protect", "exit", reason_name(choice.reason));
    return choice.reason != REASON_NONE && send_or_want(pipeline, market, &choice, now_ns, effects);
}

static bool track(struct market_desk *market, const struct position_update *update)
{
    bool used = position_track_update(&market->position, update);
    step_count("protect", "track", used ? "next" : "unused");
    return used;
}

static void push_position(const struct market_desk *market, struct effects *effects)
{
    struct position_track *kept = malloc(sizeof(*kept));
    assert(kept != NULL);
    *kept = market->position;
    effects_push(effects, EFFECT_store_position)->position = kept;
}

void protect_on_position(struct pipeline *pipeline,
                         const struct position_update *update,
                         int64_t now_ns,
                         struct effects *effects)
{
    assert(effects_room(effects) >= EFFECTS_PER_CALL);
    struct market_desk *market = pipeline_market(pipeline, &update->asset);
    if (market == NULL || !track(market, update))
        return;
    note_update(market, now_ns);
    order_watch_position(market, update, now_ns);
    if (!pipeline->has_time) /* nobody knows how long it is held: the market's first message asks */
        market->exit.is_wanted = position_track_is_open(&market->position);
    else if (position_track_is_open(&market->position))
        (void)exit_if_due(pipeline, market, &market->position, now_ns, effects);
    push_position(market, effects);
}

/* What an old update says about time is as true as ever; what it says about profit is not. */
static bool held_too_long(struct pipeline *pipeline,
                          struct market_desk *market,
                          int64_t now_ns,
                          struct effects *effects)
{
    struct position_track track = market->position;
    if (track.last_exit_ns != TIMESTAMP_NONE && track.last_exit_ns >= market->exit.told_ns)
        return false;
    track.last.unrealized_pnl_pct = track.peak_pnl_pct = NAN;
    struct exit_choice choice = exit_choose(&track, &responsible_pair(market)->desk->exits, now_ns);
    return choice.reason != REASON_NONE && send_or_want(pipeline, market, &choice, now_ns, effects);
}

void protect_again(struct pipeline *pipeline,
                   struct market_desk *market,
                   int64_t now_ns,
                   struct effects *effects)
{
    if (market->exit.told_ns == TIMESTAMP_NONE || !position_track_is_open(&market->position))
        return;
    bool is_recent = now_ns - market->exit.told_ns <= WANTED_FOR_NS;
    bool sent = market->exit.is_wanted && is_recent
                    ? exit_if_due(pipeline, market, &market->position, now_ns, effects)
                    : held_too_long(pipeline, market, now_ns, effects);
    if (sent)
        push_position(market, effects);
}

void pipeline_restore_position(struct pipeline *pipeline, const struct position_track *track)
{
    struct market_desk *market = pipeline_market(pipeline, &track->last.asset);
    if (market != NULL && !market->position.known)
        market->position = *track;
}
