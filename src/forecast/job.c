#include "alphaloop/forecast/job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"

void forecast_job_default(struct forecast_job *job)
{
    *job = (struct forecast_job){.interval_ns = NS_PER_H,
                                 .n_horizons = 4,
                                 .hours = {1, 3, 24, 168},
                                 .kind = "baseline",
                                 .seed = 1,
                                 .n_bars_max = 20000,
                                 .coverage = 0.9,
                                 .gate_alpha = 0.05,
                                 .gate_margin = 0.01};
    forecast_params_default(forecast_kind_find(slice_of(job->kind)), &job->params);
}

/* ---- names of kinds ---- */

static const struct {
    const char *type, *kind;
} types[] = {
    {"randomforestregressor", "random_forest"},
    {"linearregression", "linear"},
    {"ridge", "linear"},
    {"lasso", "linear"},
    {"elasticnet", "linear"},
    {"xgbregressor", "xgboost"},
    {"gradientboosting", "xgboost"},
    {"gradientboostingregressor", "xgboost"},
    {"lgbmregressor", "lightgbm"},
    {"randomwalk", "baseline"},
};

static bool is_alike(struct slice type, const char *name)
{
    size_t k = 0;
    for (size_t i = 0; i < type.len; i++) {
        char c = type.ptr[i];
        if (c == '_' || c == '-' || c == ' ')
            continue;
        while (name[k] == '_')
            k++;
        char lower = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        if (name[k] == '\0' || name[k++] != lower)
            return false;
    }
    return k > 0 && name[k] == '\0';
}

const struct forecast_kind *forecast_kind_by_type(struct slice type)
{
    for (size_t i = 0; i < forecast_kind_count(); i++) {
        if (is_alike(type, forecast_kind_at(i)->name))
            return forecast_kind_at(i);
    }
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (is_alike(type, types[i].type))
            return forecast_kind_find(slice_of(types[i].kind));
    }
    return NULL;
}

/* ---- horizons ---- */

static enum al_err bad_horizons(void)
{
    return err_set(AL_EINVAL,
                   "horizons are 1 to %d whole numbers of hours from 1 to %d, rising, with commas "
                   "between",
                   FORECAST_HORIZONS_MAX, FORECAST_HOURS_MAX);
}

static enum al_err add_horizon(struct forecast_job *job, uint64_t hours)
{
    bool rises = job->n_horizons == 0 || hours > job->hours[job->n_horizons - 1];
    if (hours == 0 || hours > FORECAST_HOURS_MAX || !rises ||
        job->n_horizons == FORECAST_HORIZONS_MAX)
        return bad_horizons();
    job->hours[job->n_horizons++] = (uint32_t)hours;
    return AL_OK;
}

enum al_err forecast_job_horizons(struct forecast_job *job, struct slice text)
{
    enum al_err err = AL_OK;
    uint64_t hours = 0;
    job->n_horizons = 0;
    for (size_t i = 0; i < text.len && err == AL_OK; i++) {
        char c = text.ptr[i];
        if (c == ',')
            err = add_horizon(job, hours);
        else if (c < '0' || c > '9' || hours > FORECAST_HOURS_MAX)
            err = bad_horizons();
        hours = c == ',' ? 0 : hours * 10 + (uint64_t)(c - '0');
    }
    return err == AL_OK ? add_horizon(job, hours) : err;
}

enum al_err forecast_job_check(const struct forecast_job *job)
{
    for (size_t i = 0; i < job->n_horizons; i++) {
        if (job->hours[i] * NS_PER_H % job->interval_ns != 0)
            return err_set(AL_EINVAL, "a horizon of %u hours is no multiple of bars of %lld s",
                           job->hours[i], (long long)(job->interval_ns / NS_PER_S));
    }
    return AL_OK;
}

/* ---- the file ---- */

void forecast_job_write(const struct forecast_job *job, struct buf *out)
{
    struct json_writer w;
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)job->seed);
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_str(&w, "name", job->name.text);
    json_m_count(&w, "version", job->version);
    json_m_str(&w, "asset", job->asset.text);
    json_m_i64(&w, "interval_seconds", job->interval_ns / NS_PER_S);
    json_w_key(&w, "horizons");
    json_w_array(&w);
    for (size_t i = 0; i < job->n_horizons; i++)
        json_w_i64(&w, job->hours[i]);
    json_w_end_array(&w);
    json_m_str(&w, "kind", job->kind);
    json_w_key(&w, "parameters");
    forecast_params_write(forecast_kind_find(slice_of(job->kind)), &job->params, &w);
    json_m_str(&w, "seed", seed);
    json_m_count(&w, "bars_max", job->n_bars_max);
    json_m_double(&w, "coverage", job->coverage);
    json_m_double(&w, "gate_alpha", job->gate_alpha);
    json_m_double(&w, "gate_margin", job->gate_margin);
    json_m_str(&w, "incumbent", job->incumbent);
    json_m_str(&w, "output", job->output);
    json_m_count(&w, "deadline_seconds", job->deadline_seconds);
    json_w_end_object(&w);
    buf_putc(out, '\n');
}

static enum al_err wrong(const char *field)
{
    return err_set(AL_EPARSE, "forecast job: %s is missing or wrong", field);
}

static enum al_err read_count(
    struct json_node *root, const char *field, uint64_t min, uint64_t max, uint64_t *out)
{
    struct json_node *node = json_get(root, field);
    int64_t value;
    if (node == NULL || json_i64(node, &value) != AL_OK || value < (int64_t)min ||
        value > (int64_t)max)
        return wrong(field);
    *out = (uint64_t)value;
    return AL_OK;
}

static enum al_err read_number(
    struct json_node *root, const char *field, double min, double max, double *out)
{
    struct json_node *node = json_get(root, field);
    return node != NULL && json_double(node, out) == AL_OK && *out >= min && *out <= max
               ? AL_OK
               : wrong(field);
}

static enum al_err read_horizons(struct json_node *root, struct forecast_job *out)
{
    struct json_node *list = json_get(root, "horizons");
    struct json_cursor cursor = {0};
    enum al_err err = json_length(list) > 0 ? AL_OK : wrong("horizons");
    out->n_horizons = 0;
    while (err == AL_OK && json_walk(list, &cursor)) {
        int64_t hours;
        if (cursor.value == NULL || json_i64(cursor.value, &hours) != AL_OK || hours < 0)
            return wrong("horizons");
        err = add_horizon(out, (uint64_t)hours);
    }
    return err;
}

static enum al_err read_kind(struct json_node *root, struct forecast_job *out)
{
    if (!json_chars(json_get(root, "kind"), out->kind, sizeof out->kind) ||
        forecast_kind_find(slice_of(out->kind)) == NULL)
        return wrong("kind");
    return forecast_params_read(forecast_kind_find(slice_of(out->kind)),
                                json_get(root, "parameters"), &out->params);
}

static enum al_err read_texts(struct json_node *root, struct forecast_job *out)
{
    if (!forecast_name_parse(json_text(json_get(root, "name")), &out->name))
        return wrong("name");
    if (!asset_parse(json_text(json_get(root, "asset")), &out->asset))
        return wrong("asset");
    if (json_get(root, "seed") == NULL ||
        json_u64_text(json_get(root, "seed"), &out->seed) != AL_OK)
        return wrong("seed");
    if (!json_chars(json_get(root, "incumbent"), out->incumbent, sizeof out->incumbent))
        return wrong("incumbent");
    return json_chars(json_get(root, "output"), out->output, sizeof out->output) ? AL_OK
                                                                                 : wrong("output");
}

static enum al_err read_root(struct json_node *root, struct forecast_job *out)
{
    uint64_t interval_s = 0;
    enum al_err err = json_is_object(root) ? read_texts(root, out) : wrong("an object");
    if (err == AL_OK)
        err = read_count(root, "version", 1, INT64_MAX, &out->version);
    if (err == AL_OK)
        err = read_count(root, "interval_seconds", 1, 604800, &interval_s);
    out->interval_ns = (int64_t)interval_s * NS_PER_S;
    if (err == AL_OK)
        err = read_horizons(root, out);
    if (err == AL_OK)
        err = read_kind(root, out);
    if (err == AL_OK)
        err = read_count(root, "bars_max", 1, FORECAST_BARS_MAX, &out->n_bars_max);
    if (err == AL_OK)
        err = read_count(root, "deadline_seconds", 0, 1000000000, &out->deadline_seconds);
    if (err == AL_OK)
        err = read_number(root, "coverage", 0.05, 0.99, &out->coverage);
    if (err == AL_OK)
        err = read_number(root, "gate_alpha", 1e-6, 0.5, &out->gate_alpha);
    return err == AL_OK ? read_number(root, "gate_margin", 0, 1, &out->gate_margin) : err;
}

enum al_err forecast_job_read(struct slice text, struct forecast_job *out)
{
    struct json_node *root = NULL;
    struct json_reader *reader = json_reader_create(FORECAST_JOB_BYTES_MAX, JSON_DEPTH_MAX);
    if (reader == NULL)
        return err_set(AL_ENOMEM, "a forecast job");
    forecast_job_default(out);
    enum al_err err = json_read(reader, text, &root);
    if (err == AL_OK)
        err = read_root(root, out);
    if (err == AL_OK)
        err = forecast_job_check(out);
    json_put(root);
    json_reader_destroy(reader);
    return err;
}
