/* A search for better parameters, inside the walk-forward folds; the untouched block is not looked at.
 *
 * Trial 0 are the strategy's own parameters. Every further one is proposed from what the earlier ones came to (tpe_i.h), within
 * the ranges of the model kind, until there are search.trials of them or search.seconds are over. A trial is given up after a
 * fold (not the last) when at least SEARCH_MEDIAN_MIN others were judged on as many folds and its mean loss is above the median
 * of theirs (the median stopping rule: Golovin et al., "Google Vizier", 2017). The least mean log loss out of fold is chosen.
 *
 * Seed and proposals depend on the rows and the job's choices, not on its version or seed, and each proposal on the trials before
 * it only: a search that was cancelled and finds the same rows goes on as if it had never stopped. */
#ifndef ALPHALOOP_TRAIN_SEARCH_I_H
#define ALPHALOOP_TRAIN_SEARCH_I_H

#include "alphaloop/base/hash.h"
#include "alphaloop/train/trial.h"

#define SEARCH_MEDIAN_MIN 4

struct training;

struct search {
    size_t n; /* trials, those resumed first */
    size_t n_resumed;
    struct train_trial *trials; /* [job.search.trials] */
    struct sha256 key;          /* what a search must share to be gone on with */
};
void search_deinit(struct search *search);

/* Fill t->search and t->chosen, which is trial 0 where no search is asked for. */
MUST_CHECK enum al_err train_search(struct training *t);

/* What the choice among the trials is worth; t->trials is told of them too. */
struct search_summary {
    size_t n_trials, n_completed, n_pruned;
    double sharpe_variance; /* of the completed ones; NaN with fewer than two */
    double deflated_sharpe; /* of the chosen one, on its periods out of fold */
    double pbo;             /* NaN with fewer than two completed */
};
MUST_CHECK enum al_err search_summarise(struct training *t, struct search_summary *out);

#endif
