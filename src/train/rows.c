/* From rows as they were read to rows as they are learned from. */
#include "fit_i.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"

#define ROWS_FIRST 4096

/* ---- as they are read ---- */

enum al_err train_rows_init(struct train_rows *rows, size_t n_cols, size_t n_rows_max)
{
    *rows = (struct train_rows){.n_cols = n_cols, .n_rows_max = n_rows_max};
    return n_cols > 0 && n_cols <= FEATURES_MAX ? AL_OK
                                                : err_set(AL_EINVAL, "%zu feature columns", n_cols);
}

void train_rows_deinit(struct train_rows *rows)
{
    free(rows->rows);
    free(rows->x);
    free(rows->assets);
    *rows = (struct train_rows){0};
}

static enum al_err grow(struct train_rows *rows)
{
    if (rows->n_rows < rows->cap)
        return AL_OK;
    size_t cap = rows->cap == 0 ? ROWS_FIRST : rows->cap + rows->cap / 2;
    cap = cap < rows->n_rows_max ? cap : rows->n_rows_max;
    if (rows->n_rows == cap)
        return err_set(AL_EFULL, "more than %zu rows", rows->n_rows_max);
    struct train_row *grown = realloc(rows->rows, cap * sizeof *grown);
    if (grown != NULL)
        rows->rows = grown;
    float *x = realloc(rows->x, cap * rows->n_cols * sizeof *x);
    if (x != NULL)
        rows->x = x;
    if (grown == NULL || x == NULL)
        return err_set(AL_ENOMEM, "%zu rows of %zu features", cap, rows->n_cols);
    rows->cap = cap;
    return AL_OK;
}

static enum al_err asset_index(struct train_rows *rows, const struct asset *asset, uint32_t *out)
{
    for (size_t i = 0; i < rows->n_assets; i++) {
        if (asset_eq(&rows->assets[i], asset)) {
            *out = (uint32_t)i;
            return AL_OK;
        }
    }
    struct asset *assets = realloc(rows->assets, (rows->n_assets + 1) * sizeof *assets);
    if (assets == NULL)
        return err_set(AL_ENOMEM, "assets");
    rows->assets = assets;
    assets[rows->n_assets] = *asset;
    *out = (uint32_t)rows->n_assets++;
    return AL_OK;
}

static enum al_err check_sample(const struct train_rows *rows, const struct sample *s)
{
    if (s->n_features != rows->n_cols)
        return err_set(AL_EVERSION, "a sample has %zu features instead of %zu", s->n_features,
                       rows->n_cols);
    if (!isfinite(s->net_return) || fabs(s->net_return) > 100 ||
        !(s->fill_fraction >= 0 && s->fill_fraction <= 1) ||
        !(s->propensity >= 0 && s->propensity <= 1))
        return err_set(AL_EINVAL, "a sample's outcome, fill or propensity is out of range");
    if (s->t1_ns < s->t0_ns || s->available_at_ns < s->t1_ns || side_sign(s->action) == 0)
        return err_set(AL_EINVAL, "a sample's times are not in order, or it has no action");
    for (size_t i = 0; i < s->n_features; i++) {
        if (isinf(s->features[i]))
            return err_set(AL_EINVAL, "a sample's feature %zu is infinite", i);
    }
    return AL_OK;
}

/* Where the path of the price is not known its whole move counts, as if it had come evenly. */
static void fill_span_returns(const struct sample *s, float out[SPAN_PIECES])
{
    float even = (float)(log1p(fmax(side_sign(s->action) * s->gross_return, -0.99)) / SPAN_PIECES);
    for (size_t k = 0; k < SPAN_PIECES; k++)
        out[k] = isfinite(s->span_returns[k]) ? s->span_returns[k] : even;
}

enum al_err train_rows_add(struct train_rows *rows, const struct sample *s)
{
    uint32_t asset = 0;
    enum al_err err = check_sample(rows, s);
    if (err == AL_OK)
        err = grow(rows);
    if (err == AL_OK)
        err = asset_index(rows, &s->asset, &asset);
    if (err != AL_OK)
        return err;
    memcpy(rows->x + rows->n_rows * rows->n_cols, s->features, rows->n_cols * sizeof *rows->x);
    rows->rows[rows->n_rows++] = (struct train_row){
        .decision_id = s->decision_id,
        .t0_ns = s->t0_ns,
        .t1_ns = s->t1_ns,
        .available_at_ns = s->available_at_ns,
        .net_return = (float)s->net_return,
        .sigma_h = (float)s->sigma_h,
        .fill_fraction = (float)s->fill_fraction,
        .propensity = (float)s->propensity,
        .asset = asset,
        .action = (uint8_t)s->action,
        .evidence = (uint8_t)s->evidence,
        .policy_took = s->policy_took,
        .is_dry_run = s->is_dry_run,
    };
    fill_span_returns(s, rows->rows[rows->n_rows - 1].span_returns);
    return AL_OK;
}

/* ---- as they are learned from ---- */

/* Orders played and orders for money never mix in one dataset: the newest own fill says which of the two is learned from. */
static bool learns_from_dry_runs(const struct train_job *job, const struct train_rows *rows)
{
    int64_t newest_ns = INT64_MIN;
    bool is_dry_run = false;
    for (size_t i = 0; i < rows->n_rows; i++) {
        const struct train_row *row = &rows->rows[i];
        if (row->evidence == EVIDENCE_OWN_FILL && row->available_at_ns <= job->cut_ns &&
            row->t0_ns >= newest_ns) {
            newest_ns = row->t0_ns;
            is_dry_run = row->is_dry_run;
        }
    }
    return is_dry_run;
}

static bool is_wanted(const struct train_job *job,
                      int64_t window_ns,
                      const struct train_row *row,
                      bool dry_runs)
{
    bool is_own = row->evidence == EVIDENCE_OWN_FILL;
    return row->available_at_ns <= job->cut_ns &&
           (window_ns == 0 || row->t0_ns >= job->cut_ns - window_ns) &&
           (is_own ? row->is_dry_run == dry_runs : job->use_market_evidence);
}

static int by_decision(const void *a, const void *b, void *ctx)
{
    const struct train_row *rows = ctx, *x = &rows[*(const uint32_t *)a],
                           *y = &rows[*(const uint32_t *)b];
    if (x->t0_ns != y->t0_ns)
        return x->t0_ns < y->t0_ns ? -1 : 1;
    int by_id = memcmp(x->decision_id.bytes, y->decision_id.bytes, sizeof x->decision_id.bytes);
    return by_id != 0 ? by_id : (int)x->action - (int)y->action;
}

static enum al_err allocate(struct train_table *table, size_t n)
{
    table->order = malloc((n + 1) * sizeof *table->order);
    table->spans = malloc((n + 1) * sizeof *table->spans);
    table->net = malloc((n + 1) * sizeof *table->net);
    table->labels = malloc((n + 1) * sizeof *table->labels);
    table->weights = malloc((n + 1) * sizeof *table->weights);
    table->teach_weights = malloc((n + 1) * sizeof *table->teach_weights);
    table->unique = malloc((n + 1) * sizeof *table->unique);
    bool all = table->order != NULL && table->spans != NULL && table->net != NULL &&
               table->labels != NULL && table->weights != NULL && table->teach_weights != NULL &&
               table->unique != NULL;
    return all ? AL_OK : err_set(AL_ENOMEM, "%zu rows", n);
}

static void choose_rows(struct train_table *table, const struct train_job *job, int64_t window_ns)
{
    const struct train_rows *rows = table->rows;
    bool dry_runs = table->is_dry_run = learns_from_dry_runs(job, rows);
    for (size_t i = 0; i < rows->n_rows; i++) {
        if (is_wanted(job, window_ns, &rows->rows[i], dry_runs))
            table->order[table->n++] = (uint32_t)i;
    }
    qsort_r(table->order, table->n, sizeof *table->order, by_decision, rows->rows);
    if (table->n > job->n_rows_max) { /* the newest */
        size_t n_old = table->n - job->n_rows_max;
        memmove(table->order, table->order + n_old, job->n_rows_max * sizeof *table->order);
        table->n = job->n_rows_max;
    }
}

static void fill_columns(struct train_table *table)
{
    for (size_t i = 0; i < table->n; i++) {
        const struct train_row *row = train_table_row(table, i);
        table->spans[i] = (struct label_span){row->t0_ns, row->t1_ns, row->available_at_ns};
        table->net[i] = row->net_return;
        table->labels[i] = row->net_return > 0 ? 1.0F : 0.0F;
        table->n_market += row->evidence == EVIDENCE_MARKET;
        table->n_meta += row->evidence == EVIDENCE_OWN_FILL && row->policy_took;
        const struct train_row *last = i == 0 ? NULL : train_table_row(table, i - 1);
        table->n_decisions += last == NULL || !uuid_eq(last->decision_id, row->decision_id);
    }
}

static enum al_err weigh(struct train_table *table, const struct train_job *job)
{
    const struct weight_rule rule = {.cut_ns = job->cut_ns,
                                     .half_life_s = job->weight_half_life_seconds,
                                     .propensity_cap = WEIGHT_PROPENSITY_CAP};
    struct weight_row *rows = malloc((table->n + 1) * sizeof *rows);
    if (rows == NULL)
        return err_set(AL_ENOMEM, "weights");
    for (size_t i = 0; i < table->n; i++) {
        const struct train_row *row = train_table_row(table, i);
        rows[i] = (struct weight_row){
            .t0_ns = row->t0_ns,
            .t1_ns = row->t1_ns,
            .propensity =
                row->evidence == EVIDENCE_OWN_FILL && row->propensity > 0 ? row->propensity : 1.0F,
            /* A market's outcome teaches whole, whatever our order there would have got. */
            .fill_fraction = row->evidence == EVIDENCE_OWN_FILL ? row->fill_fraction : 1.0F,
            .returns = job->return_attribution ? row->span_returns : NULL,
            .group = row->asset,
        };
    }
    const struct weight_columns out = {table->teach_weights, table->weights, table->unique};
    enum al_err err = weight_rows(&rule, rows, table->n, &out, &table->weight);
    free(rows);
    return err;
}

enum al_err train_table_init(struct train_table *table,
                             const struct train_job *job,
                             int64_t window_ns,
                             const struct feature_set *set,
                             const struct train_rows *rows)
{
    *table = (struct train_table){.rows = rows, .set = set};
    assert(set->n_columns == rows->n_cols);
    enum al_err err = allocate(table, rows->n_rows);
    if (err != AL_OK)
        return err;
    choose_rows(table, job, window_ns);
    if (table->n == 0)
        return AL_OK;
    fill_columns(table);
    return weigh(table, job);
}

void train_table_deinit(struct train_table *table)
{
    free(table->order);
    free(table->spans);
    free(table->net);
    free(table->labels);
    free(table->weights);
    free(table->teach_weights);
    free(table->unique);
    *table = (struct train_table){0};
}

const struct train_row *train_table_row(const struct train_table *table, size_t index)
{
    return &table->rows->rows[table->order[index]];
}

const float *train_table_features(const struct train_table *table, size_t index)
{
    return table->rows->x + table->order[index] * table->rows->n_cols;
}

#define HASH_CHUNK (1U << 20)

/* Chained: the hash so far goes before the next chunk. */
static void hash_chunk(struct buf *chunk, struct sha256 *hash)
{
    sha256_of(chunk->ptr, chunk->len, hash);
    buf_reset(chunk);
    buf_append(chunk, hash->bytes, sizeof hash->bytes);
}

void train_table_hash(const struct train_table *table, struct sha256 *out)
{
    struct buf chunk = BUF_INIT(2 * HASH_CHUNK);
    *out = (struct sha256){{0}};
    buf_append(&chunk, out->bytes, sizeof out->bytes);
    for (size_t i = 0; i < table->n; i++) {
        const struct train_row *row = train_table_row(table, i);
        uint32_t bits[2];
        memcpy(&bits[0], &table->net[i], sizeof bits[0]);
        memcpy(&bits[1], &table->teach_weights[i], sizeof bits[1]);
        buf_append(&chunk, row->decision_id.bytes, sizeof row->decision_id.bytes);
        buf_putc(&chunk, (char)row->action);
        buf_put_u64be(&chunk, (uint64_t)row->t0_ns);
        buf_put_u64be(&chunk, (uint64_t)row->t1_ns);
        buf_put_u64be(&chunk, (uint64_t)row->available_at_ns);
        buf_put_u32be(&chunk, bits[0]);
        buf_put_u32be(&chunk, bits[1]);
        buf_append(&chunk, train_table_features(table, i), table->rows->n_cols * sizeof(float));
        if (chunk.len >= HASH_CHUNK)
            hash_chunk(&chunk, out);
    }
    hash_chunk(&chunk, out);
    buf_deinit(&chunk);
}

/* ---- parts ---- */

enum al_err train_part_init(struct train_part *part,
                            const struct train_table *table,
                            const uint32_t *indices,
                            size_t n)
{
    size_t n_cols = table->rows->n_cols;
    *part = (struct train_part){.n = n,
                                .x = malloc((n + 1) * n_cols * sizeof *part->x),
                                .labels = malloc((n + 1) * sizeof *part->labels),
                                .weights = malloc((n + 1) * sizeof *part->weights),
                                .teach_weights = malloc((n + 1) * sizeof *part->teach_weights),
                                .net = malloc((n + 1) * sizeof *part->net)};
    if (part->x == NULL || part->labels == NULL || part->weights == NULL ||
        part->teach_weights == NULL || part->net == NULL) {
        train_part_deinit(part);
        return err_set(AL_ENOMEM, "%zu rows of %zu features", n, n_cols);
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = indices[i];
        feature_orient(table->set, train_table_features(table, at),
                       (enum side)train_table_row(table, at)->action, part->x + i * n_cols);
        part->labels[i] = table->labels[at];
        part->weights[i] = table->weights[at];
        part->teach_weights[i] = table->teach_weights[at];
        part->net[i] = table->net[at];
    }
    return AL_OK;
}

void train_part_deinit(struct train_part *part)
{
    free(part->x);
    free(part->labels);
    free(part->weights);
    free(part->teach_weights);
    free(part->net);
    *part = (struct train_part){0};
}

struct model_rows train_part_rows(const struct train_part *part, size_t n_cols)
{
    return (struct model_rows){.n_rows = part->n,
                               .n_cols = n_cols,
                               .x = part->x,
                               .labels = part->labels,
                               .weights = part->teach_weights};
}
