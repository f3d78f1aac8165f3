/* Reading trusts nothing: whatever file passes gives finite numbers, because weights are bounded and what they meet is too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/forecast/lstm.h"

#define HEAD_BYTES   (13 * 4)
#define COLUMN_BYTES 8
#define WEIGHT_MAX   1e6F

static const char magic[4] = {'A', 'L', 'L', 'S'};

void lstm_model_deinit(struct lstm_model *model)
{
    lstm_destroy(model->net);
    free(model->scaler);
    *model = (struct lstm_model){0};
}

void lstm_model_write(const struct lstm_model *model, struct buf *out)
{
    const struct lstm_shape *shape = lstm_shape(model->net);
    const float *weights = lstm_weights(model->net);
    size_t start = out->len;
    struct sha256 hash;
    buf_append(out, magic, sizeof magic);
    buf_put_u32le(out, LSTM_VERSION);
    buf_put_u32le(out, (uint32_t)model->scaler->n_cols);
    buf_put_u32le(out, (uint32_t)shape->n_steps);
    buf_put_u32le(out, (uint32_t)shape->n_hidden);
    buf_put_u32le(out, (uint32_t)shape->n_layers);
    buf_put_u32le(out, shape->has_attention);
    buf_put_f32le(out, shape->dropout);
    buf_put_u32le(out, (uint32_t)model->n_samples);
    buf_put_u32le(out, (uint32_t)model->seed);
    buf_put_u32le(out, (uint32_t)(model->seed >> 32));
    buf_put_f32le(out, model->target_mean);
    buf_put_f32le(out, model->target_deviation);
    for (size_t k = 0; k < model->scaler->n_cols; k++) {
        buf_put_f32le(out, model->scaler->columns[k].mean);
        buf_put_f32le(out, model->scaler->columns[k].inverse);
    }
    for (size_t i = 0; i < lstm_n_weights(shape); i++)
        buf_put_f32le(out, weights[i]);
    if (!buf_ok(out))
        return;
    sha256_of(out->ptr + start, out->len - start, &hash);
    buf_append(out, hash.bytes, sizeof hash.bytes);
}

/* ---- reading ---- */

static enum al_err check_file(struct slice bytes)
{
    struct sha256 hash;
    if (bytes.len < HEAD_BYTES + sizeof hash.bytes || memcmp(bytes.ptr, magic, sizeof magic) != 0)
        return err_set(AL_EVERIFY, "not a file of a network");
    uint32_t version = u32le_at(bytes.ptr + 4);
    if (version != LSTM_VERSION)
        return err_set(AL_EVERSION, "a network of format %u, this program reads %d", version,
                       LSTM_VERSION);
    sha256_of(bytes.ptr, bytes.len - sizeof hash.bytes, &hash);
    if (memcmp(hash.bytes, bytes.ptr + bytes.len - sizeof hash.bytes, sizeof hash.bytes) != 0)
        return err_set(AL_EVERIFY, "the checksum of the network does not hold");
    return AL_OK;
}

static bool is_scale(float value)
{
    return isfinite(value) && value >= 0;
}

/* The network, still without weights. */
static enum al_err read_head(struct slice bytes, size_t n_cols, struct lstm_model *out)
{
    const char *at = bytes.ptr + 12;
    struct lstm_shape shape = {.n_steps = u32le_at(at),
                               .n_inputs = n_cols + 1,
                               .n_hidden = u32le_at(at + 4),
                               .n_layers = u32le_at(at + 8),
                               .has_attention = u32le_at(at + 12) == 1,
                               .dropout = f32le_at(at + 16)};
    out->n_samples = u32le_at(at + 20);
    out->seed = u32le_at(at + 24) | (uint64_t)u32le_at(at + 28) << 32;
    out->target_mean = f32le_at(at + 32);
    out->target_deviation = f32le_at(at + 36);
    bool is_sound = u32le_at(at + 12) <= 1 && out->n_samples >= 2 &&
                    out->n_samples <= LSTM_SAMPLES_MAX && fabsf(out->target_mean) <= WEIGHT_MAX &&
                    is_scale(out->target_deviation) && out->target_deviation <= WEIGHT_MAX;
    if (!is_sound || lstm_create(&shape, &out->net) != AL_OK)
        return err_set(AL_EVERIFY, "a network with a bound that does not hold");
    size_t n_bytes =
        HEAD_BYTES + COLUMN_BYTES * n_cols + 4 * lstm_n_weights(&shape) + sizeof(struct sha256);
    if (bytes.len != n_bytes)
        return err_set(AL_EVERIFY, "%zu bytes of a network, not %zu", bytes.len, n_bytes);
    return AL_OK;
}

static enum al_err read_columns(const char *at, size_t n_cols, struct lstm_model *out)
{
    out->scaler = calloc(1, sizeof *out->scaler + n_cols * sizeof out->scaler->columns[0]);
    if (out->scaler == NULL)
        return err_set(AL_ENOMEM, "a scaler of %zu columns", n_cols);
    out->scaler->n_cols = n_cols;
    for (size_t k = 0; k < n_cols; k++, at += COLUMN_BYTES) {
        struct scaler_column *column = &out->scaler->columns[k];
        *column = (struct scaler_column){f32le_at(at), f32le_at(at + 4)};
        if (!isfinite(column->mean) || !is_scale(column->inverse))
            return err_set(AL_EVERIFY, "a network with a scale that is not one");
    }
    return AL_OK;
}

static enum al_err read_weights(const char *at, struct lstm *net)
{
    float *weights = lstm_weights(net);
    for (size_t i = 0; i < lstm_n_weights(lstm_shape(net)); i++) {
        weights[i] = f32le_at(at + 4 * i);
        if (!(fabsf(weights[i]) <= WEIGHT_MAX))
            return err_set(AL_EVERIFY, "a network with a weight out of bounds");
    }
    return AL_OK;
}

enum al_err lstm_model_read(struct slice bytes, struct lstm_model *out)
{
    *out = (struct lstm_model){0};
    enum al_err err = check_file(bytes);
    size_t n_cols = err == AL_OK ? u32le_at(bytes.ptr + 8) : 0;
    if (err == AL_OK && (n_cols == 0 || n_cols > LSTM_COLS_MAX))
        err = err_set(AL_EVERIFY, "a network of %zu columns", n_cols);
    if (err == AL_OK)
        err = read_head(bytes, n_cols, out);
    if (err == AL_OK)
        err = read_columns(bytes.ptr + HEAD_BYTES, n_cols, out);
    if (err == AL_OK)
        err = read_weights(bytes.ptr + HEAD_BYTES + COLUMN_BYTES * n_cols, out->net);
    if (err != AL_OK)
        lstm_model_deinit(out);
    return err;
}
