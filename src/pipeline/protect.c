/* PROTECT   position update -> track -> exit -> publish
 *
 * Exits protect what is already at risk: they pass no strategy limit, take nothing off a budget, and are no training rows
 * (nobody chose between actions). They are sent in the name of the strategy that last traded the asset.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/domain/signal.h"

#include "pipeline_i.h"

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
    decision->propensity = 1;
    decision->is_warmup = pair->desk->scorer == NULL;
    if (pair->desk->scorer != NULL)
        decision->model_version = scorer_manifest(pair->desk->scorer)->version;
    decision->snapshot = *snapshot;
    decision->schema_hash = pair->desk->features->schema_hash;
    decision->expires_at_ns = now_ns + pipeline->settings->signal_ttl_seconds * NS_PER_S;
    decision->trace_id = update->trace_id;
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

static void push_exit(struct pipeline *pipeline,
                      struct market_desk *market,
                      const struct snapshot *snapshot,
                      const struct exit_choice *choice,
                      struct decimal amount,
                      int64_t now_ns,
                      struct effects *effects)
{
    const struct position_update *update = &market->position.last;
    const char *const reasons[] = {reason_text(choice->reason)};
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
    signal_body_write(effect->decision, &extra, &effect->body);
    exit_sent(&market->position, choice, now_ns);
    step_count("protect", "publish", reason_name(choice->reason));
}

/* A stale or crossed market gives no price to close at: the next update asks again. */
static void exit_if_due(struct pipeline *pipeline,
                        struct market_desk *market,
                        int64_t now_ns,
                        struct effects *effects)
{
    const struct pair *pair = responsible_pair(market);
    struct exit_choice choice = exit_choose(&market->position, &pair->desk->exits, now_ns);
    step_count("protect", "exit", reason_name(choice.reason));
    if (choice.reason == REASON_NONE)
        return;
    struct snapshot snapshot;
    enum reason refused =
        market_state_snapshot(market->market, now_ns, &pair->freshness, &snapshot);
    struct decimal amount = DECIMAL_ZERO;
    if (refused == REASON_NONE && pipeline->paused)
        refused = REASON_publishing_paused;
    if (refused == REASON_NONE)
        amount = exit_amount(&market->position.last, snapshot.mid, choice.fraction);
    if (refused == REASON_NONE && decimal_to_double(amount) < SIGNAL_AMOUNT_MIN)
        refused = REASON_amount_below_min;
    if (refused == REASON_NONE)
        push_exit(pipeline, market, &snapshot, &choice, amount, now_ns, effects);
    else
        step_count("protect", "publish", reason_name(refused));
}

static bool track(struct market_desk *market, const struct position_update *update)
{
    bool used = position_track_update(&market->position, update);
    step_count("protect", "track", used ? "next" : "unused");
    return used;
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
    if (position_track_is_open(&market->position))
        exit_if_due(pipeline, market, now_ns, effects);
    struct position_track *kept = malloc(sizeof(*kept));
    assert(kept != NULL);
    *kept = market->position;
    effects_push(effects, EFFECT_store_position)->position = kept;
}

void pipeline_restore_position(struct pipeline *pipeline, const struct position_track *track)
{
    struct market_desk *market = pipeline_market(pipeline, &track->last.asset);
    if (market != NULL && !market->position.known)
        market->position = *track;
}
