/* Measuring predictions against what happened. Pure functions over arrays; weights may be NULL (all alike). A measure that
 * is not defined (one class only, no trades, no losses) is NaN. Definitions are the rows of tbl/evaluation.def.
 *
 * Sources: Brier (1950); Murphy (1973) for the skill over the base rate; Fawcett (2006) for ROC AUC with ties at 1/2;
 * Naeini et al. (2015) for ECE with bins of equal mass; Sortino and van der Meer (1991) with target 0.
 */
#ifndef ALPHALOOP_TRAIN_EVALUATE_H
#define ALPHALOOP_TRAIN_EVALUATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"
#include "alphaloop/train/sharpe.h"

#define EVALUATION_ECE_BINS 15

struct evaluation {
#define EVALUATION(type, name, help) double name;
#include "alphaloop/tbl/evaluation.def"
#undef EVALUATION
};

enum evaluation_type {
    EVALUATION_classification,
    EVALUATION_regression,
    EVALUATION_trading_performance
};

struct evaluation_row {
    const char *name;
    enum evaluation_type type;
    const char *help;
};
size_t evaluation_count(void);
const struct evaluation_row *evaluation_at(size_t index);
double evaluation_value(const struct evaluation *evaluation, size_t index);
void evaluation_clear(struct evaluation *evaluation); /* all NaN */

/* Each fills its own rows of *out and leaves the others. n >= 1; AL_ENOMEM is the only fault. */

/* q  [n] probability of a net gain, 0..1
 *   r  [n] net outcome; y = r > 0
 *   w  [n] or NULL */
MUST_CHECK enum al_err evaluate_classification(
    const float *q, const float *r, const float *w, size_t n, struct evaluation *out);

/* Which of the EVALUATION_ECE_BINS bins of equal mass a row is in.
 *   bins  [n] 0 .. EVALUATION_ECE_BINS - 1; out */
MUST_CHECK enum al_err evaluate_bins(const float *q, const float *w, size_t n, uint8_t *bins);

/*   v  [n] expected net outcome
 *   r  [n] net outcome
 *   w  [n] or NULL; rank_ic takes no notice of it
 * mase is left: forecast_mase() of the mae and what the teachers earned. */
MUST_CHECK enum al_err evaluate_regression(
    const float *v, const float *r, const float *w, size_t n, struct evaluation *out);

/* Decisions in order of time.
 *   u          [n] net utility: 0 where it abstained
 *   traded     [n]
 *   base_rate  share of candidate actions with a net gain (NaN: not known) */
void evaluate_trading(
    const double *u, const bool *traded, size_t n, double base_rate, struct evaluation *out);

/* What the decisions' Sharpe ratio is worth (train/sharpe.h): psr, dsr, track_record_min.
 *   u       [n] as above
 *   block   decisions that make a period, >= 1: at least as many as share their market
 *   trials  what they are the best of */
MUST_CHECK enum al_err evaluate_sharpe(const double *u,
                                       size_t n,
                                       size_t block,
                                       const struct sharpe_trials *trials,
                                       struct evaluation *out);

/* ranks: [n], of values[n], from 1; equal values share the mean of theirs. */
MUST_CHECK enum al_err evaluate_ranks(const float *values, size_t n, double *ranks);

/* Rank AUC of scores for labels; NaN with one class. */
MUST_CHECK enum al_err evaluate_auc(
    const float *score, const float *r, const float *w, size_t n, double *auc);

#endif
