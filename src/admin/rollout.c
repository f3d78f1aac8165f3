/* Rollouts: where versions stand on their way to deciding, and the history of each. */
#include <math.h>
#include <stdlib.h>

#include "admin_i.h"

#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/model_versions.h"
#include "alphaloop/store/rollout_verdicts.h"
#include "alphaloop/train/rollout.h"

#define VERDICTS_MAX 1000 /* in one answer */

/* ---- GET /api/v1/models/{version}/verdicts ---- */

static void write_verdict(struct json_writer *w, const struct rollout_verdict_row *row)
{
    json_w_object(w);
    json_m_time(w, "at", row->created_at_ns);
    json_m_time(w, "decided_at", row->at_ns > 0 ? row->at_ns : TIMESTAMP_NONE);
    json_m_str(w, "stage", rollout_stage_name(row->stage));
    json_m_str(w, "meaning", rollout_stage_meaning(row->stage));
    json_m_text(w, "against", row->against.text);
    json_m_string(w, "why", row->why);
    json_m_string(w, "verdict", row->verdict);
    json_w_key(w, "numbers");
    if (row->numbers.len > 0)
        json_w_raw(w, row->numbers);
    else
        json_w_null(w);
    json_m_i64(w, "blocks", (int64_t)row->n_blocks);
    json_w_end_object(w);
}

static void write_verdicts(struct admin_query *query, const struct pg_result *result)
{
    struct json_writer *w = query->w;
    struct rollout_verdict_row row = {0};
    size_t n = pg_result_n_rows(result);
    json_w_object(w);
    json_m_str(w, "version", query->version.text);
    json_w_key(w, "items");
    json_w_array(w);
    for (size_t i = 0; i < n && query->err == AL_OK; i++) {
        query->err = rollout_verdicts_read(result, i, &row);
        if (query->err == AL_OK)
            write_verdict(w, &row);
    }
    json_w_end_array(w);
    json_m_text(w, "stage", n > 0 && query->err == AL_OK ? rollout_stage_name(row.stage) : "");
    json_m_i64(w, "total", (int64_t)n);
    json_w_end_object(w);
}

static void on_verdicts(struct admin_query *query, size_t index, const struct pg_result *result)
{
    if (index == 0)
        query->found = pg_result_n_rows(result) > 0;
    else if (query->found)
        write_verdicts(query, result);
}

static void answer_if_missing(struct admin_query *query, struct http_request *request)
{
    if (!query->found)
        http_error(request, 404, "there is no model version %s", query->version.text);
}

enum http_answer admin_models_verdicts(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_verdicts, answer_if_missing};
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    query->version = admin_version_param(request);
    model_versions_get(query->batch, &query->version);
    rollout_verdicts_list(query->batch, &query->version, VERDICTS_MAX);
    return admin_query_run(query, request);
}

/* ---- GET /api/v1/rollout ---- */

static void write_shadow(struct json_writer *w, const struct shadow_view *shadow)
{
    bool is_guard = shadow->stage == ROLLOUT_guard;
    bool judged = !is_guard && shadow->verdict.text[0] != '\0';
    json_w_object(w);
    json_m_str(w, "version", shadow->version.text);
    json_m_str(w, "stage", rollout_stage_name(shadow->stage));
    json_m_str(w, "meaning", rollout_stage_meaning(shadow->stage));
    json_m_number(w, "share", rollout_share(shadow->stage));
    json_m_time(w, "since", shadow->stage_since_ns > 0 ? shadow->stage_since_ns : TIMESTAMP_NONE);
    json_m_i64(w, "attempt", shadow->attempt);
    json_m_i64(w, "blocks", (int64_t)shadow->n_blocks);
    json_m_i64(w, "late", (int64_t)shadow->n_late);
    json_m_number(w, "evidence", judged ? shadow->verdict.e_better : NAN);
    json_m_number(w, "evidence_needed", judged ? 1 / shadow->verdict.level : NAN);
    json_m_number(w, "evidence_worse", judged ? shadow->verdict.e_worse : NAN);
    json_m_number(w, "cusum", is_guard ? shadow->cusum.level : NAN);
    json_m_number(w, "cusum_threshold",
                  is_guard && shadow->cusum.n > 0 ? shadow->cusum.threshold : NAN);
    json_m_text(w, "verdict", shadow->verdict.text);
    json_w_end_object(w);
}

static void write_rollout(struct json_writer *w, const struct rollout_view *view)
{
    bool has_model = view->active.text[0] != '\0';
    json_w_object(w);
    json_m_str(w, "strategy_id", view->strategy_id.text);
    json_m_text(w, "active_version", view->active.text);
    json_m_text(w, "chosen_by", !has_model ? "" : view->is_watched ? "evidence" : "a person");
    json_m_bool(w, "is_weak", view->is_weak);
    json_m_time(w, "expires_at", view->expires_ns);
    json_m_time(w, "cooling_until", view->cooling_until_ns);
    json_m_number(w, "block_seconds", (double)view->block_ns / (double)NS_PER_S);
    json_w_key(w, "shadows");
    json_w_array(w);
    for (size_t i = 0; i < view->n_shadows; i++)
        write_shadow(w, &view->shadows[i]);
    json_w_end_array(w);
    json_w_end_object(w);
}

enum http_answer admin_rollout_get(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct rollout_view *view = malloc(sizeof *view);
    size_t n = 0;
    if (view == NULL) {
        http_error(request, 500, "out of memory");
        return HTTP_ANSWERED;
    }
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_w_key(w, "items");
    json_w_array(w);
    while (admin->rollout != NULL && admin->rollout(admin->app, n, view)) {
        write_rollout(w, view);
        n++;
    }
    json_w_end_array(w);
    json_m_i64(w, "total", (int64_t)n);
    json_w_end_object(w);
    free(view);
    return HTTP_ANSWERED;
}
