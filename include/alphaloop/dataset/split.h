/* Which rows may teach and which may judge (learning section 5; Lopez de Prado 2018 ch. 7).
 *
 * Rows are in order of decision time. They are cut into blocks of about equal size, never between rows of one instant:
 *
 *     | first | fold 1 | fold 2 | ... | fold k | untouched |
 *
 * Fold j is judged by a model taught on what was known when fold j began: rows whose label was available by then
 * (available_at <= cut; t0 <= cut is not enough). Rows whose label meets a test label's span are purged, and so are rows
 * that begin within the embargo after it. The untouched block judges the final model, once.
 */
#ifndef ALPHALOOP_DATASET_SPLIT_H
#define ALPHALOOP_DATASET_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"

struct label_span {
    int64_t t0_ns, t1_ns, available_at_ns; /* t0 <= t1 <= available_at */
};

struct split {
    int64_t cut_ns; /* what was available by then may teach: decision time of the first test row */
    int64_t test_from_ns;  /* begin of the first test label, */
    int64_t test_until_ns; /* and latest end of one */
    int64_t embargo_ns;
    size_t test_begin, test_end; /* rows [begin, end) judge */
};

struct split_rule {
    uint32_t n_folds;        /* >= 1 */
    double holdout_fraction; /* of the rows, the untouched last block; (0, 1) */
    int64_t horizon_ns;      /* embargo = max(horizon, 1 % of the time the rows cover) */
};

/* Cut rows into folds.
 *
 *   spans    [n] by t0_ns, ascending (asserted)                       borrows
 *   folds    [n_folds] out
 *   holdout  out: the untouched block
 *   returns  AL_OK; AL_ESHORT when a block, or what may teach for it, would be empty
 */
MUST_CHECK enum al_err split_walk_forward(const struct split_rule *rule,
                                          const struct label_span *spans,
                                          size_t n,
                                          struct split *folds,
                                          struct split *holdout);

/* One block: rows [begin, end) judge, what was known before may teach. */
struct split split_at(const struct label_span *spans, size_t begin, size_t end, int64_t embargo_ns);

/* Whether a row may teach the model this split judges. */
bool split_may_teach(const struct split *split, const struct label_span *span);

/* Indices of the rows that may teach, ascending; returns how many. The rule of availability is asserted for each. */
size_t split_teachers(const struct split *split,
                      const struct label_span *spans,
                      size_t n,
                      uint32_t *rows);

#endif
