/* Table order_outcomes: what became of each published signal's order. */
#ifndef ALPHALOOP_STORE_ORDER_OUTCOMES_H
#define ALPHALOOP_STORE_ORDER_OUTCOMES_H

#include "alphaloop/dataset/order_outcome.h"
#include "alphaloop/io/pg.h"
#include "alphaloop/io/pg_sync.h"

/* What is there already is replaced; of several of one signal the last counts. */
void order_outcomes_upsert(struct pg_batch *batch,
                           const struct order_outcome *outcomes,
                           size_t n_outcomes);

/* One signal: a row, or none. */
void order_outcomes_find(struct pg_batch *batch, struct uuid signal_id);

/* Recovery: the `limit` newest that still hold a position, oldest first. */
void order_outcomes_load_held(struct pg_batch *batch, size_t limit);
MUST_CHECK enum al_err order_outcomes_read(const struct pg_result *result,
                                           size_t row,
                                           struct order_outcome *out);

/* Every published entry of a strategy with what became of its order: what times to fill are learned from. The newest
 * `rows_max`, oldest first, by COPY. Signals from before the first outcome was kept are left out, and so are orders that were
 * only played beside orders for money, or the other way round: the newest outcome says which. */
struct order_signals_query {
    struct strategy_id strategy_id;
    struct sha256 schema_hash;
    int64_t from_ns, cut_ns; /* decisions in between */
    size_t rows_max;
};
struct order_signal {
    enum side side;
    int64_t decided_at_ns, expires_at_ns;
    int64_t first_fill_ns, answered_at_ns; /* TIMESTAMP_NONE: not yet */
    size_t n_features;
    float features[FEATURES_MAX];
};
MUST_CHECK enum al_err order_outcomes_copy_signals(struct pg_sync *sync,
                                                   const struct order_signals_query *query,
                                                   bool (*on_row)(void *ctx,
                                                                  const struct order_signal *),
                                                   void *ctx);

#endif
