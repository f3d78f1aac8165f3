/* Table rollout_verdicts: every step of every version. Appended to, never changed. */
#ifndef ALPHALOOP_STORE_ROLLOUT_VERDICTS_H
#define ALPHALOOP_STORE_ROLLOUT_VERDICTS_H

#include "alphaloop/base/hash.h"
#include "alphaloop/domain/rollout.h"
#include "alphaloop/io/pg.h"

struct rollout_verdict_row {
    struct strategy_id strategy_id;
    struct model_version_id version;
    enum rollout_stage stage;        /* that it is in from now on */
    struct model_version_id against; /* what it was held against; "" nothing */
    struct slice why;     /* who or what moved it, one word: gate, evidence, manual, rollback ... */
    struct slice verdict; /* in words */
    struct slice numbers; /* JSON object; empty when there are none */
    uint64_t n_blocks;    /* paired blocks that were closed then */
    int64_t at_ns;        /* decision clock */
    int64_t created_at_ns;
};

void rollout_verdicts_insert(struct pg_batch *batch, const struct rollout_verdict_row *row);
/* Of one version, oldest first. */
void rollout_verdicts_list(struct pg_batch *batch,
                           const struct model_version_id *version,
                           size_t limit);
/* Start-up: where the active versions stand, and those beside them. A strategy's guard comes first. */
void rollout_verdicts_load_standing(struct pg_batch *batch);
struct rollout_standing_row {
    struct strategy_id strategy_id;
    struct model_version_id version;
    enum rollout_stage stage;
    bool same_incumbent; /* of a shadow: the active version is still the one it was held against */
    char why[32];
    uint64_t n_blocks;
    int64_t at_ns;
    uint32_t attempt;
    struct sha256 folder_hash;
};
MUST_CHECK enum al_err rollout_verdicts_read_standing(const struct pg_result *result,
                                                      size_t row,
                                                      struct rollout_standing_row *out);
/* Newest rollback of each strategy. */
void rollout_verdicts_load_rollbacks(struct pg_batch *batch);
/* Slices borrow from the result. */
MUST_CHECK enum al_err rollout_verdicts_read(const struct pg_result *result,
                                             size_t row,
                                             struct rollout_verdict_row *out);

#endif
