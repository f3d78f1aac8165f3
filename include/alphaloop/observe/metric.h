/* Metrics as plain memory: rows of metrics.def, and the Prometheus text of them all.
 *
 * A row is METRIC(kind, name, labels, help): kind counter, gauge or histogram; labels "" or one or two names joined by a
 * comma. Label values come from closed sets; at most 256 series a metric, further ones are folded into "other".
 * The exposed name is "alphaloop_" + name. One thread only (the loop's).
 */
#ifndef ALPHALOOP_OBSERVE_METRIC_H
#define ALPHALOOP_OBSERVE_METRIC_H

#include <stdint.h>

#include "alphaloop/base/buf.h"

enum metric {
#define METRIC(kind, name, labels, help) METRIC_##name,
#include "alphaloop/tbl/metrics.def"
#undef METRIC
    METRIC_COUNT
};

/* label1, label2: NULL where the row has fewer labels. Labelled series exist from the first touch; metric_touch makes one
 * appear at 0. */
void metric_touch(enum metric metric, const char *label1, const char *label2);
void metric_add(enum metric metric,
                double amount,
                const char *label1,
                const char *label2); /* counter, gauge */
void metric_set(enum metric metric,
                double value,
                const char *label1,
                const char *label2); /* gauge */
void metric_observe(enum metric metric,
                    double value,
                    const char *label1,
                    const char *label2); /* histogram, seconds */
double metric_value(enum metric metric,
                    const char *label1,
                    const char *label2); /* counter, gauge; histogram: count */
/* Quantile of a histogram by linear interpolation inside its bucket; NaN when empty. */
double metric_quantile(enum metric metric, double q, const char *label1, const char *label2);

/* All series of a metric together. */
struct metric_summary {
    uint64_t count;       /* of observations */
    double sum;           /* of them, seconds; of a counter or gauge: of its values */
    double p50, p95, p99; /* of a histogram that has any; else NaN */
};
struct metric_summary metric_summarise(enum metric metric);

void metric_reset_all(void); /* tests */

/* Prometheus text format 0.0.4 of every row, with # HELP and # TYPE. */
void metric_expose(struct buf *out);

#endif
