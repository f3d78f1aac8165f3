#include "alphaloop/forecast/manifest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"

bool forecast_name_parse(struct slice text, struct forecast_name *out)
{
    if (text.len == 0 || text.len >= sizeof out->text)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_' && c != '-')
            return false;
    }
    memset(out, 0, sizeof *out);
    memcpy(out->text, text.ptr, text.len);
    return true;
}

size_t forecast_manifest_find(const struct forecast_manifest *manifest, uint32_t hours)
{
    for (size_t i = 0; i < manifest->n_horizons; i++) {
        if (manifest->horizons[i].hours == hours)
            return i;
    }
    return SIZE_MAX;
}

void forecast_file_describe(const char *name, struct slice bytes, struct manifest_file *out)
{
    (void)chars_set(out->name, sizeof out->name, name);
    out->n_bytes = bytes.len;
    sha256_of(bytes.ptr, bytes.len, &out->hash);
}

enum al_err forecast_file_check(const struct manifest_file *file, struct slice bytes)
{
    struct sha256 hash;
    sha256_of(bytes.ptr, bytes.len, &hash);
    return bytes.len == file->n_bytes && sha256_eq(&hash, &file->hash)
               ? AL_OK
               : err_set(AL_EVERIFY, "%s is not what the manifest says", file->name);
}

/* ---- writing ---- */

static void write_hash(struct json_writer *w, const char *key, const struct sha256 *hash)
{
    char text[SHA256_TEXT_MAX];
    sha256_format(hash, text);
    json_m_str(w, key, text);
}

static void write_file(struct json_writer *w, const char *key, const struct manifest_file *file)
{
    json_w_key(w, key);
    json_w_object(w);
    json_m_str(w, "name", file->name);
    json_m_count(w, "n_bytes", file->n_bytes);
    write_hash(w, "sha256", &file->hash);
    json_w_end_object(w);
}

static void write_gate(struct json_writer *w, const struct forecast_gate *gate)
{
    json_w_key(w, "gate");
    json_w_object(w);
    json_m_bool(w, "promote", gate->promote);
    json_m_str(w, "rule", gate->rule);
    json_m_str(w, "reason", gate->reason);
    json_m_count(w, "incumbent", gate->incumbent);
    json_m_number(w, "n_pairs", gate->n_pairs);
    json_m_number(w, "gain", gate->gain);
    json_m_number(w, "lower", gate->lower);
    json_w_end_object(w);
}

static void write_horizons(struct json_writer *w, const struct forecast_manifest *m)
{
    json_w_key(w, "horizons");
    json_w_array(w);
    for (size_t i = 0; i < m->n_horizons; i++) {
        const struct forecast_horizon *h = &m->horizons[i];
        json_w_object(w);
        json_m_i64(w, "hours", h->hours);
        json_m_count(w, "n_taught", h->n_taught);
        write_file(w, "file", &h->file);
        json_w_key(w, "conformal");
        conformal_write(&h->conformal, w);
        json_w_key(w, "measures");
        forecast_measures_write(&h->measures, w);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void write_data(struct json_writer *w, const struct forecast_manifest *m)
{
    json_w_key(w, "data");
    json_w_object(w);
    json_m_time(w, "from", m->from_ns);
    json_m_time(w, "to", m->to_ns);
    json_m_count(w, "n_bars", m->n_bars);
    json_m_count(w, "n_gaps", m->n_gaps);
    write_hash(w, "hash", &m->data_hash);
    json_w_end_object(w);
}

void forecast_manifest_write(const struct forecast_manifest *m, struct buf *out)
{
    struct json_writer w;
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)m->seed);
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_i64(&w, "format", FORECAST_MANIFEST_FORMAT);
    json_m_str(&w, "name", m->name.text);
    json_m_count(&w, "version", m->version);
    json_m_str(&w, "asset", m->asset.text);
    json_m_i64(&w, "interval_seconds", m->interval_ns / NS_PER_S);
    json_m_str(&w, "kind", m->kind);
    json_w_key(&w, "parameters");
    forecast_params_write(forecast_kind_find(slice_of(m->kind)), &m->params, &w);
    json_w_key(&w, "features");
    json_w_array(&w);
    for (size_t i = 0; i < m->n_features; i++)
        json_w_str(&w, m->features[i]);
    json_w_end_array(&w);
    write_hash(&w, "schema_hash", &m->schema_hash);
    json_m_double(&w, "coverage", m->coverage);
    json_m_str(&w, "seed", seed);
    json_m_str(&w, "library_version", m->library_version);
    json_m_time(&w, "trained_at", m->trained_at_ns);
    json_m_number(&w, "training_seconds", m->training_seconds);
    write_data(&w, m);
    write_gate(&w, &m->gate);
    write_file(&w, "oof", &m->oof);
    write_horizons(&w, m);
    json_w_end_object(&w);
    buf_putc(out, '\n');
}

/* ---- reading ---- */

static enum al_err wrong(const char *field)
{
    return err_set(AL_EPARSE, "forecast manifest: %s is missing or wrong", field);
}

static enum al_err read_count(struct json_node *node,
                              const char *field,
                              uint64_t max,
                              uint64_t *out)
{
    int64_t value;
    if (node == NULL || json_i64(node, &value) != AL_OK || value < 0 || (uint64_t)value > max)
        return wrong(field);
    *out = (uint64_t)value;
    return AL_OK;
}

static enum al_err read_time(struct json_node *node, const char *field, int64_t *out)
{
    return json_is_string(node) && timestamp_parse(json_text(node), out) == AL_OK ? AL_OK
                                                                                  : wrong(field);
}

static enum al_err read_hash(struct json_node *node, const char *field, struct sha256 *out)
{
    return sha256_parse(json_text(node), out) ? AL_OK : wrong(field);
}

/* NaN where it is null or not there. */
static enum al_err read_number(struct json_node *node, const char *field, double *out)
{
    *out = NAN;
    return node == NULL || json_double(node, out) == AL_OK ? AL_OK : wrong(field);
}

static enum al_err read_file(struct json_node *node, struct manifest_file *out)
{
    if (!json_chars(json_get(node, "name"), out->name, sizeof out->name) || out->name[0] == '\0' ||
        out->name[0] == '.' || strchr(out->name, '/') != NULL)
        return wrong("file.name");
    enum al_err err =
        read_count(json_get(node, "n_bytes"), "file.n_bytes", MODEL_BYTES_MAX, &out->n_bytes);
    return err == AL_OK ? read_hash(json_get(node, "sha256"), "file.sha256", &out->hash) : err;
}

static enum al_err read_gate(struct json_node *node, struct forecast_gate *out)
{
    if (!json_is_bool(json_get(node, "promote")) ||
        !json_chars(json_get(node, "rule"), out->rule, sizeof out->rule) ||
        !json_chars(json_get(node, "reason"), out->reason, sizeof out->reason))
        return wrong("gate");
    out->promote = json_is_true(json_get(node, "promote"));
    enum al_err err =
        read_count(json_get(node, "incumbent"), "gate.incumbent", INT64_MAX, &out->incumbent);
    if (err == AL_OK)
        err = read_number(json_get(node, "n_pairs"), "gate.n_pairs", &out->n_pairs);
    if (err == AL_OK)
        err = read_number(json_get(node, "gain"), "gate.gain", &out->gain);
    return err == AL_OK ? read_number(json_get(node, "lower"), "gate.lower", &out->lower) : err;
}

static enum al_err read_horizon(struct json_node *node, struct forecast_horizon *out)
{
    uint64_t hours = 0;
    enum al_err err = read_count(json_get(node, "hours"), "hours", FORECAST_HOURS_MAX, &hours);
    if (err == AL_OK && hours == 0)
        err = wrong("hours");
    out->hours = (uint32_t)hours;
    if (err == AL_OK)
        err = read_count(json_get(node, "n_taught"), "n_taught", INT64_MAX, &out->n_taught);
    if (err == AL_OK)
        err = read_file(json_get(node, "file"), &out->file);
    if (err == AL_OK)
        err = conformal_read(json_get(node, "conformal"), &out->conformal);
    if (err == AL_OK && !json_is_object(json_get(node, "measures")))
        err = wrong("measures");
    return err == AL_OK ? forecast_measures_read(json_get(node, "measures"), &out->measures) : err;
}

static enum al_err read_horizons(struct json_node *node, struct forecast_manifest *out)
{
    struct json_cursor cursor = {0};
    size_t n = json_length(node);
    if (n == 0 || n > FORECAST_HORIZONS_MAX)
        return wrong("horizons");
    while (json_walk(node, &cursor)) {
        struct forecast_horizon *horizon = &out->horizons[out->n_horizons++];
        enum al_err err = read_horizon(cursor.value, horizon);
        if (err != AL_OK)
            return err;
        if (out->n_horizons > 1 && horizon->hours <= horizon[-1].hours)
            return wrong("horizons");
    }
    return AL_OK;
}

static enum al_err read_features(struct json_node *node, struct forecast_manifest *out)
{
    struct json_cursor cursor = {0};
    size_t n = json_length(node);
    if (n == 0 || n > FEATURES_MAX)
        return wrong("features");
    while (json_walk(node, &cursor)) {
        if (!json_chars(cursor.value, out->features[out->n_features++], MANIFEST_NAME_MAX))
            return wrong("features");
    }
    return AL_OK;
}

static enum al_err read_kind(struct json_node *root, struct forecast_manifest *out)
{
    if (!json_chars(json_get(root, "kind"), out->kind, sizeof out->kind))
        return wrong("kind");
    const struct forecast_kind *kind = forecast_kind_find(slice_of(out->kind));
    if (kind == NULL)
        return err_set(AL_EVERSION, "forecast manifest: this program has no kind '%s'", out->kind);
    return forecast_params_read(kind, json_get(root, "parameters"), &out->params);
}

static enum al_err read_data(struct json_node *node, struct forecast_manifest *out)
{
    enum al_err err = read_time(json_get(node, "from"), "data.from", &out->from_ns);
    if (err == AL_OK)
        err = read_time(json_get(node, "to"), "data.to", &out->to_ns);
    if (err == AL_OK)
        err = read_count(json_get(node, "n_bars"), "data.n_bars", INT64_MAX, &out->n_bars);
    if (err == AL_OK)
        err = read_count(json_get(node, "n_gaps"), "data.n_gaps", INT64_MAX, &out->n_gaps);
    return err == AL_OK ? read_hash(json_get(node, "hash"), "data.hash", &out->data_hash) : err;
}

static enum al_err read_head(struct json_node *root, struct forecast_manifest *out)
{
    uint64_t interval_s = 0;
    if (!forecast_name_parse(json_text(json_get(root, "name")), &out->name))
        return wrong("name");
    if (!asset_parse(json_text(json_get(root, "asset")), &out->asset))
        return wrong("asset");
    enum al_err err = read_count(json_get(root, "version"), "version", INT64_MAX, &out->version);
    if (err == AL_OK)
        err =
            read_count(json_get(root, "interval_seconds"), "interval_seconds", 604800, &interval_s);
    out->interval_ns = (int64_t)interval_s * NS_PER_S;
    return err == AL_OK && interval_s == 0 ? wrong("interval_seconds") : err;
}

static enum al_err read_making(struct json_node *root, struct forecast_manifest *out)
{
    if (json_get(root, "coverage") == NULL ||
        json_double(json_get(root, "coverage"), &out->coverage) != AL_OK ||
        !(out->coverage > 0 && out->coverage < 1))
        return wrong("coverage");
    if (json_get(root, "seed") == NULL ||
        json_u64_text(json_get(root, "seed"), &out->seed) != AL_OK)
        return wrong("seed");
    if (!json_chars(json_get(root, "library_version"), out->library_version,
                    sizeof out->library_version))
        return wrong("library_version");
    enum al_err err = read_time(json_get(root, "trained_at"), "trained_at", &out->trained_at_ns);
    if (err == AL_OK)
        err = read_number(json_get(root, "training_seconds"), "training_seconds",
                          &out->training_seconds);
    return err == AL_OK ? read_hash(json_get(root, "schema_hash"), "schema_hash", &out->schema_hash)
                        : err;
}

static enum al_err read_root(struct json_node *root, struct forecast_manifest *out)
{
    int64_t format;
    if (!json_is_object(root) || json_get(root, "format") == NULL ||
        json_i64(json_get(root, "format"), &format) != AL_OK)
        return wrong("format");
    if (format != FORECAST_MANIFEST_FORMAT)
        return err_set(AL_EVERSION, "forecast manifest of format %lld, this program reads %d",
                       (long long)format, FORECAST_MANIFEST_FORMAT);
    enum al_err err = read_head(root, out);
    if (err == AL_OK)
        err = read_kind(root, out);
    if (err == AL_OK)
        err = read_features(json_get(root, "features"), out);
    if (err == AL_OK)
        err = read_making(root, out);
    if (err == AL_OK)
        err = read_data(json_get(root, "data"), out);
    if (err == AL_OK)
        err = read_gate(json_get(root, "gate"), &out->gate);
    if (err == AL_OK)
        err = read_file(json_get(root, "oof"), &out->oof);
    return err == AL_OK ? read_horizons(json_get(root, "horizons"), out) : err;
}

enum al_err forecast_manifest_read(struct slice text, struct forecast_manifest *out)
{
    struct json_node *root = NULL;
    struct json_reader *reader = json_reader_create(FORECAST_MANIFEST_BYTES_MAX, JSON_DEPTH_MAX);
    memset(out, 0, sizeof *out);
    if (reader == NULL)
        return err_set(AL_ENOMEM, "a forecast manifest");
    enum al_err err = json_read(reader, text, &root);
    if (err == AL_OK)
        err = read_root(root, out);
    json_put(root);
    json_reader_destroy(reader);
    return err;
}
