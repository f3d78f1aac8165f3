/* The trial on the untouched block: what would challenger and incumbent have earned, decision by decision?
 *
 * An incumbent model chooses by the challenger's rule with its own numbers; without one, the logged policy is taken by its
 * deeds. */
#include "play_i.h"

#include <math.h>
#include <stdlib.h>

#include "alphaloop/train/forecast_score.h"

struct trial {
    size_t n;
    struct judged *decisions;
    double *u_challenger, *u_incumbent;
    bool *traded;
    size_t n_trades, n_own, n_market;
    struct honesty honesty;
};

static void trial_deinit(struct trial *trial)
{
    free(trial->decisions);
    free(trial->u_challenger);
    free(trial->u_incumbent);
    free(trial->traded);
}

static enum al_err trial_init(struct trial *trial, size_t n_max)
{
    *trial = (struct trial){.decisions = malloc((n_max + 1) * sizeof *trial->decisions),
                            .u_challenger = calloc(n_max + 1, sizeof *trial->u_challenger),
                            .u_incumbent = calloc(n_max + 1, sizeof *trial->u_incumbent),
                            .traded = calloc(n_max + 1, sizeof *trial->traded)};
    if (trial->decisions != NULL && trial->u_challenger != NULL && trial->u_incumbent != NULL &&
        trial->traded != NULL)
        return AL_OK;
    trial_deinit(trial);
    return err_set(AL_ENOMEM, "the trial");
}

static enum al_err margins_of_scorer(
    const void *model, const float *x, size_t n_rows, size_t n_cols, float *margins)
{
    (void)n_cols;
    return scorer_margins(model, x, n_rows, margins);
}

static enum al_err choices_of(const struct train_table *table,
                              const struct trial *trial,
                              const struct play_policy *policy,
                              margins_fn margins_of,
                              const void *model,
                              enum side *choices)
{
    float *margins = malloc((2 * trial->n + 1) * sizeof *margins);
    if (margins == NULL)
        return err_set(AL_ENOMEM, "the trial");
    enum al_err err = play_score(table, trial->decisions, trial->n, margins_of, model, margins);
    for (size_t i = 0; i < trial->n && err == AL_OK; i++)
        choices[i] = play_choose(policy, table, &trial->decisions[i], margins + 2 * i);
    free(margins);
    return err;
}

static void tell_challenger(const struct training *t, struct trial *trial, const enum side *choices)
{
    for (size_t i = 0; i < trial->n; i++) {
        const struct judged *decision = &trial->decisions[i];
        trial->u_challenger[i] = play_utility(&t->table, decision, choices[i]);
        trial->traded[i] = choices[i] != SIDE_NONE;
        trial->n_trades += trial->traded[i];
        if (!trial->traded[i] || decision->row[choices[i]] == NO_ROW)
            continue;
        const struct train_row *row = train_table_row(&t->table, decision->row[choices[i]]);
        bool is_own = row->evidence == EVIDENCE_OWN_FILL || row->fill_fraction == 0;
        trial->n_own += is_own;
        trial->n_market += !is_own;
    }
}

static void tell_incumbent(const struct training *t, struct trial *trial, const enum side *choices)
{
    for (size_t i = 0; i < trial->n; i++) {
        const struct judged *decision = &trial->decisions[i];
        if (choices != NULL)
            trial->u_incumbent[i] = play_utility(&t->table, decision, choices[i]);
        else
            trial->u_incumbent[i] =
                decision->taken == NO_ROW ? 0 : play_outcome(&t->table, decision->taken);
    }
}

static enum al_err play_incumbent(const struct training *t,
                                  const struct trial *trial,
                                  const struct scorer *incumbent,
                                  enum side *choices)
{
    const struct manifest *m = scorer_manifest(incumbent);
    struct play_policy policy =
        play_policy_of(t->job, &m->calibration, &m->conformal, scorer_novelty(incumbent));
    return choices_of(&t->table, trial, &policy, margins_of_scorer, incumbent, choices);
}

static enum al_err play(struct training *t, struct trial *trial, const struct scorer *incumbent)
{
    struct play_policy policy =
        play_policy_of(t->job, &t->oof.calibration, &t->oof.conformal, t->novelty);
    enum side *choices = malloc((trial->n + 1) * sizeof *choices);
    if (choices == NULL)
        return err_set(AL_ENOMEM, "the trial");
    enum al_err err =
        choices_of(&t->table, trial, &policy, play_margins_of_fitted, &t->final, choices);
    if (err == AL_OK)
        tell_challenger(t, trial, choices);
    if (err == AL_OK && incumbent != NULL)
        err = play_incumbent(t, trial, incumbent, choices);
    if (err == AL_OK)
        tell_incumbent(t, trial, incumbent == NULL ? NULL : choices);
    free(choices);
    return err;
}

/* ---- the block's rows: q, v, their measures, and whether they are honest ---- */

struct said {
    size_t n;
    float *q, *v;
    int8_t *held;  /* whether the interval held; -1: there was none */
    size_t *block; /* of two label spans that the row's decision is in */
    size_t n_blocks;
};

static enum al_err said_init(struct said *said, size_t n)
{
    *said = (struct said){.n = n,
                          .q = malloc((n + 1) * sizeof *said->q),
                          .v = malloc((n + 1) * sizeof *said->v),
                          .held = malloc((n + 1) * sizeof *said->held),
                          .block = malloc((n + 1) * sizeof *said->block)};
    bool all = said->q != NULL && said->v != NULL && said->held != NULL && said->block != NULL;
    return all ? AL_OK : err_set(AL_ENOMEM, "the trial");
}

static void said_deinit(struct said *said)
{
    free(said->q);
    free(said->v);
    free(said->held);
    free(said->block);
}

/* Decisions stand in the order of the block's rows. */
static void fill_blocks(const struct training *t, const struct trial *trial, struct said *said)
{
    double span = play_span(&t->table, trial->decisions, trial->n);
    size_t length = (size_t)ceil(bootstrap_block(trial->n, span)), decision = 0;
    for (size_t i = 0; i < said->n; i++) {
        while (decision + 1 < trial->n &&
               trial->decisions[decision + 1].begin <= t->holdout.test_begin + i)
            decision++;
        said->block[i] = decision / length;
    }
    said->n_blocks = said->n > 0 ? said->block[said->n - 1] + 1 : 0;
}

/* How often the intervals hold on the block's rows, and how wide they are. */
static void measure_intervals(struct training *t, const float *net, struct said *said)
{
    double nominal = t->job->interval_coverage, held = 0, width = 0, known = 0;
    for (size_t i = 0; i < said->n; i++) {
        double sigma = (double)train_table_row(&t->table, t->holdout.test_begin + i)->sigma_h;
        struct interval interval =
            conformal_interval(&t->oof.conformal, (double)said->v[i], sigma, nominal);
        said->held[i] = -1;
        if (!(sigma > 0) || isnan(interval.upper))
            continue;
        said->held[i] = !interval_misses(&interval, (double)net[i]);
        known++;
        held += said->held[i];
        width += interval.upper - interval.lower;
    }
    if (known == 0)
        return;
    t->evaluation.interval_nominal = nominal;
    t->evaluation.interval_coverage = held / known;
    t->evaluation.interval_width = width / known;
}

static enum al_err measure_honesty(const struct training *t,
                                   const struct train_part *part,
                                   const struct said *said,
                                   struct honesty *out)
{
    struct rng rng;
    const struct honest_rows rows = {.q = said->q,
                                     .r = part->net,
                                     .w = part->weights,
                                     .block = said->block,
                                     .held = said->held,
                                     .n = said->n,
                                     .n_blocks = said->n_blocks,
                                     .nominal = t->job->interval_coverage,
                                     .n_calibration = t->oof.n_independent};
    rng_seed(&rng, t->job->seed ^ UINT64_C(0x686f6e657374));
    return honesty_of(&rows, &rng, out);
}

static enum al_err evaluate_said(struct training *t,
                                 const struct train_part *part,
                                 struct trial *trial,
                                 struct said *said)
{
    enum al_err err = fitted_predict(&t->final, part->x, said->n, t->table.rows->n_cols, said->q);
    for (size_t i = 0; i < said->n && err == AL_OK; i++) {
        struct prediction p = calibration_apply(&t->oof.calibration, (double)said->q[i]);
        said->q[i] = (float)p.q;
        said->v[i] = (float)p.v;
    }
    if (err != AL_OK)
        return err;
    fill_blocks(t, trial, said);
    measure_intervals(t, part->net, said);
    err = evaluate_classification(said->q, part->net, part->weights, said->n, &t->evaluation);
    if (err == AL_OK)
        err = evaluate_regression(said->v, part->net, part->weights, said->n, &t->evaluation);
    return err == AL_OK ? measure_honesty(t, part, said, &trial->honesty) : err;
}

static enum al_err evaluate_rows(struct training *t, struct trial *trial)
{
    size_t n = t->holdout.test_end - t->holdout.test_begin;
    struct train_part part;
    struct said said;
    uint32_t *indices = malloc((n + 1) * sizeof *indices);
    enum al_err err = said_init(&said, n);
    if (indices == NULL)
        err = err_set(AL_ENOMEM, "the trial");
    for (size_t i = 0; i < n && err == AL_OK; i++)
        indices[i] = (uint32_t)(t->holdout.test_begin + i);
    if (err == AL_OK)
        err = train_part_init(&part, &t->table, indices, n);
    if (err == AL_OK) {
        err = evaluate_said(t, &part, trial, &said);
        train_part_deinit(&part);
    }
    said_deinit(&said);
    free(indices);
    return err;
}

/* Mean |r| of what the final model was taught on: the scale of MASE. */
static double mean_size_of_teachers(const struct training *t)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < t->holdout.test_begin; i++) {
        if (!split_may_teach(&t->holdout, &t->table.spans[i]))
            continue;
        sum += (double)t->table.weights[i] * fabs((double)t->table.net[i]);
        weight += (double)t->table.weights[i];
    }
    return sum / weight;
}

/* The measures that say how much luck could have done. */
static enum al_err evaluate_trial(struct training *t, const struct trial *trial)
{
    evaluate_trading(trial->u_challenger, trial->traded, trial->n, t->evaluation.base_rate,
                     &t->evaluation);
    t->evaluation.mase = forecast_mase(t->evaluation.mae, mean_size_of_teachers(t));
    t->evaluation.pbo = t->search_summary.pbo;
    return play_evaluate_sharpe(t, trial->u_challenger, trial->decisions, trial->n, &t->evaluation);
}

static enum al_err ask_gate(struct training *t, const struct trial *trial, bool against_warmup)
{
    const struct train_gate_settings *settings = &t->job->gate;
    struct rng rng;
    const struct gate_rule rule = {
        .mode = slice_is(slice_of(settings->rule), "accuracy") ? GATE_ACCURACY : GATE_EVIDENCE,
        .accuracy_min = settings->accuracy_min,
        .level = settings->alpha,
        .attempt = settings->attempt,
        .n_eff_min = settings->n_eff_min,
        .n_bootstrap = settings->n_bootstrap,
        .dsr_min = settings->dsr_min,
        .pbo_max = settings->pbo_max,
    };
    const struct gate_evidence evidence = {
        .u_challenger = trial->u_challenger,
        .u_incumbent = trial->u_incumbent,
        .n = trial->n,
        .span_decisions = play_span(&t->table, trial->decisions, trial->n),
        .against_warmup = against_warmup,
        .n_eff = t->table.weight.n_eff,
        .n_trades = trial->n_trades,
        .n_own = trial->n_own,
        .n_market = trial->n_market,
        .brier_skill = t->evaluation.brier_skill,
        .accuracy = t->evaluation.accuracy,
        .honesty = trial->honesty,
        .is_real_capital = !t->table.is_dry_run,
        .dsr = t->evaluation.dsr,
        .pbo = t->evaluation.pbo,
        .walker_agrees = t->final.walker != NULL,
    };
    rng_seed(&rng, t->job->seed ^ UINT64_C(0x6a7465));
    return gate_judge(&rule, &evidence, &rng, &t->verdict);
}

enum al_err train_judge(struct training *t, const struct scorer *incumbent)
{
    struct trial trial;
    enum al_err err = trial_init(&trial, t->holdout.test_end - t->holdout.test_begin);
    if (err != AL_OK)
        return err;
    evaluation_clear(&t->evaluation);
    for (size_t i = t->holdout.test_begin; i < t->holdout.test_end; i++)
        play_add_row(&t->table, i, trial.decisions, &trial.n);
    err = evaluate_rows(t, &trial);
    if (err == AL_OK)
        err = play(t, &trial, incumbent);
    if (err == AL_OK)
        err = evaluate_trial(t, &trial);
    t->n_decisions = trial.n;
    if (err == AL_OK)
        err = ask_gate(t, &trial, incumbent == NULL);
    trial_deinit(&trial);
    return err;
}
