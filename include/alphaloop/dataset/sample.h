/* A sample: one action at one decision point with its settled outcome. Derived, and re-derivable, from the ledger.
 *
 * Outcomes live here and only here; feature functions take no struct sample, so nothing after the decision can leak in.
 */
#ifndef ALPHALOOP_DATASET_SAMPLE_H
#define ALPHALOOP_DATASET_SAMPLE_H

#include "alphaloop/domain/decision.h"

enum evidence {
    EVIDENCE_OWN_FILL = 1, /* own decision with settled fills: the truth, costs included */
    EVIDENCE_MARKET =
        2, /* the action not taken: barrier outcome from market data, costs from the cost model */
};

enum barrier { BARRIER_UPPER = 1, BARRIER_LOWER = 2, BARRIER_VERTICAL = 3 };

#define SPAN_PIECES 8 /* equal parts of the time from t0 to t1 */

struct sample {
    struct uuid decision_id;
    struct strategy_id strategy_id;
    struct asset asset;
    enum side action;
    enum evidence evidence;
    int64_t t0_ns; /* the decision */
    int64_t t1_ns; /* first touch or vertical barrier */
    int64_t
        available_at_ns; /* when the label could first be known: max(t1, last fill's receipt) + lag */
    double gross_return; /* s (P_exit / P - 1), fraction */
    double cost_return;  /* fees + half-spread at exit, fraction, > 0 is a cost */
    double net_return;   /* gross - cost: the outcome r */
    enum barrier barrier;
    float span_returns[SPAN_PIECES]; /* log return of the mid in each part of the span; all NaN when
                                        the prices do not reach back to t0 */
    double
        fill_fraction; /* filled / wanted, 0..1; of market evidence what our orders get on average, and 0 for
                                        the order that was sent and did not fill: net_return is what it would have brought */
    double propensity; /* of the action the policy took at this point */
    bool policy_took;  /* this row's action is the one that was taken */
    bool is_warmup;
    bool is_dry_run;
    struct model_version_id model_version; /* that decided; "" in warm-up */
    double confidence; /* what was claimed when deciding; NaN when the action was not chosen */
    double sigma_h;    /* of the decision: volatility over the horizon; NaN: not known */
    struct interval
        interval; /* the decision's, where it leaned to this row's action; else coverage is NaN */
    struct sha256 schema_hash;
    size_t n_features;
    float features[FEATURES_MAX]; /* as frozen, not oriented */
};

#endif
