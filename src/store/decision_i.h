/* The frozen columns that trading_signals and abstentions share, after their id. The three lists below, and the columns of
 * both tables, go in the same order. */
#ifndef ALPHALOOP_STORE_DECISION_I_H
#define ALPHALOOP_STORE_DECISION_I_H

#include "alphaloop/store/trading_signals.h"
#include "row_i.h"

#define DECISION_COLUMNS                                                                           \
    "kind, strategy_id, asset, side, reason, amount, price, confidence, expected_value, "          \
    "propensity, decided_at_ns,"                                                                   \
    " is_warmup, model_version, heuristic, snapshot_ts_ns, bid, ask, mid, last_price, spread, "    \
    "volume_24h, volatility,"                                                                      \
    " bid_depth, ask_depth, sigma_h, horizon_ns, barrier_up, barrier_down, schema_hash, "          \
    "features, trace_id, traceparent,"                                                             \
    " expires_at_ns, leaning, interval_coverage, interval_lower, interval_upper"
/* The id and these columns as array parameters. */
#define DECISION_ARRAYS                                                                            \
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, "  \
    "$21, $22, $23, $24, $25,"                                                                     \
    " $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38"

void decision_put(struct pg_batch *batch, const struct decision_row *rows, size_t n_rows);
/* The id and these columns; the cursor stands behind them afterwards. */
void decision_read(struct row *row, struct decision *out);

#endif
