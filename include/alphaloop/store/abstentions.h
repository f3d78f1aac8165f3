/* Table abstentions: decisions not to act, as frozen as signals, with the reason. Those with features are labelled from
 * the market like any other decision point. */
#ifndef ALPHALOOP_STORE_ABSTENTIONS_H
#define ALPHALOOP_STORE_ABSTENTIONS_H

#include "alphaloop/store/trading_signals.h"

/* ids that are there already are left alone; row.body is ignored. */
void abstentions_insert(struct pg_batch *batch, const struct decision_row *rows, size_t n_rows);

/* Recovery: those with features that are not settled, decided after since_ns, oldest first. */
void abstentions_load_open(struct pg_batch *batch, int64_t since_ns, size_t limit);
/* One; no row when unknown. */
void abstentions_get(struct pg_batch *batch, struct uuid decision_id);
MUST_CHECK enum al_err abstentions_read(const struct pg_result *result,
                                        size_t row,
                                        struct decision *out);

/* Forget abstentions decided before before_ns, at most `limit`; the number is pg_result_n_affected(). */
void abstentions_prune(struct pg_batch *batch, int64_t before_ns, size_t limit);

#endif
