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
    int64_t cut_ns;  /* what was available by then may teach: decision time of the first test row */
    int64_t from_ns; /* what was decided before teaches nothing; 0: whatever its age */
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

/* ---- combinatorial purged cross-validation (Lopez de Prado 2018 ch. 12) ----
 *
 * Rows before the untouched block are cut into N = 6 groups. Each of the C(6, 2) = 15 splits is judged on two of them and taught
 * on the others, past and future alike, so every group is judged 5 times by different models. The j-th verdicts of all groups
 * make path j: 5 histories of the same days instead of one. How far they lie apart says what the mean of one hides.
 *
 * Whoever teaches keeps off the groups that judge on both sides: a label that meets a test label's span, ends within the embargo
 * before the first of them or begins within the embargo after the last of them teaches nothing. Rows whose label was not
 * available when the untouched block began take no part at all.
 */
#define CPCV_GROUPS 6
#define CPCV_SPLITS 15
#define CPCV_PATHS  5

struct cpcv_group {
    size_t begin, end;         /* rows [begin, end) */
    int64_t from_ns, until_ns; /* begin of the first label, latest end of one */
};

struct cpcv {
    struct cpcv_group groups[CPCV_GROUPS];
    int64_t cut_ns; /* what was available by then may teach and be judged */
    int64_t embargo_ns;
};

/* Cut rows [0, untouched->test_begin) into groups; embargo and cut are those of the untouched block.
 *   returns  AL_OK; AL_ESHORT when a group would be empty */
MUST_CHECK enum al_err split_combinatorial(const struct split *untouched,
                                           const struct label_span *spans,
                                           struct cpcv *out);

/* Sets of groups are bits, group g is 1 << g. The two that split 0..14 is judged on: */
unsigned cpcv_tested(size_t split);
/* The path, 0..4, to which a split's verdict on one of its two groups belongs. */
size_t cpcv_path(size_t split, size_t group);

/* Rows of the groups `of` that keep off the groups `off` (which share none with `of`), ascending; returns how many. The rules
 * are asserted for each.
 *
 *   who judges split s     of = tested(s), off = 0
 *   who teaches for it     of = the others, off = tested(s)
 *
 *   rows  [rows before the untouched block] out */
size_t cpcv_rows(const struct cpcv *cpcv,
                 const struct label_span *spans,
                 unsigned of,
                 unsigned off,
                 uint32_t *rows);

#endif
