/* The interval around a decision's expected value: made when it is frozen, held against the outcome when that is known
 * (model/conformal.h). A strategy has one horizon, so one state for each strategy and asset is one per horizon and group. It
 * belongs to the version that serves: another one begins anew. */
#include <math.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/observe/metric.h"

#include "pipeline_i.h"

static const struct model_version_id *serving(const struct pair *pair)
{
    return &scorer_manifest(pair->desk->scorer)->version;
}

static bool is_of_serving(const struct pair *pair)
{
    return pair->desk->scorer != NULL &&
           strcmp(pair->intervals.version.text, serving(pair)->text) == 0;
}

/* Of a version of which no outcome is known yet, what is wanted is asked. */
static double asked(const struct pair *pair)
{
    const struct strategy_config *config = pair->desk->config;
    const struct adaptive nothing_known = {0};
    return adaptive_coverage(is_of_serving(pair) ? &pair->intervals.adaptive : &nothing_known,
                             config->uncertainty.coverage, config->uncertainty.adaptation);
}

/* Another version than the serving one has no outcomes of its own: what is wanted is asked. */
static double asked_of(const struct pair *pair, const struct scorer *scorer)
{
    return scorer == pair->desk->scorer ? asked(pair) : pair->desk->config->uncertainty.coverage;
}

static void begin_anew(struct pair *pair)
{
    pair->intervals = (struct live_intervals){.version = *serving(pair), .last_ns = TIMESTAMP_NONE};
}

bool value_actions(const struct pair *pair,
                   const struct scorer *scorer,
                   const struct decision *decision,
                   struct action_value values[3],
                   struct interval intervals[3])
{
    const struct conformal *conformal = &scorer_manifest(scorer)->conformal;
    bool by_outcome = pair->desk->config->uncertainty.abstain_by == ABSTAIN_BY_OUTCOME;
    float oriented[FEATURES_MAX];
    for (enum side side = SIDE_BUY; side <= SIDE_SELL; side++) {
        struct prediction p;
        feature_orient(pair->desk->features, decision->features, side, oriented);
        if (scorer_predict(scorer, oriented, &p) != AL_OK)
            return false;
        intervals[side] =
            conformal_interval(conformal, p.v, decision->sigma_h, asked_of(pair, scorer));
        values[side] =
            (struct action_value){.q = p.q,
                                  .v = p.v,
                                  .v_lower = p.v_low,
                                  .straddles = by_outcome && !(intervals[side].lower > 0)};
    }
    return true;
}

bool must_abstain(const struct pair *pair,
                  const struct scorer *scorer,
                  const struct decision *decision)
{
    const struct novelty *novelty = scorer_novelty(scorer);
    return pair->desk->config->uncertainty.abstain_when_novel && novelty != NULL &&
           novelty_score(novelty, decision->features) > 1;
}

static void update(struct pair *pair, bool missed, int64_t decided_at_ns)
{
    const struct strategy_config *config = pair->desk->config;
    const char *strategy = config->strategy_id.text, *asset = pair->market->asset.text;
    adaptive_update(&pair->intervals.adaptive, config->uncertainty.coverage,
                    config->uncertainty.adaptation, missed,
                    news_in(&pair->intervals.last_ns, decided_at_ns, config->horizon_ns));
    metric_set(METRIC_interval_coverage, pair->intervals.adaptive.coverage, strategy, asset);
    metric_set(METRIC_interval_asked, asked(pair), strategy, asset);
}

void interval_settle(struct pair *pair, const struct decision *decision, double outcome)
{
    if (!is_serving(pair->desk, &decision->model_version) || isnan(decision->interval.coverage))
        return;
    if (!is_of_serving(pair))
        begin_anew(pair);
    bool missed = interval_misses(&decision->interval, outcome);
    metric_add(METRIC_interval_outcomes_total, 1, decision->strategy_id.text,
               missed ? "missed" : "held");
    update(pair, missed, decision->decided_at_ns);
}

/* The first one says where the level stood: what came before it is in there. */
void pipeline_restore_interval(struct pipeline *pipeline, const struct restored_interval *restored)
{
    const struct desk *desk = pipeline_desk(pipeline, &restored->strategy_id);
    struct market_desk *market = pipeline_market(pipeline, &restored->asset);
    struct pair *pair = desk != NULL && market != NULL ? pair_of(market, desk) : NULL;
    if (pair == NULL || !is_serving(desk, &restored->model_version) ||
        isnan(restored->interval.coverage))
        return;
    if (!is_of_serving(pair)) {
        begin_anew(pair);
        adaptive_restore(&pair->intervals.adaptive, desk->config->uncertainty.coverage,
                         desk->config->uncertainty.adaptation, restored->interval.coverage);
    }
    update(pair, interval_misses(&restored->interval, restored->net_return),
           restored->decided_at_ns);
}

double interval_coverage_of(const struct pipeline *pipeline, const struct desk *desk)
{
    double held = 0, weight = 0;
    for (size_t i = 0; i < pipeline->n_markets; i++) {
        for (size_t k = 0; k < pipeline->markets[i].n_pairs; k++) {
            const struct pair *pair = &pipeline->markets[i].pairs[k];
            if (pair->desk != desk || !is_of_serving(pair))
                continue;
            held += pair->intervals.adaptive.weight * pair->intervals.adaptive.coverage;
            weight += pair->intervals.adaptive.weight;
        }
    }
    return weight > 0 ? held / weight : (double)NAN;
}
