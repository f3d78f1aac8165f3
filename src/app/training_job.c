#include "training_job_i.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/app/model_store.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/model_quality_metrics.h"
#include "alphaloop/store/model_versions.h"
#include "alphaloop/store/rollout_verdicts.h"

#define CHILD_NICE 10
/* The child ends itself at its deadline; so much later, but never later than twice its time, it is ended. */
#define DEADLINE_GRACE_S 30

/* ---- the job ---- */

static enum al_err fill_params(struct train_job *job, const struct strategy_config *config)
{
    const struct model_kind *kind =
        model_kind_find(slice_of(strategy_model_kind_name(config->model.kind)));
    struct json_reader *reader = json_reader_create(STRATEGY_PARAMETERS_MAX, 4);
    struct json_node *object = NULL;
    assert(kind != NULL && reader != NULL);
    (void)chars_set(job->kind, sizeof(job->kind), kind->name);
    enum al_err err = json_read(reader, slice_of(config->model.parameters), &object);
    if (err == AL_OK)
        err = model_params_read(kind, object, &job->params);
    json_put(object);
    json_reader_destroy(reader);
    return err;
}

static void fill_features(struct train_job *job,
                          const struct feature_set *set,
                          const struct strategy_config *config)
{
    job->n_features = set->n_columns;
    for (size_t i = 0; i < set->n_columns; i++)
        (void)chars_set(job->features[i], sizeof(job->features[i]), set->columns[i].name);
    job->schema_hash = set->schema_hash;
    job->timeframe_ns = config->timeframe_ns;
    job->label = (struct manifest_label){
        .horizon_seconds = (double)config->horizon_ns / 1e9,
        .barrier_up = config->label.barrier_up,
        .barrier_down = config->label.barrier_down,
        .settlement_lag_seconds = (double)config->settlement_lag_ns / 1e9,
    };
}

/* The rest of the time is for the folds, the model and its trial. */
static void fill_search(struct train_job *job, const struct strategy_config *config)
{
    uint64_t half = job->deadline_seconds / 2;
    job->search.trials = config->search.trials;
    job->search.seconds = config->search.seconds;
    if (half > 0 && half < job->search.seconds)
        job->search.seconds = (uint32_t)half;
    (void)chars_set(job->search.method, sizeof(job->search.method),
                    strategy_search_name(config->search.method));
}

static void fill_gate(struct train_job *job,
                      const struct settings *settings,
                      const struct strategy_config *config,
                      uint32_t attempt)
{
    bool by_accuracy = settings->model_gate == SETTING_GATE_ACCURACY;
    (void)chars_set(job->gate.rule, sizeof(job->gate.rule), by_accuracy ? "accuracy" : "evidence");
    job->gate.accuracy_min = settings->model_quality_threshold_accuracy;
    job->gate.alpha = settings->model_gate_level;
    job->gate.attempt = attempt;
    job->gate.n_eff_min = settings->model_training_min_dataset_size;
    job->gate.dsr_min = config->gate.dsr_min;
    job->gate.pbo_max = config->gate.pbo_max;
}

enum al_err training_fill_job(const struct settings *settings,
                              const struct strategy_config *config,
                              const struct feature_set *set,
                              const struct training_target *target,
                              struct train_job *job)
{
    train_job_default(job);
    job->strategy_id = config->strategy_id;
    snprintf(job->version.text, sizeof(job->version.text), "v%llu",
             (unsigned long long)target->number);
    (void)chars_set(job->trigger, sizeof(job->trigger), target->trigger);
    job->seed = target->seed;
    job->cut_ns = target->cut_ns;
    job->window_ns = (int64_t)(config->training.window_days * (double)NS_PER_DAY);
    job->weight_half_life_seconds = config->training.half_life_days * 86400;
    job->try_windows = config->training.try_windows;
    job->try_weights = config->training.try_weights;
    job->n_rows_max = config->training.max_rows;
    job->cpcv_rows_max = config->training.cpcv_max_rows;
    job->return_attribution = config->training.return_attribution;
    job->canaries = config->training.canaries;
    job->use_market_evidence = config->training.use_market_evidence;
    job->deadline_seconds = settings->model_training_max_duration_seconds;
    fill_features(job, set, config);
    fill_search(job, config);
    job->interval_coverage = config->uncertainty.coverage;
    job->abstain_by_outcome = config->uncertainty.abstain_by == ABSTAIN_BY_OUTCOME;
    job->abstain_when_novel = config->uncertainty.abstain_when_novel;
    fill_gate(job, settings, config, target->attempt);
    enum al_err err = model_store_path(settings->model_storage_path, &job->version, job->output);
    if (err == AL_OK && target->active != NULL)
        err = model_store_path(settings->model_storage_path, target->active, job->incumbent);
    return err == AL_OK ? fill_params(job, config) : err;
}

enum al_err training_write_job(const struct settings *settings,
                               const struct train_job *job,
                               char path[FILE_PATH_MAX])
{
    struct buf text = BUF_INIT(TRAIN_JOB_BYTES_MAX);
    char name[64];
    snprintf(name, sizeof(name), "%sjob-%s.json", FILE_TEMP_PREFIX, job->version.text);
    train_job_write(job, &text);
    enum al_err err = file_make_dir(settings->model_storage_path);
    if (err == AL_OK)
        err = file_join(settings->model_storage_path, name, path);
    if (err == AL_OK)
        err = file_write_whole(path, buf_slice(&text));
    buf_deinit(&text);
    return err;
}

uint64_t training_next_needed(const struct settings *settings,
                              const struct strategy_config *config,
                              const struct train_line *end)
{
    if (end == NULL || end->verdict != TRAIN_TOO_FEW || !(end->n_eff >= 1))
        return config->training.new_samples;
    double lacking = settings->model_training_min_dataset_size / end->n_eff - 1;
    double more = lacking * (double)end->n_rows;
    return more > 50 ? (uint64_t)more : 50;
}

/* ---- the child ---- */

/* Its matrices are hundreds of megabytes: glibc asks for huge pages, where the system gives them on request. */
#define HUGE_PAGES "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"

enum al_err training_spawn(uv_loop_t *loop, const struct training_child *child, struct proc **out)
{
    const char *const args[] = {"train",         child->option != NULL ? child->option : "--job",
                                child->job_path, child->env_file != NULL ? "--env-file" : NULL,
                                child->env_file, NULL};
    uint32_t limit_s = child->settings->model_training_max_duration_seconds;
    const struct proc_options options = {
        .args = args,
        .env_default = HUGE_PAGES,
        .nice = CHILD_NICE,
        .memory_bytes_max = (uint64_t)child->settings->training_memory_max_mb << 20,
        .deadline_ms =
            1000ULL * (limit_s + (limit_s < DEADLINE_GRACE_S ? limit_s : DEADLINE_GRACE_S)),
        .on_line = child->on_line,
        .on_end = child->on_end,
        .ctx = child->ctx,
    };
    return proc_start(loop, &options, out);
}

void training_explain_end(const struct proc_end *end, char *out, size_t out_size)
{
    if (end->cause == PROC_KILLED)
        snprintf(out, out_size,
                 "the training process was killed by signal %d (out of memory, or a crash)",
                 end->term_signal);
    else if (end->cause == PROC_TIMED_OUT)
        snprintf(out, out_size,
                 "the training took longer than MODEL_TRAINING_MAX_DURATION_SECONDS");
    else if (end->cause == PROC_STOPPED)
        snprintf(out, out_size, "the training was stopped");
    else
        snprintf(out, out_size, "the training process exited with code %d and no result",
                 end->exit_code);
}

/* ---- registering ---- */

static enum quality_type quality_of(enum metric_type type)
{
    return type == METRIC_TYPE_CLASSIFICATION ? QUALITY_CLASSIFICATION
           : type == METRIC_TYPE_REGRESSION   ? QUALITY_REGRESSION
                                              : QUALITY_TRADING_PERFORMANCE;
}

static void register_metrics(struct pg_batch *batch,
                             const struct training_registration *r,
                             struct uuid version_id,
                             struct rng *rng)
{
    struct quality_metric_row rows[MANIFEST_METRICS_MAX];
    const struct manifest *m = r->manifest;
    for (size_t i = 0; i < m->n_metrics; i++) {
        rows[i] = (struct quality_metric_row){
            .id = uuid_v7(r->wall_ns, rng),
            .model_version_id = version_id,
            .metric_value = m->metrics[i].value,
            .metric_type = quality_of(m->metrics[i].type),
            .evaluated_at_ns = r->wall_ns,
            .evaluation_dataset_size = (int64_t)m->metrics[i].n,
        };
        memcpy(rows[i].metric_name, m->metrics[i].name, sizeof(rows[i].metric_name));
    }
    if (m->n_metrics > 0)
        model_quality_metrics_insert(batch, rows, m->n_metrics);
}

void training_check(const struct scorer *scorer,
                    double budget_us,
                    struct manifest *manifest,
                    struct train_line *end,
                    struct training_integrity *out)
{
    *out = (struct training_integrity){.canaries = scorer_manifest(scorer)->canaries,
                                       .walker_agrees = scorer_uses_walker(scorer),
                                       .score_p99_us = model_store_scoring_p99_us(scorer),
                                       .score_budget_us = budget_us};
    *manifest = *scorer_manifest(scorer);
    if (end->verdict != TRAIN_PROMOTE || out->score_p99_us <= budget_us)
        return;
    manifest->gate.promote = false;
    end->verdict = TRAIN_REFUSE;
    snprintf(end->reason, sizeof(end->reason),
             "refused: scoring a row takes %.0f us here (p99), %.0f are allowed", out->score_p99_us,
             budget_us);
    memcpy(manifest->gate.reason, end->reason, sizeof(end->reason));
}

static void write_integrity(struct json_writer *w, const struct training_integrity *i)
{
    char text[256];
    const char *canaries = manifest_canaries_name(i->canaries);
    snprintf(text, sizeof(text),
             "canaries: %s; %s; files, hashes and feature schema as registered; a row is scored in "
             "%.3g us (p99) of %.0f",
             canaries,
             i->walker_agrees ? "the walker gives the library's bits"
                              : "the library serves, the walker differs",
             i->score_p99_us, i->score_budget_us);
    json_w_key(w, "integrity");
    json_w_object(w);
    json_m_str(w, "text", text);
    json_m_str(w, "canaries", canaries);
    json_m_bool(w, "walker_agrees", i->walker_agrees);
    json_m_bool(w, "hashes_agree", true);
    json_m_bool(w, "schema_agrees", true);
    json_m_number(w, "score_p99_us", i->score_p99_us);
    json_m_number(w, "score_budget_us", i->score_budget_us);
    json_w_end_object(w);
}

void training_write_verdict(struct json_writer *w,
                            const struct manifest_gate *gate,
                            const struct training_integrity *integrity)
{
    json_w_object(w);
    json_m_bool(w, "promote", gate->promote);
    json_m_str(w, "rule", gate->rule);
    json_m_str(w, "reason", gate->reason);
    for (size_t i = 0; i < gate->n_numbers; i++)
        json_m_number(w, gate->numbers[i].name, gate->numbers[i].value);
    if (integrity != NULL)
        write_integrity(w, integrity);
    json_w_end_object(w);
}

void training_register(struct pg_batch *batch,
                       const struct training_registration *r,
                       struct rng *rng)
{
    const struct manifest *m = r->manifest;
    struct buf verdict = BUF_INIT(64 * 1024);
    struct json_writer w;
    json_w_init(&w, &verdict);
    training_write_verdict(&w, &m->gate, r->integrity);
    struct model_version_row row = {
        .id = uuid_v7(r->wall_ns, rng),
        .version = m->version,
        .strategy_id = m->strategy_id,
        .trained_at_ns = m->trained_at_ns,
        .training_duration_seconds = m->training_seconds,
        .training_dataset_size = (int64_t)m->data.n_rows,
        .created_at_ns = r->wall_ns,
        .updated_at_ns = r->wall_ns,
        .folder_hash = r->manifest_hash,
        .state = m->gate.promote ? VERSION_CANDIDATE : VERSION_REFUSED,
        .attempt = (int32_t)r->attempt,
        .verdict = buf_slice(&verdict),
    };
    (void)chars_set(row.model_type, sizeof(row.model_type), m->kind);
    model_versions_insert(batch, &row);
    register_metrics(batch, r, row.id, rng);
    const struct rollout_verdict_row offline = {
        .strategy_id = m->strategy_id,
        .version = m->version,
        .stage = m->gate.promote ? ROLLOUT_offline_passed : ROLLOUT_rejected,
        .why = slice_of("gate"),
        .verdict = slice_of(m->gate.reason),
        .numbers = buf_slice(&verdict),
        .at_ns = m->data.cut_ns,
        .created_at_ns = r->wall_ns,
    };
    rollout_verdicts_insert(batch, &offline);
    buf_deinit(&verdict);
}
