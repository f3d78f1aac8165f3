/* Reading trusts nothing: whatever file passes gives finite sums, because weights are bounded and scaled values are too. */
#include "alphaloop/model/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/model/scaler.h"
#include "model_json_i.h"

#define HEAD_BYTES   16
#define COLUMN_BYTES 12
#define WEIGHT_MAX   1e30F /* log-odds; a thousand of them times SCALER_REACH are still a float */

static const char magic[4] = {'A', 'L', 'L', 'W'};

struct linear {
    size_t n_features;
    float bias;
    struct weighted {
        struct scaler_column scale;
        float weight;
    } columns[];
};

static enum al_err linear_create(uint32_t n_features, struct linear **out)
{
    struct linear *linear = calloc(1, sizeof *linear + n_features * sizeof linear->columns[0]);
    if (linear == NULL)
        return err_set(AL_ENOMEM, "%u weights", n_features);
    linear->n_features = n_features;
    *out = linear;
    return AL_OK;
}

void linear_destroy(struct linear *linear)
{
    free(linear);
}

/* ---- from the library ---- */

static enum al_err read_weights(struct json_node *weights, struct linear *linear)
{
    enum al_err err = AL_OK;
    float bias = 0;
    if (!json_is_array(weights) || json_length(weights) != linear->n_features + 1)
        return err_set(AL_EPARSE, "model JSON: weights are not %zu numbers",
                       linear->n_features + 1);
    for (size_t k = 0; k < linear->n_features && err == AL_OK; k++)
        err = model_json_float(json_at(weights, k), "weights", &linear->columns[k].weight);
    if (err == AL_OK)
        err = model_json_float(json_at(weights, linear->n_features), "weights", &bias);
    linear->bias += bias;
    return err;
}

static enum al_err read_scaler(struct json_node *node, struct linear *linear)
{
    struct scaler *scaler = NULL;
    if (node == NULL)
        return err_set(AL_EVERSION, "model JSON: there is no attribute " LINEAR_SCALER);
    enum al_err err = scaler_read(json_text(node), linear->n_features, &scaler);
    for (size_t k = 0; k < linear->n_features && err == AL_OK; k++)
        linear->columns[k].scale = scaler->columns[k];
    free(scaler);
    return err;
}

static enum al_err read_learner(struct json_node *learner, struct linear **out)
{
    uint32_t n_features = 0;
    float base = 0;
    enum al_err err = model_json_check(learner, "gblinear");
    if (err == AL_OK)
        err = model_json_base_margin(learner, &base);
    if (err == AL_OK)
        err = model_json_u32(model_json_member(learner, "learner_model_param.num_feature"),
                             "num_feature", LINEAR_FEATURES_MAX, &n_features);
    if (err == AL_OK)
        err = linear_create(n_features, out);
    if (err != AL_OK)
        return err;
    (*out)->bias = base;
    err = read_weights(model_json_member(learner, "gradient_booster.model.weights"), *out);
    return err == AL_OK ? read_scaler(model_json_member(learner, "attributes." LINEAR_SCALER), *out)
                        : err;
}

/* columns NULL: none says anything. */
static void write_format(size_t n_features,
                         float bias,
                         const struct weighted *columns,
                         struct buf *out)
{
    static const struct weighted silent;
    size_t start = out->len;
    struct sha256 hash;
    buf_append(out, magic, sizeof magic);
    buf_put_u32le(out, LINEAR_VERSION);
    buf_put_u32le(out, (uint32_t)n_features);
    buf_put_f32le(out, bias);
    for (size_t k = 0; k < n_features; k++) {
        const struct weighted *column = columns != NULL ? &columns[k] : &silent;
        buf_put_f32le(out, column->scale.mean);
        buf_put_f32le(out, column->scale.inverse);
        buf_put_f32le(out, column->weight);
    }
    if (!buf_ok(out))
        return;
    sha256_of(out->ptr + start, out->len - start, &hash);
    buf_append(out, hash.bytes, sizeof hash.bytes);
}

static void linear_write(const struct linear *linear, struct buf *out)
{
    write_format(linear->n_features, linear->bias, linear->columns, out);
}

void linear_write_constant(size_t n_features, float score, struct buf *out)
{
    write_format(n_features, score, NULL, out);
}

enum al_err linear_flatten(struct slice model_json, struct buf *out)
{
    struct json_node *root = NULL;
    struct linear *linear = NULL;
    struct json_reader *reader = json_reader_create(MODEL_JSON_MAX, MODEL_JSON_DEPTH);
    if (reader == NULL)
        return err_set(AL_ENOMEM, "weights");
    enum al_err err = json_read(reader, model_json, &root);
    if (err == AL_OK)
        err = read_learner(json_get(root, "learner"), &linear);
    if (err == AL_OK) {
        linear_write(linear, out);
        if (!buf_ok(out))
            err = err_set(AL_ERANGE, "the weights take more bytes than allowed");
    }
    linear_destroy(linear);
    json_put(root);
    json_reader_destroy(reader);
    return err;
}

/* ---- the file ---- */

bool linear_is(struct slice bytes)
{
    return bytes.len >= sizeof magic && memcmp(bytes.ptr, magic, sizeof magic) == 0;
}

static enum al_err check_file(struct slice bytes, uint32_t *n_features)
{
    struct sha256 hash;
    if (!linear_is(bytes) || bytes.len < HEAD_BYTES + sizeof hash.bytes)
        return err_set(AL_EVERIFY, "not a file of weights");
    uint32_t version = u32le_at(bytes.ptr + 4);
    if (version != LINEAR_VERSION)
        return err_set(AL_EVERSION, "weights of format %u, this program reads %d", version,
                       LINEAR_VERSION);
    sha256_of(bytes.ptr, bytes.len - sizeof hash.bytes, &hash);
    if (memcmp(hash.bytes, bytes.ptr + bytes.len - sizeof hash.bytes, sizeof hash.bytes) != 0)
        return err_set(AL_EVERIFY, "the checksum of the weights does not hold");
    *n_features = u32le_at(bytes.ptr + 8);
    if (*n_features == 0 || *n_features > LINEAR_FEATURES_MAX)
        return err_set(AL_EVERIFY, "weights of %u features", *n_features);
    if (bytes.len != HEAD_BYTES + COLUMN_BYTES * (size_t)*n_features + sizeof hash.bytes)
        return err_set(AL_EVERIFY, "%zu bytes of weights for %u features", bytes.len, *n_features);
    return AL_OK;
}

static bool is_weight(float value)
{
    return value >= -WEIGHT_MAX && value <= WEIGHT_MAX; /* not so for NaN */
}

enum al_err linear_load(struct slice bytes, struct linear **out)
{
    uint32_t n_features = 0;
    struct linear *linear = NULL;
    enum al_err err = check_file(bytes, &n_features);
    if (err == AL_OK)
        err = linear_create(n_features, &linear);
    if (err != AL_OK)
        return err;
    linear->bias = f32le_at(bytes.ptr + 12);
    bool is_sound = is_weight(linear->bias);
    const char *at = bytes.ptr + HEAD_BYTES;
    for (size_t k = 0; k < n_features; k++, at += COLUMN_BYTES) {
        struct weighted *column = &linear->columns[k];
        *column = (struct weighted){{f32le_at(at), f32le_at(at + 4)}, f32le_at(at + 8)};
        is_sound = is_sound && isfinite(column->scale.mean) && isfinite(column->scale.inverse) &&
                   column->scale.inverse >= 0 && is_weight(column->weight);
    }
    if (!is_sound) {
        linear_destroy(linear);
        return err_set(AL_EVERIFY, "a weight is out of bounds");
    }
    *out = linear;
    return AL_OK;
}

/* ---- scoring ---- */

size_t linear_n_features(const struct linear *linear)
{
    return linear->n_features;
}

float linear_score(const struct linear *linear, const float *row)
{
    float margin = linear->bias;
    for (size_t k = 0; k < linear->n_features; k++) {
        float z = scaler_value(&linear->columns[k].scale, row[k]);
        if (!isnan(z))
            margin += z * linear->columns[k].weight;
    }
    return margin;
}

void linear_contributions(const struct linear *linear, const float *row, double *contributions)
{
    for (size_t k = 0; k < linear->n_features; k++) {
        double z = (double)scaler_value(&linear->columns[k].scale, row[k]);
        contributions[k] = isnan(z) ? 0 : z * (double)linear->columns[k].weight;
    }
}

double linear_bias(const struct linear *linear)
{
    return (double)linear->bias;
}
