/* The report as JSON. Numbers that are not known are null; times are ISO 8601 UTC. */
#include <math.h>

#include "alphaloop/base/json.h"
#include "alphaloop/report/report.h"

static void put_str(struct json_writer *w, const char *key, const char *text)
{
    json_w_key(w, key);
    json_w_str(w, text);
}

static void put_number(struct json_writer *w, const char *key, double value)
{
    json_w_key(w, key);
    if (isfinite(value))
        json_w_double(w, value);
    else
        json_w_null(w);
}

static void put_whole(struct json_writer *w, const char *key, uint64_t value)
{
    json_w_key(w, key);
    json_w_i64(w, (int64_t)value);
}

static void put_time(struct json_writer *w, const char *key, int64_t ts_ns)
{
    json_w_key(w, key);
    json_w_time(w, ts_ns);
}

/* A plain number, or with its interval. */
static void put_value(struct json_writer *w, const char *key, struct report_value value)
{
    if (isnan(value.low) && isnan(value.high)) {
        put_number(w, key, value.value);
        return;
    }
    json_w_key(w, key);
    json_w_object(w);
    put_number(w, "value", value.value);
    put_number(w, "low", value.low);
    put_number(w, "high", value.high);
    json_w_end_object(w);
}

static void put_interval(struct json_writer *w, const char *key, struct report_value value)
{
    json_w_key(w, key);
    json_w_object(w);
    put_number(w, "value", value.value);
    put_number(w, "low", value.low);
    put_number(w, "high", value.high);
    json_w_end_object(w);
}

/* ---- what went in ---- */

static void write_data(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "data");
    json_w_array(w);
    for (size_t i = 0; i < r->n_files; i++) {
        const struct report_file *file = &r->files[i];
        json_w_object(w);
        put_str(w, "file", file->name);
        put_str(w, "asset", file->asset);
        put_str(w, "kind", file->kind);
        put_number(w, "interval_seconds", file->interval_s > 0 ? file->interval_s : NAN);
        put_whole(w, "rows", file->n_rows);
        put_whole(w, "rows_refused", file->n_refused);
        put_time(w, "from", file->from_ns);
        put_time(w, "to", file->to_ns);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void write_options(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "options");
    json_w_object(w);
    for (size_t i = 0; i < r->n_options; i++)
        put_number(w, r->options[i].name, r->options[i].value);
    json_w_end_object(w);
}

static void write_strategies(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "strategies");
    json_w_array(w);
    for (size_t i = 0; i < r->n_strategies; i++) {
        const struct report_strategy *s = &r->strategies[i];
        json_w_object(w);
        put_str(w, "strategy_id", s->id);
        put_str(w, "model_kind", s->model_kind);
        put_str(w, "decision_trigger", s->trigger);
        put_number(w, "horizon_seconds", s->horizon_s);
        put_number(w, "timeframe_seconds", s->timeframe_s);
        put_whole(w, "features", s->n_features);
        put_whole(w, "decisions", s->n_decisions);
        put_whole(w, "signals", s->n_signals);
        put_str(w, "adapted", s->adapted);
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
        put_whole(w, "n", f->bins[i].n);
        put_number(w, "q", f->bins[i].q);
        put_interval(w, "share", f->bins[i].share);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void write_forecast(struct json_writer *w,
                           const char *key,
                           const struct forecast_measures *f)
{
    json_w_key(w, key);
    json_w_object(w);
    put_whole(w, "rows", f->n);
    put_number(w, "base_rate", f->base_rate);
    put_number(w, "log_loss", f->log_loss);
    put_number(w, "log_loss_of_base_rate", f->log_loss_base);
    put_interval(w, "log_loss_gain", f->log_loss_gain);
    put_number(w, "brier_score", f->brier);
    put_interval(w, "brier_skill", f->brier_skill);
    put_number(w, "ece", f->ece);
    put_number(w, "roc_auc", f->auc);
    put_number(w, "rank_ic", f->rank_ic);
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
        put_time(w, "cut", t->cut_ns);
        put_str(w, "strategy_id", t->strategy);
        put_str(w, "version", t->version[0] != '\0' ? t->version : NULL);
        put_str(w, "trigger", t->trigger);
        put_str(w, "verdict", t->verdict);
        put_str(w, "reason", t->reason);
        put_whole(w, "rows", t->n_rows);
        put_number(w, "n_eff", t->n_eff);
        put_number(w, "roc_auc", t->auc);
        put_number(w, "brier_skill", t->brier_skill);
        json_w_end_object(w);
    }
    json_w_end_array(w);
}

static void write_importance(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "importance");
    json_w_object(w);
    put_whole(w, "rows", r->n_importance_rows);
    json_w_key(w, "log_loss_when_shuffled");
    json_w_object(w);
    for (size_t i = 0; i < r->n_importance; i++)
        put_number(w, r->importance[i].name, r->importance[i].loss);
    json_w_end_object(w);
    json_w_end_object(w);
}

static void write_account(struct json_writer *w, const struct report_account *a)
{
    json_w_key(w, "account");
    json_w_object(w);
    put_whole(w, "orders", a->n_orders);
    put_whole(w, "filled", a->n_filled);
    put_whole(w, "partial_fills", a->n_partial);
    put_whole(w, "cancelled", a->n_cancelled);
    put_whole(w, "rejected", a->n_rejected);
    put_number(w, "volume", a->volume);
    put_number(w, "fees", a->fees);
    put_number(w, "realized_pnl", a->realized);
    put_number(w, "unrealized_pnl", a->unrealized);
    put_number(w, "equity", a->equity);
    put_number(w, "max_drawdown", a->max_drawdown);
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
        put_time(w, "at", r->instants[i].at_ns);
        put_whole(w, "decisions", r->instants[i].n_decisions);
        json_w_key(w, "same");
        json_w_bool(w, r->instants[i].same);
        put_str(w, "difference", r->instants[i].same ? NULL : r->instants[i].difference);
        json_w_end_object(w);
    }
    json_w_end_array(w);
    json_w_end_object(w);
}

static void write_edge(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "edge");
    json_w_object(w);
    json_w_key(w, "shown");
    json_w_bool(w, r->has_edge);
    put_str(w, "verdict", r->verdict);
    json_w_end_object(w);
}

static void write_window(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "judged");
    json_w_object(w);
    put_time(w, "from", r->from_ns);
    put_time(w, "to", r->to_ns);
    put_str(w, "why", r->window);
    put_whole(w, "decisions_without_outcome", r->n_unknown);
    json_w_end_object(w);
}

static void write_abstentions(struct json_writer *w, const struct report *r)
{
    json_w_key(w, "abstentions");
    json_w_object(w);
    for (size_t i = 0; i < r->n_reasons; i++)
        put_whole(w, r->abstentions[i].name, r->abstentions[i].n);
    json_w_end_object(w);
}

void report_write_json(const struct report *report, struct buf *out)
{
    struct json_writer w;
    json_w_init(&w, out);
    json_w_object(&w);
    put_whole(&w, "format", REPORT_FORMAT);
    put_str(&w, "alphaloop", report->version);
    write_data(&w, report);
    write_options(&w, report);
    write_strategies(&w, report);
    write_window(&w, report);
    write_edge(&w, report);
    write_check(&w, report);
    write_policies(&w, report);
    write_forecast(&w, "newest_challenger", &report->challenger);
    write_forecast(&w, "served_model", &report->served);
    write_trainings(&w, report);
    write_importance(&w, report);
    write_account(&w, &report->account);
    write_abstentions(&w, report);
    write_curves(&w, report);
    json_w_end_object(&w);
    buf_append(out, "\n", 1);
}
