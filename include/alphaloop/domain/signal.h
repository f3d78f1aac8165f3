/* A trading signal as it leaves: the exact JSON of contract section 4, written from a frozen decision. */
#ifndef ALPHALOOP_DOMAIN_SIGNAL_H
#define ALPHALOOP_DOMAIN_SIGNAL_H

#include "alphaloop/domain/decision.h"

#define SIGNAL_AMOUNT_MIN     10.0 /* quote currency */
#define SIGNAL_AMOUNT_MAX     100000.0
#define SIGNAL_AMOUNT_STEP    (DECIMAL_SCALE / 100) /* 2 decimals, in units of struct decimal */
#define SIGNAL_BODY_MAX       65536 /* bytes; every indicator of a full feature set fits */
#define SIGNAL_INDICATORS_MAX FEATURES_MAX

#define EXPLANATION_TOP 5

/* What one feature added to the log-odds of the chosen action. */
struct contribution {
    const char *feature;
    float value;      /* as frozen; NaN: missing */
    bool is_oriented; /* the model saw it from the side of the action: mirrored for a sell */
    double log_odds;
};

/* A model's margin, before calibration, is bias + the top ones + rest. */
struct explanation {
    double bias; /* mean of all teachers */
    double rest; /* of the features not named */
    size_t n;
    struct contribution top[EXPLANATION_TOP]; /* largest first, in either direction */
};

/* What a signal tells besides the decision. Everything borrows for the call. */
struct signal_extra {
    const char *reasoning;      /* one sentence; NULL: made from the decision */
    double risk_score;          /* 0..1 */
    const char *const *reasons; /* short texts, at most REASONS_MAX */
    size_t n_reasons;
    const struct explanation
        *explanation; /* of a model's entry; its features become reasons too; NULL: none */
    const char *const *
        indicator_names; /* with decision->features: NaN is left out; NULL: no technical_indicators */
    size_t n_indicators;     /* <= decision->n_features */
    const char *position_id; /* of an exit; NULL else */
    double
        exit_fraction; /* of an exit: the part of the position it closes, 0..1]; ignored for entries */
};

/* True when the decision may leave as a signal. Else *field names what broke a rule of section 4 ("amount"). */
bool signal_is_valid(const struct decision *decision,
                     const struct signal_extra *extra,
                     const char **field);

/* Append the body to *out. The decision must be valid: signal_is_valid() is asserted. Check buf_ok(out). */
void signal_body_write(const struct decision *decision,
                       const struct signal_extra *extra,
                       struct buf *out);

#endif
