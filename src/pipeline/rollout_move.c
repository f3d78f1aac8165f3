#include "alphaloop/pipeline/rollout_move.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"

#include "pipeline_i.h"

/* ---- what a step asks for ---- */

bool rollout_must_ask(const struct rollout_step *step)
{
    return rollout_share(step->to) > 0;
}

bool rollout_is_change(const struct rollout_step *step)
{
    return step->to == ROLLOUT_active || step->from == ROLLOUT_active;
}

const struct model_version_id *rollout_decider(const struct rollout_step *step)
{
    return step->to == ROLLOUT_active ? &step->version : &step->target;
}

const char *rollout_why(const struct rollout_step *step)
{
    if (step->to == ROLLOUT_rolled_back)
        return "guard";
    return step->from == ROLLOUT_active ? "expired" : "evidence";
}

/* ---- before a step up ---- */

void rollout_inquiry_begin(struct rollout_inquiry *inquiry,
                           const struct manifest *manifest,
                           double nominal)
{
    inquiry->n = 0;
    inquiry->nominal = nominal;
    inquiry->conformal = manifest != NULL ? manifest->conformal : (struct conformal){0};
    inquiry->n_calibration =
        manifest != NULL ? fmin((double)manifest->conformal.n_rows, manifest->data.n_eff) : 0;
}

static int by_block(const void *left, const void *right)
{
    int64_t a = ((const struct shadow_claim *)left)->block;
    int64_t b = ((const struct shadow_claim *)right)->block;
    return (a > b) - (a < b);
}

static int8_t held(const struct shadow_claim *claim,
                   const struct conformal *conformal,
                   double nominal)
{
    struct interval interval = conformal_interval(conformal, claim->v, claim->sigma_h, nominal);
    if (!(claim->sigma_h > 0) || isnan(interval.upper))
        return -1;
    return !interval_misses(&interval, claim->net_return);
}

struct columns {
    float q[ROLLOUT_CLAIMS_MAX], net[ROLLOUT_CLAIMS_MAX];
    size_t block[ROLLOUT_CLAIMS_MAX];
    int8_t held[ROLLOUT_CLAIMS_MAX];
};

static void fill_columns(const struct rollout_inquiry *inquiry, struct columns *c)
{
    const struct shadow_claim *claims = inquiry->claims;
    for (size_t k = 0; k < inquiry->n; k++) {
        c->q[k] = (float)fmin(fmax(claims[k].q, 0), 1);
        c->net[k] = (float)claims[k].net_return;
        c->held[k] = held(&claims[k], &inquiry->conformal, inquiry->nominal);
        bool begins = k > 0 && claims[k].block != claims[k - 1].block;
        c->block[k] = k == 0 ? 0 : c->block[k - 1] + begins;
    }
}

enum al_err rollout_inquiry_judge(struct rollout_inquiry *inquiry, struct rollout_step *step)
{
    size_t n = inquiry->n;
    assert(n <= ROLLOUT_CLAIMS_MAX);
    struct columns *c = malloc(sizeof(*c));
    if (c == NULL)
        return err_set(AL_ENOMEM, "honesty");
    qsort(inquiry->claims, n, sizeof(*inquiry->claims), by_block);
    fill_columns(inquiry, c);
    const struct honest_rows rows = {.q = c->q,
                                     .r = c->net,
                                     .block = c->block,
                                     .held = c->held,
                                     .n = n,
                                     .n_blocks = n > 0 ? c->block[n - 1] + 1 : 0,
                                     .nominal = inquiry->nominal,
                                     .n_calibration = inquiry->n_calibration};
    struct rng rng; /* the same outcomes are judged alike */
    const char *version = step->version.text;
    rng_seed(&rng, fnv1a64(version, strlen(version)) ^ n);
    enum al_err err = honesty_of(&rows, &rng, &step->verdict.honesty);
    free(c);
    return err;
}

bool rollout_inquiry_answer(struct rollout_step *step, const char *fault)
{
    struct rollout_verdict *v = &step->verdict;
    const struct honesty *h = &v->honesty;
    const char *against = fault != NULL ? fault : honesty_against(h);
    char text[ROLLOUT_TEXT_MAX], found[160] = "";
    if (h->n > 0)
        snprintf(
            found, sizeof(found),
            "; of %zu trades ECE %.3f (surely %.3f), intervals hold %.3f of %.3g (surely %.3f off)",
            h->n, h->ece, h->ece_low, h->coverage, h->nominal, h->coverage_off_low);
    if (against != NULL)
        snprintf(text, sizeof(text), "waits: %s%s; %.300s", against, found, v->text);
    else
        snprintf(text, sizeof(text), "%.350s%s", v->text, found);
    (void)chars_set(v->text, sizeof(v->text), text);
    return against == NULL;
}

/* ---- what becomes of whom ---- */

bool rollout_is_won(const char *why)
{
    return strcmp(why, "gate") == 0 || strcmp(why, "evidence") == 0;
}

static void say(struct rollout_record *record, const struct rollout_step *step, const char *text)
{
    record->step = step;
    (void)chars_set(record->verdict, sizeof(record->verdict),
                    step != NULL ? step->verdict.text : text);
}

static void tell_leaving(const struct rollout_change *change,
                         const struct model_version_id *leaving,
                         struct rollout_record *out)
{
    const struct rollout_step *step =
        change->step != NULL && change->step->from == ROLLOUT_active ? change->step : NULL;
    char text[ROLLOUT_TEXT_MAX];
    snprintf(text, sizeof(text), "%s decides instead",
             change->version->text[0] != '\0' ? change->version->text : "the warm-up policy");
    *out = (struct rollout_record){.version = *leaving,
                                   .against = *change->version,
                                   .stage = change->keeps_guard ? ROLLOUT_guard
                                            : step != NULL      ? step->to
                                                                : ROLLOUT_retired,
                                   .why = change->why};
    say(out, step, text);
}

static void tell_coming(const struct rollout_change *change,
                        const struct model_version_id *before,
                        struct rollout_record *out)
{
    const struct rollout_step *step =
        change->step != NULL && change->step->to == ROLLOUT_active ? change->step : NULL;
    char text[ROLLOUT_TEXT_MAX];
    const char *whom = before != NULL ? before->text : "the warm-up policy";
    if (change->as_shadow)
        snprintf(text, sizeof(text),
                 "passed the gate on its untouched block; scores every decision beside %s", whom);
    else
        snprintf(text, sizeof(text), "decides instead of %s", whom);
    *out = (struct rollout_record){.version = *change->version,
                                   .stage = change->as_shadow ? ROLLOUT_shadow : ROLLOUT_active,
                                   .why = change->why};
    say(out, step, text);
    if (before != NULL)
        out->against = *before;
}

size_t rollout_tell_change(const struct rollout_change *change,
                           const struct model_version_id *active,
                           struct rollout_record out[2])
{
    bool same = active != NULL && strcmp(active->text, change->version->text) == 0;
    size_t n = 0;
    if (active != NULL && !same && !change->as_shadow)
        tell_leaving(change, active, &out[n++]);
    if (change->version->text[0] != '\0')
        tell_coming(change, same ? NULL : active, &out[n++]);
    return n;
}

void rollout_tell_move(const struct rollout_step *step, struct rollout_record *out)
{
    *out = (struct rollout_record){
        .version = step->version, .against = step->against, .stage = step->to, .why = "evidence"};
    say(out, step, "");
}

/* ---- doing it ---- */

void rollout_take_over(struct pipeline *pipeline,
                       const struct strategy_id *strategy_id,
                       struct scorer *scorer,
                       const char *why,
                       const struct rollout_step *step,
                       int64_t now_ns)
{
    if (rollout_is_won(why))
        learn_promote(pipeline, strategy_id, scorer, now_ns);
    else
        learn_activate(pipeline, strategy_id, scorer, now_ns);
    if (step != NULL)
        learn_watch(pipeline, strategy_id);
}

bool rollout_is_staged(struct pipeline *pipeline,
                       const struct strategy_id *strategy_id,
                       int64_t now_ns)
{
    const struct desk *desk = pipeline_desk(pipeline, strategy_id);
    assert(desk != NULL);
    if (desk->scorer == NULL)
        return false;
    return desk->config->rollout.policy == ROLLOUT_POLICY_STAGED ||
           pipeline_is_cooling(pipeline, strategy_id, now_ns);
}

bool rollout_begin_shadow(struct pipeline *pipeline,
                          const struct strategy_id *strategy_id,
                          struct scorer *scorer,
                          const struct rollout_start *start,
                          struct rollout_step *leaves)
{
    struct model_version_id version = scorer_manifest(scorer)->version, ousted;
    bool begun = learn_shadow(pipeline, strategy_id, scorer, start, &ousted);
    const struct model_version_id *out = begun ? &ousted : &version;
    if (out->text[0] == '\0')
        return false;
    *leaves = (struct rollout_step){.strategy_id = *strategy_id,
                                    .version = *out,
                                    .from = ROLLOUT_shadow,
                                    .to = ROLLOUT_expired,
                                    .at_ns = start->stage_since_ns};
    snprintf(leaves->verdict.text, sizeof(leaves->verdict.text),
             begun ? "made room for %s: the strategy has as many challengers as it may"
                   : "no room beside %s: all places are taken by canaries",
             version.text);
    return true;
}
