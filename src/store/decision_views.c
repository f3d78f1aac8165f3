/* Signals are listed by signal_id, which is time-ordered, so that the list of all strategies needs no index of its own;
 * the list of one strategy goes by its index on time. Numbers for people leave numeric for double precision in SQL. */
#include "alphaloop/store/decision_views.h"

#include <math.h>

#define SIGNAL_COLUMNS                                                                             \
    "t.signal_id, t.kind = 'exit', t.strategy_id, t.asset, t.side, coalesce(t.reason, ''), "       \
    "t.amount::double precision, t.price::double precision, t.confidence, t.propensity, "          \
    "t.expected_value, t.decided_at_ns, t.published_at, t.is_warmup, "                             \
    "coalesce(t.model_version, ''), coalesce(t.heuristic, ''), t.status, "                         \
    "coalesce(t.outcome, ''), s.net_return, coalesce(t.trace_id, '')"
#define SIGNAL_TABLES                                                                              \
    " FROM trading_signals t LEFT JOIN samples s ON s.decision_id = t.signal_id AND s.action = "   \
    "t.side "

static const struct pg_statement list_signals = {"decision_views_signals",
                                                 "SELECT " SIGNAL_COLUMNS SIGNAL_TABLES
                                                 "WHERE ($1::text IS NULL OR t.asset = $1) "
                                                 "ORDER BY t.signal_id DESC LIMIT $2 OFFSET $3"};

static const struct pg_statement list_signals_of_strategy = {
    "decision_views_signals_of_strategy",
    "SELECT " SIGNAL_COLUMNS SIGNAL_TABLES
    "WHERE t.strategy_id = $4 AND ($1::text IS NULL OR t.asset = $1) "
    "ORDER BY t.decided_at_ns DESC, t.signal_id DESC LIMIT $2 OFFSET $3"};

static const struct pg_statement get_signal = {
    "decision_views_signal",
    "SELECT " SIGNAL_COLUMNS
    ", t.body, t.schema_hash, t.features, t.horizon_ns, t.expires_at_ns, t.sigma_h" SIGNAL_TABLES
    "WHERE t.signal_id = $1"};

static const struct pg_statement get_outcome = {
    "decision_views_outcome",
    "SELECT coalesce(outcome, '') FROM trading_signals WHERE signal_id = $1 "
    "UNION ALL SELECT coalesce(outcome, '') FROM abstentions WHERE decision_id = $1"};

static const struct pg_statement list_outcomes = {
    "decision_views_outcomes",
    "SELECT action, policy_took, evidence = 1, "
    "(ARRAY['upper', 'lower', 'vertical'])[barrier], gross_return, cost_return, net_return, "
    "fill_fraction, "
    "t1_ns, available_at_ns FROM samples WHERE decision_id = $1 ORDER BY policy_took DESC, action"};

static const struct pg_statement list_executions = {
    "decision_views_executions",
    "SELECT event_id, order_id, execution_price::double precision, execution_quantity::double "
    "precision, "
    "execution_fees::double precision, executed_at_ns FROM execution_events WHERE signal_id = $1 "
    "ORDER BY executed_at_ns, event_id LIMIT $2"};

#define ABSTENTION_COLUMNS                                                                         \
    "decision_id, strategy_id, asset, reason, confidence, expected_value, decided_at_ns, "         \
    "is_warmup, coalesce(model_version, ''), coalesce(outcome, '')"

static const struct pg_statement list_abstentions = {
    "decision_views_abstentions",
    "SELECT " ABSTENTION_COLUMNS " FROM abstentions WHERE ($1::text IS NULL OR asset = $1) "
    "AND ($4::text IS NULL OR strategy_id = $4) ORDER BY decided_at_ns DESC, decision_id DESC "
    "LIMIT $2 OFFSET $3"};

static void put_page(struct pg_batch *batch, const struct decision_views_filter *filter)
{
    pg_put_str_or_null(batch, filter->asset.text);
    pg_put_i64(batch, (int64_t)filter->limit);
    pg_put_i64(batch, (int64_t)filter->offset);
}

void decision_views_signals(struct pg_batch *batch, const struct decision_views_filter *filter)
{
    bool one = filter->strategy_id.text[0] != '\0';
    pg_batch_statement(batch, one ? &list_signals_of_strategy : &list_signals);
    put_page(batch, filter);
    if (one)
        pg_put_str(batch, filter->strategy_id.text);
}

void decision_views_signal(struct pg_batch *batch, struct uuid signal_id)
{
    pg_batch_statement(batch, &get_signal);
    pg_put_uuid(batch, signal_id);
}

void decision_views_outcome(struct pg_batch *batch, struct uuid decision_id)
{
    pg_batch_statement(batch, &get_outcome);
    pg_put_uuid(batch, decision_id);
}

void decision_views_outcomes(struct pg_batch *batch, struct uuid decision_id)
{
    pg_batch_statement(batch, &list_outcomes);
    pg_put_uuid(batch, decision_id);
}

void decision_views_executions(struct pg_batch *batch, struct uuid signal_id, size_t limit)
{
    pg_batch_statement(batch, &list_executions);
    pg_put_uuid(batch, signal_id);
    pg_put_i64(batch, (int64_t)limit);
}

void decision_views_abstentions(struct pg_batch *batch, const struct decision_views_filter *filter)
{
    pg_batch_statement(batch, &list_abstentions);
    put_page(batch, filter);
    pg_put_str_or_null(batch, filter->strategy_id.text);
}

/* ---- reading ---- */

/* Text columns into char arrays, one after another; the first that does not fit is the answer. */
struct text_column {
    size_t column;
    char *out;
    size_t size;
};

static enum al_err read_texts(const struct pg_result *result,
                              size_t row,
                              const struct text_column *columns,
                              size_t n)
{
    enum al_err err = AL_OK;
    for (size_t i = 0; i < n && err == AL_OK; i++)
        err = pg_result_chars(result, row, columns[i].column, columns[i].out, columns[i].size);
    return err;
}

/* A null double precision reads as 0 where it is an amount and as NaN where it may be absent. */
static double double_or_nan(const struct pg_result *result, size_t row, size_t column)
{
    return pg_result_is_null(result, row, column) ? (double)NAN
                                                  : pg_result_double(result, row, column);
}

enum al_err decision_views_read_signal(const struct pg_result *result,
                                       size_t row,
                                       struct signal_view *out)
{
    *out = (struct signal_view){
        .signal_id = pg_result_uuid(result, row, 0),
        .is_exit = pg_result_bool(result, row, 1),
        .amount = pg_result_double(result, row, 6),
        .price = pg_result_double(result, row, 7),
        .confidence = pg_result_double(result, row, 8),
        .propensity = pg_result_double(result, row, 9),
        .expected_value = double_or_nan(result, row, 10),
        .decided_at_ns = pg_result_i64(result, row, 11),
        .published_at_ns = pg_result_time(result, row, 12),
        .is_warmup = pg_result_bool(result, row, 13),
        .net_return = double_or_nan(result, row, 18),
    };
    const struct text_column texts[] = {
        {2, out->strategy_id.text, sizeof out->strategy_id.text},
        {3, out->asset.text, sizeof out->asset.text},
        {4, out->side, sizeof out->side},
        {5, out->reason, sizeof out->reason},
        {14, out->model_version.text, sizeof out->model_version.text},
        {15, out->heuristic, sizeof out->heuristic},
        {16, out->status, sizeof out->status},
        {17, out->outcome, sizeof out->outcome},
        {19, out->trace_id.text, sizeof out->trace_id.text},
    };
    return read_texts(result, row, texts, COUNT_OF(texts));
}

enum al_err decision_views_read_detail(const struct pg_result *result,
                                       size_t row,
                                       struct signal_detail *out)
{
    out->body = pg_result_text(result, row, 20);
    out->schema_hash = pg_result_bytea(result, row, 21);
    out->horizon_ns = pg_result_i64(result, row, 23);
    out->expires_at_ns = pg_result_i64(result, row, 24);
    out->sigma_h = double_or_nan(result, row, 25);
    return pg_result_floats(result, row, 22, out->features, FEATURES_MAX, &out->n_features);
}

enum al_err decision_views_read_outcome(const struct pg_result *result,
                                        size_t row,
                                        struct outcome_view *out)
{
    *out = (struct outcome_view){
        .policy_took = pg_result_bool(result, row, 1),
        .is_own_fill = pg_result_bool(result, row, 2),
        .gross_return = pg_result_double(result, row, 4),
        .cost_return = pg_result_double(result, row, 5),
        .net_return = pg_result_double(result, row, 6),
        .fill_fraction = pg_result_double(result, row, 7),
        .t1_ns = pg_result_i64(result, row, 8),
        .available_at_ns = pg_result_i64(result, row, 9),
    };
    const struct text_column texts[] = {
        {0, out->action, sizeof out->action},
        {3, out->barrier, sizeof out->barrier},
    };
    return read_texts(result, row, texts, COUNT_OF(texts));
}

enum al_err decision_views_read_execution(const struct pg_result *result,
                                          size_t row,
                                          struct execution_view *out)
{
    *out = (struct execution_view){
        .event_id = pg_result_uuid(result, row, 0),
        .price = pg_result_double(result, row, 2),
        .quantity = pg_result_double(result, row, 3),
        .fees = pg_result_double(result, row, 4),
        .executed_at_ns = pg_result_i64(result, row, 5),
    };
    return pg_result_chars(result, row, 1, out->order_id.text, sizeof out->order_id.text);
}

enum al_err decision_views_read_abstention(const struct pg_result *result,
                                           size_t row,
                                           struct abstention_view *out)
{
    *out = (struct abstention_view){
        .decision_id = pg_result_uuid(result, row, 0),
        .confidence = double_or_nan(result, row, 4),
        .expected_value = double_or_nan(result, row, 5),
        .decided_at_ns = pg_result_i64(result, row, 6),
        .is_warmup = pg_result_bool(result, row, 7),
    };
    const struct text_column texts[] = {
        {1, out->strategy_id.text, sizeof out->strategy_id.text},
        {2, out->asset.text, sizeof out->asset.text},
        {3, out->reason, sizeof out->reason},
        {8, out->model_version.text, sizeof out->model_version.text},
        {9, out->outcome, sizeof out->outcome},
    };
    return read_texts(result, row, texts, COUNT_OF(texts));
}
