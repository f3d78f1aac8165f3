/* The lists of fields below are the format: writing and reading walk the same rows, so they cannot drift apart. */
#include "alphaloop/model/manifest.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"

static const char *const metric_types[] = {"classification", "regression", "trading_performance"};

const char *metric_type_name(enum metric_type type)
{
    return metric_types[type];
}

static const char *const canaries_names[MANIFEST_CANARIES_COUNT] = {"unknown", "off", "skipped",
                                                                    "passed", "failed"};

const char *manifest_canaries_name(enum manifest_canaries state)
{
    return canaries_names[state];
}

/* ---- simple fields by row ---- */

enum field_type { FIELD_F64, FIELD_U64, FIELD_TIME, FIELD_HASH, FIELD_BOOL };

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
};

#define LABEL(name, member, type)                                                                  \
    {                                                                                              \
        name, type, offsetof(struct manifest_label, member)                                        \
    }
static const struct field label_fields[] = {
    LABEL("horizon_seconds", horizon_seconds, FIELD_F64),
    LABEL("barrier_up", barrier_up, FIELD_F64),
    LABEL("barrier_down", barrier_down, FIELD_F64),
    LABEL("settlement_lag_seconds", settlement_lag_seconds, FIELD_F64),
};

#define DATA(name, member, type)                                                                   \
    {                                                                                              \
        name, type, offsetof(struct manifest_data, member)                                         \
    }
static const struct field data_fields[] = {
    DATA("from", from_ns, FIELD_TIME),
    DATA("to", to_ns, FIELD_TIME),
    DATA("cut", cut_ns, FIELD_TIME),
    DATA("holdout_from", holdout_from_ns, FIELD_TIME),
    DATA("n_rows", n_rows, FIELD_U64),
    DATA("n_decisions", n_decisions, FIELD_U64),
    DATA("n_market_rows", n_market_rows, FIELD_U64),
    DATA("n_holdout_rows", n_holdout_rows, FIELD_U64),
    DATA("n_eff", n_eff, FIELD_F64),
    DATA("hash", hash, FIELD_HASH),
};

static void write_hash(struct json_writer *w, const struct sha256 *hash)
{
    char text[SHA256_TEXT_MAX];
    sha256_format(hash, text);
    json_w_str(w, text);
}

static void write_field(struct json_writer *w, const struct field *field, const void *value)
{
    json_w_key(w, field->name);
    switch (field->type) {
    case FIELD_F64:
        json_w_number(w, *(const double *)value);
        break;
    case FIELD_U64:
        json_w_i64(w, (int64_t) * (const uint64_t *)value);
        break;
    case FIELD_TIME:
        json_w_time(w, *(const int64_t *)value);
        break;
    case FIELD_HASH:
        write_hash(w, value);
        break;
    case FIELD_BOOL:
        json_w_bool(w, *(const bool *)value);
        break;
    }
}

static void write_fields(
    struct json_writer *w, const char *key, const struct field *fields, size_t n, const void *base)
{
    json_w_key(w, key);
    json_w_object(w);
    for (size_t i = 0; i < n; i++)
        write_field(w, &fields[i], (const char *)base + fields[i].offset);
    json_w_end_object(w);
}

static enum al_err read_u64(struct json_node *node, uint64_t *out)
{
    int64_t value;
    if (node == NULL || json_i64(node, &value) != AL_OK || value < 0)
        return AL_EPARSE;
    *out = (uint64_t)value;
    return AL_OK;
}

static enum al_err read_time(struct json_node *node, int64_t *out)
{
    return json_is_string(node) ? timestamp_parse(json_text(node), out) : AL_EPARSE;
}

static enum al_err read_value(struct json_node *node, enum field_type type, void *out)
{
    switch (type) {
    case FIELD_F64:
        return node == NULL ? AL_EPARSE : json_double(node, out);
    case FIELD_U64:
        return read_u64(node, out);
    case FIELD_TIME:
        return read_time(node, out);
    case FIELD_HASH:
        return sha256_parse(json_text(node), out) ? AL_OK : AL_EPARSE;
    case FIELD_BOOL:
        *(bool *)out = json_is_true(node);
        return json_is_bool(node) ? AL_OK : AL_EPARSE;
    }
    return AL_EPARSE;
}

static enum al_err read_fields(
    struct json_node *root, const char *key, const struct field *fields, size_t n, void *base)
{
    struct json_node *object = json_get(root, key);
    if (!json_is_object(object))
        return err_set(AL_EPARSE, "manifest: %s is missing or no object", key);
    for (size_t i = 0; i < n; i++) {
        if (read_value(json_get(object, fields[i].name), fields[i].type,
                       (char *)base + fields[i].offset) != AL_OK)
            return err_set(AL_EPARSE, "manifest: %s.%s is missing or wrong", key, fields[i].name);
    }
    return AL_OK;
}

/* ---- writing ---- */

static void write_strings(struct json_writer *w, const struct manifest *m)
{
    json_m_str(w, "version", m->version.text);
    json_m_str(w, "strategy_id", m->strategy_id.text);
    json_m_str(w, "kind", m->kind);
    json_m_str(w, "library_version", m->library_version);
    json_m_time(w, "trained_at", m->trained_at_ns);
    json_m_number(w, "training_seconds", m->training_seconds);
    json_w_key(w, "seed"); /* text: JSON readers elsewhere keep 53 bits of a number */
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)m->seed);
    json_w_str(w, seed);
    json_m_i64(w, "n_rounds", (int64_t)m->n_rounds);
}

static void write_features(struct json_writer *w, const struct manifest *m)
{
    json_w_key(w, "schema_hash");
    write_hash(w, &m->schema_hash);
    json_m_double(w, "timeframe_seconds", (double)m->timeframe_ns / (double)NS_PER_S);
    json_w_key(w, "features");
    json_w_array(w);
    for (size_t i = 0; i < m->n_features; i++)
        json_w_str(w, m->features[i]);
    json_w_end_array(w);
}

static void write_params(struct json_writer *w, const struct manifest *m)
{
    const struct model_kind *kind = model_kind_find(slice_of(m->kind));
    json_w_key(w, "parameters");
    if (kind == NULL)
        json_w_null(w);
    else
        model_params_write(kind, &m->params, w);
}

static void write_metrics(struct json_writer *w, const struct manifest *m)
{
    json_w_key(w, "metrics");
    json_w_array(w);
    for (size_t i = 0; i < m->n_metrics; i++) {
        json_w_object(w);
        json_m_str(w, "name", m->metrics[i].name);
        json_m_str(w, "type", metric_type_name(m->metrics[i].type));
        json_m_number(w, "value", m->metrics[i].value);
        json_m_i64(w, "n", (int64_t)m->metrics[i].n);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void write_gate(struct json_writer *w, const struct manifest_gate *gate)
{
    json_w_key(w, "gate");
    json_w_object(w);
    json_m_bool(w, "promote", gate->promote);
    json_m_str(w, "rule", gate->rule);
    json_m_str(w, "reason", gate->reason);
    json_w_key(w, "numbers");
    json_w_object(w);
    for (size_t i = 0; i < gate->n_numbers; i++)
        json_m_number(w, gate->numbers[i].name, gate->numbers[i].value);
    json_w_end_object(w);
    json_w_end_object(w);
}

static void write_files(struct json_writer *w, const struct manifest *m)
{
    json_w_key(w, "files");
    json_w_object(w);
    for (size_t i = 0; i < m->n_files; i++) {
        json_w_key(w, m->files[i].name);
        json_w_object(w);
        json_m_i64(w, "bytes", (int64_t)m->files[i].n_bytes);
        json_w_key(w, "sha256");
        write_hash(w, &m->files[i].hash);
        json_w_end_object(w);
    }
    json_w_end_object(w);
}

void manifest_write(const struct manifest *manifest, struct buf *out)
{
    struct json_writer w;
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_i64(&w, "format", MANIFEST_FORMAT);
    write_strings(&w, manifest);
    write_features(&w, manifest);
    write_fields(&w, "label", label_fields, COUNT_OF(label_fields), &manifest->label);
    write_fields(&w, "data", data_fields, COUNT_OF(data_fields), &manifest->data);
    write_params(&w, manifest);
    json_w_key(&w, "calibration");
    calibration_write(&manifest->calibration, &w);
    json_w_key(&w, "intervals");
    conformal_write(&manifest->conformal, &w);
    write_metrics(&w, manifest);
    json_m_str(&w, "canaries", manifest_canaries_name(manifest->canaries));
    write_gate(&w, &manifest->gate);
    write_files(&w, manifest);
    json_w_end_object(&w);
    buf_putc(out, '\n');
}

/* ---- reading ---- */

static enum al_err wrong(const char *field)
{
    return err_set(AL_EPARSE, "manifest: %s is missing or wrong", field);
}

static enum al_err read_strings(struct json_node *root, struct manifest *m)
{
    uint64_t n_rounds;
    if (!model_version_id_parse(json_text(json_get(root, "version")), &m->version))
        return wrong("version");
    if (!strategy_id_parse(json_text(json_get(root, "strategy_id")), &m->strategy_id))
        return wrong("strategy_id");
    if (!json_chars(json_get(root, "kind"), m->kind, sizeof m->kind) ||
        model_kind_find(slice_of(m->kind)) == NULL)
        return wrong("kind");
    if (!json_chars(json_get(root, "library_version"), m->library_version,
                    sizeof m->library_version))
        return wrong("library_version");
    if (read_time(json_get(root, "trained_at"), &m->trained_at_ns) != AL_OK)
        return wrong("trained_at");
    if (json_get(root, "training_seconds") == NULL ||
        json_double(json_get(root, "training_seconds"), &m->training_seconds) != AL_OK)
        return wrong("training_seconds");
    if (read_u64(json_get(root, "n_rounds"), &n_rounds) != AL_OK)
        return wrong("n_rounds");
    m->n_rounds = (size_t)n_rounds;
    return json_u64_text(json_get(root, "seed"), &m->seed) == AL_OK ? AL_OK : wrong("seed");
}

static enum al_err read_features(struct json_node *root, struct manifest *m)
{
    struct json_node *list = json_get(root, "features");
    double timeframe_seconds;
    if (!sha256_parse(json_text(json_get(root, "schema_hash")), &m->schema_hash))
        return wrong("schema_hash");
    if (json_get(root, "timeframe_seconds") == NULL ||
        json_double(json_get(root, "timeframe_seconds"), &timeframe_seconds) != AL_OK ||
        !(timeframe_seconds >= 0 && timeframe_seconds <= 1e9))
        return wrong("timeframe_seconds");
    m->timeframe_ns = (int64_t)llround(timeframe_seconds * (double)NS_PER_S);
    if (!json_is_array(list) || json_length(list) == 0 || json_length(list) > FEATURES_MAX)
        return wrong("features");
    m->n_features = json_length(list);
    for (size_t i = 0; i < m->n_features; i++) {
        if (!json_chars(json_at(list, i), m->features[i], sizeof m->features[i]))
            return wrong("features");
    }
    return AL_OK;
}

static bool metric_type_parse(struct slice name, enum metric_type *out)
{
    for (size_t i = 0; i < COUNT_OF(metric_types); i++) {
        if (slice_is(name, metric_types[i])) {
            *out = (enum metric_type)i;
            return true;
        }
    }
    return false;
}

static enum al_err read_metric(struct json_node *node, struct manifest_metric *out)
{
    if (!json_chars(json_get(node, "name"), out->name, sizeof out->name) || out->name[0] == '\0')
        return wrong("metrics[].name");
    if (!metric_type_parse(json_text(json_get(node, "type")), &out->type))
        return wrong("metrics[].type");
    if (json_get(node, "value") == NULL ||
        json_double(json_get(node, "value"), &out->value) != AL_OK)
        return wrong("metrics[].value");
    if (out->type == METRIC_TYPE_CLASSIFICATION && !(out->value >= 0 && out->value <= 1))
        return wrong("metrics[].value");
    return read_u64(json_get(node, "n"), &out->n) == AL_OK ? AL_OK : wrong("metrics[].n");
}

static enum al_err read_metrics(struct json_node *root, struct manifest *m)
{
    struct json_node *list = json_get(root, "metrics");
    if (!json_is_array(list) || json_length(list) > MANIFEST_METRICS_MAX)
        return wrong("metrics");
    m->n_metrics = json_length(list);
    for (size_t i = 0; i < m->n_metrics; i++) {
        enum al_err err = read_metric(json_at(list, i), &m->metrics[i]);
        if (err != AL_OK)
            return err;
    }
    return AL_OK;
}

static enum al_err read_canaries(struct json_node *node, struct manifest *m)
{
    if (node == NULL)
        return AL_OK;
    for (size_t i = 0; i < COUNT_OF(canaries_names); i++) {
        if (slice_is(json_text(node), canaries_names[i])) {
            m->canaries = (enum manifest_canaries)i;
            return AL_OK;
        }
    }
    return wrong("canaries");
}

static enum al_err read_gate_numbers(struct json_node *object, struct manifest_gate *gate)
{
    struct json_cursor cursor = {0};
    if (!json_is_object(object))
        return wrong("gate.numbers");
    while (json_walk(object, &cursor)) {
        struct manifest_number *number = &gate->numbers[gate->n_numbers];
        size_t length = strlen(cursor.key);
        if (gate->n_numbers == MANIFEST_NUMBERS_MAX || length >= sizeof number->name)
            return wrong("gate.numbers");
        memcpy(number->name, cursor.key, length + 1);
        number->value = NAN;
        if (cursor.value != NULL && json_double(cursor.value, &number->value) != AL_OK)
            return wrong("gate.numbers");
        gate->n_numbers++;
    }
    return AL_OK;
}

static enum al_err read_gate(struct json_node *object, struct manifest_gate *gate)
{
    if (!json_is_object(object))
        return wrong("gate");
    if (!json_is_bool(json_get(object, "promote")))
        return wrong("gate.promote");
    gate->promote = json_is_true(json_get(object, "promote"));
    if (!json_chars(json_get(object, "rule"), gate->rule, sizeof gate->rule))
        return wrong("gate.rule");
    if (!json_chars(json_get(object, "reason"), gate->reason, sizeof gate->reason))
        return wrong("gate.reason");
    return read_gate_numbers(json_get(object, "numbers"), gate);
}

/* A name in a manifest is opened in the model's own folder: nothing else may be reached by it. */
static bool file_name_is_plain(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL &&
           strcmp(name, MANIFEST_FILE_NAME) != 0 && strlen(name) < MANIFEST_NAME_MAX;
}

static enum al_err read_files(struct json_node *root, struct manifest *m)
{
    struct json_node *object = json_get(root, "files");
    struct json_cursor cursor = {0};
    if (!json_is_object(object))
        return wrong("files");
    while (json_walk(object, &cursor)) {
        struct manifest_file *file = &m->files[m->n_files];
        if (m->n_files == MANIFEST_FILES_MAX || !file_name_is_plain(cursor.key) ||
            manifest_find_file(m, cursor.key) != NULL)
            return wrong("files");
        memcpy(file->name, cursor.key, strlen(cursor.key) + 1);
        if (read_u64(json_get(cursor.value, "bytes"), &file->n_bytes) != AL_OK ||
            !sha256_parse(json_text(json_get(cursor.value, "sha256")), &file->hash))
            return wrong("files");
        m->n_files++;
    }
    return AL_OK;
}

static enum al_err read_params(struct json_node *root, struct manifest *m)
{
    struct json_node *object = json_get(root, "parameters");
    if (!json_is_object(object))
        return wrong("parameters");
    return model_params_read(model_kind_find(slice_of(m->kind)), object, &m->params);
}

static enum al_err read_root(struct json_node *root, struct manifest *m)
{
    int64_t format = 0;
    if (json_get(root, "format") == NULL || json_i64(json_get(root, "format"), &format) != AL_OK)
        return wrong("format");
    if (format != MANIFEST_FORMAT)
        return err_set(AL_EVERSION, "manifest of format %lld, this program reads %d",
                       (long long)format, MANIFEST_FORMAT);
    enum al_err err = read_strings(root, m);
    if (err == AL_OK)
        err = read_features(root, m);
    if (err == AL_OK)
        err = read_fields(root, "label", label_fields, COUNT_OF(label_fields), &m->label);
    if (err == AL_OK)
        err = read_fields(root, "data", data_fields, COUNT_OF(data_fields), &m->data);
    if (err == AL_OK)
        err = read_params(root, m);
    if (err == AL_OK)
        err = calibration_read(json_get(root, "calibration"), &m->calibration);
    if (err == AL_OK && json_get(root, "intervals") != NULL)
        err = conformal_read(json_get(root, "intervals"), &m->conformal);
    if (err == AL_OK)
        err = read_metrics(root, m);
    if (err == AL_OK)
        err = read_canaries(json_get(root, "canaries"), m);
    if (err == AL_OK)
        err = read_gate(json_get(root, "gate"), &m->gate);
    return err == AL_OK ? read_files(root, m) : err;
}

enum al_err manifest_read(struct slice text, struct manifest *out)
{
    struct json_node *root = NULL;
    struct json_reader *reader = json_reader_create(MANIFEST_BYTES_MAX, 8);
    enum al_err err = json_read(reader, text, &root);
    memset(out, 0, sizeof *out);
    err = err == AL_OK ? read_root(root, out) : err_add(err, "manifest");
    json_put(root);
    json_reader_destroy(reader);
    return err;
}

/* ---- files and metrics ---- */

const struct manifest_file *manifest_find_file(const struct manifest *manifest, const char *name)
{
    for (size_t i = 0; i < manifest->n_files; i++) {
        if (strcmp(manifest->files[i].name, name) == 0)
            return &manifest->files[i];
    }
    return NULL;
}

enum al_err manifest_check_file(const struct manifest *manifest,
                                const char *name,
                                struct slice bytes)
{
    const struct manifest_file *file = manifest_find_file(manifest, name);
    struct sha256 hash;
    if (file == NULL)
        return err_set(AL_EVERIFY, "the manifest does not list %s", name);
    if (file->n_bytes != bytes.len)
        return err_set(AL_EVERIFY, "%s has %zu bytes, the manifest says %llu", name, bytes.len,
                       (unsigned long long)file->n_bytes);
    sha256_of(bytes.ptr, bytes.len, &hash);
    return sha256_eq(&hash, &file->hash)
               ? AL_OK
               : err_set(AL_EVERIFY, "%s is not what the manifest's hash says", name);
}

enum al_err manifest_add_file(struct manifest *manifest, const char *name, struct slice bytes)
{
    if (!file_name_is_plain(name))
        return err_set(AL_EINVAL, "'%s' cannot be listed in a manifest", name);
    if (manifest_find_file(manifest, name) != NULL)
        return err_set(AL_EEXIST, "%s is listed already", name);
    if (manifest->n_files == MANIFEST_FILES_MAX)
        return err_set(AL_EFULL, "a manifest lists at most %d files", MANIFEST_FILES_MAX);
    struct manifest_file *file = &manifest->files[manifest->n_files++];
    memset(file, 0, sizeof *file);
    memcpy(file->name, name, strlen(name));
    file->n_bytes = bytes.len;
    sha256_of(bytes.ptr, bytes.len, &file->hash);
    return AL_OK;
}

enum al_err manifest_add_metric(
    struct manifest *manifest, const char *name, enum metric_type type, double value, uint64_t n)
{
    if (!isfinite(value))
        return AL_OK;
    if (manifest->n_metrics == MANIFEST_METRICS_MAX || strlen(name) >= MANIFEST_NAME_MAX)
        return err_set(AL_EFULL, "a manifest holds at most %d metrics", MANIFEST_METRICS_MAX);
    struct manifest_metric *metric = &manifest->metrics[manifest->n_metrics++];
    memset(metric, 0, sizeof *metric);
    memcpy(metric->name, name, strlen(name));
    metric->type = type;
    metric->value = value;
    metric->n = n;
    return AL_OK;
}

double manifest_metric_value(const struct manifest *manifest, const char *name)
{
    for (size_t i = 0; i < manifest->n_metrics; i++) {
        if (strcmp(manifest->metrics[i].name, name) == 0)
            return manifest->metrics[i].value;
    }
    return NAN;
}
