#include "shadow_i.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"

#include "pipeline_i.h"

#define ASK_AGAIN_NS NS_PER_MIN /* after the app could not make the serving version leave */

static const struct model_version_id *version_of(const struct scorer *scorer)
{
    return &scorer_manifest(scorer)->version;
}

static bool is_version(const struct scorer *scorer, const struct model_version_id *version)
{
    return scorer != NULL && strcmp(version_of(scorer)->text, version->text) == 0;
}

static int64_t block_ns(const struct desk *desk)
{
    return ROLLOUT_BLOCK_SPANS * desk->config->horizon_ns;
}

/* ---- the places ---- */

void shadows_init(struct shadows *shadows)
{
    *shadows = (struct shadows){.cooling_until_ns = TIMESTAMP_NONE};
}

static void shadow_clear(struct shadow *shadow)
{
    scorer_destroy(shadow->scorer);
    paired_deinit(&shadow->paired);
    *shadow = (struct shadow){0};
}

void shadows_deinit(struct shadows *shadows)
{
    for (size_t i = 0; i < SHADOWS_MAX; i++)
        shadow_clear(&shadows->items[i]);
}

static struct shadow *find(struct shadows *shadows, const struct model_version_id *version)
{
    for (size_t i = 0; i < SHADOWS_MAX; i++) {
        if (is_version(shadows->items[i].scorer, version))
            return &shadows->items[i];
    }
    return NULL;
}

static struct shadow *find_stage(const struct shadows *shadows, enum rollout_stage stage)
{
    for (size_t i = 0; i < SHADOWS_MAX; i++) {
        if (shadows->items[i].scorer != NULL && shadows->items[i].stage == stage)
            return (struct shadow *)&shadows->items[i];
    }
    return NULL;
}

static struct shadow *find_canary(const struct shadows *shadows)
{
    struct shadow *canary = find_stage(shadows, ROLLOUT_canary_5);
    return canary != NULL ? canary : find_stage(shadows, ROLLOUT_canary_25);
}

static double doubt(const struct shadow *shadow)
{
    return shadow->verdict.e_worse - shadow->verdict.e_better;
}

/* A free place; the guard's is its own. NULL: all challengers are canaries. */
static struct shadow *take_place(struct shadows *shadows,
                                 enum rollout_stage stage,
                                 struct model_version_id *ousted)
{
    struct shadow *worst = NULL;
    size_t n_challengers = 0;
    struct shadow *free_place = NULL;
    for (size_t i = 0; i < SHADOWS_MAX; i++) {
        struct shadow *shadow = &shadows->items[i];
        if (shadow->scorer == NULL)
            free_place = shadow;
        else if (shadow->stage != ROLLOUT_guard)
            n_challengers++;
        if (shadow->scorer != NULL && shadow->stage == ROLLOUT_shadow && !shadow->is_asked &&
            (worst == NULL || doubt(shadow) > doubt(worst)))
            worst = shadow;
    }
    if (free_place != NULL && (stage == ROLLOUT_guard || n_challengers + 1 < SHADOWS_MAX))
        return free_place;
    if (worst == NULL)
        return NULL;
    *ousted = *version_of(worst->scorer);
    shadow_clear(worst);
    return worst;
}

bool learn_shadow(struct pipeline *pipeline,
                  const struct strategy_id *strategy_id,
                  struct scorer *scorer,
                  const struct rollout_start *start,
                  struct model_version_id *ousted)
{
    struct desk *desk = pipeline_desk(pipeline, strategy_id);
    assert(desk != NULL && rollout_is_shadow(start->stage));
    *ousted = (struct model_version_id){0};
    struct shadow *known = find(&desk->shadows, version_of(scorer)), *place = known;
    bool serves = is_version(desk->scorer, version_of(scorer));
    if (known != NULL)
        shadow_clear(known);
    else if (desk->scorer != NULL && !serves)
        place = take_place(&desk->shadows, start->stage, ousted);
    if (place == NULL || desk->scorer == NULL) {
        scorer_destroy(scorer);
        return false;
    }
    *place = (struct shadow){
        .scorer = scorer,
        .stage = start->stage,
        .attempt = start->attempt > 0 ? start->attempt : 1,
        .stage_since_ns = start->stage_since_ns,
        .n_at_stage = start->n_at_stage,
    };
    step_count("learn", "gate", rollout_stage_name(start->stage));
    return true;
}

/* ---- scoring ---- */

const struct scorer *shadow_decider(const struct desk *desk, struct uuid decision_id)
{
    const struct shadow *canary = find_canary(&desk->shadows);
    return canary != NULL && rollout_takes(decision_id, rollout_share(canary->stage))
               ? canary->scorer
               : desk->scorer;
}

/* With which the entry rule takes `side`, when `greedy` is what it would take without chance. */
static double propensity_of(enum side greedy, enum side side, double epsilon)
{
    double greedily = side == greedy ? 1 - epsilon : 0;
    return side == SIDE_NONE ? greedily : epsilon / 2 + greedily;
}

static bool score_one(const struct pair *pair,
                      const struct scorer *scorer,
                      enum rollout_stage stage,
                      const struct decision *decision,
                      struct shadow_score *out)
{
    struct action_value values[3] = {0};
    struct interval intervals[3];
    if (!value_actions(pair, scorer, decision, values, intervals))
        return false;
    bool is_novel = must_abstain(pair, scorer, decision);
    enum side side = is_novel ? SIDE_NONE : entry_greedy(values);
    enum side better = values[SIDE_SELL].v > values[SIDE_BUY].v ? SIDE_SELL : SIDE_BUY;
    *out = (struct shadow_score){
        .version = *version_of(scorer),
        .stage = stage,
        .side = side,
        .q = values[better].q,
        .v = values[better].v,
        .v_low = values[better].v_lower,
        .propensity = is_novel ? 1 : propensity_of(side, side, pair->desk->config->epsilon),
        .is_novel = is_novel,
    };
    return true;
}

struct shadow_scores *shadow_score(const struct pair *pair,
                                   const struct decision *decision,
                                   int64_t now_ns)
{
    const struct desk *desk = pair->desk;
    bool any = false;
    for (size_t i = 0; i < SHADOWS_MAX; i++)
        any |= desk->shadows.items[i].scorer != NULL;
    struct shadow_scores *scores = any ? calloc(1, sizeof(*scores)) : NULL;
    if (scores == NULL)
        return NULL;
    *scores = (struct shadow_scores){
        .decision_id = decision->decision_id,
        .strategy_id = decision->strategy_id,
        .asset = decision->asset,
        .decided_at_ns = now_ns,
        .block = now_ns / block_ns(desk),
    };
    scores->n = score_one(pair, desk->scorer, ROLLOUT_active, decision, &scores->items[0]);
    for (size_t i = 0; i < SHADOWS_MAX && scores->n > 0; i++) {
        const struct shadow *shadow = &desk->shadows.items[i];
        if (shadow->scorer != NULL)
            scores->n +=
                score_one(pair, shadow->scorer, shadow->stage, decision, &scores->items[scores->n]);
    }
    if (scores->n > 1)
        return scores;
    free(scores);
    return NULL;
}

static double propensity_in(const struct shadow_score *score, enum side side, double epsilon)
{
    if (score->is_novel)
        return side == SIDE_NONE;
    return propensity_of(score->side, side, epsilon);
}

double shadow_propensity(const struct desk *desk,
                         const struct shadow_scores *scores,
                         enum side side,
                         double alone)
{
    double epsilon = desk->config->epsilon, sum = 0, rest = 1;
    if (scores == NULL)
        return alone;
    for (size_t i = 1; i < scores->n; i++) {
        double share = rollout_share(scores->items[i].stage);
        sum += share * propensity_in(&scores->items[i], side, epsilon);
        rest -= share;
    }
    if (rest == 1)
        return alone;
    return sum + rest * propensity_in(&scores->items[0], side, epsilon);
}

/* ---- settling ---- */

/* What a choice earned; false: nobody knows. */
static bool earned(const struct shadow_score *score,
                   const double utility[3],
                   const bool known[3],
                   double *out)
{
    *out = score->side == SIDE_NONE ? 0 : utility[score->side];
    return score->side == SIDE_NONE || known[score->side];
}

void shadow_settle(struct desk *desk,
                   const struct open_decision *item,
                   const double utility[3],
                   const bool known[3])
{
    const struct shadow_scores *scores = item->scores;
    double u_a, u_b;
    if (scores == NULL || !is_version(desk->scorer, &scores->items[0].version) ||
        !earned(&scores->items[0], utility, known, &u_a))
        return;
    for (size_t i = 1; i < scores->n; i++) {
        struct shadow *shadow = find(&desk->shadows, &scores->items[i].version);
        if (shadow == NULL || !earned(&scores->items[i], utility, known, &u_b))
            continue;
        const struct paired_block block = {
            .index = scores->block,
            .n = 1,
            .d = u_b - u_a,
            .u_b = u_b,
            .u_a = u_a,
            .trades_b = scores->items[i].side != SIDE_NONE,
            .trades_a = scores->items[0].side != SIDE_NONE,
        };
        enum al_err err = paired_add(&shadow->paired, &block, &scores->asset);
        if (err != AL_OK)
            step_count("learn", "gate", "out_of_memory");
    }
}

/* ---- another version serves ---- */

void shadow_on_activation(struct desk *desk, struct scorer *scorer, bool keeps_guard)
{
    struct scorer *old = desk->scorer;
    bool same = scorer != NULL && old != NULL && is_version(old, version_of(scorer));
    for (size_t i = 0; i < SHADOWS_MAX; i++) {
        struct shadow *shadow = &desk->shadows.items[i];
        bool serves = scorer != NULL && is_version(shadow->scorer, version_of(scorer));
        if (shadow->scorer == NULL)
            continue;
        if (scorer == NULL || serves || (shadow->stage == ROLLOUT_guard && !same)) {
            shadow_clear(shadow);
        } else if (!same) { /* held against another one: from the beginning */
            paired_deinit(&shadow->paired);
            *shadow = (struct shadow){.scorer = shadow->scorer,
                                      .stage = ROLLOUT_shadow,
                                      .attempt = shadow->attempt,
                                      .stage_since_ns = shadow->stage_since_ns};
        }
    }
    desk->scorer = scorer;
    desk->shadows.is_watched = desk->shadows.is_asked = desk->shadows.is_drifting = false;
    struct shadow *place = find_stage(&desk->shadows, ROLLOUT_guard);
    struct model_version_id ousted;
    if (keeps_guard && old != NULL && scorer != NULL && !same && place == NULL)
        place = take_place(&desk->shadows, ROLLOUT_guard, &ousted);
    else
        place = NULL;
    if (place != NULL)
        *place = (struct shadow){.scorer = old, .stage = ROLLOUT_guard, .attempt = 1};
    else
        scorer_destroy(old);
}

/* ---- verdicts ---- */

static bool is_expired(const struct desk *desk, const struct scorer *scorer, int64_t now_ns)
{
    double days = desk->config->rollout.expiry_days;
    return days > 0 && desk->shadows.has_market &&
           now_ns - scorer_manifest(scorer)->data.cut_ns > (int64_t)(days * (double)NS_PER_DAY);
}

int64_t desk_expires_ns(const struct desk *desk)
{
    double days = desk->config->rollout.expiry_days;
    if (desk->scorer == NULL || !desk->shadows.is_watched || !(days > 0))
        return TIMESTAMP_NONE;
    return scorer_manifest(desk->scorer)->data.cut_ns + (int64_t)(days * (double)NS_PER_DAY);
}

static bool is_weak(const struct desk *desk, int64_t now_ns)
{
    return desk->shadows.is_drifting || is_expired(desk, desk->scorer, now_ns);
}

/* Before the market's first message nobody knows that it is over. */
static bool is_cooling(const struct desk *desk, int64_t now_ns)
{
    return desk->shadows.cooling_until_ns != TIMESTAMP_NONE &&
           (!desk->shadows.has_market || now_ns < desk->shadows.cooling_until_ns);
}

static struct rollout_step *push_step(const struct desk *desk,
                                      const struct scorer *moves,
                                      enum rollout_stage from,
                                      enum rollout_stage to,
                                      struct effects *effects)
{
    struct rollout_step *step = calloc(1, sizeof(*step));
    assert(step != NULL && rollout_may_move(from, to));
    step->strategy_id = desk->config->strategy_id;
    step->version = *version_of(moves);
    step->from = from;
    step->to = to;
    effects_push(effects, EFFECT_rollout_step)->rollout = step;
    step_count("learn", "gate", rollout_stage_name(to));
    return step;
}

/* It is a canary, or is about to be one. */
static bool is_canary(const struct shadow *shadow)
{
    return shadow->scorer != NULL && shadow->stage != ROLLOUT_guard &&
           (rollout_share(shadow->stage) > 0 || shadow->is_asked);
}

/* Only one canary at a time, because their shares would not add up to a policy; and none moves up while it cools. */
static bool may_go_on(const struct desk *desk,
                      const struct shadow *shadow,
                      enum rollout_stage next,
                      int64_t now_ns)
{
    bool has_rival = false;
    for (size_t i = 0; i < SHADOWS_MAX; i++)
        has_rival |= &desk->shadows.items[i] != shadow && is_canary(&desk->shadows.items[i]);
    bool ends = next == ROLLOUT_rejected || next == ROLLOUT_expired;
    return ends || (!has_rival && !is_cooling(desk, now_ns));
}

static void judge_challenger(struct desk *desk,
                             struct shadow *shadow,
                             int64_t now_ns,
                             struct effects *effects)
{
    const struct rollout_rule rule = {
        .level = desk->gate_level,
        .attempt = shadow->attempt,
        .margin = desk->config->rollout.margin_bps / 1e4,
        .symbol_max = desk->config->rollout.symbol_share_max,
        .n_blocks_max = desk->config->rollout.blocks_max,
    };
    struct rng rng; /* the same blocks are judged alike, before a restart and after it */
    const struct model_version_id *version = version_of(shadow->scorer);
    rng_seed(&rng, fnv1a64(version->text, strlen(version->text)) ^ shadow->paired.n_closed_ever);
    if (rollout_judge(&rule, shadow->stage, shadow->n_at_stage, is_weak(desk, now_ns),
                      &shadow->paired, &rng, &shadow->verdict) != AL_OK)
        return;
    enum rollout_stage next = shadow->verdict.next;
    if (next == shadow->stage || !may_go_on(desk, shadow, next, now_ns))
        return;
    struct rollout_step *step = push_step(desk, shadow->scorer, shadow->stage, next, effects);
    step->against = *version_of(desk->scorer);
    step->attempt = shadow->attempt;
    step->n_blocks = shadow->paired.n_closed_ever;
    step->verdict = shadow->verdict;
    shadow->is_asked = true;
}

static struct rollout_step *push_leave(struct desk *desk,
                                       enum rollout_stage to,
                                       const struct scorer *target,
                                       int64_t now_ns,
                                       struct effects *effects)
{
    struct rollout_step *step = push_step(desk, desk->scorer, ROLLOUT_active, to, effects);
    if (target != NULL)
        step->target = step->against = *version_of(target);
    desk->shadows.is_asked = true;
    desk->shadows.asked_ns = now_ns;
    return step;
}

static void watch_serving(struct desk *desk,
                          struct shadow *guard,
                          int64_t now_ns,
                          struct effects *effects)
{
    double blocks_a_day = (double)NS_PER_DAY / (double)block_ns(desk);
    double *x = malloc((guard->paired.n_closed + 1) * sizeof *x);
    if (x == NULL)
        return;
    for (size_t i = 0; i < guard->paired.n_closed; i++)
        x[i] = guard->paired.blocks[i].d;
    guard->cusum = rollout_cusum(x, guard->paired.n_closed,
                                 desk->config->rollout.false_alarm_days * blocks_a_day);
    free(x);
    bool may = desk->config->rollout.guard && desk->shadows.is_watched && !desk->shadows.is_asked &&
               desk->shadows.has_market && /* the cool-down after it needs its time */
               !is_cooling(desk, now_ns) && !is_expired(desk, guard->scorer, now_ns);
    if (!guard->cusum.alarm || !may)
        return;
    struct rollout_step *step =
        push_leave(desk, ROLLOUT_rolled_back, guard->scorer, now_ns, effects);
    step->n_blocks = guard->paired.n_closed_ever;
    step->cusum = guard->cusum;
    snprintf(step->verdict.text, sizeof(step->verdict.text),
             "worse than %s, which it replaced: the CUSUM of their differences over %zu blocks "
             "reached %.2f of %.2f (one false alarm in %.0f days)",
             step->target.text, guard->paired.n_closed, guard->cusum.level, guard->cusum.threshold,
             desk->config->rollout.false_alarm_days);
}

/* The fallback chain: the previous champion while it is not too old itself, else warm-up, which is flat where that is
 * switched off. */
static void expire_serving(struct desk *desk, int64_t now_ns, struct effects *effects)
{
    bool asked = desk->shadows.is_asked && now_ns - desk->shadows.asked_ns < ASK_AGAIN_NS;
    if (!desk->shadows.is_watched || asked || !is_expired(desk, desk->scorer, now_ns))
        return;
    const struct shadow *guard = find_stage(&desk->shadows, ROLLOUT_guard);
    bool fresh = guard != NULL && !is_expired(desk, guard->scorer, now_ns);
    struct rollout_step *step =
        push_leave(desk, ROLLOUT_expired, fresh ? guard->scorer : NULL, now_ns, effects);
    snprintf(step->verdict.text, sizeof(step->verdict.text),
             "its newest training data is more than %g days old; %s decides from now on",
             desk->config->rollout.expiry_days, fresh ? step->target.text : "the warm-up policy");
}

void shadow_tick(struct desk *desk, bool has_market, int64_t now_ns, struct effects *effects)
{
    desk->shadows.has_market = has_market;
    if (desk->scorer == NULL)
        return;
    for (size_t i = 0; i < SHADOWS_MAX; i++) {
        struct shadow *shadow = &desk->shadows.items[i];
        if (shadow->scorer == NULL || shadow->is_asked ||
            shadow->n_judged == shadow->paired.n_closed_ever)
            continue;
        if (shadow->stage == ROLLOUT_guard)
            watch_serving(desk, shadow, now_ns, effects);
        else
            judge_challenger(desk, shadow, now_ns, effects);
        if (has_market || shadow->stage != ROLLOUT_guard)
            shadow->n_judged = shadow->paired.n_closed_ever;
    }
    expire_serving(desk, now_ns, effects);
}

/* ---- what the app did ---- */

void learn_promote(struct pipeline *pipeline,
                   const struct strategy_id *strategy_id,
                   struct scorer *scorer,
                   int64_t now_ns)
{
    struct desk *desk = pipeline_desk(pipeline, strategy_id);
    assert(desk != NULL);
    desk_activate(desk, scorer, desk->config->rollout.guard, now_ns);
    desk->shadows.is_watched = true;
}

void learn_watch(struct pipeline *pipeline, const struct strategy_id *strategy_id)
{
    struct desk *desk = pipeline_desk(pipeline, strategy_id);
    assert(desk != NULL);
    desk->shadows.is_watched = desk->scorer != NULL;
}

void learn_drifting(struct pipeline *pipeline, const struct strategy_id *strategy_id)
{
    struct desk *desk = pipeline_desk(pipeline, strategy_id);
    assert(desk != NULL);
    desk->shadows.is_drifting = true;
}

void learn_rollout_done(struct pipeline *pipeline,
                        const struct rollout_step *step,
                        bool done,
                        int64_t now_ns)
{
    struct desk *desk = pipeline_desk(pipeline, &step->strategy_id);
    assert(desk != NULL);
    if (step->from == ROLLOUT_active) {
        desk->shadows.is_asked &= !done && step->to == ROLLOUT_expired; /* that one waits */
        if (done && step->to == ROLLOUT_rolled_back)
            desk->shadows.cooling_until_ns =
                now_ns + (int64_t)(desk->config->rollout.cooldown_hours * (double)NS_PER_H);
        return;
    }
    struct shadow *shadow = find(&desk->shadows, &step->version);
    if (shadow == NULL || shadow->stage != step->from)
        return; /* it has left meanwhile, or begins again */
    shadow->is_asked = false;
    if (!done)
        (void)chars_set(shadow->verdict.text, sizeof(shadow->verdict.text), step->verdict.text);
    if (done && !rollout_is_shadow(step->to)) {
        shadow_clear(shadow);
    } else if (done) {
        shadow->stage = step->to;
        shadow->stage_since_ns = now_ns;
        shadow->n_at_stage = step->n_blocks;
    }
}

void learn_cool_down(struct pipeline *pipeline,
                     const struct strategy_id *strategy_id,
                     int64_t until_ns)
{
    struct desk *desk = pipeline_desk(pipeline, strategy_id);
    assert(desk != NULL);
    desk->shadows.cooling_until_ns = until_ns;
}

bool pipeline_is_cooling(struct pipeline *pipeline,
                         const struct strategy_id *strategy_id,
                         int64_t now_ns)
{
    const struct desk *desk = pipeline_desk(pipeline, strategy_id);
    return desk != NULL && is_cooling(desk, now_ns);
}

/* ---- recovery ---- */

void pipeline_restore_scores(struct pipeline *pipeline, const struct shadow_scores *scores)
{
    struct open_decision *item = open_decisions_find(&pipeline->open, scores->decision_id);
    if (item == NULL || item->scores != NULL)
        return;
    item->scores = malloc(sizeof(*scores));
    if (item->scores != NULL)
        *item->scores = *scores;
}

void pipeline_restore_block(struct pipeline *pipeline,
                            const struct strategy_id *strategy_id,
                            const struct model_version_id *version,
                            const struct asset *asset,
                            const struct paired_block *block)
{
    struct desk *desk = pipeline_desk(pipeline, strategy_id);
    struct shadow *shadow = desk == NULL ? NULL : find(&desk->shadows, version);
    if (shadow != NULL && paired_add(&shadow->paired, block, asset) != AL_OK)
        step_count("learn", "gate", "out_of_memory");
}

/* ---- what there is to see ---- */

static const struct desk *desk_of(const struct pipeline *pipeline,
                                  const struct strategy_id *strategy_id)
{
    for (size_t i = 0; i < pipeline->n_desks; i++) {
        if (strategy_id_eq(&pipeline->desks[i].config->strategy_id, strategy_id))
            return &pipeline->desks[i];
    }
    return NULL;
}

const struct scorer *pipeline_scorer(const struct pipeline *pipeline,
                                     const struct strategy_id *strategy_id,
                                     const struct model_version_id *version)
{
    const struct desk *desk = desk_of(pipeline, strategy_id);
    if (desk == NULL || is_version(desk->scorer, version))
        return desk == NULL ? NULL : desk->scorer;
    for (size_t i = 0; i < SHADOWS_MAX; i++) {
        if (is_version(desk->shadows.items[i].scorer, version))
            return desk->shadows.items[i].scorer;
    }
    return NULL;
}

const struct manifest *pipeline_shadow_manifest(const struct pipeline *pipeline,
                                                const struct strategy_id *strategy_id,
                                                const struct model_version_id *version)
{
    const struct desk *desk = desk_of(pipeline, strategy_id);
    const struct scorer *scorer = pipeline_scorer(pipeline, strategy_id, version);
    return scorer == NULL || scorer == desk->scorer ? NULL : scorer_manifest(scorer);
}

void pipeline_rollout_view(const struct pipeline *pipeline,
                           size_t index,
                           int64_t now_ns,
                           struct rollout_view *out)
{
    const struct desk *desk = &pipeline->desks[index];
    *out = (struct rollout_view){.strategy_id = desk->config->strategy_id,
                                 .is_watched = desk->shadows.is_watched,
                                 .expires_ns = desk_expires_ns(desk),
                                 .cooling_until_ns = TIMESTAMP_NONE,
                                 .block_ns = block_ns(desk)};
    if (is_cooling(desk, now_ns))
        out->cooling_until_ns = desk->shadows.cooling_until_ns;
    if (desk->scorer == NULL)
        return;
    out->active = *version_of(desk->scorer);
    out->is_weak = is_weak(desk, now_ns);
    for (size_t i = 0; i < SHADOWS_MAX; i++) {
        const struct shadow *shadow = &desk->shadows.items[i];
        if (shadow->scorer == NULL)
            continue;
        out->shadows[out->n_shadows++] = (struct shadow_view){
            .version = *version_of(shadow->scorer),
            .stage = shadow->stage,
            .attempt = shadow->attempt,
            .stage_since_ns = shadow->stage_since_ns,
            .n_blocks = shadow->paired.n_closed_ever,
            .n_late = shadow->paired.n_late,
            .verdict = shadow->verdict,
            .cusum = shadow->cusum,
        };
    }
}
