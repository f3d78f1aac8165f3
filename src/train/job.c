/* Jobs and lines as JSON. The tables of fields are the format: writing and reading walk the same rows. */
#include "alphaloop/train/job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"

enum field_type { FIELD_TEXT, FIELD_F64, FIELD_U32, FIELD_U64, FIELD_I64, FIELD_BOOL };

struct field {
    const char *name;
    enum field_type type;
    size_t offset, size; /* size: of a text */
    double min, max;
};

#define JOB(name, member, type, min, max)                                                          \
    {                                                                                              \
        name, type, offsetof(struct train_job, member), sizeof(((struct train_job *)0)->member),   \
            min, max                                                                               \
    }

/* Times and durations are whole nanoseconds, because they are compared exactly; seeds are text. */
static const struct field fields[] = {
    JOB("trigger", trigger, FIELD_TEXT, 0, 0),
    JOB("cut_ns", cut_ns, FIELD_I64, 0, 9e18),
    JOB("window_ns", window_ns, FIELD_I64, 0, 9e18),
    JOB("try_windows", try_windows, FIELD_BOOL, 0, 0),
    JOB("try_weights", try_weights, FIELD_BOOL, 0, 0),
    JOB("rows_max", n_rows_max, FIELD_U64, 1, 1e8),
    JOB("weight_half_life_seconds", weight_half_life_seconds, FIELD_F64, 0, 1e10),
    JOB("use_market_evidence", use_market_evidence, FIELD_BOOL, 0, 0),
    JOB("timeframe_ns", timeframe_ns, FIELD_I64, 0, 9e18),
    JOB("horizon_seconds", label.horizon_seconds, FIELD_F64, 1e-3, 1e9),
    JOB("barrier_up", label.barrier_up, FIELD_F64, 1e-6, 1e6),
    JOB("barrier_down", label.barrier_down, FIELD_F64, 1e-6, 1e6),
    JOB("settlement_lag_seconds", label.settlement_lag_seconds, FIELD_F64, 0, 1e9),
    JOB("return_attribution", return_attribution, FIELD_BOOL, 0, 0),
    JOB("folds", n_folds, FIELD_U32, 2, 20),
    JOB("fold_rows_max", fold_rows_max, FIELD_U64, 1000, 1e8),
    JOB("holdout_fraction", holdout_fraction, FIELD_F64, 0.05, 0.5),
    JOB("cpcv_rows_max", cpcv_rows_max, FIELD_U64, 0, 1e8),
    JOB("canaries", canaries, FIELD_BOOL, 0, 0),
    JOB("value_z", value_z, FIELD_F64, 0, 10),
    JOB("search_trials", search.trials, FIELD_U32, 1, TRIAL_NUMBER_MAX),
    JOB("search_seconds", search.seconds, FIELD_U32, 1, 1e6),
    JOB("search_method", search.method, FIELD_TEXT, 0, 0),
    JOB("interval_coverage", interval_coverage, FIELD_F64, 0.05, 0.99),
    JOB("abstain_by_outcome", abstain_by_outcome, FIELD_BOOL, 0, 0),
    JOB("abstain_when_novel", abstain_when_novel, FIELD_BOOL, 0, 0),
    JOB("gate_rule", gate.rule, FIELD_TEXT, 0, 0),
    JOB("gate_accuracy_min", gate.accuracy_min, FIELD_F64, 0, 1),
    JOB("gate_alpha", gate.alpha, FIELD_F64, 1e-6, 0.5),
    JOB("gate_attempt", gate.attempt, FIELD_U32, 1, 1e9),
    JOB("gate_n_eff_min", gate.n_eff_min, FIELD_F64, 1, 1e9),
    JOB("gate_bootstrap", gate.n_bootstrap, FIELD_U32, 100, 1e6),
    JOB("gate_dsr_min", gate.dsr_min, FIELD_F64, 0, 1),
    JOB("gate_pbo_max", gate.pbo_max, FIELD_F64, 0, 1),
    JOB("incumbent", incumbent, FIELD_TEXT, 0, 0),
    JOB("output", output, FIELD_TEXT, 0, 0),
    JOB("deadline_seconds", deadline_seconds, FIELD_U64, 0, 1e9),
};

void train_job_default(struct train_job *job)
{
    memset(job, 0, sizeof *job);
    const struct model_kind *kind = model_kind_find(SLICE("xgboost"));
    snprintf(job->kind, sizeof job->kind, "%s", kind->name);
    model_params_default(kind, &job->params);
    snprintf(job->trigger, sizeof job->trigger, "person");
    snprintf(job->gate.rule, sizeof job->gate.rule, "evidence");
    job->n_rows_max = 1000000;
    job->try_windows = true;
    job->return_attribution = true;
    job->use_market_evidence = true;
    job->label = (struct manifest_label){60, 1, 1, 0};
    job->timeframe_ns = 60 * NS_PER_S;
    job->n_folds = 5;
    job->fold_rows_max = 60000;
    job->holdout_fraction = 0.2;
    job->cpcv_rows_max = 50000;
    job->canaries = true;
    job->value_z = 1;
    job->search.trials = 1;
    job->search.seconds = 600;
    snprintf(job->search.method, sizeof job->search.method, "tpe");
    job->interval_coverage = 0.9;
    job->abstain_when_novel = true;
    job->gate.accuracy_min = 0.75;
    job->gate.alpha = 0.05;
    job->gate.attempt = 1;
    job->gate.n_eff_min = 1000;
    job->gate.n_bootstrap = 2000;
    job->gate.dsr_min = 0.95;
    job->gate.pbo_max = 0.2;
}

int64_t train_job_reach_ns(const struct train_job *job)
{
    if (!job->try_windows)
        return job->window_ns;
    return job->window_ns > job->cut_ns / 2 ? 0 : 2 * job->window_ns; /* older than 1970: all */
}

/* ---- writing ---- */

static void write_field(struct json_writer *w, const struct field *field, const char *value)
{
    json_w_key(w, field->name);
    switch (field->type) {
    case FIELD_TEXT:
        json_w_str(w, value);
        break;
    case FIELD_F64:
        json_w_double(w, *(const double *)(const void *)value);
        break;
    case FIELD_U32:
        json_w_i64(w, *(const uint32_t *)(const void *)value);
        break;
    case FIELD_U64:
    case FIELD_I64:
        json_w_i64(w, *(const int64_t *)(const void *)value);
        break;
    case FIELD_BOOL:
        json_w_bool(w, *(const bool *)value);
        break;
    }
}

static void write_hash(struct json_writer *w, const char *key, const struct sha256 *hash)
{
    char text[SHA256_TEXT_MAX];
    sha256_format(hash, text);
    json_m_str(w, key, text);
}

void train_job_write(const struct train_job *job, struct buf *out)
{
    struct json_writer w;
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)job->seed);
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_str(&w, "strategy_id", job->strategy_id.text);
    json_m_str(&w, "version", job->version.text);
    json_m_str(&w, "kind", job->kind);
    json_w_key(&w, "parameters");
    model_params_write(model_kind_find(slice_of(job->kind)), &job->params, &w);
    json_m_str(&w, "seed", seed);
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        write_field(&w, &fields[i], (const char *)job + fields[i].offset);
    write_hash(&w, "schema_hash", &job->schema_hash);
    json_w_key(&w, "features");
    json_w_array(&w);
    for (size_t i = 0; i < job->n_features; i++)
        json_w_str(&w, job->features[i]);
    json_w_end_array(&w);
    json_w_end_object(&w);
    buf_putc(out, '\n');
}

/* ---- reading ---- */

static enum al_err wrong(const char *field)
{
    return err_set(AL_EPARSE, "training job: %s is missing or wrong", field);
}

static enum al_err read_whole(const struct field *field, struct json_node *node, int64_t *out)
{
    if (node == NULL || json_i64(node, out) != AL_OK)
        return wrong(field->name);
    if ((double)*out < field->min || (double)*out > field->max)
        return err_set(AL_ERANGE, "training job: %s is %lld, allowed is %g to %g", field->name,
                       (long long)*out, field->min, field->max);
    return AL_OK;
}

static enum al_err read_f64(const struct field *field, struct json_node *node, double *out)
{
    if (node == NULL || json_double(node, out) != AL_OK)
        return wrong(field->name);
    if (!(*out >= field->min && *out <= field->max))
        return err_set(AL_ERANGE, "training job: %s is %g, allowed is %g to %g", field->name, *out,
                       field->min, field->max);
    return AL_OK;
}

static enum al_err read_field(const struct field *field, struct json_node *node, char *out)
{
    int64_t whole = 0;
    enum al_err err;
    switch (field->type) {
    case FIELD_TEXT:
        return json_chars(node, out, field->size) ? AL_OK : wrong(field->name);
    case FIELD_F64:
        return read_f64(field, node, (double *)(void *)out);
    case FIELD_BOOL:
        *(bool *)out = json_is_true(node);
        return json_is_bool(node) ? AL_OK : wrong(field->name);
    case FIELD_U32:
        err = read_whole(field, node, &whole);
        if (err == AL_OK)
            *(uint32_t *)(void *)out = (uint32_t)whole;
        return err;
    case FIELD_U64:
    case FIELD_I64:
        return read_whole(field, node, (int64_t *)(void *)out);
    }
    return wrong(field->name);
}

static enum al_err read_names(struct json_node *root, struct train_job *job)
{
    struct json_node *list = json_get(root, "features");
    if (!strategy_id_parse(json_text(json_get(root, "strategy_id")), &job->strategy_id))
        return wrong("strategy_id");
    if (!model_version_id_parse(json_text(json_get(root, "version")), &job->version))
        return wrong("version");
    if (!json_chars(json_get(root, "kind"), job->kind, sizeof job->kind) ||
        model_kind_find(slice_of(job->kind)) == NULL)
        return wrong("kind");
    if (!sha256_parse(json_text(json_get(root, "schema_hash")), &job->schema_hash))
        return wrong("schema_hash");
    if (!json_is_array(list) || json_length(list) == 0 || json_length(list) > FEATURES_MAX)
        return wrong("features");
    job->n_features = json_length(list);
    for (size_t i = 0; i < job->n_features; i++) {
        if (!json_chars(json_at(list, i), job->features[i], sizeof job->features[i]))
            return wrong("features");
    }
    return json_u64_text(json_get(root, "seed"), &job->seed) == AL_OK ? AL_OK : wrong("seed");
}

static enum al_err read_root(struct json_node *root, struct train_job *job)
{
    enum al_err err = read_names(root, job);
    if (err == AL_OK)
        err = model_params_read(model_kind_find(slice_of(job->kind)), json_get(root, "parameters"),
                                &job->params);
    for (size_t i = 0; i < COUNT_OF(fields) && err == AL_OK; i++)
        err =
            read_field(&fields[i], json_get(root, fields[i].name), (char *)job + fields[i].offset);
    if (err != AL_OK)
        return err;
    if (strcmp(job->gate.rule, "evidence") != 0 && strcmp(job->gate.rule, "accuracy") != 0)
        return wrong("gate_rule");
    if (strcmp(job->search.method, "tpe") != 0 && strcmp(job->search.method, "random") != 0)
        return wrong("search_method");
    return job->output[0] != '\0' ? AL_OK : wrong("output");
}

static enum al_err read_document(struct slice text, size_t max_bytes, struct json_node **root)
{
    struct json_reader *reader = json_reader_create(max_bytes, 8);
    enum al_err err = json_read(reader, text, root);
    json_reader_destroy(reader);
    return err;
}

enum al_err train_job_read(struct slice text, struct train_job *out)
{
    struct json_node *root = NULL;
    memset(out, 0, sizeof *out);
    enum al_err err = read_document(text, TRAIN_JOB_BYTES_MAX, &root);
    if (err != AL_OK)
        return err_add(err, "training job");
    err = read_root(root, out);
    json_put(root);
    return err;
}

/* ---- lines ---- */

static const char *const stage_names[TRAIN_STAGE_COUNT] = {"load",  "search",   "fold",
                                                           "final", "evaluate", "write"};
static const char *const verdict_names[TRAIN_VERDICT_COUNT] = {"promote", "refuse", "too_few",
                                                               "failed", "cancelled"};

const char *train_stage_name(enum train_stage stage)
{
    return stage_names[stage];
}

const char *train_verdict_name(enum train_verdict verdict)
{
    return verdict_names[verdict];
}

static bool find_name(struct json_node *node, const char *const *names, size_t n_names, int *out)
{
    for (size_t i = 0; i < n_names; i++) {
        if (slice_is(json_text(node), names[i])) {
            *out = (int)i;
            return true;
        }
    }
    return false;
}

void train_line_write(const struct train_line *line, struct buf *out)
{
    struct json_writer w;
    json_w_init(&w, out);
    if (line->kind == TRAIN_LINE_TRIAL) {
        trial_write(&line->trial, &w);
        buf_putc(out, '\n');
        return;
    }
    json_w_object(&w);
    if (line->kind == TRAIN_LINE_PROGRESS) {
        json_m_str(&w, "stage", stage_names[line->stage]);
        json_m_double(&w, "fraction", isfinite(line->fraction) ? line->fraction : 0);
    } else {
        json_m_str(&w, "verdict", verdict_names[line->verdict]);
        json_m_str(&w, "reason", line->reason);
        json_m_double(&w, "n_eff", isfinite(line->n_eff) ? line->n_eff : 0);
        json_m_double(&w, "seconds", isfinite(line->seconds) ? line->seconds : 0);
        write_hash(&w, "manifest_sha256", &line->manifest_hash);
    }
    json_m_i64(&w, "rows", (int64_t)line->n_rows);
    json_w_end_object(&w);
    buf_putc(out, '\n');
}

static enum al_err line_wrong(const char *field)
{
    return err_set(AL_EPARSE, "training line: %s is missing or wrong", field);
}

static bool read_number(
    struct json_node *root, const char *name, double min, double max, double *out)
{
    struct json_node *node = json_get(root, name);
    return node != NULL && json_double(node, out) == AL_OK && *out >= min && *out <= max;
}

static enum al_err read_end(struct json_node *root, struct train_line *line)
{
    int verdict;
    line->kind = TRAIN_LINE_END;
    if (!find_name(json_get(root, "verdict"), verdict_names, TRAIN_VERDICT_COUNT, &verdict))
        return line_wrong("verdict");
    line->verdict = (enum train_verdict)verdict;
    if (!json_chars(json_get(root, "reason"), line->reason, sizeof line->reason))
        return line_wrong("reason");
    if (!read_number(root, "n_eff", 0, 1e12, &line->n_eff))
        return line_wrong("n_eff");
    if (!read_number(root, "seconds", 0, 1e9, &line->seconds))
        return line_wrong("seconds");
    if (!sha256_parse(json_text(json_get(root, "manifest_sha256")), &line->manifest_hash))
        return line_wrong("manifest_sha256");
    return AL_OK;
}

static enum al_err read_progress(struct json_node *root, struct train_line *line)
{
    int stage;
    line->kind = TRAIN_LINE_PROGRESS;
    if (!find_name(json_get(root, "stage"), stage_names, TRAIN_STAGE_COUNT, &stage))
        return line_wrong("stage");
    line->stage = (enum train_stage)stage;
    return read_number(root, "fraction", 0, 1, &line->fraction) ? AL_OK : line_wrong("fraction");
}

enum al_err train_line_read(struct slice text, struct train_line *out)
{
    struct json_node *root = NULL;
    double n_rows;
    memset(out, 0, sizeof *out);
    enum al_err err = read_document(text, TRIAL_BYTES_MAX, &root);
    if (err != AL_OK)
        return err_add(err, "training line");
    if (json_get(root, "trial") != NULL) {
        out->kind = TRAIN_LINE_TRIAL;
        err = trial_read(root, &out->trial);
        json_put(root);
        return err;
    }
    err = json_get(root, "verdict") != NULL ? read_end(root, out) : read_progress(root, out);
    if (err == AL_OK && !read_number(root, "rows", 0, 1e12, &n_rows))
        err = line_wrong("rows");
    if (err == AL_OK)
        out->n_rows = (uint64_t)n_rows;
    json_put(root);
    return err;
}
