/* What a trial's out-of-fold predictions would have earned: at every decision the action with the larger v, when its lower
 * bound is above 0 and, where the strategy asks for that, the interval of its outcome, else none, as live. Novelty is not asked: it
 * looks at features alone and would take the same decisions from every trial. The decisions of the folds, in order of time, are cut into TRIAL_PERIODS periods of
 * equal number, so that the trials of a run can be held against each other period by period. */
#include "play_i.h"

#include "alphaloop/train/sharpe.h"

#include <math.h>

static bool is_same_decision(const struct training *t, uint32_t a, uint32_t b)
{
    return uuid_eq(train_table_row(&t->table, a)->decision_id,
                   train_table_row(&t->table, b)->decision_id);
}

/* The rows of a decision stand side by side: where the next one begins. */
static size_t decision_end(const struct training *t, const struct predictions *p, size_t begin)
{
    size_t end = begin + 1;
    while (end < p->n && is_same_decision(t, p->rows[begin], p->rows[end]))
        end++;
    return end;
}

static double utility(const struct training *t,
                      const struct predictions *p,
                      size_t begin,
                      size_t end)
{
    const struct play_policy policy =
        play_policy_of(t->job, &t->oof.calibration, &t->oof.conformal, NULL);
    double best_v = -INFINITY, utility = 0;
    for (size_t i = begin; i < end; i++) {
        struct prediction value = calibration_apply(policy.calibration, (double)p->margins[i]);
        if (value.v <= best_v)
            continue;
        best_v = value.v;
        const struct train_row *row = train_table_row(&t->table, p->rows[i]);
        bool trades = play_is_worth_it(&policy, &value, (double)row->sigma_h);
        utility = trades ? (double)p->net[i] * (double)row->fill_fraction : 0;
    }
    return utility;
}

enum al_err train_tell_periods(const struct training *t,
                               const struct predictions *p,
                               struct train_trial *trial)
{
    size_t n_decisions = 0, decision = 0;
    for (size_t i = 0; i < p->n; i = decision_end(t, p, i))
        n_decisions++;
    trial->n_periods = n_decisions >= TRIAL_PERIODS ? TRIAL_PERIODS : 0;
    for (size_t k = 0; k < TRIAL_PERIODS; k++)
        trial->periods[k] = 0;
    for (size_t i = 0; trial->n_periods > 0 && i < p->n; i = decision_end(t, p, i))
        trial->periods[decision++ * TRIAL_PERIODS / n_decisions] +=
            utility(t, p, i, decision_end(t, p, i));
    trial->sharpe = trial->n_periods > 0 ? sharpe_of(trial->periods, trial->n_periods).ratio : NAN;
    return AL_OK;
}
