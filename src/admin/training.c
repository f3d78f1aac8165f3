/* Training: what runs, what ran, starting and stopping one. */
#include <stdlib.h>
#include <string.h>

#include "admin_i.h"

#include "alphaloop/base/timestamp.h"
#include "alphaloop/store/training_runs.h"
#include "alphaloop/store/training_trials.h"

/* ---- GET /api/v1/training/status ---- */

static void write_strategy(struct json_writer *w, const struct admin_strategy *strategy)
{
    json_w_object(w);
    json_m_str(w, "strategy_id", strategy->id.text);
    json_m_bool(w, "is_training", strategy->current.exists);
    admin_write_training(w, "current_training", &strategy->id, &strategy->current);
    admin_write_training(w, "last_training", &strategy->id, &strategy->last);
    json_m_time(w, "next_scheduled_training", strategy->next_scheduled_ns);
    json_m_i64(w, "buffered_events_count", strategy->n_samples_new);
    json_w_end_object(w);
}

/* All strategies in one: the run of any, the newest that ended, the earliest that is due. */
struct summary {
    const struct admin_strategy *current, *last;
    int64_t next_ns, n_new;
};

static struct summary summarise(const struct admin_live *live)
{
    struct summary sum = {NULL, NULL, TIMESTAMP_NONE, 0};
    for (size_t i = 0; i < live->n_strategies; i++) {
        const struct admin_strategy *strategy = &live->strategies[i];
        sum.n_new += strategy->n_samples_new;
        if (sum.current == NULL && strategy->current.exists)
            sum.current = strategy;
        if (strategy->last.exists &&
            (sum.last == NULL || strategy->last.started_at_ns > sum.last->last.started_at_ns))
            sum.last = strategy;
        if (strategy->next_scheduled_ns != TIMESTAMP_NONE &&
            (sum.next_ns == TIMESTAMP_NONE || strategy->next_scheduled_ns < sum.next_ns))
            sum.next_ns = strategy->next_scheduled_ns;
    }
    return sum;
}

enum http_answer admin_training_status(struct http_request *request, void *ctx)
{
    struct admin_live *live = admin_live_take(request, ctx);
    if (live == NULL)
        return HTTP_ANSWERED;
    struct summary sum = summarise(live);
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_m_bool(w, "is_training", sum.current != NULL);
    admin_write_training(w, "current_training", sum.current == NULL ? NULL : &sum.current->id,
                         sum.current == NULL ? NULL : &sum.current->current);
    admin_write_training(w, "last_training", sum.last == NULL ? NULL : &sum.last->id,
                         sum.last == NULL ? NULL : &sum.last->last);
    json_m_time(w, "next_scheduled_training", sum.next_ns);
    json_m_i64(w, "buffered_events_count", sum.n_new);
    json_w_key(w, "strategies");
    json_w_array(w);
    for (size_t i = 0; i < live->n_strategies; i++)
        write_strategy(w, &live->strategies[i]);
    json_w_end_array(w);
    json_w_end_object(w);
    free(live);
    return HTTP_ANSWERED;
}

/* ---- POST /api/v1/training/trigger and cancel ---- */

static void write_result(struct http_request *request,
                         const char *word,
                         bool value,
                         const char *message,
                         const struct strategy_id *strategy_id)
{
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_m_bool(w, word, value);
    json_m_str(w, "message", message);
    json_m_str(w, "strategy_id", strategy_id->text);
    json_w_end_object(w);
}

static const char *text_or(const char *text, const char *fallback)
{
    return text == NULL || text[0] == '\0' ? fallback : text;
}

static enum http_answer answer_triggered(struct admin_action *action,
                                         struct http_request *request,
                                         const struct admin_result *result)
{
    write_result(request, "triggered", true,
                 text_or(result->text, "Training triggered successfully"), &action->strategy_id);
    return HTTP_ANSWERED;
}

/* Not possible now is an answer of this route, not an error: `triggered` is false and the message says why. */
static bool answer_not_triggered(struct admin_action *action,
                                 struct http_request *request,
                                 const struct admin_result *result)
{
    if (result->outcome == ADMIN_CONFLICT)
        write_result(request, "triggered", false, result->text, &action->strategy_id);
    return result->outcome == ADMIN_CONFLICT;
}

static enum http_answer answer_cancelled(struct admin_action *action,
                                         struct http_request *request,
                                         const struct admin_result *result)
{
    write_result(request, "cancelled", true, text_or(result->text, "the training was cancelled"),
                 &action->strategy_id);
    return HTTP_ANSWERED;
}

static bool answer_not_cancelled(struct admin_action *action,
                                 struct http_request *request,
                                 const struct admin_result *result)
{
    if (result->outcome == ADMIN_CONFLICT)
        write_result(request, "cancelled", false, result->text, &action->strategy_id);
    return result->outcome == ADMIN_CONFLICT;
}

enum http_answer admin_training_trigger(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct admin_action *action = admin_action_create(request, admin);
    if (action == NULL)
        return HTTP_ANSWERED;
    action->strategy_id = admin_strategy_param(request);
    action->on_done = answer_triggered;
    action->on_other = answer_not_triggered;
    admin->actions.trigger_training(admin->app, &action->strategy_id, admin_action_result, action);
    return HTTP_LATER;
}

enum http_answer admin_training_cancel(struct http_request *request, void *ctx)
{
    const struct admin_context *admin = ctx;
    struct admin_action *action = admin_action_create(request, admin);
    if (action == NULL)
        return HTTP_ANSWERED;
    action->strategy_id = admin_strategy_param(request);
    action->on_done = answer_cancelled;
    action->on_other = answer_not_cancelled;
    admin->actions.cancel_training(admin->app, &action->strategy_id, admin_action_result, action);
    return HTTP_LATER;
}

/* ---- GET /api/v1/training/runs ---- */

static void write_run(struct json_writer *w, const struct training_run_row *row)
{
    char id[UUID_TEXT_MAX];
    uuid_format(row->id, id);
    json_w_object(w);
    json_m_str(w, "id", id);
    json_m_str(w, "strategy_id", row->strategy_id.text);
    json_m_str(w, "trigger", row->trigger);
    json_m_str(w, "state", training_state_name(row->state));
    json_m_time(w, "started_at", row->started_at_ns);
    json_m_time(w, "finished_at", row->finished_at_ns);
    json_m_i64(w, "dataset_size", row->n_samples);
    json_m_number(w, "n_eff", row->n_effective);
    json_m_text(w, "version", row->version.text);
    json_m_string(w, "detail", row->detail);
    json_w_end_object(w);
}

static void on_runs(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct json_writer *w = query->w;
    (void)index;
    json_w_object(w);
    json_w_key(w, "items");
    json_w_array(w);
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        struct training_run_row row;
        query->err = training_runs_read(result, i, &row);
        if (query->err != AL_OK)
            return;
        write_run(w, &row);
    }
    json_w_end_array(w);
    json_m_i64(w, "limit", (int64_t)query->limit);
    json_w_end_object(w);
}

enum http_answer admin_training_runs(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_runs, NULL};
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    query->strategy_id = admin_strategy_param(request);
    query->limit = (size_t)http_i64(request, "limit");
    training_runs_list(query->batch, &query->strategy_id, query->limit);
    return admin_query_run(query, request);
}

/* ---- GET /api/v1/training/runs/{run_id}/trials ---- */

static void write_trial(struct json_writer *w, const struct training_trial_row *row)
{
    json_w_object(w);
    json_m_i64(w, "trial", row->trial);
    json_m_string(w, "verdict", row->verdict);
    json_m_string(w, "kind", row->kind);
    json_m_raw(w, "parameters", row->parameters);
    json_m_string(w, "seed", row->seed);
    json_m_number(w, "log_loss", row->log_loss);
    json_m_number(w, "sharpe_ratio", row->sharpe_ratio);
    json_m_number(w, "seconds", row->seconds);
    json_m_raw(w, "folds", row->folds);
    json_m_string(w, "tries", row->tries);
    json_m_number(w, "window_scale", row->window_scale);
    json_m_bool(w, "return_attribution", row->return_attribution);
    json_w_end_object(w);
}

static void on_trials(struct admin_query *query, size_t index, const struct pg_result *result)
{
    struct json_writer *w = query->w;
    (void)index;
    json_w_object(w);
    json_w_key(w, "items");
    json_w_array(w);
    for (size_t i = 0; i < pg_result_n_rows(result); i++) {
        struct training_trial_row row;
        query->err = training_trials_read(result, i, &row);
        if (query->err != AL_OK)
            return;
        write_trial(w, &row);
    }
    json_w_end_array(w);
    json_w_end_object(w);
}

enum http_answer admin_training_trials(struct http_request *request, void *ctx)
{
    static const struct admin_query_ops ops = {on_trials, NULL};
    struct uuid run_id;
    if (uuid_parse(http_text(request, "run_id"), &run_id) != AL_OK)
        return http_refuse(request, "run_id", "uuid_parsing", "must be a UUID");
    struct admin_query *query = admin_query_create(request, ctx, &ops);
    if (query == NULL)
        return HTTP_ANSWERED;
    training_trials_list(query->batch, run_id);
    return admin_query_run(query, request);
}
