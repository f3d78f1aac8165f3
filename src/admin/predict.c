/* POST /predict takes the body of one of several documents, told apart by its keys. */
#include "admin_i.h"

#include <string.h>

/* ---- by the name of a registered forecast ---- */

static enum http_answer answer_forecast(struct admin_action *action,
                                        struct http_request *request,
                                        const struct admin_result *result)
{
    (void)action;
    json_w_raw(http_json(request, 200), result->body);
    return HTTP_ANSWERED;
}

static enum http_answer ask_forecast(struct http_request *request,
                                     const struct admin_context *admin,
                                     const struct admin_forecast_ask *ask)
{
    if (admin->actions.forecast_predict == NULL)
        return http_away(request, "forecasting");
    struct admin_action *action = admin_action_create(request, admin);
    if (action == NULL)
        return HTTP_ANSWERED;
    action->only_reads = true;
    action->on_done = answer_forecast;
    admin->actions.forecast_predict(admin->app, ask, admin_action_result, action);
    return HTTP_LATER;
}

static enum http_answer predict_by_name(struct http_request *request,
                                        const struct admin_context *admin)
{
    const struct admin_forecast_ask ask = {.model_name = http_text(request, "model_name"),
                                           .horizon = http_i64(request, "prediction_horizon"),
                                           .save = http_bool(request, "save_to_db")};
    return ask_forecast(request, admin, &ask);
}

/* ---- which body it is ---- */

#define KEYS_MAX 4

/* A body with all of `keys`; one of them is enough to mean it. */
struct shape {
    const char *keys[KEYS_MAX]; /* NULL ends */
    enum http_answer (*predict)(struct http_request *request, const struct admin_context *admin);
};

static const struct shape shapes[] = {
    {{"model_name", "prediction_horizon"}, predict_by_name},
};

static size_t count_given(const struct http_request *request, const struct shape *shape)
{
    size_t n = 0;
    for (size_t i = 0; i < KEYS_MAX && shape->keys[i] != NULL; i++)
        n += http_given(request, shape->keys[i]) ? 1 : 0;
    return n;
}

static enum http_answer refuse(struct http_request *request)
{
    return http_refuse(request, shapes[0].keys[0], "missing",
                       "the body must hold the keys of exactly one way to ask");
}

enum http_answer admin_predict_post(struct http_request *request, void *ctx)
{
    const struct shape *meant = NULL;
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        if (count_given(request, &shapes[i]) == 0)
            continue;
        if (meant != NULL)
            return refuse(request);
        meant = &shapes[i];
    }
    if (meant == NULL)
        return refuse(request);
    for (size_t i = 0; i < KEYS_MAX && meant->keys[i] != NULL; i++) {
        if (!http_given(request, meant->keys[i]))
            return http_refuse(request, meant->keys[i], "missing", "field required");
    }
    return meant->predict(request, ctx);
}

enum http_answer admin_predict_get(struct http_request *request, void *ctx)
{
    const struct admin_forecast_ask ask = {.model_name = http_text(request, "model"),
                                           .horizon = http_i64(request, "horizon"),
                                           .save = http_bool(request, "save_to_db")};
    return ask_forecast(request, ctx, &ask);
}
