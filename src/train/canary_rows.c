/* Which rows the canaries try: the last fold's own, and the same with the outcome of the decision after. */
#include "canary_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit_i.h"

void canary_rows_deinit(struct canary_rows *rows)
{
    free(rows->x);
    free(rows->labels);
    free(rows->sign);
    *rows = (struct canary_rows){0};
}

/* Every step-th. Odd, because the rows of a decision's two actions stand side by side. */
static size_t thin(uint32_t *indices, size_t n)
{
    size_t step = n <= CANARY_ROWS_MAX ? 1 : ((n + CANARY_ROWS_MAX - 1) / CANARY_ROWS_MAX) | 1;
    size_t kept = 0;
    for (size_t i = 0; i < n; i += step)
        indices[kept++] = indices[i];
    return kept;
}

/* Which rows of the table are tried, and whose outcome each is given. */
struct choice {
    size_t n_teach, n_test;
    uint32_t *rows, *outcomes; /* [n_teach + n_test] */
};

static void choice_deinit(struct choice *choice)
{
    free(choice->rows);
    free(choice->outcomes);
    *choice = (struct choice){0};
}

static enum al_err choice_init(struct choice *choice, size_t n_max)
{
    *choice = (struct choice){.rows = malloc((n_max + 1) * sizeof *choice->rows),
                              .outcomes = malloc((n_max + 1) * sizeof *choice->outcomes)};
    if (choice->rows != NULL && choice->outcomes != NULL)
        return AL_OK;
    choice_deinit(choice);
    return err_set(AL_ENOMEM, "canaries");
}

static enum al_err choose_own(const struct training *t, struct choice *choice)
{
    const struct split *fold = &t->folds[t->job->n_folds - 1];
    enum al_err err = choice_init(choice, t->table.n);
    if (err != AL_OK)
        return err;
    choice->n_teach =
        thin(choice->rows, split_teachers(fold, t->table.spans, t->table.n, choice->rows));
    uint32_t *test = choice->rows + choice->n_teach;
    for (size_t i = fold->test_begin; i < fold->test_end; i++) {
        if (split_may_teach(&t->holdout, &t->table.spans[i]))
            test[choice->n_test++] = (uint32_t)i;
    }
    choice->n_test = thin(test, choice->n_test);
    memcpy(choice->outcomes, choice->rows,
           (choice->n_teach + choice->n_test) * sizeof *choice->rows);
    return AL_OK;
}

/* ---- the decision after ---- */

/* Rows known before the untouched block, those of one asset and action side by side, each in order of time. */
struct groups {
    size_t n_groups;
    uint32_t *begin; /* [n_groups + 1] */
    uint32_t *rows;
};

static size_t group_of(const struct training *t, size_t index)
{
    const struct train_row *row = train_table_row(&t->table, index);
    return 2 * (size_t)row->asset + (row->action == SIDE_SELL);
}

static enum al_err groups_init(const struct training *t, struct groups *groups)
{
    size_t n = t->holdout.test_begin, n_groups = 2 * t->table.rows->n_assets;
    *groups = (struct groups){.n_groups = n_groups,
                              .begin = calloc(n_groups + 2, sizeof *groups->begin),
                              .rows = malloc((n + 1) * sizeof *groups->rows)};
    if (groups->begin == NULL || groups->rows == NULL) {
        free(groups->begin);
        free(groups->rows);
        return err_set(AL_ENOMEM, "canaries");
    }
    /* Counted two places on, so that filling a group moves its begin to where it belongs. */
    for (size_t i = 0; i < n; i++) {
        if (split_may_teach(&t->holdout, &t->table.spans[i]))
            groups->begin[group_of(t, i) + 2]++;
    }
    for (size_t g = 2; g <= n_groups + 1; g++)
        groups->begin[g] += groups->begin[g - 1];
    for (size_t i = 0; i < n; i++) {
        if (split_may_teach(&t->holdout, &t->table.spans[i]))
            groups->rows[groups->begin[group_of(t, i) + 1]++] = (uint32_t)i;
    }
    return AL_OK;
}

/* The first row of the group that begins after that time; UINT32_MAX: none. */
static uint32_t first_after(const struct training *t,
                            const struct groups *groups,
                            size_t group,
                            int64_t time_ns)
{
    uint32_t low = groups->begin[group], high = groups->begin[group + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->table.spans[groups->rows[middle]].t0_ns > time_ns)
            high = middle;
        else
            low = middle + 1;
    }
    return low < groups->begin[group + 1] ? groups->rows[low] : UINT32_MAX;
}

/* The row whose outcome is given to row `index`; UINT32_MAX: there is none within twice the horizon. */
static uint32_t next_outcome(const struct training *t, const struct groups *groups, size_t index)
{
    const struct label_span *span = &t->table.spans[index];
    int64_t horizon_ns = (int64_t)(t->job->label.horizon_seconds * 1e9);
    int64_t end_ns =
        span->t0_ns + horizon_ns > span->t1_ns ? span->t0_ns + horizon_ns - 1 : span->t1_ns;
    uint32_t next = first_after(t, groups, group_of(t, index), end_ns);
    return next != UINT32_MAX && t->table.spans[next].t0_ns - end_ns <= horizon_ns ? next
                                                                                   : UINT32_MAX;
}

static enum al_err choose_next(const struct training *t,
                               const struct choice *own,
                               struct choice *choice)
{
    struct groups groups;
    const struct split *fold = &t->folds[t->job->n_folds - 1];
    size_t n = own->n_teach + own->n_test, kept = 0;
    enum al_err err = choice_init(choice, n);
    if (err == AL_OK)
        err = groups_init(t, &groups);
    if (err != AL_OK)
        return err;
    for (size_t i = 0; i < n; i++) {
        bool teaches = i < own->n_teach;
        uint32_t next = next_outcome(t, &groups, own->rows[i]);
        if (next == UINT32_MAX || (teaches && t->table.spans[next].available_at_ns > fold->cut_ns))
            continue;
        choice->rows[kept] = own->rows[i];
        choice->outcomes[kept++] = next;
        *(teaches ? &choice->n_teach : &choice->n_test) += 1;
    }
    free(groups.begin);
    free(groups.rows);
    return AL_OK;
}

/* ---- rows to try ---- */

static enum al_err rows_init(const struct training *t,
                             const struct choice *choice,
                             struct canary_rows *rows)
{
    const struct train_table *table = &t->table;
    const struct split *fold = &t->folds[t->job->n_folds - 1];
    size_t n = choice->n_teach + choice->n_test;
    *rows = (struct canary_rows){
        .n_cols = table->rows->n_cols, .n_teach = choice->n_teach, .n_test = choice->n_test};
    rows->x = malloc((n + 1) * rows->n_cols * sizeof *rows->x);
    rows->labels = malloc((n + 1) * sizeof *rows->labels);
    rows->sign = malloc((n + 1) * sizeof *rows->sign);
    if (rows->x == NULL || rows->labels == NULL || rows->sign == NULL) {
        canary_rows_deinit(rows);
        return err_set(AL_ENOMEM, "canaries");
    }
    for (size_t i = 0; i < n; i++) {
        enum side action = (enum side)train_table_row(table, choice->rows[i])->action;
        feature_orient(table->set, train_table_features(table, choice->rows[i]), action,
                       rows->x + i * rows->n_cols);
        rows->labels[i] = table->labels[choice->outcomes[i]];
        rows->sign[i] = (float)side_sign(action);
    }
    for (size_t i = fold->test_begin; i < fold->test_end; i++) {
        if (split_may_teach(&t->holdout, &table->spans[i]))
            rows->n_independent += table->unique[i];
    }
    rows->n_independent = fmin(rows->n_independent, (double)rows->n_test);
    return AL_OK;
}

enum al_err canary_rows_choose(const struct training *t,
                               struct canary_rows *own,
                               struct canary_rows *next)
{
    struct choice mine = {0}, after = {0};
    enum al_err err = choose_own(t, &mine);
    if (err == AL_OK)
        err = choose_next(t, &mine, &after);
    if (err == AL_OK)
        err = rows_init(t, &mine, own);
    if (err == AL_OK)
        err = rows_init(t, &after, next);
    choice_deinit(&mine);
    choice_deinit(&after);
    return err;
}
