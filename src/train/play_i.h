/* Playing decisions: what would a policy have earned, decision by decision? For the trial on the untouched block and for the
 * paths of cross-validation.
 *
 * A model's choice is what it would do live without chance: the action with the larger v when its lower bound is above 0 and,
 * where the strategy asks for that, so is the interval of its outcome; none where the model has seen nothing like it. The
 * utility of a choice is
 *
 *     none chosen                       0
 *     the outcome of it is known        r f       net return times filled fraction (dataset/sample.h): of our own order what it
 *                                                 got, 0 when it did not fill; else what our orders get on average
 *     only the other outcome is known   0
 *
 * and where a decision has no evidence of the action not taken, a policy that agrees with the logged action gets r f / pi
 * (Horvitz & Thompson 1952, the weight capped): agreeing decisions stand for the disagreeing ones, which got 0, so the mean
 * stays unbiased. Position sizes are left out: one unit is one unit. */
#ifndef ALPHALOOP_TRAIN_PLAY_I_H
#define ALPHALOOP_TRAIN_PLAY_I_H

#include "fit_i.h"

#define NO_ROW SIZE_MAX

struct judged {
    size_t begin;  /* first row of the decision */
    size_t row[3]; /* by enum side; NO_ROW without evidence */
    size_t taken;  /* row of the logged action; NO_ROW: it abstained, or its order was not filled */
};

/* The row belongs to the last of the n decisions or begins the next one. Rows come in the table's order; there is room. */
void play_add_row(const struct train_table *table, size_t row, struct judged *decisions, size_t *n);

typedef enum al_err (*margins_fn)(
    const void *model, const float *x, size_t n_rows, size_t n_cols, float *margins);
/* model is a struct fitted. */
MUST_CHECK enum al_err play_margins_of_fitted(
    const void *model, const float *x, size_t n_rows, size_t n_cols, float *margins);

/* Both actions at each of the n decisions.  margins  [n][2] buy, sell; out */
MUST_CHECK enum al_err play_score(const struct train_table *table,
                                  const struct judged *decisions,
                                  size_t n,
                                  margins_fn margins_of,
                                  const void *model,
                                  float *margins);

/* What a version decides by; borrowed. */
struct play_policy {
    const struct calibration *calibration;
    const struct conformal *conformal; /* whose intervals must lie above cost; NULL: not asked */
    double coverage;                   /* of those */
    const struct novelty *novelty;     /* NULL: nothing is novel */
};
/* As the strategy would have the version decide. novelty may be NULL. */
struct play_policy play_policy_of(const struct train_job *job,
                                  const struct calibration *calibration,
                                  const struct conformal *conformal,
                                  const struct novelty *novelty);
/* Whether the better action's value, and where the strategy asks for that the interval of its outcome, lies above cost.
 * sigma: of the decision, over the horizon. */
bool play_is_worth_it(const struct play_policy *policy,
                      const struct prediction *better,
                      double sigma);
/* The choice at the decision whose margins these are. */
enum side play_choose(const struct play_policy *policy,
                      const struct train_table *table,
                      const struct judged *decision,
                      const float margins[2]);
double play_utility(const struct train_table *table,
                    const struct judged *decision,
                    enum side choice);
double play_outcome(const struct train_table *table, size_t row); /* r f */

/* Decisions that begin within a decision's label, itself included, on average: how far neighbours share their market. */
double play_span(const struct train_table *table, const struct judged *decisions, size_t n);

/* psr, dsr and track_record_min of utilities, by sums over the gate's blocks; deflated by the trials logged. */
MUST_CHECK enum al_err play_evaluate_sharpe(const struct training *t,
                                            const double *u,
                                            const struct judged *decisions,
                                            size_t n,
                                            struct evaluation *out);

#endif
