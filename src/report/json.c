/* The report as JSON. Numbers that are not known are null; times are ISO 8601 UTC. */
#include <math.h>

#include "alphaloop/base/json.h"
#include "alphaloop/report/report.h"

static void put_interval(struct json_writer *w, const char *key, struct report_value value)
{
    json_w_key(w, key);
    json_w_object(w);
    json_m_number(w, "value", value.value);
    json_m_number(w, "low", value.low);
    json_m_number(w, "high", value.high);
    json_w_end_object(w);
}

/* A plain number, or with its interval. */
static void put_value(struct json_writer *w, const char *key, struct report_value value)
{
    if (isnan(value.low) && isnan(value.high))
        json_m_number(w, key, value.value);
    else
        put_interval(w, key, value);
}

/* ---- what went in ---- */

static void write_data(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "data");
    json_w_array(w);
    for (size_t i = 0; i < r->n_files; i++) {
        const struct report_file *file = &r->files[i];
        json_w_object(w);
        json_m_str(w, "file", file->name);
        json_m_str(w, "asset", file->asset);
        json_m_str(w, "kind", file->kind);
        json_m_number(w, "interval_seconds", file->interval_s > 0 ? file->interval_s : NAN);
        json_m_count(w, "rows", file->n_rows);
        json_m_count(w, "rows_refused", file->n_refused);
        json_m_time(w, "from", file->from_ns);
        json_m_time(w, "to", file->to_ns);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void write_options(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "options");
    json_w_object(w);
    for (size_t i = 0; i < r->n_options; i++)
        json_m_number(w, r->options[i].name, r->options[i].value);
    json_w_end_object(w);
}

/* Options that were fitted from the ledger. */
static void write_fitted(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "fitted_from_ledger");
    json_w_object(w);
    for (size_t i = 0; i < r->n_options; i++) {
        if (r->options[i].n == 0)
            continue;
        json_w_key(w, r->options[i].name);
        json_w_object(w);
        json_m_number(w, "standard_error", r->options[i].error);
        json_m_count(w, "orders", r->options[i].n);
        json_w_end_object(w);
    }
    json_w_end_object(w);
}

static void write_strategies(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "strategies");
    json_w_array(w);
    for (size_t i = 0; i < r->n_strategies; i++) {
        const struct report_strategy *s = &r->strategies[i];
        json_w_object(w);
        json_m_str(w, "strategy_id", s->id);
        json_m_str(w, "model_kind", s->model_kind);
        json_m_str(w, "decision_trigger", s->trigger);
        json_m_number(w, "horizon_seconds", s->horizon_s);
        json_m_number(w, "timeframe_seconds", s->timeframe_s);
        json_m_count(w, "features", s->n_features);
        json_m_count(w, "decisions", s->n_decisions);
        json_m_count(w, "signals", s->n_signals);
        json_m_str(w, "adapted", s->adapted);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

/* ---- what came out ---- */

static void write_measures(struct json_writer *w, const struct report_measures *measures)
{
    for (size_t i = 0; i < report_measure_count(); i++)
        put_value(w, report_measure_at(i)->name, report_measure_value(measures, i));
}

static void write_policies(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "policies");
    json_w_object(w);
    for (size_t i = 0; i < r->n_policies; i++) {
        const struct report_policy *policy = &r->policies[i];
        json_w_key(w, policy->name);
        if (!policy->is_known) {
            json_w_null(w);
            continue;
        }
        json_w_object(w);
        write_measures(w, &policy->measures);
        json_w_end_object(w);
    }
    json_w_end_object(w);
}

static void write_curves(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "curves");
    json_w_object(w);
    json_w_key(w, "times");
    json_w_array(w);
    for (size_t i = 0; i < REPORT_POINTS; i++)
        json_w_time(w, r->times_ns[i]);
    json_w_end_array(w);
    for (size_t p = 0; p < r->n_policies; p++) {
        json_w_key(w, r->policies[p].name);
        json_w_array(w);
        for (size_t i = 0; i < REPORT_POINTS && r->policies[p].is_known; i++)
            json_w_double(w, r->policies[p].curve[i]);
        json_w_end_array(w);
    }
    json_w_end_object(w);
}

static void write_bins(struct json_writer *w, const struct forecast_measures *f)
{
    json_w_key(w, "calibration");
    json_w_array(w);
    for (size_t i = 0; i < f->n_bins; i++) {
        json_w_object(w);
        json_m_count(w, "n", f->bins[i].n);
        json_m_number(w, "q", f->bins[i].q);
        put_interval(w, "share", f->bins[i].share);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void write_returns(struct json_writer *w, const struct return_measures *returns)
{
    json_w_key(w, "return_forecast");
    json_w_object(w);
    json_m_count(w, "decisions", returns->n);
    for (size_t i = 0; i < return_measure_count(); i++)
        put_interval(w, return_measure_at(i)->name, return_measure_value(returns, i));
    json_w_end_object(w);
}

static void write_forecast(struct json_writer *w,
                           const char *key,
                           const struct forecast_measures *f,
                           const struct return_measures *returns)
{
    json_w_key(w, key);
    json_w_object(w);
    json_m_count(w, "rows", f->n);
    json_m_number(w, "base_rate", f->base_rate);
    json_m_number(w, "log_loss", f->log_loss);
    json_m_number(w, "log_loss_of_base_rate", f->log_loss_base);
    put_interval(w, "log_loss_gain", f->log_loss_gain);
    json_m_number(w, "brier_score", f->brier);
    put_interval(w, "brier_skill", f->brier_skill);
    json_m_number(w, "ece", f->ece);
    json_m_number(w, "roc_auc", f->auc);
    json_m_number(w, "rank_ic", f->rank_ic.value);
    put_interval(w, "rank_ic_interval", f->rank_ic);
    write_returns(w, returns);
    write_bins(w, f);
    json_w_end_object(w);
}

static void write_trainings(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "trainings");
    json_w_array(w);
    for (size_t i = 0; i < r->n_trainings; i++) {
        const struct report_training *t = &r->trainings[i];
        json_w_object(w);
        json_m_time(w, "cut", t->cut_ns);
        json_m_str(w, "strategy_id", t->strategy);
        json_m_str(w, "version", t->version[0] != '\0' ? t->version : NULL);
        json_m_str(w, "trigger", t->trigger);
        json_m_str(w, "verdict", t->verdict);
        json_m_str(w, "reason", t->reason);
        json_m_count(w, "rows", t->n_rows);
        json_m_number(w, "n_eff", t->n_eff);
        json_m_number(w, "roc_auc", t->auc);
        json_m_number(w, "brier_skill", t->brier_skill);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void put_version(struct json_writer *w, const char *key, const char *version)
{
    json_m_str(w, key, version[0] != '\0' ? version : NULL);
}

static void write_moves(struct json_writer *w,
                        const char *key,
                        const char *time_key,
                        const struct report_move *moves,
                        size_t n)
{
    json_w_key(w, key);
    json_w_array(w);
    for (size_t i = 0; i < n; i++) {
        const struct report_move *move = &moves[i];
        json_w_object(w);
        json_m_time(w, time_key, move->at_ns);
        json_m_str(w, "strategy_id", move->strategy);
        json_m_str(w, "version", move->version);
        json_m_str(w, "stage", move->stage);
        json_m_number(w, "share", move->share);
        put_version(w, "against", move->against);
        json_m_str(w, "why", move->why);
        json_m_str(w, "verdict", move->verdict);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void write_deciders(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "deciders");
    json_w_array(w);
    for (size_t i = 0; i < r->n_deciders; i++) {
        const struct report_decider *d = &r->deciders[i];
        json_w_object(w);
        json_m_str(w, "strategy_id", d->strategy);
        put_version(w, "version", d->version);
        json_m_time(w, "from", d->from_ns);
        json_m_time(w, "to", d->to_ns);
        json_m_count(w, "decisions", d->n_decisions);
        json_m_count(w, "trades", d->n_trades);
        json_m_number(w, "net_per_trade", d->net_per_trade);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void write_rollout(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "rollout");
    json_w_object(w);
    json_m_str(w, "promote", r->promotion);
    write_moves(w, "moves", "at", r->moves, r->n_moves);
    write_moves(w, "standing", "since", r->standing, r->n_standing);
    write_deciders(w, r);
    json_w_end_object(w);
}

static void write_importance(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "importance");
    json_w_object(w);
    json_m_count(w, "rows", r->n_importance_rows);
    json_w_key(w, "log_loss_when_shuffled");
    json_w_object(w);
    for (size_t i = 0; i < r->n_importance; i++)
        json_m_number(w, r->importance[i].name, r->importance[i].loss);
    json_w_end_object(w);
    json_w_end_object(w);
}

static void write_account(struct json_writer *w, const struct report_account *a)
{
    json_w_key(w, "account");
    json_w_object(w);
    json_m_count(w, "orders", a->n_orders);
    json_m_count(w, "filled", a->n_filled);
    json_m_count(w, "partial_fills", a->n_partial);
    json_m_count(w, "cancelled", a->n_cancelled);
    json_m_count(w, "rejected", a->n_rejected);
    json_m_number(w, "volume", a->volume);
    json_m_number(w, "fees", a->fees);
    json_m_number(w, "realized_pnl", a->realized);
    json_m_number(w, "unrealized_pnl", a->unrealized);
    json_m_number(w, "equity", a->equity);
    json_m_number(w, "max_drawdown", a->max_drawdown);
    json_w_end_object(w);
}

static void write_check(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "look_ahead_check");
    json_w_object(w);
    json_w_key(w, "passed");
    if (r->n_instants > 0)
        json_w_bool(w, report_is_causal(r));
    else
        json_w_null(w); /* it was not asked for */
    json_w_key(w, "instants");
    json_w_array(w);
    for (size_t i = 0; i < r->n_instants; i++) {
        json_w_object(w);
        json_m_time(w, "at", r->instants[i].at_ns);
        json_m_count(w, "decisions", r->instants[i].n_decisions);
        json_m_bool(w, "same", r->instants[i].same);
        json_m_str(w, "difference", r->instants[i].same ? NULL : r->instants[i].difference);
        json_w_end_object(w);
    }
    json_w_end_array(w);
    json_w_end_object(w);
}

static void write_edge(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "edge");
    json_w_object(w);
    json_m_bool(w, "shown", r->has_edge);
    json_m_str(w, "verdict", r->verdict);
    json_w_end_object(w);
}

static void write_window(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "judged");
    json_w_object(w);
    json_m_time(w, "from", r->from_ns);
    json_m_time(w, "to", r->to_ns);
    json_m_str(w, "why", r->window);
    json_m_count(w, "decisions_without_outcome", r->n_unknown);
    json_w_end_object(w);
}

static void write_abstentions(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "abstentions");
    json_w_object(w);
    for (size_t i = 0; i < r->n_reasons; i++)
        json_m_count(w, r->abstentions[i].name, r->abstentions[i].n);
    json_w_end_object(w);
}

void report_write_json(const struct report *report, struct buf *out)
{
    struct json_writer w;
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_count(&w, "format", REPORT_FORMAT);
    json_m_str(&w, "alphaloop", report->version);
    write_data(&w, report);
    write_options(&w, report);
    write_fitted(&w, report);
    write_strategies(&w, report);
    write_window(&w, report);
    write_edge(&w, report);
    write_check(&w, report);
    write_policies(&w, report);
    write_forecast(&w, "newest_challenger", &report->challenger, &report->challenger_returns);
    write_forecast(&w, "served_model", &report->served, &report->served_returns);
    write_forecast(&w, "linear_baseline", &report->linear, &report->linear_returns);
    write_trainings(&w, report);
    write_rollout(&w, report);
    write_importance(&w, report);
    write_account(&w, &report->account);
    write_abstentions(&w, report);
    write_curves(&w, report);
    json_w_end_object(&w);
    buf_append(out, "\n", 1);
}
