/* A training of a forecast that a person asked for: register the name if it is new, number the version, run the child, verify the
 * folder, and let it serve when the gate says so. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "alphaloop/app/roles.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/io/pg_sync.h"

#include "forecast_job_i.h"
#include "training_job_i.h"
#include "worker_i.h"

#define BATCH_BYTES (1U << 20)
#define BAR_WIDTH   30

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

    uv_loop_t loop;
    uv_signal_t interrupt, termination;
    struct proc *child;
    bool is_terminal, has_end;
    struct train_line end;
    struct proc_end proc_end;
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

/* ---- watching the child ---- */

static void show(const struct person *p, const struct train_line *line)
{
    int n_full = (int)(line->fraction * BAR_WIDTH);
    if (!p->is_terminal)
        return;
    printf("\r\033[Ktraining %s %llu [%.*s%*s] %3.0f %% %s, %llu bars", p->job.name.text,
           (unsigned long long)p->number, n_full, "##############################",
           BAR_WIDTH - n_full, "", 100 * line->fraction, train_stage_name(line->stage),
           (unsigned long long)line->n_rows);
    fflush(stdout);
}

static void on_line(void *ctx, struct proc *proc, struct slice text)
{
    struct person *p = ctx;
    struct train_line line;
    (void)proc;
    if (train_line_read(text, &line) != AL_OK)
        return;
    if (line.kind == TRAIN_LINE_PROGRESS)
        show(p, &line);
    if (line.kind != TRAIN_LINE_END)
        return;
    p->end = line;
    p->has_end = true;
}

static void close_signals(struct person *p)
{
    uv_close((uv_handle_t *)&p->interrupt, NULL);
    uv_close((uv_handle_t *)&p->termination, NULL);
}

static void on_end(void *ctx, struct proc *proc, const struct proc_end *end)
{
    struct person *p = ctx;
    (void)proc;
    p->child = NULL;
    p->proc_end = *end;
    close_signals(p);
}

static void on_stop_signal(uv_signal_t *handle, int number)
{
    struct person *p = handle->data;
    (void)number;
    if (p->child != NULL)
        proc_stop(p->child);
}

static enum al_err run_child(struct person *p, const char *job_path)
{
    const struct training_child child = {.settings = p->settings,
                                         .env_file = p->env_file,
                                         .option = "--forecast-job",
                                         .job_path = job_path,
                                         .on_line = on_line,
                                         .on_end = on_end,
                                         .ctx = p};
    uv_loop_init(&p->loop);
    uv_signal_init(&p->loop, &p->interrupt);
    uv_signal_init(&p->loop, &p->termination);
    p->interrupt.data = p->termination.data = p;
    uv_signal_start(&p->interrupt, on_stop_signal, SIGINT);
    uv_signal_start(&p->termination, on_stop_signal, SIGTERM);
    enum al_err err = training_spawn(&p->loop, &child, &p->child);
    if (err != AL_OK)
        close_signals(p);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    uv_loop_close(&p->loop);
    if (p->is_terminal)
        printf("\r\033[K");
    return err;
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
    if (err == AL_OK && !sha256_eq(&hash, &p->end.manifest_hash))
        err = err_set(AL_EVERIFY, "the manifest is not what the training wrote");
    if (err == AL_OK) {
        forecast_row_of(forecaster_manifest(forecaster), &row, &measures);
        row.detail = slice_of(p->end.reason);
        if (p->end.verdict == TRAIN_PROMOTE)
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
    bool has_model =
        p->has_end && (p->end.verdict == TRAIN_PROMOTE || p->end.verdict == TRAIN_REFUSE);
    if (!p->has_end)
        training_explain_end(&p->proc_end, why, sizeof why);
    const char *reason = p->has_end ? p->end.reason : why;
    if (!has_model) {
        ml_models_fail(p->batch, slice_of(p->job.name.text), slice_of(reason), wall_ns());
        enum al_err err = pg_sync_run(p->sync, p->batch, NULL, NULL);
        if (err != AL_OK)
            return err;
        printf("%s\n", reason);
        return p->has_end && p->end.verdict == TRAIN_TOO_FEW ? AL_OK
                                                             : err_set(AL_EIO, "%s", reason);
    }
    enum al_err err = register_version(p);
    if (err == AL_OK)
        printf("%s\n%s %llu, %llu bars in %.1f s: %s\n", reason, p->job.name.text,
               (unsigned long long)p->number, (unsigned long long)p->end.n_rows, p->end.seconds,
               p->job.output);
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
    p->is_terminal = isatty(STDOUT_FILENO) == 1;
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
