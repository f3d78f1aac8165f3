#include "play_i.h"

#include <math.h>
#include <stdlib.h>

void play_add_row(const struct train_table *table, size_t row, struct judged *decisions, size_t *n)
{
    const struct train_row *it = train_table_row(table, row);
    bool is_new = *n == 0 || !uuid_eq(train_table_row(table, decisions[*n - 1].begin)->decision_id,
                                      it->decision_id);
    if (is_new)
        decisions[(*n)++] =
            (struct judged){.begin = row, .row = {NO_ROW, NO_ROW, NO_ROW}, .taken = NO_ROW};
    struct judged *last = &decisions[*n - 1];
    last->row[it->action] = row;
    if (it->policy_took)
        last->taken = row;
}

enum al_err play_margins_of_fitted(
    const void *model, const float *x, size_t n_rows, size_t n_cols, float *margins)
{
    return fitted_predict(model, x, n_rows, n_cols, margins);
}

enum al_err play_score(const struct train_table *table,
                       const struct judged *decisions,
                       size_t n,
                       margins_fn margins_of,
                       const void *model,
                       float *margins)
{
    size_t n_cols = table->rows->n_cols;
    float *x = malloc((2 * n + 1) * n_cols * sizeof *x);
    if (x == NULL)
        return err_set(AL_ENOMEM, "%zu decisions", n);
    for (size_t i = 0; i < n; i++) {
        const float *raw = train_table_features(table, decisions[i].begin);
        feature_orient(table->set, raw, SIDE_BUY, x + 2 * i * n_cols);
        feature_orient(table->set, raw, SIDE_SELL, x + (2 * i + 1) * n_cols);
    }
    enum al_err err = margins_of(model, x, 2 * n, n_cols, margins);
    free(x);
    return err;
}

struct play_policy play_policy_of(const struct train_job *job,
                                  const struct calibration *calibration,
                                  const struct conformal *conformal,
                                  const struct novelty *novelty)
{
    return (struct play_policy){
        .calibration = calibration,
        .conformal = job->abstain_by_outcome ? conformal : NULL,
        .coverage = job->interval_coverage,
        .novelty = job->abstain_when_novel ? novelty : NULL,
    };
}

bool play_is_worth_it(const struct play_policy *policy,
                      const struct prediction *better,
                      double sigma)
{
    if (!(better->v_low > 0))
        return false;
    return policy->conformal == NULL ||
           conformal_interval(policy->conformal, better->v, sigma, policy->coverage).lower > 0;
}

/* Novelty costs most and is asked last. */
enum side play_choose(const struct play_policy *policy,
                      const struct train_table *table,
                      const struct judged *decision,
                      const float margins[2])
{
    struct prediction buy = calibration_apply(policy->calibration, (double)margins[0]);
    struct prediction sell = calibration_apply(policy->calibration, (double)margins[1]);
    const struct prediction *better = sell.v > buy.v ? &sell : &buy;
    double sigma = (double)train_table_row(table, decision->begin)->sigma_h;
    if (!play_is_worth_it(policy, better, sigma))
        return SIDE_NONE;
    const float *features = train_table_features(table, decision->begin);
    if (policy->novelty != NULL && novelty_score(policy->novelty, features) > 1)
        return SIDE_NONE;
    return better == &sell ? SIDE_SELL : SIDE_BUY;
}

double play_outcome(const struct train_table *table, size_t row)
{
    const struct train_row *it = train_table_row(table, row);
    return (double)it->net_return * (double)it->fill_fraction;
}

double play_utility(const struct train_table *table,
                    const struct judged *decision,
                    enum side choice)
{
    if (choice == SIDE_NONE || decision->row[choice] == NO_ROW)
        return 0;
    size_t row = decision->row[choice];
    double u = play_outcome(table, row);
    bool stands_alone = row == decision->taken && decision->row[side_opposite(choice)] == NO_ROW;
    if (!stands_alone)
        return u;
    double propensity = (double)train_table_row(table, row)->propensity;
    return u * fmin(1.0 / fmax(propensity, 1e-6), WEIGHT_PROPENSITY_CAP);
}

double play_span(const struct train_table *table, const struct judged *decisions, size_t n)
{
    double sum = 0;
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        const struct label_span *span = &table->spans[decisions[i].begin];
        end = end > i ? end : i;
        while (end < n && table->spans[decisions[end].begin].t0_ns <= span->t1_ns)
            end++;
        sum += (double)(end - i);
    }
    return n > 0 ? fmax(sum / (double)n, 1) : 1;
}

/* A ratio grows with the root of the period's length, so the variance of ratios with the length. */
enum al_err play_evaluate_sharpe(const struct training *t,
                                 const double *u,
                                 const struct judged *decisions,
                                 size_t n,
                                 struct evaluation *out)
{
    size_t block = (size_t)ceil(bootstrap_block(n, play_span(&t->table, decisions, n)));
    struct sharpe_trials trials = t->trials;
    trials.variance *= (double)block;
    return evaluate_sharpe(u, n, block, &trials, out);
}
