/* Labels: numbers brought to one scale for the models, or classes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/tabular/columns.h"
#include "levels_i.h"

#define DEVIATION_MIN 1e-12 /* of the mean: what varies less is a constant */

/* The class of a cell: its JSON, numbers in one spelling, zero-padded. */
static bool class_text(struct json_node *cell, char out[TABULAR_TEXT_MAX])
{
    struct buf text = BUF_INIT(TABULAR_TEXT_MAX - 1);
    struct json_writer w;
    double value;
    json_w_init(&w, &text);
    memset(out, 0, TABULAR_TEXT_MAX);
    if (json_is_number(cell) && json_double(cell, &value) == AL_OK)
        json_w_double(&w, value);
    else
        json_w_node(&w, cell);
    bool fits = buf_ok(&text);
    if (fits)
        memcpy(out, buf_str(&text), text.len);
    buf_deinit(&text);
    return fits;
}

static enum al_err learn_classes(const struct tabular_table *labels, struct tabular_levels *out)
{
    char text[TABULAR_TEXT_MAX];
    struct level_counts counts;
    enum al_err err = level_counts_init(&counts);
    for (size_t row = 0; row < labels->n_rows && err == AL_OK; row++) {
        if (!class_text(labels->cells[row], text))
            err = err_set(AL_EINVAL, "labels[%zu]: a class has at most 120 bytes", row);
        else if (level_counts_add(&counts, text) != AL_OK || counts.n > TABULAR_CLASSES_MAX)
            err = err_set(AL_ERANGE,
                          "labels: over %d classes; to predict a number take a kind for "
                          "regression",
                          TABULAR_CLASSES_MAX);
    }
    if (err == AL_OK)
        err = level_counts_keep(&counts, TABULAR_CLASSES_MAX, out);
    level_counts_deinit(&counts);
    return err;
}

static void find_classes(const struct tabular_table *labels,
                         const struct tabular_levels *classes,
                         double *values)
{
    char text[TABULAR_TEXT_MAX];
    for (size_t row = 0; row < labels->n_rows; row++)
        values[row] = class_text(labels->cells[row], text) ? (double)levels_find(classes, text) : 0;
}

static enum al_err read_numbers(const struct tabular_table *labels, double *values)
{
    for (size_t row = 0; row < labels->n_rows; row++) {
        struct json_node *cell = labels->cells[row];
        if (json_is_bool(cell) || json_number_or_text(cell, &values[row]) != AL_OK ||
            fabs(values[row]) > 1e100)
            return err_set(AL_EINVAL,
                           "labels[%zu]: '%.64s' is not a number, which a kind for regression "
                           "learns; to predict a class take one for classification",
                           row, json_is_bool(cell) ? "a boolean" : json_text(cell).ptr);
    }
    return AL_OK;
}

static enum al_err check_labels(const struct tabular_table *labels)
{
    if (labels->n_cols != 1)
        return err_set(AL_EINVAL,
                       "labels: there must be one column, there are %zu ('%.64s', '%.64s' ...)",
                       labels->n_cols, labels->names[0], labels->names[1]);
    for (size_t row = 0; row < labels->n_rows; row++) {
        if (labels->cells[row] == NULL)
            return err_set(AL_EINVAL, "labels[%zu]: null; a row without a label teaches nothing",
                           row);
    }
    return AL_OK;
}

void tabular_target_scale(struct tabular_target *target, const double *values, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    target->mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - target->mean) * (values[i] - target->mean);
    double deviation = sqrt(squares / (double)n);
    target->deviation = deviation > DEVIATION_MIN * fabs(target->mean) ? deviation : 1;
}

enum al_err tabular_target_learn(const struct tabular_table *labels,
                                 bool is_class,
                                 struct tabular_target *out,
                                 double *values)
{
    *out = (struct tabular_target){.is_class = is_class, .deviation = 1};
    enum al_err err = check_labels(labels);
    if (err != AL_OK)
        return err;
    (void)chars_set(out->name, sizeof out->name, labels->names[0]);
    if (!is_class) {
        err = read_numbers(labels, values);
        if (err == AL_OK)
            tabular_target_scale(out, values, labels->n_rows);
        return err;
    }
    err = learn_classes(labels, &out->classes);
    if (err == AL_OK)
        find_classes(labels, &out->classes, values);
    return err;
}

void tabular_target_deinit(struct tabular_target *target)
{
    levels_deinit(&target->classes);
}

void tabular_target_write(const struct tabular_target *target, struct json_writer *w)
{
    json_w_object(w);
    json_m_str(w, "name", target->name);
    json_m_bool(w, "is_class", target->is_class);
    json_m_double(w, "mean", target->mean);
    json_m_double(w, "deviation", target->deviation);
    json_w_key(w, "classes");
    levels_write(&target->classes, w);
    json_w_end_object(w);
}

/* A class is written into answers as it is, so it must be one JSON value. */
static bool is_json(const char *text)
{
    struct json_reader *reader = json_reader_create(TABULAR_TEXT_MAX, 1);
    struct json_node *root = NULL;
    bool is_one = reader != NULL && json_read(reader, slice_of(text), &root) == AL_OK &&
                  root != NULL && !json_is_object(root) && !json_is_array(root);
    json_put(root);
    json_reader_destroy(reader);
    return is_one;
}

enum al_err tabular_target_read(struct json_node *object, struct tabular_target *out)
{
    *out = (struct tabular_target){.is_class = json_is_true(json_get(object, "is_class"))};
    if (!json_chars(json_get(object, "name"), out->name, sizeof out->name) ||
        json_double(json_get(object, "mean"), &out->mean) != AL_OK ||
        json_double(json_get(object, "deviation"), &out->deviation) != AL_OK ||
        !(out->deviation > 0 && out->deviation <= 1e100 && fabs(out->mean) <= 1e100))
        return err_set(AL_EVERIFY, "the label is out of bounds");
    enum al_err err = levels_read(json_get(object, "classes"),
                                  out->is_class ? TABULAR_CLASSES_MAX : 0, &out->classes);
    if (err == AL_OK && out->is_class && out->classes.n == 0)
        err = err_set(AL_EVERIFY, "the label has no class");
    for (size_t i = 0; i < out->classes.n && err == AL_OK; i++) {
        if (!is_json(out->classes.texts[i]))
            err = err_set(AL_EVERIFY, "a class is no JSON value");
    }
    return err;
}
