/* What a model has seen, so that it can tell later what it has not. Both rows of a decision show the same market, so
 * one counts; columns of the clock and of our own position say nothing about the market. */
#include "fit_i.h"

#include <stdlib.h>
#include <string.h>

static void find_ignored(const struct feature_set *set, bool *ignored)
{
    for (size_t k = 0; k < set->n_columns; k++) {
        enum indicator_feed feed = set->columns[k].indicator->feed;
        ignored[k] = feed == FEED_CLOCK || feed == FEED_POSITION;
    }
}

/* The teachers' features, one row a decision, evenly thinned to what the fit looks at. gives *x: free() */
static enum al_err collect(const struct train_table *table,
                           const uint32_t *teachers,
                           size_t n_teachers,
                           float **x,
                           size_t *n)
{
    size_t n_cols = table->rows->n_cols;
    size_t step = n_teachers / NOVELTY_ROWS_MAX + 1;
    *n = 0;
    *x = malloc((n_teachers / step + 1) * n_cols * sizeof **x);
    if (*x == NULL)
        return err_set(AL_ENOMEM, "novelty");
    const struct train_row *last = NULL;
    for (size_t i = 0; i < n_teachers; i += step) {
        const struct train_row *row = train_table_row(table, teachers[i]);
        if (last != NULL && uuid_eq(last->decision_id, row->decision_id))
            continue;
        memcpy(*x + (*n)++ * n_cols, train_table_features(table, teachers[i]), n_cols * sizeof **x);
        last = row;
    }
    return AL_OK;
}

enum al_err train_novelty_of(const struct train_table *table,
                             const uint32_t *teachers,
                             size_t n_teachers,
                             struct novelty **out)
{
    bool ignored[FEATURES_MAX];
    float *x = NULL;
    size_t n = 0;
    *out = NULL;
    find_ignored(table->set, ignored);
    enum al_err err = collect(table, teachers, n_teachers, &x, &n);
    if (err != AL_OK)
        return err;
    err = novelty_fit(x, n, table->rows->n_cols, ignored, out);
    free(x);
    return err == AL_ESHORT ? AL_OK : err;
}

enum al_err train_novelty(struct training *t)
{
    const struct train_table *table = &t->table;
    uint32_t *teachers = malloc((table->n + 1) * sizeof *teachers);
    if (teachers == NULL)
        return err_set(AL_ENOMEM, "novelty");
    size_t n = split_teachers(&t->holdout, table->spans, table->n, teachers);
    enum al_err err = train_novelty_of(table, teachers, n, &t->novelty);
    free(teachers);
    return err;
}
