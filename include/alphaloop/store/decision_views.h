/* Decisions as people look at them: lists without their vectors, and one signal with everything known of it. Read from
 * trading_signals, abstentions, samples and execution_events; nothing is written. */
#ifndef ALPHALOOP_STORE_DECISION_VIEWS_H
#define ALPHALOOP_STORE_DECISION_VIEWS_H

#include "alphaloop/domain/decision.h"
#include "alphaloop/io/pg.h"

struct decision_views_filter {
    struct strategy_id strategy_id; /* "": all */
    struct asset asset;             /* "": all */
    size_t limit, offset;
};

struct signal_view {
    struct uuid signal_id;
    bool is_exit;
    struct strategy_id strategy_id;
    struct asset asset;
    char side[8];
    char reason[32]; /* of an exit; "" otherwise */
    double amount, price, confidence, propensity;
    double expected_value;                  /* NaN in warm-up */
    int64_t decided_at_ns, published_at_ns; /* TIMESTAMP_NONE until published */
    bool is_warmup;
    struct model_version_id model_version;
    char heuristic[24];
    char status[16];
    char outcome[32];  /* "" while open */
    double net_return; /* NaN until settled, or without a sample */
    struct trace_id trace_id;
};
/* Newest first. */
void decision_views_signals(struct pg_batch *batch, const struct decision_views_filter *filter);
MUST_CHECK enum al_err decision_views_read_signal(const struct pg_result *result,
                                                  size_t row,
                                                  struct signal_view *out);

/* What a list leaves out. `view` may be read from the same row with decision_views_read_signal. */
struct signal_detail {
    struct slice body;        /* the exact message; borrows */
    struct slice schema_hash; /* 32 bytes; borrows */
    size_t n_features;
    float features[FEATURES_MAX]; /* NaN is missing */
    int64_t horizon_ns, expires_at_ns;
    double sigma_h;
};
void decision_views_signal(struct pg_batch *batch, struct uuid signal_id); /* no row when unknown */
MUST_CHECK enum al_err decision_views_read_detail(const struct pg_result *result,
                                                  size_t row,
                                                  struct signal_detail *out);

/* How a decision of either kind ended, one text: "" while open, "sampled", or the reason why there is no sample. No row when
 * unknown. */
void decision_views_outcome(struct pg_batch *batch, struct uuid decision_id);

/* The settled actions at one decision point. */
struct outcome_view {
    char action[8];
    bool policy_took, is_own_fill;
    char barrier[12]; /* upper, lower or vertical: what was touched first */
    double gross_return, cost_return, net_return, fill_fraction;
    int64_t t1_ns, available_at_ns;
};
void decision_views_outcomes(struct pg_batch *batch, struct uuid decision_id);
MUST_CHECK enum al_err decision_views_read_outcome(const struct pg_result *result,
                                                   size_t row,
                                                   struct outcome_view *out);

/* The fills of a signal's orders, oldest first. */
struct execution_view {
    struct uuid event_id;
    struct order_id order_id;
    double price, quantity, fees;
    int64_t executed_at_ns;
};
void decision_views_executions(struct pg_batch *batch, struct uuid signal_id, size_t limit);
MUST_CHECK enum al_err decision_views_read_execution(const struct pg_result *result,
                                                     size_t row,
                                                     struct execution_view *out);

struct abstention_view {
    struct uuid decision_id;
    struct strategy_id strategy_id;
    struct asset asset;
    char reason[32];
    double confidence, expected_value; /* NaN when there was none */
    int64_t decided_at_ns;
    bool is_warmup;
    struct model_version_id model_version;
    char outcome[32];
};
/* Newest first. */
void decision_views_abstentions(struct pg_batch *batch, const struct decision_views_filter *filter);
MUST_CHECK enum al_err decision_views_read_abstention(const struct pg_result *result,
                                                      size_t row,
                                                      struct abstention_view *out);

#endif
