/* A training of a forecast that a person asked for: register the name if it is new, number the version, run the child, verify the
 * folder, and let it serve when the gate says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alphaloop/app/roles.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/io/pg_sync.h"

#include "forecast_job_i.h"
#include "training_job_i.h"
#include "watched_child_i.h"
#include "worker_i.h"

#define BATCH_BYTES (1U << 20)

struct person {
    const struct settings *settings;
    const char *env_file;
    struct forecast_job job;
    struct pg_sync *sync;
    struct pg_batch *batch;
    bool is_known; /* the name is registered */
    uint64_t number;
    char serving[ML_MODEL_PATH_MAX];
    enum al_err err;
    struct watched_end end;
};

static int64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- what was asked for ---- */

static enum al_err read_parameters(const char *text, struct forecast_job *job)
{
    struct json_node *object = NULL;
    struct json_reader *reader = json_reader_create(8192, 4);
    if (reader == NULL)
        return err_set(AL_ENOMEM, "parameters");
    enum al_err err = json_read(reader, slice_of(text == NULL ? "{}" : text), &object);
    if (err == AL_OK)
        err = forecast_params_read(forecast_kind_find(slice_of(job->kind)), object, &job->params);
    json_put(object);
    json_reader_destroy(reader);
    return err;
}

static enum al_err read_order(const struct forecast_order *order, struct forecast_job *job)
{
    const struct forecast_kind *kind =
        forecast_kind_by_type(slice_of(order->kind == NULL ? "baseline" : order->kind));
    if (!forecast_name_parse(slice_of(order->name), &job->name))
        return err_set(AL_EINVAL, "--forecast %s: a name is 1 to 100 of A-Za-z0-9_-", order->name);
    if (order->asset == NULL || !asset_parse(slice_of(order->asset), &job->asset))
        return err_set(AL_EINVAL, "--asset is needed: 3 to 20 of A-Z0-9");
    if (kind == NULL)
        return err_set(AL_EINVAL, "--kind %s: there is no such kind of forecast", order->kind);
    (void)chars_set(job->kind, sizeof job->kind, kind->name);
    if (order->interval != NULL)
        job->interval_ns = candle_interval_parse(slice_of(order->interval));
    if (job->interval_ns < NS_PER_S || job->interval_ns % NS_PER_S != 0)
        return err_set(AL_EINVAL, "--interval %s: as 1m, 1h or 1d", order->interval);
    enum al_err err =
        order->horizons == NULL ? AL_OK : forecast_job_horizons(job, slice_of(order->horizons));
    if (err == AL_OK)
        err = forecast_job_check(job);
    return err == AL_OK ? read_parameters(order->parameters, job) : err;
}

/* ---- the registry ---- */

static void on_known(void *ctx, size_t index, const struct pg_result *result)
{
    (void)index;
    ((struct person *)ctx)->is_known = pg_result_n_rows(result) > 0;
}

static void on_number(void *ctx, size_t index, const struct pg_result *result)
{
    struct person *p = ctx;
    (void)index;
    if (pg_result_n_rows(result) == 0) {
        p->err = err_set(AL_ENOTFOUND, "the name is gone from the registry");
        return;
    }
    p->number = (uint64_t)pg_result_i64(result, 0, 0);
    p->err = pg_result_chars(result, 0, 1, p->serving, sizeof p->serving);
}

static void ask_register(struct person *p)
{
    struct ml_model_row row = {.asset = p->job.asset, .interval_ns = p->job.interval_ns};
    struct buf parameters = BUF_INIT(8192);
    struct json_writer w;
    json_w_init(&w, &parameters);
    forecast_params_write(forecast_kind_find(slice_of(p->job.kind)), &p->job.params, &w);
    row.parameters = buf_slice(&parameters);
    (void)chars_set(row.model_name, sizeof row.model_name, p->job.name.text);
    (void)chars_set(row.model_type, sizeof row.model_type, p->job.kind);
    (void)chars_set(row.kind, sizeof row.kind, p->job.kind);
    forecast_horizons_text(p->job.hours, p->job.n_horizons, row.horizons);
    ml_models_register(p->batch, &row, wall_ns());
    ml_models_begin(p->batch, slice_of(row.model_name)); /* so that nobody else begins it too */
    buf_deinit(&parameters);
}

static enum al_err ask_database(struct person *p)
{
    struct settings copy = *p->settings;
    const struct worker worker = {.settings = &copy};
    struct pg_options options = worker_pg_options(&worker, "train");
    enum al_err err = pg_sync_open(&options, &p->sync);
    if (err != AL_OK)
        return err;
    ml_models_get(p->batch, slice_of(p->job.name.text));
    err = pg_sync_run(p->sync, p->batch, on_known, p);
    pg_batch_reset(p->batch);
    if (err == AL_OK && !p->is_known) {
        ask_register(p);
        err = pg_sync_run(p->sync, p->batch, NULL, NULL);
        pg_batch_reset(p->batch);
    }
    if (err != AL_OK)
        return err;
    ml_models_number(p->batch, slice_of(p->job.name.text));
    err = pg_sync_run(p->sync, p->batch, on_number, p);
    pg_batch_reset(p->batch);
    return err == AL_OK ? p->err : err;
}

static enum al_err run_child(struct person *p, const char *job_path)
{
    char title[sizeof(p->job.name.text) + 24];
    snprintf(title, sizeof title, "%s %llu", p->job.name.text, (unsigned long long)p->number);
    const struct watched_child child = {.settings = p->settings,
                                        .env_file = p->env_file,
                                        .option = "--forecast-job",
                                        .job_path = job_path,
                                        .title = title,
                                        .row_noun = "bars"};
    return watched_child_run(&child, &p->end);
}

/* ---- the result ---- */

static void print_measures(const struct forecast_manifest *m)
{
    printf("%8s %9s %9s %8s %8s %8s %9s %17s %9s\n", "horizon", "MAPE", "naive", "MASE", "naive",
           "skill", "R2 (oos)", "direction", "coverage");
    for (size_t i = 0; i < m->n_horizons; i++) {
        const struct forecast_measures *x = &m->horizons[i].measures;
        printf("%7uh %8.3f%% %8.3f%% %8.4f %8.4f %+8.4f %+9.4f %.3f [%.3f,%.3f] %9.3f\n",
               m->horizons[i].hours, x->mape, x->naive_mape, x->mase, x->naive_mase, x->skill,
               x->r2_out_of_sample, x->directional_accuracy, x->directional_low,
               x->directional_high, x->coverage);
    }
}

static enum al_err register_version(struct person *p)
{
    struct forecaster *forecaster = NULL;
    struct sha256 hash;
    struct ml_model_row row;
    struct buf measures = BUF_INIT(256 * 1024);
    enum al_err err = forecast_store_load(p->job.output, &hash, &forecaster);
    if (err == AL_OK && !sha256_eq(&hash, &p->end.line.manifest_hash))
        err = err_set(AL_EVERIFY, "the manifest is not what the training wrote");
    if (err == AL_OK) {
        forecast_row_of(forecaster_manifest(forecaster), &row, &measures);
        row.detail = slice_of(p->end.line.reason);
        if (p->end.line.verdict == TRAIN_PROMOTE)
            ml_models_serve(p->batch, &row, wall_ns());
        else
            ml_models_fail(p->batch, slice_of(row.model_name), row.detail, wall_ns());
        err = pg_sync_run(p->sync, p->batch, NULL, NULL);
    }
    if (err == AL_OK)
        print_measures(forecaster_manifest(forecaster));
    forecaster_destroy(forecaster);
    buf_deinit(&measures);
    return err;
}

/* AL_OK: there is a verdict, whatever it says. */
static enum al_err conclude(struct person *p)
{
    char why[160] = "";
    bool has_model = p->end.has_line &&
                     (p->end.line.verdict == TRAIN_PROMOTE || p->end.line.verdict == TRAIN_REFUSE);
    if (!p->end.has_line)
        training_explain_end(&p->end.proc, why, sizeof why);
    const char *reason = p->end.has_line ? p->end.line.reason : why;
    if (!has_model) {
        ml_models_fail(p->batch, slice_of(p->job.name.text), slice_of(reason), wall_ns());
        enum al_err err = pg_sync_run(p->sync, p->batch, NULL, NULL);
        if (err != AL_OK)
            return err;
        printf("%s\n", reason);
        return p->end.has_line && p->end.line.verdict == TRAIN_TOO_FEW
                   ? AL_OK
                   : err_set(AL_EIO, "%s", reason);
    }
    enum al_err err = register_version(p);
    if (err == AL_OK)
        printf("%s\n%s %llu, %llu bars in %.1f s: %s\n", reason, p->job.name.text,
               (unsigned long long)p->number, (unsigned long long)p->end.line.n_rows,
               p->end.line.seconds, p->job.output);
    return err;
}

static enum al_err train(struct person *p)
{
    char job_path[FILE_PATH_MAX];
    enum al_err err = ask_database(p);
    if (err == AL_OK)
        err = forecast_job_number(p->settings, p->number, p->serving, &p->job);
    if (err == AL_OK)
        err = forecast_job_put(p->settings, &p->job, job_path);
    if (err != AL_OK)
        return err;
    err = run_child(p, job_path);
    enum al_err removed = file_remove(job_path);
    if (err == AL_OK)
        err = removed;
    return err == AL_OK ? conclude(p) : err;
}

int forecast_person(const struct settings *settings,
                    const char *env_file,
                    const struct forecast_order *order)
{
    struct person *p = calloc(1, sizeof *p);
    int code = EXIT_FAILED;
    if (p == NULL)
        return EXIT_FAILED;
    p->settings = settings;
    p->env_file = env_file;
    p->batch = pg_batch_create(BATCH_BYTES);
    forecast_job_from_settings(settings, &p->job);
    enum al_err err = read_order(order, &p->job);
    if (err != AL_OK)
        code = EXIT_USAGE;
    if (err == AL_OK)
        err = p->batch == NULL ? err_set(AL_ENOMEM, "a training") : train(p);
    if (err == AL_OK)
        code = EXIT_DONE;
    else
        fprintf(stderr, "alphaloop train: %s\n", err_text());
    pg_sync_close(p->sync);
    pg_batch_destroy(p->batch);
    free(p);
    return code;
}
