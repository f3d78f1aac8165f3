#include "alphaloop/model/scaler.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_VERSION "1"

/* A column whose deviation is within the rounding of its own floats is a constant. */
#define DEVIATION_MIN 1e-7

static enum al_err scaler_create(size_t n_cols, struct scaler **out)
{
    struct scaler *scaler = calloc(1, sizeof *scaler + n_cols * sizeof scaler->columns[0]);
    if (scaler == NULL)
        return err_set(AL_ENOMEM, "a scaler of %zu columns", n_cols);
    scaler->n_cols = n_cols;
    *out = scaler;
    return AL_OK;
}

static struct scaler_column column_of(const float *x, size_t n_rows, size_t n_cols)
{
    double sum = 0, squares = 0, n = 0;
    for (size_t i = 0; i < n_rows; i++) {
        if (!isnan(x[i * n_cols])) {
            sum += (double)x[i * n_cols];
            n++;
        }
    }
    double mean = n > 0 ? sum / n : 0;
    for (size_t i = 0; i < n_rows; i++) {
        double d = (double)x[i * n_cols] - mean;
        squares += isnan(d) ? 0 : d * d;
    }
    double deviation = n > 0 ? sqrt(squares / n) : 0;
    float inverse = (float)(1 / deviation);
    bool varies = deviation > DEVIATION_MIN * fabs(mean) && isfinite(inverse);
    return (struct scaler_column){(float)mean, varies ? inverse : 0};
}

enum al_err scaler_fit(const float *x, size_t n_rows, size_t n_cols, struct scaler **out)
{
    enum al_err err = scaler_create(n_cols, out);
    for (size_t k = 0; k < n_cols && err == AL_OK; k++)
        (*out)->columns[k] = column_of(x + k, n_rows, n_cols);
    return err;
}

enum al_err scaler_apply(const struct scaler *scaler, const float *x, size_t n_rows, float **out)
{
    float *z = malloc((n_rows * scaler->n_cols + 1) * sizeof *z);
    if (z == NULL)
        return err_set(AL_ENOMEM, "%zu scaled rows", n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t k = 0; k < scaler->n_cols; k++)
            z[i * scaler->n_cols + k] =
                scaler_value(&scaler->columns[k], x[i * scaler->n_cols + k]);
    }
    *out = z;
    return AL_OK;
}

/* Nine digits bring back the same float. */
void scaler_write(const struct scaler *scaler, struct buf *out)
{
    buf_puts(out, TEXT_VERSION);
    for (size_t k = 0; k < scaler->n_cols; k++)
        buf_printf(out, " %.9g %.9g", (double)scaler->columns[k].mean,
                   (double)scaler->columns[k].inverse);
}

/* The number after the next space; the cursor moves behind it. */
static bool next_number(struct slice *rest, float *out)
{
    char text[40], *end;
    size_t length = 1;
    if (rest->len == 0 || rest->ptr[0] != ' ')
        return false;
    while (length < rest->len && rest->ptr[length] != ' ')
        length++;
    if (length == 1 || length > sizeof text)
        return false;
    memcpy(text, rest->ptr + 1, length - 1);
    text[length - 1] = '\0';
    *out = strtof(text, &end);
    *rest = (struct slice){rest->ptr + length, rest->len - length};
    return *end == '\0' && isfinite(*out);
}

enum al_err scaler_read(struct slice text, size_t n_cols, struct scaler **out)
{
    struct scaler *scaler = NULL;
    size_t head = strlen(TEXT_VERSION);
    enum al_err err = scaler_create(n_cols, &scaler);
    if (err != AL_OK)
        return err;
    bool is_sound = text.len >= head && memcmp(text.ptr, TEXT_VERSION, head) == 0;
    struct slice rest = is_sound ? (struct slice){text.ptr + head, text.len - head} : text;
    for (size_t k = 0; k < n_cols && is_sound; k++) {
        struct scaler_column *column = &scaler->columns[k];
        is_sound = next_number(&rest, &column->mean) && next_number(&rest, &column->inverse) &&
                   column->inverse >= 0;
    }
    if (!is_sound || rest.len > 0) {
        free(scaler);
        return err_set(AL_EPARSE, "the model's scaler is none of %zu columns", n_cols);
    }
    *out = scaler;
    return AL_OK;
}
