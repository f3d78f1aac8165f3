/* What a run leaves behind: the model in the library's format and flattened, probe rows with the library's own answers, a
 * report for people, and the manifest that holds it together. */
#include "fit_i.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/model/trees.h"

#define PROBE_ROWS       256
#define REPORT_BYTES_MAX (8U << 20) /* trials above all */

void train_result_deinit(struct train_result *result)
{
    free(result->manifest);
    buf_deinit(&result->manifest_json);
    buf_deinit(&result->model);
    buf_deinit(&result->trees);
    buf_deinit(&result->probe);
    buf_deinit(&result->report);
    buf_deinit(&result->fill_times);
    buf_deinit(&result->novelty);
    *result = (struct train_result){0};
}

/* ---- probe ---- */

/* Rows from all over the table, some with holes: the first has no value at all, and in every third one each value is missing
 * with a chance of a quarter. */
static void fill_probe(const struct training *t, float *x, size_t n)
{
    size_t n_cols = t->table.rows->n_cols;
    struct rng rng;
    rng_seed(&rng, t->job->seed);
    for (size_t i = 0; i < n; i++) {
        size_t at = i * t->table.n / n;
        feature_orient(t->table.set, train_table_features(&t->table, at),
                       (enum side)train_table_row(&t->table, at)->action, x + i * n_cols);
        for (size_t k = 0; k < n_cols; k++) {
            if (i == 0 || (i % 3 == 0 && rng_below(&rng, 4) == 0))
                x[i * n_cols + k] = NAN;
        }
    }
}

static enum al_err write_probe(const struct training *t, struct buf *out)
{
    size_t n_cols = t->table.rows->n_cols;
    float *x = malloc(PROBE_ROWS * n_cols * sizeof *x);
    float margins[PROBE_ROWS];
    enum al_err err = x == NULL ? err_set(AL_ENOMEM, "probe") : AL_OK;
    if (err == AL_OK) {
        fill_probe(t, x, PROBE_ROWS);
        err = t->kind->predict(t->final.model, x, PROBE_ROWS, n_cols, margins);
    }
    if (err == AL_OK)
        probe_write(x, PROBE_ROWS, n_cols, margins, out);
    free(x);
    return err == AL_OK && !buf_ok(out) ? err_set(AL_ENOMEM, "probe") : err;
}

/* ---- report ---- */

static void write_fold(struct json_writer *w, const struct fold_report *fold)
{
    json_w_object(w);
    json_m_count(w, "taught_on", fold->n_teach);
    json_m_count(w, "stopped_on", fold->n_validation);
    json_m_count(w, "judged_on", fold->n_test);
    json_m_count(w, "rounds", fold->n_rounds);
    json_m_number(w, "log_loss", fold->test_loss);
    json_m_number(w, "roc_auc", fold->test_auc);
    json_w_end_object(w);
}

static void write_measures(struct json_writer *w, const struct evaluation *evaluation)
{
    json_w_object(w);
    for (size_t i = 0; i < evaluation_count(); i++) {
        double value = evaluation_value(evaluation, i);
        if (isfinite(value))
            json_m_number(w, evaluation_at(i)->name, value);
    }
    json_w_end_object(w);
}

static void write_evaluation(struct json_writer *w,
                             const char *key,
                             const struct evaluation *evaluation)
{
    json_w_key(w, key);
    write_measures(w, evaluation);
}

static int double_cmp(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Lowest, middle and highest of the paths; not at all where a path has none. */
static void write_spread(struct json_writer *w, const struct path_outcome *paths, size_t measure)
{
    double values[CPCV_PATHS];
    for (size_t i = 0; i < CPCV_PATHS; i++) {
        values[i] = evaluation_value(&paths->paths[i], measure);
        if (!isfinite(values[i]))
            return;
    }
    qsort(values, CPCV_PATHS, sizeof *values, double_cmp);
    json_w_key(w, evaluation_at(measure)->name);
    json_w_array(w);
    json_w_double(w, values[0]);
    json_w_double(w, values[CPCV_PATHS / 2]);
    json_w_double(w, values[CPCV_PATHS - 1]);
    json_w_end_array(w);
}

static void write_paths(struct json_writer *w, const struct path_outcome *paths)
{
    json_w_key(w, "cpcv");
    json_w_object(w);
    if (paths->why_not[0] != '\0') {
        json_m_str(w, "left_out", paths->why_not);
    } else if (paths->n_decisions > 0) {
        json_m_count(w, "decisions", paths->n_decisions);
        json_m_count(w, "judged_on", paths->n_rows);
        json_m_count(w, "taught_on_at_least", paths->teach_min);
        json_w_key(w, "spread");
        json_w_object(w);
        for (size_t i = 0; i < evaluation_count(); i++)
            write_spread(w, paths, i);
        json_w_end_object(w);
        json_w_key(w, "paths");
        json_w_array(w);
        for (size_t i = 0; i < CPCV_PATHS; i++)
            write_measures(w, &paths->paths[i]);
        json_w_end_array(w);
    }
    json_w_end_object(w);
}

static void write_calibration(struct json_writer *w, const struct calibration_choice *choice)
{
    json_w_key(w, "calibration");
    json_w_object(w);
    json_m_str(w, "method", calibration_method_name(choice->method));
    json_m_number(w, "n_eff", choice->n_eff);
    json_m_count(w, "judged_on", choice->n_judged);
    json_w_key(w, "log_loss");
    json_w_object(w);
    for (size_t i = 0; i < CALIBRATION_METHOD_COUNT; i++)
        json_m_number(w, calibration_method_name((enum calibration_method)i), choice->log_loss[i]);
    json_w_end_object(w);
    json_w_end_object(w);
}

static void write_canaries(struct json_writer *w, const struct training *t)
{
    const struct canaries *c = &t->canaries;
    json_w_key(w, "canaries");
    json_w_object(w);
    json_m_str(w, "verdict", manifest_canaries_name(c->state));
    json_m_str(w, "reason", c->text);
    json_m_number(w, "n_independent", c->n_independent);
    json_m_number(w, "auc_small_model", c->auc_small);
    json_m_number(w, "auc_shifted_labels", c->auc_shifted);
    json_m_number(w, "auc_shuffled_labels", c->auc_shuffled);
    json_m_number(w, "auc_shuffled_labels_max", c->auc_shuffled_max);
    json_m_number(w, "auc_planted_column", c->auc_planted);
    json_w_key(w, "strongest_columns");
    json_w_array(w);
    for (size_t i = 0; i < c->n_strongest; i++) {
        json_w_object(w);
        json_m_str(w, "name", t->table.set->columns[c->strongest[i].column].name);
        json_m_number(w, "auc", c->strongest[i].auc);
        json_m_number(w, "auc_shifted_labels", c->strongest[i].auc_shifted);
        json_w_end_object(w);
    }
    json_w_end_array(w);
    json_w_end_object(w);
}

static void write_fills(struct json_writer *w, const struct training *t)
{
    struct filled_mean filled = training_filled_mean(&t->table);
    if (t->fills.n > 0)
        fill_report_write(&t->fills, filled.net, filled.span_s, w);
}

static void write_search(struct json_writer *w, const struct training *t)
{
    const struct search_summary *s = &t->search_summary;
    json_w_key(w, "search");
    json_w_object(w);
    json_m_str(w, "method", t->search.n > 0 ? t->job->search.method : "none");
    json_m_count(w, "trials", s->n_trials);
    json_m_count(w, "completed", s->n_completed);
    json_m_count(w, "pruned", s->n_pruned);
    json_m_count(w, "resumed", t->search.n_resumed);
    json_m_count(w, "chosen", t->chosen.number);
    json_m_number(w, "sharpe_variance", s->sharpe_variance);
    json_m_number(w, "deflated_sharpe", s->deflated_sharpe);
    json_m_number(w, "pbo", s->pbo);
    json_w_key(w, "log");
    json_w_array(w);
    for (size_t i = 0; i < t->search.n; i++) {
        if (i != t->chosen.number)
            trial_write(&t->search.trials[i], w);
    }
    trial_write(&t->chosen, w); /* as it came out when it was fitted for the model */
    for (size_t i = 0; i < t->candidates.n; i++)
        trial_write(&t->candidates.items[i].trial, w);
    json_w_end_array(w);
    json_w_end_object(w);
}

static void write_teachers(struct json_writer *w, const struct training *t)
{
    json_w_key(w, "teachers");
    json_w_object(w);
    json_m_number(w, "window_scale", t->teachers.window_scale);
    json_m_bool(w, "return_attribution", t->teachers.return_attribution);
    json_m_count(w, "older_rows", t->candidates.n_older);
    json_w_key(w, "candidates");
    json_w_array(w);
    for (size_t i = 0; i < t->candidates.n; i++) {
        const struct candidate *candidate = &t->candidates.items[i];
        json_w_object(w);
        json_m_i64(w, "trial", candidate->trial.number);
        json_m_number(w, "window_scale", candidate->trial.teachers.window_scale);
        json_m_bool(w, "return_attribution", candidate->trial.teachers.return_attribution);
        json_m_number(w, "log_loss", candidate->trial.loss);
        json_m_number(w, "gain", candidate->gain.mean);
        json_m_number(w, "gain_standard_error", candidate->gain.se);
        json_w_end_object(w);
    }
    json_w_end_array(w);
    json_w_end_object(w);
}

static enum al_err write_report(const struct training *t, struct buf *out)
{
    const struct weight_summary *weight = &t->table.weight;
    struct json_writer w;
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_str(&w, "strategy_id", t->job->strategy_id.text);
    json_m_str(&w, "version", t->job->version.text);
    json_m_str(&w, "trigger", t->job->trigger);
    json_w_key(&w, "rows");
    json_w_object(&w);
    json_m_count(&w, "all", t->table.n);
    json_m_count(&w, "market_evidence", t->table.n_market);
    json_m_count(&w, "meta", t->table.n_meta);
    json_m_count(&w, "decisions", t->table.n_decisions);
    json_m_count(&w, "taught_on", t->n_teach);
    json_m_count(&w, "untouched_block", t->holdout.test_end - t->holdout.test_begin);
    json_m_number(&w, "n_eff", weight->n_eff);
    json_m_number(&w, "n_eff_teach", weight->n_eff_teach);
    json_m_number(&w, "n_independent", weight->n_independent);
    json_m_number(&w, "concurrency_max", weight->concurrency_max);
    json_w_end_object(&w);
    json_w_key(&w, "folds");
    json_w_array(&w);
    for (size_t i = 0; i < t->oof.n_folds; i++)
        write_fold(&w, &t->oof.folds[i]);
    json_w_end_array(&w);
    write_calibration(&w, &t->oof.choice);
    write_teachers(&w, t);
    write_search(&w, t);
    write_canaries(&w, t);
    write_paths(&w, &t->paths);
    json_m_count(&w, "trials", t->trials.n);
    write_fills(&w, t);
    write_evaluation(&w, "out_of_fold", &t->oof.evaluation);
    write_evaluation(&w, "untouched_block", &t->evaluation);
    enum al_err err = train_importance_write(t, &w);
    json_m_str(&w, "gate", t->verdict.text);
    json_w_end_object(&w);
    buf_putc(out, '\n');
    return err;
}

/* ---- manifest ---- */

static void copy_bounded(char *out, size_t out_max, const char *text)
{
    snprintf(out, out_max, "%.*s", (int)(out_max - 1), text);
}

static void fill_data(const struct training *t, struct manifest_data *data)
{
    const struct train_table *table = &t->table;
    *data = (struct manifest_data){
        .from_ns = table->spans[0].t0_ns,
        .to_ns = table->spans[table->n - 1].t0_ns,
        .cut_ns = t->job->cut_ns,
        .holdout_from_ns = table->spans[t->holdout.test_begin].t0_ns,
        .n_rows = table->n,
        .n_decisions = table->n_decisions,
        .n_market_rows = table->n_market,
        .n_holdout_rows = t->holdout.test_end - t->holdout.test_begin,
        .n_eff = table->weight.n_eff,
    };
    train_table_hash(table, &data->hash);
}

static void fill_gate(const struct training *t, struct manifest_gate *gate)
{
    const struct gate_verdict *v = &t->verdict;
    const struct manifest_number numbers[] = {
        {"level", v->level},
        {"attempt", v->attempt},
        {"decisions", (double)v->n},
        {"trades", (double)v->n_trades},
        {"own_evidence", (double)v->n_own},
        {"market_evidence", (double)v->n_market},
        {"block_length", v->block},
        {"bootstrap", v->n_bootstrap},
        {"mean_gain", v->mean_d},
        {"mean_gain_low", v->low_d},
        {"mean_utility", v->mean_u},
        {"mean_utility_low", v->low_u},
        {"mean_utility_incumbent", v->mean_incumbent},
        {"brier_skill", v->brier_skill},
        {"accuracy", v->accuracy},
        {"n_eff", v->n_eff},
        {"walker_agrees", v->walker_agrees},
        {"ece", v->honesty.ece},
        {"ece_surely", v->honesty.ece_low},
        {"interval_coverage", v->honesty.coverage},
        {"interval_nominal", v->honesty.nominal},
        {"interval_off_surely", v->honesty.coverage_off_low},
        {"real_capital", v->is_real_capital},
        {"dsr", v->dsr},
        {"dsr_min", t->job->gate.dsr_min},
        {"pbo", v->pbo},
        {"pbo_max", t->job->gate.pbo_max},
    };
    gate->promote = v->promoted;
    copy_bounded(gate->rule, sizeof gate->rule, t->job->gate.rule);
    copy_bounded(gate->reason, sizeof gate->reason, v->text);
    gate->n_numbers = COUNT_OF(numbers);
    memcpy(gate->numbers, numbers, sizeof numbers);
}

static enum al_err fill_metrics(const struct training *t, struct manifest *m)
{
    static const enum metric_type types[] = {
        [EVALUATION_classification] = METRIC_TYPE_CLASSIFICATION,
        [EVALUATION_regression] = METRIC_TYPE_REGRESSION,
        [EVALUATION_trading_performance] = METRIC_TYPE_TRADING,
    };
    enum al_err err = AL_OK;
    for (size_t i = 0; i < evaluation_count() && err == AL_OK; i++) {
        const struct evaluation_row *row = evaluation_at(i);
        bool by_decision = row->type == EVALUATION_trading_performance;
        err =
            manifest_add_metric(m, row->name, types[row->type], evaluation_value(&t->evaluation, i),
                                by_decision ? t->n_decisions : m->data.n_holdout_rows);
    }
    return err;
}

static enum al_err fill_manifest(const struct training *t, struct manifest *m)
{
    const struct train_job *job = t->job;
    m->version = job->version;
    m->strategy_id = job->strategy_id;
    copy_bounded(m->kind, sizeof m->kind, job->kind);
    copy_bounded(m->library_version, sizeof m->library_version, xgb_version());
    m->schema_hash = job->schema_hash;
    m->timeframe_ns = job->timeframe_ns;
    m->n_features = job->n_features;
    memcpy(m->features, job->features, sizeof m->features);
    m->label = job->label;
    m->seed = job->seed;
    m->params = t->chosen.params;
    m->n_rounds = t->kind->n_rounds(t->final.model);
    m->calibration = t->oof.calibration;
    m->conformal = t->oof.conformal;
    fill_data(t, &m->data);
    m->canaries = t->canaries.state;
    fill_gate(t, &m->gate);
    return fill_metrics(t, m);
}

/* ---- all of it ---- */

enum al_err train_result_fill(const struct training *t, struct train_result *out)
{
    out->manifest = calloc(1, sizeof *out->manifest);
    out->model = BUF_INIT(MODEL_BYTES_MAX);
    out->trees = BUF_INIT(TREES_BYTES_MAX);
    out->probe = BUF_INIT(16 + 4 * PROBE_ROWS * (FEATURES_MAX + 1));
    out->report = BUF_INIT(REPORT_BYTES_MAX);
    out->novelty = BUF_INIT(NOVELTY_BYTES_MAX);
    if (out->manifest == NULL)
        return err_set(AL_ENOMEM, "a manifest");
    if (t->novelty != NULL)
        novelty_write(t->novelty, &out->novelty);
    enum al_err err = write_report(t, &out->report);
    if (err == AL_OK)
        err = t->kind->save(t->final.model, &out->model);
    if (err == AL_OK)
        err = t->kind->flatten(t->final.model, &out->trees);
    if (err == AL_OK)
        err = write_probe(t, &out->probe);
    if (err == AL_OK)
        err = fill_manifest(t, out->manifest);
    const struct {
        const char *name;
        const struct buf *bytes;
    } files[] = {{MODEL_FILE_NAME, &out->model},
                 {TREES_FILE_NAME, &out->trees},
                 {PROBE_FILE_NAME, &out->probe},
                 {REPORT_FILE_NAME, &out->report},
                 {NOVELTY_FILE_NAME, &out->novelty}};
    size_t n_files = COUNT_OF(files) - (t->novelty == NULL);
    for (size_t i = 0; i < n_files && err == AL_OK; i++)
        err = manifest_add_file(out->manifest, files[i].name, buf_slice(files[i].bytes));
    if (err == AL_OK && out->fill_times.len > 0)
        err = manifest_add_file(out->manifest, FILL_TIMES_FILE, buf_slice(&out->fill_times));
    return err;
}

enum al_err train_result_seal(struct train_result *result, int64_t trained_at_ns, double seconds)
{
    assert(result->manifest != NULL);
    result->manifest->trained_at_ns = trained_at_ns;
    result->manifest->training_seconds = seconds;
    result->end.seconds = seconds;
    result->manifest_json = BUF_INIT(MANIFEST_BYTES_MAX);
    manifest_write(result->manifest, &result->manifest_json);
    if (!buf_ok(&result->manifest_json))
        return err_set(AL_ERANGE, "the manifest is too long");
    sha256_of(result->manifest_json.ptr, result->manifest_json.len, &result->end.manifest_hash);
    return AL_OK;
}
