/* Which columns a model lives on: what the library counts of its splits, and how far each column moves the log-odds of rows
 * the model has not seen, mean |contribution| (Lundberg et al. 2020, 2.3). The library's gain favours columns with many values
 * and is measured on the teachers; the mean contribution is in the unit of the answer and on the untouched block. */
#include "fit_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/model/walker.h"

/* A row costs a visit of every node, some 15 ns each: three seconds at most. */
#define ROWS_MAX   1000
#define ROWS_MIN   20
#define VISITS_MAX 200000000U

struct column {
    const char *name;
    struct model_importance library;
    double mean_abs; /* log-odds; NaN when contributions cannot be had */
};

static size_t rows_wanted(const struct training *t)
{
    size_t n = t->holdout.test_end - t->holdout.test_begin;
    size_t n_nodes = walker_n_steps(t->final.walker);
    size_t affordable = VISITS_MAX / n_nodes > ROWS_MIN ? VISITS_MAX / n_nodes : ROWS_MIN;
    if (n > ROWS_MAX)
        n = ROWS_MAX;
    return n < affordable ? n : affordable;
}

/* Rows spread evenly over the untouched block, seen from the side of their action. Returns how many. */
static size_t add_contributions(const struct training *t, struct column *columns)
{
    size_t n_cols = t->table.set->n_columns, n_block = t->holdout.test_end - t->holdout.test_begin;
    bool is_possible = t->final.walker != NULL && walker_has_contributions(t->final.walker);
    size_t n = is_possible ? rows_wanted(t) : 0;
    for (size_t i = 0; i < n; i++) {
        float x[FEATURES_MAX];
        double contributions[FEATURES_MAX];
        size_t at = t->holdout.test_begin + i * n_block / n;
        feature_orient(t->table.set, train_table_features(&t->table, at),
                       (enum side)train_table_row(&t->table, at)->action, x);
        (void)walker_contributions(t->final.walker, x, contributions);
        for (size_t k = 0; k < n_cols; k++)
            columns[k].mean_abs += fabs(contributions[k]);
    }
    for (size_t k = 0; k < n_cols; k++)
        columns[k].mean_abs = n > 0 ? columns[k].mean_abs / (double)n : (double)NAN;
    return n;
}

/* The largest mean contribution first, then the most splits, then the earlier column. */
static int by_importance(const void *a, const void *b)
{
    const struct column *x = a, *y = b;
    if (x->mean_abs > y->mean_abs || x->mean_abs < y->mean_abs)
        return x->mean_abs > y->mean_abs ? -1 : 1;
    if (x->library.weight > y->library.weight || x->library.weight < y->library.weight)
        return x->library.weight > y->library.weight ? -1 : 1;
    return x->name < y->name ? -1 : x->name > y->name; /* names lie in one array, in order */
}

static void write_column(struct json_writer *w, const struct column *column)
{
    json_w_object(w);
    json_m_str(w, "feature", column->name);
    json_m_number(w, "mean_abs_contribution", column->mean_abs);
    json_m_double(w, "gain", (double)column->library.gain);
    json_m_double(w, "cover", (double)column->library.cover);
    json_m_double(w, "weight", (double)column->library.weight);
    json_w_end_object(w);
}

enum al_err train_importance_write(const struct training *t, struct json_writer *w)
{
    const struct feature_set *set = t->table.set;
    struct column columns[FEATURES_MAX] = {0};
    struct model_importance library[FEATURES_MAX];
    enum al_err err = t->kind->importance(t->final.model, set->n_columns, library);
    if (err != AL_OK)
        return err;
    for (size_t k = 0; k < set->n_columns; k++) {
        columns[k].name = set->columns[k].name;
        columns[k].library = library[k];
    }
    size_t n_rows = add_contributions(t, columns);
    qsort(columns, set->n_columns, sizeof *columns, by_importance);
    json_w_key(w, "importance");
    json_w_object(w);
    json_m_i64(w, "rows", (int64_t)n_rows);
    json_w_key(w, "features");
    json_w_array(w);
    for (size_t k = 0; k < set->n_columns; k++)
        write_column(w, &columns[k]);
    json_w_end_array(w);
    json_w_end_object(w);
    return AL_OK;
}
