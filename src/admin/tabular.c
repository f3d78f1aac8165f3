/* The train/predict routes: a neighbour's tables in, runs and predictions out. What a body holds is checked by the program,
 * not on the loop. */
#include <stdlib.h>

#include "admin_i.h"

#include "alphaloop/store/models.h"
#include "alphaloop/tabular/kind.h"

#define KINDS_MAX 64

enum http_answer admin_api_health(struct http_request *request, void *ctx)
{
    struct admin_live *live = admin_live_take(request, ctx);
    if (live == NULL)
        return HTTP_ANSWERED;
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_m_str(w, "status", live->database.ok ? "healthy" : "degraded");
    json_m_time(w, "timestamp", live->now_ns);
    json_m_str(w, "database", live->database.state);
    json_w_end_object(w);
    free(live);
    return HTTP_ANSWERED;
}

/* ---- GET /api/models ---- */

static void write_features(struct json_writer *w, const struct tabular_kind *kind)
{
    json_w_key(w, "feature_names");
    if (kind == NULL || kind->features == NULL) {
        json_w_null(w);
        return;
    }
    json_w_array(w);
    for (const char *const *name = kind->features; *name != NULL; name++)
        json_w_str(w, *name);
    json_w_end_array(w);
}

static void write_parameters(struct json_writer *w, const struct tabular_kind *kind)
{
    json_w_key(w, "parameters");
    json_w_object(w);
    for (size_t i = 0; kind != NULL && i < kind->n_params; i++)
        json_m_double(w, kind->params[i].name, kind->params[i].value_default);
    json_w_end_object(w);
}

static void write_model(struct json_writer *w, const struct model_listed *row)
{
    const struct tabular_kind *kind = tabular_kind_find(row->name);
    json_w_object(w);
    json_m_string(w, "name", row->name);
    json_m_str(w, "state",
               kind == NULL         ? "unavailable"
               : row->is_registered ? "available"
                                    : "unregistered");
    json_w_key(w, "type");
    if (row->is_registered)
        json_w_string(w, row->type);
    else
        json_w_null(w);
    json_m_str(w, "task", kind != NULL ? tabular_task_name(kind->task) : NULL);
    json_w_key(w, "description");
    if (kind != NULL)
        json_w_str(w, kind->description);
    else
        json_w_string(w, row->description);
    write_parameters(w, kind);
    write_features(w, kind);
    json_m_str(w, "label_name", kind != NULL ? kind->label : NULL);
    json_w_end_object(w);
}

static void on_models(struct admin_query *query, size_t index, const struct pg_result *result)
{
    (void)index;
    json_w_object(query->w);
    json_w_key(query->w, "models");
    json_w_array(query->w);
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        struct model_listed row;
        query->err = models_read_listed(result, i, &row);
        if (query->err != AL_OK)
            return;
        write_model(query->w, &row);
    }
    json_w_end_array(query->w);
    json_w_end_object(query->w);
}

enum http_answer admin_tabular_models(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {.on_result = on_models};
    const char *names[KINDS_MAX];
    size_t n = tabular_kind_count();
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    for (size_t i = 0; i < n; i++)
        names[i] = tabular_kind_at(i)->name;
    models_list(query->batch, names, n);
    return admin_query_run(query, request);
}

/* ---- POST /api/train and /api/predict ---- */

static enum http_answer on_started(struct admin_action *action,
                                   struct http_request *request,
                                   const struct admin_result *result)
{
    (void)action, (void)result;
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_m_str(w, "status", "RUNNING");
    json_m_string(w, "model_name", http_text(request, "model_name"));
    json_m_i64(w, "model_run_id", http_i64(request, "model_run_id"));
    json_m_str(w, "message", "Training initiated successfully");
    json_w_end_object(w);
    return HTTP_ANSWERED;
}

static enum http_answer on_predicted(struct admin_action *action,
                                     struct http_request *request,
                                     const struct admin_result *result)
{
    (void)action;
    json_w_raw(http_json(request, 200), result->body);
    return HTTP_ANSWERED;
}

/* NULL: the request is answered. */
static struct admin_action *action_of(struct http_request *request,
                                      const struct admin_context *admin)
{
    struct admin_action *action = admin_action_create(request, admin);
    if (action == NULL)
        return NULL;
    action->only_reads = true;
    return action;
}

enum http_answer admin_tabular_train(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct admin_action *action = action_of(request, admin);
    if (action == NULL)
        return HTTP_ANSWERED;
    action->on_done = on_started;
    admin->actions.tabular_train(admin->app, http_text(request, "model_name"),
                                 http_i64(request, "model_run_id"), http_request_body(request),
                                 admin_action_result, action);
    return HTTP_LATER;
}

enum http_answer admin_tabular_predict(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct admin_action *action = action_of(request, admin);
    if (action == NULL)
        return HTTP_ANSWERED;
    action->on_done = on_predicted;
    admin->actions.tabular_predict(admin->app, http_i64(request, "model_run_id"),
                                   http_request_body(request), admin_action_result, action);
    return HTTP_LATER;
}
