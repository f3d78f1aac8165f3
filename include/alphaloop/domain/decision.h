/* A decision: what was done (or not) for one strategy and asset at one instant, frozen with everything it was made from.
 *
 * It is written to the ledger before anything leaves. Nothing that happens later can change it: outcomes are other types
 * (struct execution, struct sample), which no feature function accepts.
 */
#ifndef ALPHALOOP_DOMAIN_DECISION_H
#define ALPHALOOP_DOMAIN_DECISION_H

#include <math.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/domain/order_event.h"
#include "alphaloop/domain/snapshot.h"

#define FEATURES_MAX 256 /* columns a feature set may have */
#define REASONS_MAX  5

/* Where a net return, as a fraction, is expected (model/conformal.h). */
struct interval {
    double coverage;     /* share of outcomes it is made to hold; NaN: there is no interval */
    double lower, upper; /* NaN: no bound could be given, it holds everything */
};

#define INTERVAL_NONE ((struct interval){NAN, NAN, NAN})

enum decision_kind { DECISION_ENTRY, DECISION_EXIT };

struct decision {
    struct uuid decision_id; /* version 7; also the signal_id of what is published */
    enum decision_kind kind;
    struct strategy_id strategy_id;
    struct asset asset;
    int64_t decided_at_ns;
    enum side side;    /* SIDE_NONE: abstained */
    enum side leaning; /* the action that confidence, expected value and interval are of: `side`, or
                           what a model would have done when it abstained; SIDE_NONE in warm-up */
    enum reason reason; /* why abstained, or why the exit; REASON_NONE for an entry that is sent */
    struct decimal amount;    /* quote currency; 0 when abstained */
    double confidence;        /* q of the chosen action, or the heuristic's strength; 0..1 */
    double expected_value;    /* v of the chosen action, net return as a fraction; NaN in warm-up */
    struct interval interval; /* of the outcome of `leaning` */
    double propensity;        /* probability with which the policy chose this action; 1 for exits */
    bool is_warmup;
    struct model_version_id model_version;
    char heuristic[24];       /* name of the row in heuristics.def, "" when a model decided */
    struct snapshot snapshot; /* reference price = snapshot.mid */
    double sigma_h; /* volatility scaled to the horizon, fraction: the unit of the barriers */
    int64_t horizon_ns;
    double barrier_up, barrier_down; /* k_u, k_l: multiples of sigma_h */
    struct sha256 schema_hash;       /* of the feature set */
    size_t n_features;               /* 0 when features were not ready */
    float features[FEATURES_MAX];    /* exact bits; NaN = missing; not oriented by side */
    struct trace_id trace_id;
    char traceparent[TRACEPARENT_TEXT_MAX];
    int64_t expires_at_ns; /* a signal not published by then never is */
};

#endif
