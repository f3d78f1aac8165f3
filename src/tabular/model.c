#include "alphaloop/tabular/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/hash.h"
#include "alphaloop/model/walker.h"

#define HEAD_BYTES_MAX      (8U << 20) /* 256 columns of 64 levels, escaped */
#define HEAD_DEPTH          8
#define TABULAR_NUMBERS_MAX ((size_t)4 << 20) /* in memory for one answer */
#define FIXED_BYTES         12
#define HASH_BYTES          32

static const char magic[4] = {'A', 'L', 'T', 'B'};

/* ---- outputs ---- */

struct tabular_outputs {
    size_t n, n_cols;
    struct buf files[TABULAR_CLASSES_MAX];
    struct walker *walkers[TABULAR_CLASSES_MAX];
};

static size_t n_outputs_of(const struct tabular_target *target)
{
    return target->is_class && target->classes.n > 2 ? target->classes.n : 1;
}

void tabular_outputs_destroy(struct tabular_outputs *outputs)
{
    if (outputs == NULL)
        return;
    for (size_t k = 0; k < outputs->n; k++) {
        buf_deinit(&outputs->files[k]);
        walker_destroy(outputs->walkers[k]);
    }
    free(outputs);
}

static enum al_err outputs_create(size_t n, size_t n_cols, struct tabular_outputs **out)
{
    struct tabular_outputs *outputs = calloc(1, sizeof *outputs);
    if (outputs == NULL)
        return err_set(AL_ENOMEM, "%zu outputs", n);
    outputs->n = n;
    outputs->n_cols = n_cols;
    for (size_t k = 0; k < n; k++)
        outputs->files[k] = BUF_INIT(TABULAR_MODEL_BYTES_MAX);
    *out = outputs;
    return AL_OK;
}

static enum al_err load_output(struct tabular_outputs *outputs, size_t k, struct slice file)
{
    enum al_err err = walker_load(file, &outputs->walkers[k]);
    if (err == AL_OK && walker_n_features(outputs->walkers[k]) != outputs->n_cols)
        err = err_set(AL_EVERIFY, "output %zu knows %zu numbers a row, the columns have %zu", k,
                      walker_n_features(outputs->walkers[k]), outputs->n_cols);
    return err;
}

/* The label of one output: the number on its scale, or whether the row is of the output's class. With two classes, or one,
 * that is the last. */
static float label_of(const struct tabular_target *target, size_t output, double value)
{
    if (!target->is_class)
        return (float)((value - target->mean) / target->deviation);
    size_t own = target->classes.n > 2 ? output : target->classes.n - 1;
    return (size_t)value == own ? 1.0F : 0.0F;
}

static enum al_err fit_output(const struct tabular_teachers *t,
                              size_t output,
                              float *labels,
                              struct tabular_outputs *outputs)
{
    for (size_t i = 0; i < t->n_rows; i++)
        labels[i] = label_of(t->target, output, t->values[i]);
    const struct tabular_fit fit = {.n_rows = t->n_rows,
                                    .n_cols = t->n_cols,
                                    .x = t->x,
                                    .labels = labels,
                                    .params = t->params,
                                    .seed = t->seed + output};
    enum al_err err = t->kind->fit(&fit, &outputs->files[output]);
    return err == AL_OK ? load_output(outputs, output, buf_slice(&outputs->files[output])) : err;
}

enum al_err tabular_outputs_fit(const struct tabular_teachers *teachers,
                                struct tabular_outputs **out)
{
    struct tabular_outputs *outputs = NULL;
    float *labels = malloc((teachers->n_rows + 1) * sizeof *labels);
    enum al_err err =
        labels == NULL ? err_set(AL_ENOMEM, "%zu labels", teachers->n_rows)
                       : outputs_create(n_outputs_of(teachers->target), teachers->n_cols, &outputs);
    for (size_t k = 0; err == AL_OK && k < outputs->n; k++)
        err = fit_output(teachers, k, labels, outputs);
    free(labels);
    if (err != AL_OK) {
        tabular_outputs_destroy(outputs);
        return err;
    }
    *out = outputs;
    return AL_OK;
}

/* ---- predicting ---- */

static double sigmoid(double score)
{
    return 1 / (1 + exp(-score));
}

/* p of every class from the scores of one row. */
static void normalise(const double shares[TABULAR_CLASSES_MAX], size_t n, double *p)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += shares[k];
    for (size_t k = 0; k < n; k++)
        p[k] = sum > 0 ? shares[k] / sum : 1 / (double)n;
}

/* False when a score is not finite, which only a file that nobody fitted can make. */
static bool predict_row(const struct tabular_outputs *outputs,
                        const struct tabular_target *target,
                        const float *row,
                        double *out)
{
    double scores[TABULAR_CLASSES_MAX] = {0};
    for (size_t k = 0; k < outputs->n; k++) {
        scores[k] = (double)walker_score(outputs->walkers[k], row);
        if (!isfinite(scores[k]))
            return false;
    }
    if (!target->is_class) {
        out[0] = target->mean + target->deviation * scores[0];
    } else if (target->classes.n == 1) {
        out[0] = 1;
    } else if (target->classes.n == 2) {
        out[1] = sigmoid(scores[0]);
        out[0] = 1 - out[1];
    } else {
        for (size_t k = 0; k < outputs->n; k++)
            scores[k] = sigmoid(scores[k]);
        normalise(scores, outputs->n, out);
    }
    return true;
}

enum al_err tabular_outputs_predict(const struct tabular_outputs *outputs,
                                    const struct tabular_target *target,
                                    const float *x,
                                    size_t n_rows,
                                    double *out)
{
    size_t stride = target->is_class ? target->classes.n : 1;
    for (size_t i = 0; i < n_rows; i++) {
        if (!predict_row(outputs, target, x + i * outputs->n_cols, out + i * stride))
            return err_set(AL_EVERIFY, "the model says nothing finite of row %zu", i);
    }
    return AL_OK;
}

/* ---- writing ---- */

static void write_head(const struct tabular_kind *kind,
                       const struct tabular_columns *columns,
                       const struct tabular_target *target,
                       struct buf *out)
{
    struct json_writer w;
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_str(&w, "kind", kind->name);
    json_w_key(&w, "columns");
    tabular_columns_write(columns, &w);
    json_w_key(&w, "target");
    tabular_target_write(target, &w);
    json_w_end_object(&w);
}

enum al_err tabular_model_write(const struct tabular_kind *kind,
                                const struct tabular_columns *columns,
                                const struct tabular_target *target,
                                const struct tabular_outputs *outputs,
                                struct buf *out)
{
    struct buf file = BUF_INIT(TABULAR_MODEL_BYTES_MAX - HASH_BYTES);
    struct buf head = BUF_INIT(HEAD_BYTES_MAX);
    struct sha256 hash;
    write_head(kind, columns, target, &head);
    buf_append(&file, magic, sizeof magic);
    buf_put_u32le(&file, TABULAR_MODEL_VERSION);
    buf_put_u32le(&file, (uint32_t)head.len);
    buf_append(&file, buf_str(&head), head.len);
    buf_put_u32le(&file, (uint32_t)outputs->n);
    for (size_t k = 0; k < outputs->n; k++) {
        buf_put_u32le(&file, (uint32_t)outputs->files[k].len);
        buf_append(&file, outputs->files[k].ptr, outputs->files[k].len);
    }
    bool fits = buf_ok(&head) && buf_ok(&file);
    if (fits) {
        sha256_of(file.ptr, file.len, &hash);
        buf_append(out, file.ptr, file.len);
        buf_append(out, hash.bytes, sizeof hash.bytes);
    }
    buf_deinit(&head);
    buf_deinit(&file);
    return fits && buf_ok(out) ? AL_OK
                               : err_set(AL_ERANGE,
                                         "the model takes over %u MiB: ask for fewer or "
                                         "shallower trees",
                                         TABULAR_MODEL_BYTES_MAX >> 20);
}

/* ---- reading ---- */

struct tabular_model {
    const struct tabular_kind *kind;
    struct tabular_columns columns;
    struct tabular_target target;
    struct tabular_outputs *outputs;
};

void tabular_model_destroy(struct tabular_model *model)
{
    if (model == NULL)
        return;
    tabular_columns_deinit(&model->columns);
    tabular_target_deinit(&model->target);
    tabular_outputs_destroy(model->outputs);
    free(model);
}

const struct tabular_kind *tabular_model_kind(const struct tabular_model *model)
{
    return model->kind;
}

/* The next n bytes of what is left; false when there are fewer. */
static bool take(struct slice *rest, size_t n, struct slice *out)
{
    if (rest->len < n)
        return false;
    *out = (struct slice){rest->ptr, n};
    *rest = (struct slice){rest->ptr + n, rest->len - n};
    return true;
}

static bool take_u32(struct slice *rest, uint32_t *out)
{
    struct slice bytes;
    if (!take(rest, 4, &bytes))
        return false;
    *out = u32le_at(bytes.ptr);
    return true;
}

static enum al_err check_sum(struct slice bytes)
{
    struct sha256 hash;
    if (bytes.len < FIXED_BYTES + HASH_BYTES || bytes.len > TABULAR_MODEL_BYTES_MAX ||
        memcmp(bytes.ptr, magic, sizeof magic) != 0)
        return err_set(AL_EVERIFY, "not a model of the train/predict routes");
    uint32_t version = u32le_at(bytes.ptr + 4);
    if (version != TABULAR_MODEL_VERSION)
        return err_set(AL_EVERSION, "a model of format %u, this program reads %d", version,
                       TABULAR_MODEL_VERSION);
    sha256_of(bytes.ptr, bytes.len - HASH_BYTES, &hash);
    return memcmp(hash.bytes, bytes.ptr + bytes.len - HASH_BYTES, HASH_BYTES) == 0
               ? AL_OK
               : err_set(AL_EVERIFY, "the checksum of the model does not hold");
}

static enum al_err read_head(struct json_node *head, struct tabular_model *model)
{
    struct slice name = json_text(json_get(head, "kind"));
    model->kind = tabular_kind_find(name);
    if (model->kind == NULL)
        return err_set(AL_ENOTFOUND, "this program has no kind '%.*s'",
                       (int)(name.len < 64 ? name.len : 64), name.ptr);
    enum al_err err = tabular_columns_read(json_get(head, "columns"), &model->columns);
    if (err == AL_OK)
        err = tabular_target_read(json_get(head, "target"), &model->target);
    if (err == AL_OK && model->target.is_class != (model->kind->task == TABULAR_CLASSIFICATION))
        err = err_set(AL_EVERIFY, "the label is not one of this kind");
    return err;
}

static enum al_err parse_head(struct slice text, struct tabular_model *model)
{
    struct json_node *head = NULL;
    struct json_reader *reader = json_reader_create(HEAD_BYTES_MAX, HEAD_DEPTH);
    enum al_err err =
        reader != NULL ? json_read(reader, text, &head) : err_set(AL_ENOMEM, "a model's head");
    if (err == AL_OK)
        err = read_head(head, model);
    json_put(head);
    json_reader_destroy(reader);
    return err;
}

static enum al_err read_outputs(struct slice rest, struct tabular_model *model)
{
    uint32_t n = 0, n_bytes = 0;
    struct slice file;
    if (!take_u32(&rest, &n) || n != n_outputs_of(&model->target))
        return err_set(AL_EVERIFY, "the model has not one output for each class");
    enum al_err err = outputs_create(n, model->columns.n_encoded, &model->outputs);
    for (size_t k = 0; k < n && err == AL_OK; k++)
        err = take_u32(&rest, &n_bytes) && take(&rest, n_bytes, &file)
                  ? load_output(model->outputs, k, file)
                  : err_set(AL_EVERIFY, "output %zu of the model is cut off", k);
    if (err == AL_OK && rest.len > 0)
        err = err_set(AL_EVERIFY, "something follows the model's outputs");
    return err;
}

enum al_err tabular_model_load(struct slice bytes, struct tabular_model **out)
{
    struct slice rest = {bytes.ptr + FIXED_BYTES, 0}, head;
    enum al_err err = check_sum(bytes);
    if (err != AL_OK)
        return err;
    rest.len = bytes.len - FIXED_BYTES - HASH_BYTES;
    if (!take(&rest, u32le_at(bytes.ptr + 8), &head))
        return err_set(AL_EVERIFY, "the model's head is cut off");
    struct tabular_model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return err_set(AL_ENOMEM, "a model");
    err = parse_head(head, model);
    if (err == AL_OK)
        err = read_outputs(rest, model);
    if (err != AL_OK)
        tabular_model_destroy(model);
    else
        *out = model;
    return err;
}

/* ---- answers ---- */

static size_t largest(const double *p, size_t n)
{
    size_t best = 0;
    for (size_t k = 1; k < n; k++)
        best = p[k] > p[best] ? k : best;
    return best;
}

static void write_class(struct json_writer *w, const struct tabular_target *target, size_t k)
{
    json_w_raw(w, slice_of(target->classes.texts[k]));
}

static void write_probabilities(struct json_writer *w,
                                const struct tabular_target *target,
                                const double *p,
                                size_t n_rows)
{
    size_t n = target->classes.n;
    json_w_key(w, "classes");
    json_w_array(w);
    for (size_t k = 0; k < n; k++)
        write_class(w, target, k);
    json_w_end_array(w);
    json_w_key(w, "probabilities");
    json_w_array(w);
    for (size_t i = 0; i < n_rows; i++) {
        json_w_array(w);
        for (size_t k = 0; k < n; k++)
            json_w_double(w, p[i * n + k]);
        json_w_end_array(w);
    }
    json_w_end_array(w);
}

static void write_predictions(struct json_writer *w,
                              const struct tabular_target *target,
                              const double *values,
                              size_t n_rows)
{
    size_t n = target->classes.n;
    json_w_key(w, "predictions");
    json_w_array(w);
    for (size_t i = 0; i < n_rows; i++) {
        if (target->is_class)
            write_class(w, target, largest(values + i * n, n));
        else
            json_w_double(w, values[i]);
    }
    json_w_end_array(w);
    if (target->is_class) {
        write_probabilities(w, target, values, n_rows);
    } else {
        json_m_str(w, "classes", NULL);
        json_m_str(w, "probabilities", NULL);
    }
}

static enum al_err predict_table(const struct tabular_model *model,
                                 const struct tabular_table *table,
                                 struct json_writer *w)
{
    size_t n_values = model->target.is_class ? model->target.classes.n : 1;
    if (table->n_rows > TABULAR_NUMBERS_MAX / (model->columns.n_encoded + n_values))
        return err_set(AL_ERANGE, "features: too many rows at once, take %zu",
                       TABULAR_NUMBERS_MAX / (model->columns.n_encoded + n_values));
    float *x = malloc((table->n_rows * model->columns.n_encoded + 1) * sizeof *x);
    double *values = malloc((table->n_rows * n_values + 1) * sizeof *values);
    enum al_err err =
        x != NULL && values != NULL ? AL_OK : err_set(AL_ENOMEM, "%zu rows", table->n_rows);
    if (err == AL_OK)
        err = tabular_columns_encode(&model->columns, table, x);
    if (err == AL_OK)
        err = tabular_outputs_predict(model->outputs, &model->target, x, table->n_rows, values);
    if (err == AL_OK)
        write_predictions(w, &model->target, values, table->n_rows);
    free(x);
    free(values);
    return err;
}

enum al_err tabular_model_predict(const struct tabular_model *model,
                                  struct json_node *features,
                                  struct json_writer *w)
{
    struct tabular_table table;
    enum al_err err = tabular_table_read(features, "features", &table);
    if (err == AL_OK)
        err = predict_table(model, &table, w);
    tabular_table_deinit(&table);
    return err;
}
