/* What travels between the worker and the process that trains: a job, and the last line. */
#include <math.h>
#include <string.h>

#include "alphaloop/base/utf8.h"
#include "alphaloop/tabular/train.h"

#define HEAD_MAX 4096

/* ---- metrics ---- */

void tabular_metrics_add_text(struct tabular_metrics *metrics, const char *name, const char *value)
{
    if (metrics->n == TABULAR_METRICS_MAX)
        return;
    struct tabular_metric *metric = &metrics->items[metrics->n++];
    (void)chars_set(metric->name, sizeof metric->name, name);
    size_t end = 0, left = strlen(value);
    for (size_t n;
         left > 0 && (n = utf8_length(value + end, left)) > 0 && end + n < sizeof metric->value;
         left -= n)
        end += n;
    memcpy(metric->value, value, end);
    metric->value[end] = '\0';
}

void tabular_metrics_add(struct tabular_metrics *metrics, const char *name, double value)
{
    struct buf text = BUF_INIT(64);
    struct json_writer w;
    if (!isfinite(value))
        return;
    json_w_init(&w, &text);
    json_w_double(&w, value);
    tabular_metrics_add_text(metrics, name, buf_str(&text));
    buf_deinit(&text);
}

/* ---- the job: a line of JSON, then the body as it came ---- */

void tabular_job_write(const struct tabular_job *job, struct buf *out)
{
    struct json_writer w;
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_str(&w, "model_name", job->kind->name);
    json_m_str(&w, "artefact", job->artefact);
    json_m_i64(&w, "seed", (int64_t)(job->seed & INT64_MAX));
    json_w_end_object(&w);
    buf_putc(out, '\n');
    buf_append(out, job->body.ptr, job->body.len);
}

static enum al_err read_head(struct json_node *head, struct tabular_job *out)
{
    int64_t seed = 0;
    out->kind = tabular_kind_find(json_text(json_get(head, "model_name")));
    if (out->kind == NULL)
        return err_set(AL_ENOTFOUND, "job: there is no such kind");
    if (!json_chars(json_get(head, "artefact"), out->artefact, sizeof out->artefact) ||
        json_i64(json_get(head, "seed"), &seed) != AL_OK || seed < 0)
        return err_set(AL_EPARSE, "job: no artefact or seed");
    out->seed = (uint64_t)seed;
    return AL_OK;
}

static enum al_err read_object(struct slice text, size_t max, struct json_node **out)
{
    struct json_reader *reader = json_reader_create(max, JSON_DEPTH_MAX);
    enum al_err err = reader != NULL ? json_read(reader, text, out) : err_set(AL_ENOMEM, "a line");
    json_reader_destroy(reader);
    return err;
}

enum al_err tabular_job_read(struct slice text, struct tabular_job *out)
{
    struct json_node *head = NULL;
    const char *end = text.len > 0 ? memchr(text.ptr, '\n', text.len) : NULL;
    *out = (struct tabular_job){0};
    if (end == NULL)
        return err_set(AL_EPARSE, "job: not a line and a body");
    size_t length = (size_t)(end - text.ptr);
    enum al_err err = read_object((struct slice){text.ptr, length}, HEAD_MAX, &head);
    if (err == AL_OK)
        err = read_head(head, out);
    out->body = (struct slice){end + 1, text.len - length - 1};
    json_put(head);
    return err;
}

/* ---- the last line ---- */

void tabular_end_write(const struct tabular_metrics *metrics, const char *error, struct buf *out)
{
    struct json_writer w;
    json_w_init(&w, out);
    json_w_object(&w);
    if (error != NULL)
        json_m_str(&w, "error", error);
    json_w_key(&w, "metrics");
    json_w_object(&w);
    for (size_t i = 0; i < metrics->n; i++)
        json_m_str(&w, metrics->items[i].name, metrics->items[i].value);
    json_w_end_object(&w);
    json_w_end_object(&w);
    buf_putc(out, '\n');
}

enum al_err tabular_end_read(struct slice line, struct tabular_metrics *metrics, char error[512])
{
    struct json_node *root = NULL;
    struct json_cursor member = {0};
    enum al_err err = read_object(line, 65536, &root);
    struct json_node *object = json_get(root, "metrics");
    metrics->n = 0;
    error[0] = '\0';
    if (err == AL_OK && !json_is_object(object))
        err = err_set(AL_EPARSE, "not the last line of a training");
    while (err == AL_OK && json_walk(object, &member))
        tabular_metrics_add_text(metrics, member.key, json_text(member.value).ptr);
    if (json_get(root, "error") != NULL && !json_chars(json_get(root, "error"), error, 512))
        (void)chars_set(error, 512, "the training failed");
    json_put(root);
    return err;
}
