/* One run, step by step: table -> enough? -> candidates -> search -> folds -> canaries -> final model -> trial -> paths -> files. */
#include "fit_i.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"

void training_progress(struct training *t, enum train_stage stage, double fraction)
{
    if (t->hooks == NULL || t->hooks->on_progress == NULL)
        return;
    struct train_line line = {
        .kind = TRAIN_LINE_PROGRESS, .stage = stage, .fraction = fraction, .n_rows = t->table.n};
    t->hooks->on_progress(t->hooks->ctx, &line);
}

bool training_is_cancelled(const struct training *t)
{
    return t->hooks != NULL && t->hooks->is_cancelled != NULL &&
           t->hooks->is_cancelled(t->hooks->ctx);
}

int64_t training_clock_ns(const struct training *t)
{
    return t->hooks == NULL || t->hooks->now_ns == NULL ? 0 : t->hooks->now_ns(t->hooks->ctx);
}

void training_tell_trial(const struct training *t, const struct train_trial *trial)
{
    if (t->hooks != NULL && t->hooks->on_trial != NULL)
        t->hooks->on_trial(t->hooks->ctx, trial);
}

static enum al_err check_job(const struct train_job *job,
                             const struct feature_set *set,
                             const struct training *t)
{
    if (t->kind == NULL)
        return err_set(AL_EINVAL, "there is no model kind '%s'", job->kind);
    if (!sha256_eq(&set->schema_hash, &job->schema_hash))
        return err_set(AL_EVERSION, "the features of the job have another schema in this program");
    if (job->n_folds < 2 || job->n_folds > TRAIN_FOLDS_MAX)
        return err_set(AL_ERANGE, "%u folds: allowed is 2 to %d", job->n_folds, TRAIN_FOLDS_MAX);
    return model_params_check(t->kind, &job->params);
}

static enum al_err cut_folds(struct training *t)
{
    const struct split_rule rule = {
        .n_folds = t->job->n_folds,
        .holdout_fraction = t->job->holdout_fraction,
        .horizon_ns = (int64_t)(t->job->label.horizon_seconds * (double)NS_PER_S),
    };
    return split_walk_forward(&rule, t->table.spans, t->table.n, t->folds, &t->holdout);
}

static bool has_both_outcomes(const struct train_table *table)
{
    for (size_t i = 1; i < table->n; i++) {
        if (table->labels[i] != table->labels[0])
            return true;
    }
    return false;
}

/* Whether anything can be learned; the reason says what is missing. */
static bool is_enough(struct training *t, struct train_line *end)
{
    end->n_rows = t->table.n;
    end->n_eff = t->table.weight.n_eff;
    end->verdict = TRAIN_TOO_FEW;
    if (!(t->table.weight.n_eff >= t->job->gate.n_eff_min)) {
        snprintf(end->reason, sizeof end->reason,
                 "%zu rows have an effective size of %.0f, %.0f are needed "
                 "(MODEL_TRAINING_MIN_DATASET_SIZE)",
                 t->table.n, t->table.weight.n_eff, t->job->gate.n_eff_min);
        return false;
    }
    if (!has_both_outcomes(&t->table)) {
        snprintf(end->reason, sizeof end->reason, "all %zu outcomes are the same", t->table.n);
        return false;
    }
    if (cut_folds(t) != AL_OK) {
        snprintf(end->reason, sizeof end->reason, "%.*s", MANIFEST_REASON_MAX - 1, err_text());
        return false;
    }
    return true;
}

/* What was taught on rows that leak is not worth what its trial says. */
static void heed_canaries(struct training *t)
{
    if (t->canaries.state != MANIFEST_CANARIES_FAILED)
        return;
    t->verdict.promoted = false;
    snprintf(t->verdict.text, sizeof t->verdict.text, "refused: %.*s", GATE_TEXT_MAX - 10,
             t->canaries.text);
}

struct filled_mean training_filled_mean(const struct train_table *table)
{
    double weight = 0, net = 0, span_s = 0;
    for (size_t i = 0; i < table->n; i++) {
        if (train_table_row(table, i)->evidence != EVIDENCE_OWN_FILL)
            continue;
        double w = (double)table->weights[i];
        weight += w;
        net += w * (double)table->net[i];
        span_s += w * (double)(table->spans[i].t1_ns - table->spans[i].t0_ns) / (double)NS_PER_S;
    }
    return (struct filled_mean){net / weight, span_s / weight};
}

/* Beside the model, not in its way: without orders, or with too few, there is no such file. */
static enum al_err fit_fill_times(struct training *t, struct train_result *out)
{
    struct fill_rows *fills = t->table.rows->fills;
    const struct fill_hooks hooks = {.seed = t->job->seed,
                                     .is_cancelled =
                                         t->hooks == NULL ? NULL : t->hooks->is_cancelled,
                                     .ctx = t->hooks == NULL ? NULL : t->hooks->ctx};
    out->fill_times = BUF_INIT(MODEL_BYTES_MAX);
    return fills == NULL ? AL_OK : fill_times_fit(fills, &hooks, &t->fills, &out->fill_times);
}

static enum al_err run_steps(struct training *t,
                             const struct scorer *incumbent,
                             struct train_result *out)
{
    enum al_err err = train_candidates(t);
    out->end.n_rows = t->table.n;
    out->end.n_eff = t->table.weight.n_eff;
    if (err == AL_OK)
        err = train_search(t);
    if (err == AL_OK)
        err = train_folds(t);
    if (err == AL_OK)
        err = search_summarise(t, &t->search_summary);
    if (err == AL_OK)
        err = train_canaries(t);
    if (err == AL_OK)
        err = train_final(t);
    if (err == AL_OK)
        err = train_novelty(t);
    if (err != AL_OK)
        return err;
    training_progress(t, TRAIN_STAGE_EVALUATE, 0.92);
    err = train_judge(t, incumbent);
    if (err != AL_OK)
        return err;
    heed_canaries(t);
    err = train_paths(t);
    if (err == AL_OK)
        err = fit_fill_times(t, out);
    if (err != AL_OK)
        return err;
    training_progress(t, TRAIN_STAGE_WRITE, 0.97);
    out->end.verdict = t->verdict.promoted ? TRAIN_PROMOTE : TRAIN_REFUSE;
    snprintf(out->end.reason, sizeof out->end.reason, "%.*s", MANIFEST_REASON_MAX - 1,
             t->verdict.text);
    return train_result_fill(t, out);
}

enum al_err train_run(const struct train_job *job,
                      const struct feature_set *set,
                      const struct train_rows *rows,
                      const struct scorer *incumbent,
                      const struct train_hooks *hooks,
                      struct train_result *out)
{
    struct training *t = calloc(1, sizeof *t);
    *out = (struct train_result){.end = {.kind = TRAIN_LINE_END, .verdict = TRAIN_FAILED}};
    if (t == NULL)
        return err_set(AL_ENOMEM, "a training run");
    t->job = job;
    t->hooks = hooks;
    t->kind = model_kind_find(slice_of(job->kind));
    t->trials = (struct sharpe_trials){.n = job->gate.attempt, .variance = NAN};
    enum al_err err = check_job(job, set, t);
    if (err == AL_OK)
        err = train_table_init(&t->table, job, job->window_ns, set, rows);
    if (err == AL_OK && is_enough(t, &out->end))
        err = run_steps(t, incumbent, out);
    fitted_deinit(&t->final);
    search_deinit(&t->search);
    novelty_destroy(t->novelty);
    train_table_deinit(&t->table);
    free(t);
    if (err == AL_ECANCELED)
        out->end.verdict = TRAIN_CANCELLED;
    return err;
}
