/* POST /risk-score. Shape is 422, what the document names is 400. */
#include "admin_i.h"

#include <stdlib.h>

#include "alphaloop/history/closes.h"
#include "alphaloop/history/risk.h"

static void write_risk(struct http_request *request, const struct risk *risk)
{
    struct json_writer *w = http_json(request, 200);
    json_w_object(w);
    json_m_string(w, "symbol", http_text(request, "symbol"));
    json_m_i64(w, "risk_score", risk->score);
    json_m_str(w, "risk_level", risk->level);
    json_m_double(w, "volatility", risk->volatility);
    json_m_double(w, "swing", risk->swing);
    json_m_double(w, "trend", risk->trend);
    json_m_double(w, "return_volatility", risk->return_volatility);
    json_m_double(w, "value_at_risk_95", risk->value_at_risk_95);
    json_m_double(w, "max_drawdown", risk->max_drawdown);
    json_m_time(w, "timestamp", admin_now_ns());
    json_w_end_object(w);
}

static enum http_answer answer(struct http_request *request,
                               struct json_node *array,
                               double *closes)
{
    size_t n = json_length(array);
    enum al_err err = posted_closes_read(array, "historical_prices", closes);
    if (err == AL_EINVAL)
        return http_refuse(request, "historical_prices", "float_parsing", "%s", err_text());
    if (n < RISK_CLOSES_MIN)
        return http_error(request, 400, "Need at least %d historical price points for risk scoring",
                          RISK_CLOSES_MIN);
    if (err != AL_OK)
        return http_error(request, 400, "%s", err_text());
    struct risk risk = risk_of_closes(closes, n, closes + n);
    write_risk(request, &risk);
    return HTTP_ANSWERED;
}

enum http_answer admin_risk_score(struct http_request *request, void *ctx)
{
    struct json_node *array = http_member(request, "historical_prices");
    double *closes = calloc(2 * json_length(array) + 1, sizeof *closes); /* and room to work */
    (void)ctx;
    if (closes == NULL)
        return http_error(request, 500, "out of memory");
    enum http_answer done = answer(request, array, closes);
    free(closes);
    return done;
}
