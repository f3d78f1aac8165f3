/* The trial on the untouched block: what would each policy have earned, decision by decision?
 *
 * The challenger's choice is the entry rule's: the action with the larger v when its lower bound is above 0, else none. An
 * incumbent model chooses by the same rule with its own numbers; without one, the logged policy is taken by its deeds. The
 * utility of a choice is
 *
 *     none chosen                       0
 *     the outcome of it is known        r f       net return times filled fraction
 *     only the other outcome is known   0
 *
 * and where a decision has no evidence of the action not taken, a challenger that agrees with the logged action gets r f / pi
 * (Horvitz & Thompson 1952, the weight capped): agreeing decisions stand for the disagreeing ones, which got 0, so the mean
 * stays unbiased. Position sizes are left out on both sides: one unit is one unit. */
#include "fit_i.h"

#include <math.h>
#include <stdlib.h>

#include "alphaloop/train/forecast_score.h"

#define NO_ROW SIZE_MAX

struct judged {
    size_t begin;  /* first row of the decision */
    size_t row[3]; /* by enum side; NO_ROW without evidence */
    size_t taken;  /* row of the logged action; NO_ROW: it abstained, or its order was not filled */
};

struct trial {
    size_t n;
    struct judged *decisions;
    double *u_challenger, *u_incumbent;
    bool *traded;
    size_t n_trades, n_own, n_market;
    double base_rate;
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

static void collect_decisions(struct trial *trial,
                              const struct train_table *table,
                              const struct split *block)
{
    for (size_t i = block->test_begin; i < block->test_end; i++) {
        const struct train_row *row = train_table_row(table, i);
        struct judged *last = trial->n == 0 ? NULL : &trial->decisions[trial->n - 1];
        if (last == NULL ||
            !uuid_eq(train_table_row(table, last->begin)->decision_id, row->decision_id)) {
            last = &trial->decisions[trial->n++];
            *last = (struct judged){.begin = i, .row = {NO_ROW, NO_ROW, NO_ROW}, .taken = NO_ROW};
        }
        last->row[row->action] = i;
        if (row->policy_took)
            last->taken = i;
    }
}

static double outcome(const struct train_table *table, size_t index)
{
    const struct train_row *row = train_table_row(table, index);
    return (double)row->net_return * (double)row->fill_fraction;
}

static double utility(const struct train_table *table,
                      const struct judged *decision,
                      enum side choice)
{
    if (choice == SIDE_NONE || decision->row[choice] == NO_ROW)
        return 0;
    size_t index = decision->row[choice];
    double u = outcome(table, index);
    bool stands_alone = index == decision->taken && decision->row[side_opposite(choice)] == NO_ROW;
    if (!stands_alone)
        return u;
    double propensity = (double)train_table_row(table, index)->propensity;
    return u * fmin(1.0 / fmax(propensity, 1e-6), WEIGHT_PROPENSITY_CAP);
}

/* The entry rule, greedy. */
static enum side choose(const struct prediction values[3])
{
    enum side better = values[SIDE_SELL].v > values[SIDE_BUY].v ? SIDE_SELL : SIDE_BUY;
    return values[better].v_low > 0 ? better : SIDE_NONE;
}

typedef enum al_err (*margins_fn)(
    const void *model, const float *x, size_t n_rows, size_t n_cols, float *margins);

static enum al_err margins_of_scorer(
    const void *model, const float *x, size_t n_rows, size_t n_cols, float *margins)
{
    (void)n_cols;
    return scorer_margins(model, x, n_rows, margins);
}

static enum al_err margins_of_challenger(
    const void *model, const float *x, size_t n_rows, size_t n_cols, float *margins)
{
    return fitted_predict(model, x, n_rows, n_cols, margins);
}

/* Both actions at every decision, buy then sell. */
static enum al_err score_actions(const struct train_table *table,
                                 const struct trial *trial,
                                 margins_fn margins_of,
                                 const void *model,
                                 float *margins)
{
    size_t n_cols = table->rows->n_cols;
    float *x = malloc((2 * trial->n + 1) * n_cols * sizeof *x);
    if (x == NULL)
        return err_set(AL_ENOMEM, "the trial");
    for (size_t i = 0; i < trial->n; i++) {
        const float *raw = train_table_features(table, trial->decisions[i].begin);
        feature_orient(table->set, raw, SIDE_BUY, x + 2 * i * n_cols);
        feature_orient(table->set, raw, SIDE_SELL, x + (2 * i + 1) * n_cols);
    }
    enum al_err err = margins_of(model, x, 2 * trial->n, n_cols, margins);
    free(x);
    return err;
}

static enum al_err choices_of(const struct train_table *table,
                              const struct trial *trial,
                              const struct calibration *calibration,
                              margins_fn margins_of,
                              const void *model,
                              enum side *choices)
{
    float *margins = malloc((2 * trial->n + 1) * sizeof *margins);
    if (margins == NULL)
        return err_set(AL_ENOMEM, "the trial");
    enum al_err err = score_actions(table, trial, margins_of, model, margins);
    for (size_t i = 0; i < trial->n && err == AL_OK; i++) {
        struct prediction values[3] = {0};
        values[SIDE_BUY] = calibration_apply(calibration, (double)margins[2 * i]);
        values[SIDE_SELL] = calibration_apply(calibration, (double)margins[2 * i + 1]);
        choices[i] = choose(values);
    }
    free(margins);
    return err;
}

static void tell_challenger(const struct training *t, struct trial *trial, const enum side *choices)
{
    for (size_t i = 0; i < trial->n; i++) {
        const struct judged *decision = &trial->decisions[i];
        trial->u_challenger[i] = utility(&t->table, decision, choices[i]);
        trial->traded[i] = choices[i] != SIDE_NONE;
        trial->n_trades += trial->traded[i];
        if (!trial->traded[i] || decision->row[choices[i]] == NO_ROW)
            continue;
        bool is_own =
            train_table_row(&t->table, decision->row[choices[i]])->evidence == EVIDENCE_OWN_FILL;
        trial->n_own += is_own;
        trial->n_market += !is_own;
    }
}

static void tell_incumbent(const struct training *t, struct trial *trial, const enum side *choices)
{
    for (size_t i = 0; i < trial->n; i++) {
        const struct judged *decision = &trial->decisions[i];
        if (choices != NULL)
            trial->u_incumbent[i] = utility(&t->table, decision, choices[i]);
        else
            trial->u_incumbent[i] =
                decision->taken == NO_ROW ? 0 : outcome(&t->table, decision->taken);
    }
}

static enum al_err play(struct training *t, struct trial *trial, const struct scorer *incumbent)
{
    enum side *choices = malloc((trial->n + 1) * sizeof *choices);
    if (choices == NULL)
        return err_set(AL_ENOMEM, "the trial");
    enum al_err err = choices_of(&t->table, trial, &t->oof.calibration, margins_of_challenger,
                                 &t->final, choices);
    if (err == AL_OK)
        tell_challenger(t, trial, choices);
    if (err == AL_OK && incumbent != NULL)
        err = choices_of(&t->table, trial, &scorer_manifest(incumbent)->calibration,
                         margins_of_scorer, incumbent, choices);
    if (err == AL_OK)
        tell_incumbent(t, trial, incumbent == NULL ? NULL : choices);
    free(choices);
    return err;
}

/* Decisions that begin within a decision's label, itself included, on average: how far neighbours share their market. */
static double decisions_in_span(const struct train_table *table, const struct trial *trial)
{
    double sum = 0;
    size_t end = 0;
    for (size_t i = 0; i < trial->n; i++) {
        const struct label_span *span = &table->spans[trial->decisions[i].begin];
        end = end > i ? end : i;
        while (end < trial->n && table->spans[trial->decisions[end].begin].t0_ns <= span->t1_ns)
            end++;
        sum += (double)(end - i);
    }
    return trial->n > 0 ? fmax(sum / (double)trial->n, 1) : 1;
}

/* q, v and their measures on the block's rows. */
static enum al_err evaluate_rows(struct training *t)
{
    size_t n = t->holdout.test_end - t->holdout.test_begin;
    struct train_part part;
    uint32_t *indices = malloc((n + 1) * sizeof *indices);
    float *margins = malloc((n + 1) * sizeof *margins), *v = malloc((n + 1) * sizeof *v);
    enum al_err err =
        indices == NULL || margins == NULL || v == NULL ? err_set(AL_ENOMEM, "the trial") : AL_OK;
    for (size_t i = 0; i < n && err == AL_OK; i++)
        indices[i] = (uint32_t)(t->holdout.test_begin + i);
    if (err == AL_OK)
        err = train_part_init(&part, &t->table, indices, n);
    if (err == AL_OK) {
        err = fitted_predict(&t->final, part.x, n, t->table.rows->n_cols, margins);
        for (size_t i = 0; i < n && err == AL_OK; i++) {
            struct prediction p = calibration_apply(&t->oof.calibration, (double)margins[i]);
            margins[i] = (float)p.q;
            v[i] = (float)p.v;
        }
        if (err == AL_OK)
            err = evaluate_classification(margins, part.net, part.weights, n, &t->evaluation);
        if (err == AL_OK)
            err = evaluate_regression(v, part.net, part.weights, n, &t->evaluation);
        train_part_deinit(&part);
    }
    free(indices);
    free(margins);
    free(v);
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
    size_t block = (size_t)ceil(bootstrap_block(trial->n, decisions_in_span(&t->table, trial)));
    evaluate_trading(trial->u_challenger, trial->traded, trial->n, t->evaluation.base_rate,
                     &t->evaluation);
    t->evaluation.mase = forecast_mase(t->evaluation.mae, mean_size_of_teachers(t));
    return evaluate_sharpe(trial->u_challenger, trial->n, block, &t->trials, &t->evaluation);
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
    };
    const struct gate_evidence evidence = {
        .u_challenger = trial->u_challenger,
        .u_incumbent = trial->u_incumbent,
        .n = trial->n,
        .span_decisions = decisions_in_span(&t->table, trial),
        .against_warmup = against_warmup,
        .n_eff = t->table.weight.n_eff,
        .n_trades = trial->n_trades,
        .n_own = trial->n_own,
        .n_market = trial->n_market,
        .brier_skill = t->evaluation.brier_skill,
        .accuracy = t->evaluation.accuracy,
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
    collect_decisions(&trial, &t->table, &t->holdout);
    err = evaluate_rows(t);
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
