#include "alphaloop/model/novelty.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COLS_MAX     256
#define Z_MAX        8.0
#define SHRINKAGE    0.1
#define IQR_OF_SIGMA 1.349 /* interquartile range of a standard normal variable */
#define HEAD_BYTES   20
#define COLUMN_BYTES 16

static const char magic[4] = {'A', 'L', 'N', 'V'};

struct column {
    uint32_t index;
    float median, scale, mean; /* mean: of z */
};

struct novelty {
    size_t n_cols, n_used;
    float threshold;
    struct column columns[COLS_MAX];
    float *factor; /* by columns, each from its diagonal down */
};

static size_t factor_floats(size_t n)
{
    return n * (n + 1) / 2;
}

static enum al_err create(size_t n_cols, struct novelty **out)
{
    struct novelty *novelty = calloc(1, sizeof *novelty);
    assert(n_cols > 0 && n_cols <= COLS_MAX);
    if (novelty == NULL)
        return err_set(AL_ENOMEM, "novelty");
    novelty->n_cols = n_cols;
    novelty->factor = calloc(factor_floats(n_cols), sizeof *novelty->factor);
    if (novelty->factor == NULL) {
        free(novelty);
        return err_set(AL_ENOMEM, "novelty");
    }
    *out = novelty;
    return AL_OK;
}

void novelty_destroy(struct novelty *novelty)
{
    if (novelty == NULL)
        return;
    free(novelty->factor);
    free(novelty);
}

/* ---- scoring ---- */

static float scaled(const struct column *column, const float *row)
{
    float x = row[column->index];
    if (isnan(x))
        return 0;
    return fminf(fmaxf((x - column->median) / column->scale, (float)-Z_MAX), (float)Z_MAX);
}

/* D: the length of L^-1 (z - m), column by column. */
static double distance(const struct novelty *novelty, const float *row)
{
    size_t n = novelty->n_used;
    float rest[COLS_MAX];
    double square = 0;
    for (size_t k = 0; k < n; k++)
        rest[k] = scaled(&novelty->columns[k], row) - novelty->columns[k].mean;
    const float *l = novelty->factor;
    for (size_t k = 0; k < n; l += n - k, k++) {
        float y = rest[k] / l[0];
        square += (double)y * (double)y;
        for (size_t i = 1; i < n - k; i++)
            rest[k + i] -= l[i] * y;
    }
    return sqrt(square);
}

double novelty_score(const struct novelty *novelty, const float *row)
{
    double score = distance(novelty, row) / (double)novelty->threshold;
    return isnan(score) ? (double)INFINITY : score; /* a file's numbers overflowed on the way */
}

size_t novelty_n_used(const struct novelty *novelty)
{
    return novelty->n_used;
}

/* ---- fitting ---- */

/* Every step-th row of those given. */
struct rows {
    const float *x;
    size_t n, n_cols, step;
};

static const float *row_at(const struct rows *rows, size_t i)
{
    return rows->x + i * rows->step * rows->n_cols;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float deviation(const float *values, size_t n)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++)
        mean += (double)values[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        square += ((double)values[i] - mean) * ((double)values[i] - mean) / (double)n;
    return (float)sqrt(square);
}

/* False when the column says nothing: hardly ever there, or always the same. */
static bool fit_column(const struct rows *rows, uint32_t index, float *values, struct column *out)
{
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        float x = row_at(rows, i)[index];
        if (!isnan(x))
            values[n++] = x;
    }
    if (n < NOVELTY_ROWS_MIN / 2)
        return false;
    qsort(values, n, sizeof *values, by_size);
    if (!(values[n - 1] > values[0]))
        return false;
    float range = values[n - 1 - n / 4] - values[n / 4];
    *out = (struct column){.index = index,
                           .median = values[n / 2],
                           .scale = range > 0 ? range / (float)IQR_OF_SIGMA : deviation(values, n)};
    return isfinite(out->scale) && out->scale > 0;
}

static void fit_columns(struct novelty *novelty,
                        const struct rows *rows,
                        const bool *ignored,
                        float *values)
{
    for (size_t k = 0; k < rows->n_cols; k++) {
        if ((ignored == NULL || !ignored[k]) &&
            fit_column(rows, (uint32_t)k, values, &novelty->columns[novelty->n_used]))
            novelty->n_used++;
    }
}

static void fit_means(struct novelty *novelty, const struct rows *rows)
{
    for (size_t k = 0; k < novelty->n_used; k++) {
        double sum = 0;
        for (size_t i = 0; i < rows->n; i++)
            sum += (double)scaled(&novelty->columns[k], row_at(rows, i));
        novelty->columns[k].mean = (float)(sum / (double)rows->n);
    }
}

/* s [n_used][n_used], the lower half filled. */
static void fit_covariance(const struct novelty *novelty, const struct rows *rows, double *s)
{
    size_t n = novelty->n_used;
    double z[COLS_MAX];
    for (size_t i = 0; i < rows->n; i++) {
        for (size_t k = 0; k < n; k++)
            z[k] =
                (double)(scaled(&novelty->columns[k], row_at(rows, i)) - novelty->columns[k].mean) /
                sqrt((double)rows->n);
        for (size_t k = 0; k < n; k++) {
            for (size_t m = 0; m <= k; m++)
                s[k * n + m] += z[k] * z[m];
        }
    }
    for (size_t k = 0; k < n; k++) {
        for (size_t m = 0; m < k; m++)
            s[k * n + m] *= 1 - SHRINKAGE;
        s[k * n + k] = fmax(s[k * n + k], 1e-6);
    }
}

/* Cholesky, in place; the factor is kept by columns. */
static void factorise(struct novelty *novelty, double *s)
{
    size_t n = novelty->n_used;
    float *out = novelty->factor;
    for (size_t k = 0; k < n; k++) {
        for (size_t i = k; i < n; i++) {
            double sum = s[i * n + k];
            for (size_t m = 0; m < k; m++)
                sum -= s[i * n + m] * s[k * n + m];
            s[i * n + k] = i == k ? sqrt(fmax(sum, 1e-9)) : sum / s[k * n + k];
            *out++ = (float)s[i * n + k];
        }
    }
}

static void fit_threshold(struct novelty *novelty, const struct rows *rows, float *values)
{
    for (size_t i = 0; i < rows->n; i++)
        values[i] = (float)distance(novelty, row_at(rows, i));
    qsort(values, rows->n, sizeof *values, by_size);
    size_t rank = (size_t)ceil(NOVELTY_QUANTILE * (double)rows->n);
    novelty->threshold = fmaxf(values[rank - 1], 1e-6F);
}

static enum al_err fit(struct novelty *novelty, const struct rows *rows, const bool *ignored)
{
    float *values = malloc(rows->n * sizeof *values);
    double *s = calloc(rows->n_cols * rows->n_cols, sizeof *s);
    enum al_err err = values == NULL || s == NULL ? err_set(AL_ENOMEM, "novelty") : AL_OK;
    if (err == AL_OK) {
        fit_columns(novelty, rows, ignored, values);
        err = novelty->n_used > 0 ? AL_OK : err_set(AL_ESHORT, "novelty: no column varies");
    }
    if (err == AL_OK) {
        fit_means(novelty, rows);
        fit_covariance(novelty, rows, s);
        factorise(novelty, s);
        fit_threshold(novelty, rows, values);
    }
    free(values);
    free(s);
    return err;
}

enum al_err novelty_fit(
    const float *x, size_t n_rows, size_t n_cols, const bool *ignored, struct novelty **out)
{
    size_t step = (n_rows + NOVELTY_ROWS_MAX - 1) / NOVELTY_ROWS_MAX;
    struct novelty *novelty = NULL;
    if (n_rows < NOVELTY_ROWS_MIN)
        return err_set(AL_ESHORT, "novelty: %zu rows, %d are needed", n_rows, NOVELTY_ROWS_MIN);
    const struct rows rows = {x, (n_rows + step - 1) / step, n_cols, step};
    enum al_err err = create(n_cols, &novelty);
    if (err == AL_OK)
        err = fit(novelty, &rows, ignored);
    if (err != AL_OK)
        novelty_destroy(novelty);
    else
        *out = novelty;
    return err;
}

/* ---- the file ---- */

void novelty_write(const struct novelty *novelty, struct buf *out)
{
    buf_append(out, magic, sizeof magic);
    buf_put_u32le(out, NOVELTY_VERSION);
    buf_put_u32le(out, (uint32_t)novelty->n_cols);
    buf_put_u32le(out, (uint32_t)novelty->n_used);
    buf_put_f32le(out, novelty->threshold);
    for (size_t k = 0; k < novelty->n_used; k++) {
        buf_put_u32le(out, novelty->columns[k].index);
        buf_put_f32le(out, novelty->columns[k].median);
        buf_put_f32le(out, novelty->columns[k].scale);
        buf_put_f32le(out, novelty->columns[k].mean);
    }
    for (size_t i = 0; i < factor_floats(novelty->n_used); i++)
        buf_put_f32le(out, novelty->factor[i]);
}

static bool read_columns(struct novelty *novelty, const char *at)
{
    bool good = true;
    for (size_t k = 0; k < novelty->n_used; k++, at += COLUMN_BYTES) {
        struct column *column = &novelty->columns[k];
        *column =
            (struct column){u32le_at(at), f32le_at(at + 4), f32le_at(at + 8), f32le_at(at + 12)};
        good &= column->index < novelty->n_cols && isfinite(column->median) && column->scale > 0 &&
                isfinite(column->scale) && isfinite(column->mean);
    }
    return good;
}

static bool read_factor(struct novelty *novelty, const char *at)
{
    bool good = true;
    size_t i = 0;
    for (size_t k = 0; k < novelty->n_used; k++) {
        for (size_t m = k; m < novelty->n_used; m++, i++) {
            novelty->factor[i] = f32le_at(at + 4 * i);
            good &= isfinite(novelty->factor[i]) && (m > k || novelty->factor[i] > 0);
        }
    }
    return good;
}

enum al_err novelty_read(struct slice bytes, size_t n_cols, struct novelty **out)
{
    struct novelty *novelty = NULL;
    if (bytes.len < HEAD_BYTES || memcmp(bytes.ptr, magic, sizeof magic) != 0 ||
        u32le_at(bytes.ptr + 4) != NOVELTY_VERSION || u32le_at(bytes.ptr + 8) != n_cols)
        return err_set(AL_EVERIFY, "%s is none of format %d for %zu columns", NOVELTY_FILE_NAME,
                       NOVELTY_VERSION, n_cols);
    size_t n_used = u32le_at(bytes.ptr + 12);
    if (n_used == 0 || n_used > n_cols ||
        bytes.len != HEAD_BYTES + COLUMN_BYTES * n_used + 4 * factor_floats(n_used))
        return err_set(AL_EVERIFY, "%s has %zu bytes for %zu columns", NOVELTY_FILE_NAME, bytes.len,
                       n_used);
    enum al_err err = create(n_cols, &novelty);
    if (err != AL_OK)
        return err;
    novelty->n_used = n_used;
    novelty->threshold = f32le_at(bytes.ptr + 16);
    const char *columns = bytes.ptr + HEAD_BYTES;
    if (!(novelty->threshold > 0) || !isfinite(novelty->threshold) ||
        !read_columns(novelty, columns) || !read_factor(novelty, columns + COLUMN_BYTES * n_used)) {
        novelty_destroy(novelty);
        return err_set(AL_EVERIFY, "%s holds numbers that cannot be", NOVELTY_FILE_NAME);
    }
    *out = novelty;
    return AL_OK;
}
