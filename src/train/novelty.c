/* What the final model has seen, so that it can tell later what it has not. Both rows of a decision show the same market, so
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
static enum al_err collect(const struct training *t, float **x, size_t *n)
{
    const struct train_table *table = &t->table;
    size_t n_cols = table->rows->n_cols;
    uint32_t *teachers = malloc((table->n + 1) * sizeof *teachers);
    *n = 0;
    if (teachers == NULL)
        return err_set(AL_ENOMEM, "novelty");
    size_t n_teachers = split_teachers(&t->holdout, table->spans, table->n, teachers);
    size_t step = n_teachers / NOVELTY_ROWS_MAX + 1;
    *x = malloc((n_teachers / step + 1) * n_cols * sizeof **x);
    if (*x == NULL) {
        free(teachers);
        return err_set(AL_ENOMEM, "novelty");
    }
    const struct train_row *last = NULL;
    for (size_t i = 0; i < n_teachers; i += step) {
        const struct train_row *row = train_table_row(table, teachers[i]);
        if (last != NULL && uuid_eq(last->decision_id, row->decision_id))
            continue;
        memcpy(*x + (*n)++ * n_cols, train_table_features(table, teachers[i]), n_cols * sizeof **x);
        last = row;
    }
    free(teachers);
    return AL_OK;
}

enum al_err train_novelty(struct training *t)
{
    bool ignored[FEATURES_MAX];
    float *x = NULL;
    size_t n = 0;
    find_ignored(t->table.set, ignored);
    enum al_err err = collect(t, &x, &n);
    if (err != AL_OK)
        return err;
    err = novelty_fit(x, n, t->table.rows->n_cols, ignored, &t->novelty);
    free(x);
    return err == AL_ESHORT ? AL_OK : err; /* then nothing is called novel */
}
