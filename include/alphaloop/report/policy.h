/* What a way of trading came to: its net utilities, decision by decision, measured.
 *
 * A policy's utility at a decision is what the position it took returned until its label was known, net of all costs, as a
 * fraction of the amount at stake; 0 where it stayed flat. Utilities of one policy on the same decisions as another's can
 * be compared decision by decision. Means come with an interval from the stationary bootstrap (train/gate.h), because
 * neighbouring decisions share their market: 95 %, from the two one-sided bounds at 2.5 %.
 *
 * What is measured is a row of tbl/report_measures.def, with the phrase that explains it.
 */
#ifndef ALPHALOOP_REPORT_POLICY_H
#define ALPHALOOP_REPORT_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"

#define REPORT_INTERVAL 0.95

/* A number and where it lies surely; NaN is not known. */
struct report_value {
    double value, low, high;
};

struct report_measures {
#define MEASURE(name, unit, help) struct report_value name;
#include "alphaloop/tbl/report_measures.def"
#undef MEASURE
};

enum report_unit { REPORT_count, REPORT_fraction, REPORT_bps, REPORT_share, REPORT_ratio };

struct report_measure_row {
    const char *name;
    enum report_unit
        unit; /* how people read it: bps is a return times 10^4; values stay fractions */
    const char *help;
};
size_t report_measure_count(void);
const struct report_measure_row *report_measure_at(size_t index);
struct report_value report_measure_value(const struct report_measures *measures, size_t index);

/* Decisions in order of time. */
struct policy_series {
    const double *u; /* [n] net utility, fraction; 0 where it stayed flat               borrows */
    const bool
        *traded; /* [n]                                                             borrows */
    size_t n;
    double
        span; /* decisions that begin within a label's span, 1 at least: how far neighbours depend */
    double years;     /* from the first decision to the last */
    double base_rate; /* share of all candidate actions with a net gain; NaN: not known */
};

/* AL_ENOMEM is the only fault; n = 0 leaves everything unknown. `seed` is of the bootstrap. */
MUST_CHECK enum al_err policy_measure(const struct policy_series *series,
                                      uint64_t seed,
                                      struct report_measures *out);

/* Mean of x[n] with its interval, where neighbours within `span` places may depend on each other. */
MUST_CHECK enum al_err report_mean(
    const double *x, size_t n, double span, uint64_t seed, struct report_value *out);

#endif
