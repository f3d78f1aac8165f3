/* Table model_quality_metrics: one number of one evaluation of one version (A23, A24, A25). */
#ifndef ALPHALOOP_STORE_MODEL_QUALITY_METRICS_H
#define ALPHALOOP_STORE_MODEL_QUALITY_METRICS_H

#include "alphaloop/domain/names.h"
#include "alphaloop/io/pg.h"
#include "alphaloop/store/granularity.h"

enum quality_type {
    QUALITY_CLASSIFICATION,
    QUALITY_REGRESSION,
    QUALITY_TRADING_PERFORMANCE,
    QUALITY_TYPE_COUNT
};
const char *quality_type_name(enum quality_type type);
bool quality_type_parse(struct slice name, enum quality_type *out);

struct quality_metric_row {
    struct uuid id;
    struct uuid model_version_id;
    char metric_name[64];
    double metric_value; /* finite; in [0, 1] when classification: the database refuses others */
    enum quality_type metric_type;
    int64_t evaluated_at_ns; /* microseconds */
    int64_t evaluation_dataset_size;
};

void model_quality_metrics_insert(struct pg_batch *batch,
                                  const struct quality_metric_row *rows,
                                  size_t n_rows);
/* Of one version, by name and time; type QUALITY_TYPE_COUNT and an empty name mean all. */
void model_quality_metrics_list(struct pg_batch *batch,
                                const struct model_version_id *version,
                                enum quality_type type,
                                struct slice metric_name,
                                size_t limit);
MUST_CHECK enum al_err model_quality_metrics_read(const struct pg_result *result,
                                                  size_t row,
                                                  struct quality_metric_row *out);

/* A25: mean value of each metric in each bucket of [start, end), by time and name. `names` empty means all. */
struct metric_point {
    int64_t ts_ns; /* begin of the bucket, UTC */
    double value;
    char metric_name[64];
};
void model_quality_metrics_series(struct pg_batch *batch,
                                  const struct model_version_id *version,
                                  enum granularity granularity,
                                  int64_t start_ns,
                                  int64_t end_ns,
                                  const struct slice *names,
                                  size_t n_names,
                                  size_t limit);
MUST_CHECK enum al_err model_quality_metrics_read_point(const struct pg_result *result,
                                                        size_t row,
                                                        struct metric_point *out);

#endif
