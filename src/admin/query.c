/* Answers that wait for the database.
 *
 * The result of a statement is borrowed for its callback only, so rows go straight into the answer.
 * When something fails later the answer is begun anew as an error. A request that is gone (time-out)
 * leaves its query running without a reader; the query's memory is its own.
 */
#include <stdlib.h>
#include <string.h>

#include "admin_i.h"

#include "alphaloop/observe/log.h"

#define QUERY_BYTES_MAX (256 * 1024) /* of parameters */

struct admin_query *admin_query_create(struct http_request *request,
                                       const struct admin_context *admin,
                                       const struct admin_query_ops *ops)
{
    if (admin->reader == NULL) {
        http_away(request, "the database");
        return NULL;
    }
    struct admin_query *query = calloc(1, sizeof *query);
    struct pg_batch *batch = pg_batch_create(QUERY_BYTES_MAX);
    if (query == NULL || batch == NULL) {
        free(query);
        pg_batch_destroy(batch);
        http_error(request, 500, "out of memory");
        return NULL;
    }
    query->admin = admin;
    query->ops = ops;
    query->batch = batch;
    query->later = http_later(request);
    return query;
}

static void query_destroy(struct admin_query *query)
{
    pg_batch_destroy(query->batch);
    free(query);
}

static void on_result(void *ctx, size_t index, const struct pg_result *result)
{
    struct admin_query *query = ctx;
    query->request = http_later_request(query->later);
    if (query->request == NULL || query->err != AL_OK)
        return;
    if (query->w == NULL)
        query->w = http_json(query->request, 200);
    query->ops->on_result(query, index, result);
}

static void answer_failure(struct admin_query *query,
                           struct http_request *request,
                           enum al_err err,
                           const struct pg_failure *failure)
{
    const char *sqlstate = failure == NULL ? "" : failure->sqlstate;
    log_warn("admin", "query", http_request_trace_id(request), EV("query_failed"),
             F_STR("error", al_err_name(err)), F_STR("sqlstate", sqlstate),
             F_STR("reason", failure == NULL ? err_text() : failure->message));
    if (strcmp(sqlstate, "57014") == 0)
        http_error(request, 503, "the database took too long, ask for less");
    else if (err == AL_EDB || query->err != AL_OK)
        http_error(request, 500, "the database could not answer; the log says why");
    else
        http_away(request, "the database");
}

static void on_done(void *ctx, enum al_err err, const struct pg_failure *failure)
{
    struct admin_query *query = ctx;
    struct http_request *request = http_later_request(query->later);
    query->request = request;
    if (request != NULL) {
        if (err != AL_OK || query->err != AL_OK)
            answer_failure(query, request, err, failure);
        else if (query->overfull)
            admin_series_refuse(request);
        else if (query->ops->on_done != NULL)
            query->ops->on_done(query, request);
        http_respond(request);
    }
    query_destroy(query);
}

enum http_answer admin_query_run(struct admin_query *query, struct http_request *request)
{
    struct pg_job job = {
        .no_transaction = true, .on_result = on_result, .on_done = on_done, .ctx = query};
    enum al_err err = pg_client_run(query->admin->reader, query->batch, &job);
    if (err == AL_OK)
        return HTTP_LATER;
    query_destroy(query);
    if (err == AL_EFULL)
        return http_too_many(request, "too many questions wait for the database");
    return http_away(request, "the database");
}
