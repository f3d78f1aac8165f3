/* The training child of a forecast: read the job and the bars, train, write the folder, say how it went. It ends as every training
 * child does (child_i.h), between rounds, and nothing is on disk before the folder is written whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alphaloop/app/roles.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/candles.h"

#include "child_i.h"
#include "forecast_job_i.h"
#include "worker_i.h"

#define LINE_EVERY_NS (100 * NS_PER_MS)

struct forecasting {
    struct forecast_job job;
    struct feature_set *set;
    struct candle *candles;
    size_t n_candles;
    int64_t started_ns, last_line_ns;
};

/* ---- hooks ---- */

static bool is_late(const struct forecasting *f)
{
    int64_t spent_ns = child_monotonic_ns() - f->started_ns;
    return f->job.deadline_seconds > 0 && spent_ns / NS_PER_S >= (int64_t)f->job.deadline_seconds;
}

static bool is_cancelled(void *ctx)
{
    return child_must_end() || is_late(ctx);
}

static void on_progress(void *ctx, const struct train_line *line)
{
    struct forecasting *f = ctx;
    int64_t now_ns = child_monotonic_ns();
    if (now_ns - f->last_line_ns < LINE_EVERY_NS)
        return;
    f->last_line_ns = now_ns;
    child_print_line(line);
}

/* ---- what it reads ---- */

static enum al_err read_job(const char *path, struct forecast_job *job)
{
    struct buf text = BUF_INIT(2 * FORECAST_JOB_BYTES_MAX);
    enum al_err err = file_read(path, FORECAST_JOB_BYTES_MAX, &text);
    if (err == AL_OK)
        err = forecast_job_read(buf_slice(&text), job);
    buf_deinit(&text);
    return err;
}

static enum al_err resolve(struct forecasting *f)
{
    struct slice names[FEATURES_MAX];
    size_t n = forecast_default_features(names);
    return feature_set_resolve(names, n, f->job.interval_ns, f->set);
}

static bool on_candle(void *ctx, const struct candle *candle)
{
    struct forecasting *f = ctx;
    f->candles[f->n_candles++] = *candle;
    return f->n_candles < f->job.n_bars_max && !child_must_end();
}

static enum al_err read_candles(struct forecasting *f, const struct settings *settings)
{
    struct settings copy = *settings;
    const struct worker worker = {.settings = &copy};
    struct pg_options options = worker_pg_options(&worker, "train");
    struct pg_sync *sync = NULL;
    const struct candles_query query = {.asset = f->job.asset,
                                        .interval_ns = f->job.interval_ns,
                                        .from_ns = TIMESTAMP_NONE,
                                        .to_ns = TIMESTAMP_NONE,
                                        .rows_max = f->job.n_bars_max};
    f->candles = malloc((f->job.n_bars_max + 1) * sizeof *f->candles);
    if (f->candles == NULL)
        return err_set(AL_ENOMEM, "%llu bars", (unsigned long long)f->job.n_bars_max);
    enum al_err err = pg_sync_open(&options, &sync);
    if (err == AL_OK)
        err = candles_copy(sync, &query, on_candle, f);
    pg_sync_close(sync);
    if (err == AL_OK && is_cancelled(f)) /* there may be more bars than were read */
        return err_set(AL_ECANCELED, "cancelled while reading");
    return err;
}

/* ---- the run ---- */

/* An incumbent that cannot be read cannot serve either: the challenger is then the first. */
static bool read_incumbent(const struct forecasting *f,
                           struct forecast_manifest *manifest,
                           struct forecast_oof *oof)
{
    if (f->job.incumbent[0] == '\0')
        return false;
    if (forecast_store_load_oof(f->job.incumbent, manifest, oof) == AL_OK)
        return true;
    fprintf(stderr, "alphaloop train: judged without the version that serves: %s\n", err_text());
    return false;
}

static enum al_err keep(const struct forecasting *f, struct forecast_result *result)
{
    struct timespec now;
    if (result->end.verdict != TRAIN_PROMOTE && result->end.verdict != TRAIN_REFUSE)
        return AL_OK;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = (double)(child_monotonic_ns() - f->started_ns) / (double)NS_PER_S;
    enum al_err err =
        forecast_result_seal(result, (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec, seconds);
    return err == AL_OK ? forecast_store_save(f->job.output, result) : err;
}

static enum al_err train(struct forecasting *f, struct forecast_result *result)
{
    const struct forecast_hooks hooks = {
        .is_cancelled = is_cancelled, .on_progress = on_progress, .ctx = f};
    struct forecast_oof oof = {0};
    struct forecast_manifest *manifest = calloc(1, sizeof *manifest);
    if (manifest == NULL)
        return err_set(AL_ENOMEM, "a forecast manifest");
    bool has_incumbent = read_incumbent(f, manifest, &oof);
    const struct forecast_version incumbent = {manifest, &oof};
    enum al_err err = forecast_train(&f->job, f->set, f->candles, f->n_candles,
                                     has_incumbent ? &incumbent : NULL, &hooks, result);
    if (err == AL_OK)
        err = keep(f, result);
    forecast_oof_deinit(&oof);
    free(manifest);
    return err;
}

static void say_fault(const struct forecasting *f, enum al_err err, struct train_line *end)
{
    end->verdict = TRAIN_FAILED;
    if (err == AL_ECANCELED && is_late(f))
        snprintf(end->reason, sizeof end->reason,
                 "not done after %llu s (MODEL_TRAINING_MAX_DURATION_SECONDS)",
                 (unsigned long long)f->job.deadline_seconds);
    else if (err == AL_ENOMEM)
        snprintf(end->reason, sizeof end->reason, "out of memory (TRAINING_MEMORY_MAX_MB): %.200s",
                 err_text());
    else
        snprintf(end->reason, sizeof end->reason, "%.*s", MANIFEST_REASON_MAX - 1, err_text());
    if (err == AL_ECANCELED && !is_late(f))
        end->verdict = TRAIN_CANCELLED;
}

static int run(struct forecasting *f, const struct settings *settings, const char *job_path)
{
    struct forecast_result result = {0};
    enum al_err err = read_job(job_path, &f->job);
    if (err == AL_OK)
        err = resolve(f);
    if (err == AL_OK)
        err = read_candles(f, settings);
    if (err == AL_OK)
        err = train(f, &result);
    if (err != AL_OK)
        say_fault(f, err, &result.end);
    result.end.kind = TRAIN_LINE_END;
    result.end.n_rows = f->n_candles;
    result.end.seconds = (double)(child_monotonic_ns() - f->started_ns) / (double)NS_PER_S;
    child_print_line(&result.end);
    forecast_result_deinit(&result);
    return err == AL_OK ? EXIT_DONE : EXIT_FAILED;
}

int forecast_child(const struct settings *settings, const char *job_path)
{
    struct forecasting *f = calloc(1, sizeof *f);
    int code = EXIT_FAILED;
    child_listen();
    if (f != NULL && (f->set = calloc(1, sizeof *f->set)) != NULL) {
        f->started_ns = child_monotonic_ns();
        code = run(f, settings, job_path);
    }
    if (f != NULL) {
        free(f->set);
        free(f->candles);
    }
    free(f);
    return code;
}
