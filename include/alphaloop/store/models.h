/* Table models: what the train/predict routes may train, shared with the application that owns it. Rows that are none of our
 * kinds stay; only pipeline_ok, whether this program can run a model, is written. */
#ifndef ALPHALOOP_STORE_MODELS_H
#define ALPHALOOP_STORE_MODELS_H

#include "alphaloop/io/pg.h"

struct model_row {
    const char *name, *type, *description, *class_name;
};

/* Rows whose name is not there yet; others are left as they are. */
void models_register(struct pg_batch *batch, const struct model_row *rows, size_t n_rows);
/* pipeline_ok of every row: whether its name is one of these. */
void models_set_pipeline_ok(struct pg_batch *batch, const char *const *names, size_t n_names);
/* Id of a model: one row with one i64, or none. */
void models_find(struct pg_batch *batch, struct slice name);

/* Every model of the table and every one of these names, by name. */
void models_list(struct pg_batch *batch, const char *const *names, size_t n_names);
struct model_listed {
    struct slice name, type,
        description; /* borrow from the result; type "" and description "" when not in the table */
    bool is_registered; /* in the table */
    bool is_known;      /* one of the names */
};
MUST_CHECK enum al_err models_read_listed(const struct pg_result *result,
                                          size_t row,
                                          struct model_listed *out);

#endif
