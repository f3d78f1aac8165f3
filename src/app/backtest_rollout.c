/* Versions on their way to deciding and away from it: what rollout.c and activation.c do live, with arrays for tables. What is to be
 * done, what is asked before it and what is told of it is theirs too (pipeline/rollout_move.h); here is nobody to wait for. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backtest_i.h"

#define OPEN_MAX 4000000

void backtest_rollouts_init(struct backtest_rollouts *rollouts)
{
    *rollouts = (struct backtest_rollouts){0};
    map_init(&rollouts->open, sizeof(struct uuid), OPEN_MAX);
}

void backtest_rollouts_deinit(struct backtest_rollouts *rollouts)
{
    map_deinit(&rollouts->open);
    free(rollouts->versions);
    free(rollouts->claims);
    free(rollouts->moves);
    *rollouts = (struct backtest_rollouts){0};
}

static enum al_err grow(void **items, size_t n, size_t *cap, size_t item_size)
{
    if (n < *cap)
        return AL_OK;
    size_t wanted = *cap == 0 ? 64 : 2 * *cap;
    void *grown = realloc(*items, wanted * item_size);
    if (grown == NULL)
        return err_set(AL_ENOMEM, "rollouts");
    *items = grown;
    *cap = wanted;
    return AL_OK;
}

/* ---- versions ---- */

uint32_t backtest_version_of(const struct backtest_pass *pass,
                             const struct model_version_id *version)
{
    for (size_t i = pass->rollouts.n_versions; i > 0; i--) {
        if (strcmp(pass->rollouts.versions[i - 1].id.text, version->text) == 0)
            return (uint32_t)i;
    }
    return 0;
}

enum al_err backtest_rollout_register(struct backtest_pass *pass, const struct train_result *result)
{
    struct backtest_rollouts *r = &pass->rollouts;
    enum al_err err =
        grow((void **)&r->versions, r->n_versions, &r->cap_versions, sizeof(*r->versions));
    if (err == AL_OK)
        r->versions[r->n_versions++] = (struct backtest_version){result->manifest->version, result};
    return err;
}

enum al_err backtest_load(const struct backtest_desk *desk,
                          const struct train_result *result,
                          struct scorer **out)
{
    const struct model_files files = {.manifest = buf_slice(&result->manifest_json),
                                      .trees = buf_slice(&result->trees),
                                      .probe = buf_slice(&result->probe),
                                      .model = buf_slice(&result->model),
                                      .novelty = buf_slice(&result->novelty)};
    return scorer_create(&files, &desk->set->schema_hash, out);
}

/* "" is warm-up, which has no scorer. */
static enum al_err load_version(const struct backtest_pass *pass,
                                const struct backtest_desk *desk,
                                const struct model_version_id *version,
                                struct scorer **out)
{
    uint32_t place = backtest_version_of(pass, version);
    *out = NULL;
    if (version->text[0] == '\0')
        return AL_OK;
    assert(place > 0); /* the core names versions that it was given */
    return backtest_load(desk, pass->rollouts.versions[place - 1].result, out);
}

const struct scorer *backtest_served(const struct backtest_pass *pass,
                                     const struct backtest_desk *desk)
{
    const struct strategy_id *id = &desk->config->strategy_id;
    const struct model_version_id *active = pipeline_active_version(pass->pipeline, id);
    return active == NULL ? NULL : pipeline_scorer(pass->pipeline, id, active);
}

/* ---- what is told ---- */

static struct report_move move_of(const struct strategy_id *strategy_id,
                                  const struct rollout_record *record,
                                  int64_t at_ns)
{
    struct report_move move = {.at_ns = at_ns,
                               .stage = rollout_stage_name(record->stage),
                               .meaning = rollout_stage_meaning(record->stage),
                               .share = rollout_share(record->stage),
                               .why = record->why};
    (void)chars_set(move.strategy, sizeof(move.strategy), strategy_id->text);
    (void)chars_set(move.version, sizeof(move.version), record->version.text);
    (void)chars_set(move.against, sizeof(move.against), record->against.text);
    (void)chars_set(move.verdict, sizeof(move.verdict), record->verdict);
    return move;
}

static enum al_err tell(struct backtest_pass *pass,
                        const struct backtest_desk *desk,
                        const struct rollout_record *record)
{
    struct backtest_rollouts *r = &pass->rollouts;
    enum al_err err = grow((void **)&r->moves, r->n_moves, &r->cap_moves, sizeof(*r->moves));
    if (err == AL_OK)
        r->moves[r->n_moves++] = move_of(&desk->config->strategy_id, record, pass->now_ns);
    return err;
}

/* A guard has no verdict; what speaks for it is its CUSUM. */
struct report_move backtest_standing(const struct strategy_id *strategy_id,
                                     const struct model_version_id *active,
                                     const struct shadow_view *shadow)
{
    struct rollout_record record = {
        .version = shadow->version, .against = *active, .stage = shadow->stage, .why = "end"};
    if (shadow->stage == ROLLOUT_guard)
        snprintf(record.verdict, sizeof(record.verdict),
                 "the CUSUM over %llu blocks stands at %.2f of %.2f",
                 (unsigned long long)shadow->n_blocks, shadow->cusum.level,
                 shadow->cusum.threshold);
    else
        (void)chars_set(record.verdict, sizeof(record.verdict), shadow->verdict.text);
    return move_of(strategy_id, &record, shadow->stage_since_ns);
}

/* ---- who decides ---- */

static enum al_err tell_change(struct backtest_pass *pass,
                               const struct backtest_desk *desk,
                               const struct rollout_change *change)
{
    struct rollout_record records[2];
    const struct model_version_id *active =
        pipeline_active_version(pass->pipeline, &desk->config->strategy_id);
    size_t n = rollout_tell_change(change, active, records);
    enum al_err err = AL_OK;
    for (size_t i = 0; i < n && err == AL_OK; i++)
        err = tell(pass, desk, &records[i]);
    return err;
}

/* From the next decision on. step: NULL when the core did not ask. */
static enum al_err change(struct backtest_pass *pass,
                          struct backtest_desk *desk,
                          const struct model_version_id *version,
                          const char *why,
                          const struct rollout_step *step)
{
    bool at_once = pass->plan->options->at_once;
    const struct rollout_change change = {.version = version,
                                          .why = why,
                                          .keeps_guard = !at_once && rollout_is_won(why) &&
                                                         desk->config->rollout.guard,
                                          .step = step};
    struct scorer *scorer;
    enum al_err err = load_version(pass, desk, version, &scorer);
    if (err != AL_OK)
        return err;
    err = tell_change(pass, desk, &change);
    if (at_once)
        learn_activate(pass->pipeline, &desk->config->strategy_id, scorer, pass->now_ns);
    else
        rollout_take_over(pass->pipeline, &desk->config->strategy_id, scorer, why, step,
                          pass->now_ns);
    if (pass->first_activation_ns == TIMESTAMP_NONE)
        pass->first_activation_ns = pass->now_ns;
    return err;
}

static enum al_err move_challenger(struct backtest_pass *pass,
                                   const struct backtest_desk *desk,
                                   const struct rollout_step *step)
{
    struct rollout_record record;
    rollout_tell_move(step, &record);
    learn_rollout_done(pass->pipeline, step, true, pass->now_ns);
    return tell(pass, desk, &record);
}

static enum al_err begin_shadow(struct backtest_pass *pass,
                                struct backtest_desk *desk,
                                const struct model_version_id *version)
{
    const struct rollout_change change = {.version = version, .why = "gate", .as_shadow = true};
    const struct rollout_start start = {
        .stage = ROLLOUT_shadow, .attempt = desk->n_versions, .stage_since_ns = pass->now_ns};
    struct rollout_step *leaves = calloc(1, sizeof(*leaves));
    struct scorer *scorer;
    enum al_err err = leaves == NULL ? err_set(AL_ENOMEM, "rollouts")
                                     : load_version(pass, desk, version, &scorer);
    if (err == AL_OK) {
        err = tell_change(pass, desk, &change);
        if (rollout_begin_shadow(pass->pipeline, &desk->config->strategy_id, scorer, &start,
                                 leaves) &&
            err == AL_OK)
            err = move_challenger(pass, desk, leaves);
    }
    free(leaves);
    return err;
}

enum al_err backtest_rollout_begin(struct backtest_pass *pass,
                                   struct backtest_desk *desk,
                                   const struct model_version_id *version)
{
    if (!pass->plan->options->at_once &&
        rollout_is_staged(pass->pipeline, &desk->config->strategy_id, pass->now_ns))
        return begin_shadow(pass, desk, version);
    return change(pass, desk, version, "gate", NULL);
}

/* ---- whether a version kept its word ---- */

enum al_err backtest_rollout_score(struct backtest_pass *pass, const struct shadow_scores *scores)
{
    struct backtest_rollouts *r = &pass->rollouts;
    size_t first = r->n_claims;
    for (size_t i = 0; i < scores->n; i++) {
        const struct shadow_score *score = &scores->items[i];
        if (score->side == SIDE_NONE)
            continue;
        enum al_err err =
            grow((void **)&r->claims, r->n_claims, &r->cap_claims, sizeof(*r->claims));
        if (err != AL_OK)
            return err;
        r->claims[r->n_claims++] = (struct backtest_claim){
            .decision_id = scores->decision_id,
            .version = backtest_version_of(pass, &score->version),
            .side = (uint8_t)score->side,
            .claim = {.block = scores->block, .q = score->q, .v = score->v}};
    }
    return r->n_claims == first
               ? AL_OK
               : map_put(&r->open, &scores->decision_id, (void *)(uintptr_t)(first + 1));
}

void backtest_rollout_settle(struct backtest_pass *pass, const struct sample *sample)
{
    struct backtest_rollouts *r = &pass->rollouts;
    uintptr_t place = (uintptr_t)map_get(&r->open, &sample->decision_id);
    if (place == 0)
        return;
    for (size_t i = place - 1;
         i < r->n_claims && uuid_eq(r->claims[i].decision_id, sample->decision_id); i++) {
        struct backtest_claim *claim = &r->claims[i];
        if (claim->side != (uint8_t)sample->action)
            continue;
        claim->is_known = true;
        claim->claim.net_return = sample->net_return;
        claim->claim.sigma_h = sample->sigma_h;
    }
}

/* The newest that are known, as the worker reads them back. */
static void collect(const struct backtest_pass *pass,
                    uint32_t version,
                    struct rollout_inquiry *inquiry)
{
    const struct backtest_rollouts *r = &pass->rollouts;
    for (size_t i = r->n_claims; i > 0 && inquiry->n < ROLLOUT_CLAIMS_MAX; i--) {
        const struct backtest_claim *claim = &r->claims[i - 1];
        if (claim->version == version && claim->is_known)
            inquiry->claims[inquiry->n++] = claim->claim;
    }
}

static enum al_err ask(struct backtest_pass *pass,
                       const struct backtest_desk *desk,
                       struct rollout_step *step,
                       bool *may_step)
{
    struct rollout_inquiry *inquiry = calloc(1, sizeof(*inquiry));
    if (inquiry == NULL)
        return err_set(AL_ENOMEM, "rollouts");
    rollout_inquiry_begin(
        inquiry, pipeline_shadow_manifest(pass->pipeline, &step->strategy_id, &step->version),
        desk->config->uncertainty.coverage);
    collect(pass, backtest_version_of(pass, &step->version), inquiry);
    enum al_err err = rollout_inquiry_judge(inquiry, step);
    *may_step = err == AL_OK && rollout_inquiry_answer(step, NULL);
    free(inquiry);
    return err;
}

/* ---- a step ---- */

enum al_err backtest_rollout_perform(struct backtest_pass *pass,
                                     struct backtest_desk *desk,
                                     struct rollout_step *step)
{
    bool may_step = true;
    step->at_ns = pass->now_ns;
    enum al_err err = rollout_must_ask(step) ? ask(pass, desk, step, &may_step) : AL_OK;
    if (err != AL_OK)
        return err;
    if (may_step && !rollout_is_change(step))
        return move_challenger(pass, desk, step);
    if (may_step)
        err = change(pass, desk, rollout_decider(step), rollout_why(step), step);
    learn_rollout_done(pass->pipeline, step, may_step, pass->now_ns);
    return err;
}
