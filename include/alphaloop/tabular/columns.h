/* What a run learned of its columns, and a table as the numbers a model is given.
 *
 *   number    every value is a number, or a string of one ("0.5"): one number, NaN where null
 *   category  strings, not all of them numbers, or booleans: one number for each of the TABULAR_LEVELS_MAX most frequent
 *             levels, 1 for the row's own and 0 for the others. A level that was not learned is 0 everywhere: none of the
 *             known. null is NaN everywhere: not known which.
 *   time      called time, timestamp, date, datetime or ts, and every value is a time (2026-01-31T09:30:00Z): it orders the
 *             rows and is not given to the model, which would otherwise learn the past by heart
 *
 * Numbers and strings that are none must not be mixed in one column, nor booleans with either.
 */
#ifndef ALPHALOOP_TABULAR_COLUMNS_H
#define ALPHALOOP_TABULAR_COLUMNS_H

#include <stddef.h>

#include "alphaloop/base/json.h"
#include "alphaloop/tabular/table.h"

#define TABULAR_LEVELS_MAX 64
#define TABULAR_DISTINCT_MAX                                                                       \
    4096                         /* different texts of one column; more are names, not categories */
#define TABULAR_ENCODED_MAX 1024 /* numbers of one row */
#define TABULAR_CLASSES_MAX 16

enum tabular_type { TABULAR_NUMBER, TABULAR_CATEGORY, TABULAR_TIME, TABULAR_TYPE_COUNT };
const char *tabular_type_name(enum tabular_type type);

struct tabular_levels {
    size_t n;
    char (*texts)[TABULAR_TEXT_MAX]; /* sorted by byte */
};

struct tabular_column {
    char name[TABULAR_TEXT_MAX];
    enum tabular_type type;
    struct tabular_levels levels; /* of a category */
};

struct tabular_columns {
    size_t n, n_encoded; /* columns; numbers of an encoded row */
    struct tabular_column *items;
};

/* AL_EINVAL: a column that is mixed, or a number too large for a float; AL_ERANGE: a bound above. *out is the caller's,
 * also after a failure. */
MUST_CHECK enum al_err tabular_columns_learn(const struct tabular_table *table,
                                             struct tabular_columns *out);
void tabular_columns_deinit(struct tabular_columns *columns);

/* The table, whose columns must be these, as float x[n_rows][n_encoded], finite or NaN. AL_EINVAL with row, column and value. */
MUST_CHECK enum al_err tabular_columns_encode(const struct tabular_columns *columns,
                                              const struct tabular_table *table,
                                              float *x);

/* Rows of the table in the order of its time column (equal times keep their order); as they came when it has none.
 *   returns  the column's name; NULL when there is none
 */
const char *tabular_columns_order(const struct tabular_columns *columns,
                                  const struct tabular_table *table,
                                  size_t *order /* out [n_rows] */);

/* As JSON, for the artefact. Reading checks every bound: AL_EVERIFY. */
void tabular_columns_write(const struct tabular_columns *columns, struct json_writer *w);
MUST_CHECK enum al_err tabular_columns_read(struct json_node *array, struct tabular_columns *out);

/* ---- labels ---- */

/* What is predicted: a number, or one of the classes, each kept as the JSON it came as ("up", 1, true). */
struct tabular_target {
    char name[TABULAR_TEXT_MAX];
    bool is_class;
    double mean, deviation; /* of a number, over the rows that taught; deviation > 0 */
    struct tabular_levels classes;
};

/* From the only column of the table; `values` out [n_rows]: the number, or the index of the class.
 * AL_EINVAL: not one column, null, not a number where one is needed; AL_ERANGE: more than TABULAR_CLASSES_MAX classes. */
MUST_CHECK enum al_err tabular_target_learn(const struct tabular_table *labels,
                                            bool is_class,
                                            struct tabular_target *out,
                                            double *values);
void tabular_target_deinit(struct tabular_target *target);
/* mean and deviation of the first n values (for a number). */
void tabular_target_scale(struct tabular_target *target, const double *values, size_t n);
void tabular_target_write(const struct tabular_target *target, struct json_writer *w);
MUST_CHECK enum al_err tabular_target_read(struct json_node *object, struct tabular_target *out);

#endif
