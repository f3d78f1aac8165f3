/* Table samples: actions with their settled outcome; all that training reads. */
#ifndef ALPHALOOP_STORE_SAMPLES_H
#define ALPHALOOP_STORE_SAMPLES_H

#include "alphaloop/dataset/sample.h"
#include "alphaloop/io/pg.h"
#include "alphaloop/io/pg_sync.h"

/* Insert samples, each decision and action once, and settle their decisions. Of what is there already a row's outcome is
 * replaced by one that became available later: a late fill changed it. All else is left alone. */
void samples_insert(struct pg_batch *batch, const struct sample *samples, size_t n_samples);

/* Fills came after these samples were made, if there are such: they say so until they are made again. */
void samples_mark_stale(struct pg_batch *batch,
                        const struct uuid *decision_ids,
                        const enum side *actions,
                        size_t n);

struct samples_count {
    struct strategy_id strategy_id;
    uint64_t n_all;       /* rows of either evidence */
    uint64_t n_own;       /* own fills */
    uint64_t n_own_since; /* own fills that became available after since_ns */
    int64_t newest_available_ns;
};
/* One row for each strategy that has samples. since_ns is the strategy's last training, else the epoch. */
void samples_count(struct pg_batch *batch);
/* One strategy, since any time: one row, zeros when there is nothing. */
void samples_count_since(struct pg_batch *batch,
                         const struct strategy_id *strategy_id,
                         int64_t since_ns);
MUST_CHECK enum al_err samples_read_count(const struct pg_result *result,
                                          size_t row,
                                          struct samples_count *out);

/* What became of the decisions of the active versions since their strategy was last trained: the newest `limit` of all
 * strategies, oldest first. The degradation trigger lives on them, so a restart must not forget them. */
struct samples_outcome {
    struct strategy_id strategy_id;
    struct asset asset;
    struct model_version_id model_version;
    int64_t decided_at_ns, available_at_ns;
    double confidence, net_return;
};
void samples_load_outcomes(struct pg_batch *batch, size_t limit);
MUST_CHECK enum al_err samples_read_outcome(const struct pg_result *result,
                                            size_t row,
                                            struct samples_outcome *out);

/* What the newest `limit` orders got, those that did not fill included, by asset. (Of these a row tells where actions are
 * priced that were not taken; without, they are not asked for.) */
struct samples_fills {
    struct asset asset;
    uint64_t n_orders;
    double mean_fraction;
};
void samples_load_fills(struct pg_batch *batch, size_t limit);
MUST_CHECK enum al_err samples_read_fills(const struct pg_result *result,
                                          size_t row,
                                          struct samples_fills *out);

/* What became of the intervals of the active versions: the newest `limit` of each strategy, oldest first. The level of
 * their coverage is derived again from them. */
struct samples_interval {
    struct strategy_id strategy_id;
    struct asset asset;
    struct model_version_id model_version;
    int64_t decided_at_ns;
    struct interval interval;
    double net_return;
};
void samples_load_intervals(struct pg_batch *batch, size_t limit);
MUST_CHECK enum al_err samples_read_interval(const struct pg_result *result,
                                             size_t row,
                                             struct samples_interval *out);

/* Everything a training may use, oldest decision first, by COPY.
 *
 *   cut_ns   only samples available at or before it: the availability rule
 *   from_ns  only decisions at or after it
 *   rows_max the newest so many
 *   on_row   false stops; `sample` is reused for the next row
 */
struct samples_query {
    struct strategy_id strategy_id;
    int64_t from_ns, cut_ns;
    size_t rows_max;
    bool own_only; /* evidence 1 alone */
};
MUST_CHECK enum al_err samples_copy(struct pg_sync *sync,
                                    const struct samples_query *query,
                                    bool (*on_row)(void *ctx, const struct sample *sample),
                                    void *ctx);

#endif
