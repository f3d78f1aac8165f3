/* Table shadow_scores. */
#ifndef ALPHALOOP_STORE_SHADOW_SCORES_H
#define ALPHALOOP_STORE_SHADOW_SCORES_H

#include "alphaloop/domain/rollout.h"
#include "alphaloop/io/pg.h"

/* One row a version. */
void shadow_scores_insert(struct pg_batch *batch,
                          const struct shadow_scores *const *rows,
                          size_t n);

/* Of decisions whose outcome is not known yet: rows of one decision follow each other, the serving version first. */
void shadow_scores_load_open(struct pg_batch *batch, size_t limit);
/* Adds the row to *out, or begins it anew (true) when the row is of another decision. */
MUST_CHECK enum al_err shadow_scores_read(const struct pg_result *result,
                                          size_t row,
                                          struct shadow_scores *out,
                                          bool *begins);

/* Start-up: of each version that stands beside the active one of its strategy (table rollout_verdicts), the settled decisions
 * at which both scored since that one became active: one row for each of the newest n_blocks blocks and each asset, a
 * version's in order of blocks. */
void shadow_scores_load_blocks(struct pg_batch *batch, size_t n_blocks);
/* What a version said of the newest n settled decisions at which it would have traded. */
void shadow_scores_load_claims(struct pg_batch *batch,
                               const struct model_version_id *version,
                               size_t n);
MUST_CHECK enum al_err shadow_scores_read_claim(const struct pg_result *result,
                                                size_t row,
                                                struct shadow_claim *out);
struct shadow_block_row {
    struct strategy_id strategy_id;
    struct model_version_id version;
    int64_t block;
    struct asset asset;
    uint64_t n, trades, trades_against;
    double utility, utility_against; /* sums */
};
MUST_CHECK enum al_err shadow_scores_read_block(const struct pg_result *result,
                                                size_t row,
                                                struct shadow_block_row *out);

/* Forget what was decided before before_ns[i] of strategies[i], at most `limit` rows; pg_result_n_affected() says how many. */
void shadow_scores_prune(struct pg_batch *batch,
                         const struct strategy_id *strategies,
                         const int64_t *before_ns,
                         size_t n,
                         size_t limit);

#endif
