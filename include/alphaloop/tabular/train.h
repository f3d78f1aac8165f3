/* One training run of the train/predict routes, from the body of a request to an artefact and its measures.
 *
 * The rows come without a split. The last fifth, by the time column or, without one, in the order they were sent, is held out:
 * a model fitted on the others is measured there, beside what the mean or the class frequencies of the others would have
 * scored. The artefact is then fitted on all rows; measures of it on those rows are named `fitted_`, and flatter.
 */
#ifndef ALPHALOOP_TABULAR_TRAIN_H
#define ALPHALOOP_TABULAR_TRAIN_H

#include "alphaloop/tabular/model.h"

#define TABULAR_METRICS_MAX      48
#define TABULAR_METRIC_NAME_MAX  64
#define TABULAR_METRIC_VALUE_MAX 256 /* model_run_metrics.metric_value has 255 */
#define TABULAR_HELD_OUT_MIN     10  /* rows; with fewer none are held out, and that is said */
#define TABULAR_BODY_BYTES_MAX   (8U << 20)

struct tabular_metric {
    char name[TABULAR_METRIC_NAME_MAX];
    char value[TABULAR_METRIC_VALUE_MAX];
};

struct tabular_metrics {
    size_t n;
    struct tabular_metric items[TABULAR_METRICS_MAX];
};

/* Dropped when there is no room; text is cut at TABULAR_METRIC_VALUE_MAX - 1 bytes, never within a character. */
void tabular_metrics_add_text(struct tabular_metrics *metrics, const char *name, const char *value);
void tabular_metrics_add(struct tabular_metrics *metrics,
                         const char *name,
                         double value); /* not when it is not finite */

/* The body of POST /api/train, checked: `parameters`, `features`, `labels`. */
struct tabular_request {
    const struct tabular_kind *kind;
    struct json_node *root; /* what the tables borrow from */
    struct model_params params;
    struct tabular_table features, labels;
    struct tabular_columns columns;
    struct tabular_target target;
    double *values; /* [n_rows] of the target */
};

/* AL_EPARSE, AL_EINVAL, AL_ERANGE: err_text() says what is wrong and where; AL_ENOMEM. *out is the caller's, also after a
 * failure. Can run on any thread. */
MUST_CHECK enum al_err tabular_request_read(const struct tabular_kind *kind,
                                            struct slice body,
                                            struct tabular_request *out);
void tabular_request_deinit(struct tabular_request *request);

/* Fit and measure. Loads the library where the kind needs it, so in a process of its own. `model` is appended the file of
 * model.h. AL_EINVAL: the rows cannot be learned from; AL_ERANGE; AL_ENOMEM; AL_EMODEL. */
MUST_CHECK enum al_err tabular_train(const struct tabular_request *request,
                                     uint64_t seed,
                                     struct buf *model,
                                     struct tabular_metrics *metrics);

/* ---- between the worker and the process that trains ---- */

/* The job: {"model_name", "artefact": path, "seed", "body"}. */
struct tabular_job {
    const struct tabular_kind *kind;
    char artefact[1024];
    uint64_t seed;
    struct slice body; /* borrows from `text` when read */
};
void tabular_job_write(const struct tabular_job *job, struct buf *out);
/* AL_EPARSE, AL_ENOTFOUND. */
MUST_CHECK enum al_err tabular_job_read(struct slice text, struct tabular_job *out);

/* The last line the child prints: {"metrics": {name: value ...}}, with "error": text when it failed. */
void tabular_end_write(const struct tabular_metrics *metrics, const char *error, struct buf *out);
/* `error` becomes "" when it went well. AL_EPARSE. */
MUST_CHECK enum al_err tabular_end_read(struct slice line,
                                        struct tabular_metrics *metrics,
                                        char error[512]);

#endif
