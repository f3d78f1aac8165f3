#include "forecast_job_i.h"

#include <stdio.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"

void forecast_job_from_settings(const struct settings *settings, struct forecast_job *job)
{
    forecast_job_default(job);
    job->seed = settings->random_seed;
    job->n_bars_max = settings->forecast_bars_max;
    job->coverage = settings->forecast_interval_coverage;
    job->gate_margin = settings->forecast_gate_margin;
    job->deadline_seconds = settings->model_training_max_duration_seconds;
}

enum al_err forecast_job_number(const struct settings *settings,
                                uint64_t version,
                                const char *serving,
                                struct forecast_job *job)
{
    char relative[FILE_PATH_MAX];
    job->version = version;
    job->seed += version;
    job->incumbent[0] = '\0';
    forecast_store_relative(&job->name, version, relative);
    enum al_err err = forecast_store_path(settings->model_storage_path, relative, job->output);
    if (err == AL_OK && serving[0] != '\0')
        err = forecast_store_path(settings->model_storage_path, serving, job->incumbent);
    return err;
}

enum al_err forecast_job_put(const struct settings *settings,
                             const struct forecast_job *job,
                             char path[FILE_PATH_MAX])
{
    struct buf text = BUF_INIT(FORECAST_JOB_BYTES_MAX);
    char dir[FILE_PATH_MAX], name[FORECAST_NAME_MAX + 64];
    snprintf(name, sizeof name, "%sjob-%s-%llu.json", FILE_TEMP_PREFIX, job->name.text,
             (unsigned long long)job->version);
    forecast_job_write(job, &text);
    enum al_err err = forecast_store_make(settings->model_storage_path, &job->name);
    if (err == AL_OK)
        err = file_join(settings->model_storage_path, FORECAST_STORE_DIR, dir);
    if (err == AL_OK)
        err = file_join(dir, name, path);
    if (err == AL_OK)
        err = file_write_whole(path, buf_slice(&text));
    buf_deinit(&text);
    return err;
}

void forecast_horizons_text(const uint32_t *hours, size_t n, char out[ML_MODEL_HORIZONS_MAX])
{
    struct buf text = BUF_INIT(ML_MODEL_HORIZONS_MAX - 1);
    for (size_t i = 0; i < n; i++)
        buf_printf(&text, "%s%u", i == 0 ? "[" : ", ", hours[i]);
    buf_puts(&text, "]");
    (void)chars_set(out, ML_MODEL_HORIZONS_MAX, buf_str(&text));
    buf_deinit(&text);
}

static void write_measures(const struct forecast_manifest *m, struct buf *out)
{
    struct json_writer w;
    char hours[16];
    json_w_init(&w, out);
    json_w_object(&w);
    for (size_t i = 0; i < m->n_horizons; i++) {
        snprintf(hours, sizeof hours, "%u", m->horizons[i].hours);
        json_w_key(&w, hours);
        forecast_measures_write(&m->horizons[i].measures, &w);
    }
    json_w_end_object(&w);
}

void forecast_row_of(const struct forecast_manifest *m,
                     struct ml_model_row *row,
                     struct buf *measures)
{
    char path[FILE_PATH_MAX];
    uint32_t hours[FORECAST_HORIZONS_MAX];
    *row = (struct ml_model_row){.asset = m->asset,
                                 .interval_ns = m->interval_ns,
                                 .version = (int64_t)m->version,
                                 .trained_at_ns = m->trained_at_ns};
    for (size_t i = 0; i < m->n_horizons; i++)
        hours[i] = m->horizons[i].hours;
    forecast_store_relative(&m->name, m->version, path);
    write_measures(m, measures);
    (void)chars_set(row->model_name, sizeof row->model_name, m->name.text);
    (void)chars_set(row->model_type, sizeof row->model_type, m->kind);
    (void)chars_set(row->kind, sizeof row->kind, m->kind);
    (void)chars_set(row->file_path, sizeof row->file_path, path);
    forecast_horizons_text(hours, m->n_horizons, row->horizons);
    row->measures = buf_slice(measures);
}
