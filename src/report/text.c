/* The report in the terminal, and how numbers are said. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/report/report.h"

void report_number(double value, enum report_unit unit, char out[REPORT_NUMBER_MAX])
{
    if (!isfinite(value)) {
        snprintf(out, REPORT_NUMBER_MAX, "not known");
        return;
    }
    switch (unit) {
    case REPORT_count:
        snprintf(out, REPORT_NUMBER_MAX, "%.0f", value);
        return;
    case REPORT_fraction:
        snprintf(out, REPORT_NUMBER_MAX, "%+.2f %%", 100 * value);
        return;
    case REPORT_bps:
        snprintf(out, REPORT_NUMBER_MAX, "%+.2f bp", 1e4 * value);
        return;
    case REPORT_share:
        snprintf(out, REPORT_NUMBER_MAX, "%.1f %%", 100 * value);
        return;
    case REPORT_ratio:
        snprintf(out, REPORT_NUMBER_MAX, "%.3f", value);
        return;
    }
}

void report_deinit(struct report *report)
{
    free(report->strategies);
    free(report->trainings);
    free(report->moves);
    free(report->standing);
    free(report->deciders);
    free(report->importance);
    *report = (struct report){0};
}

bool report_is_causal(const struct report *report)
{
    for (size_t i = 0; i < report->n_instants; i++) {
        if (!report->instants[i].same)
            return false;
    }
    return true;
}

const struct report_policy *report_policy(const struct report *report, const char *name)
{
    for (size_t i = 0; i < report->n_policies; i++) {
        if (strcmp(report->policies[i].name, name) == 0)
            return &report->policies[i];
    }
    return NULL;
}

/* ---- the table ---- */

static void write_range(struct buf *out, struct report_value v, enum report_unit unit)
{
    char value[REPORT_NUMBER_MAX], low[REPORT_NUMBER_MAX], high[REPORT_NUMBER_MAX];
    report_number(v.value, unit, value);
    report_number(v.low, unit, low);
    report_number(v.high, unit, high);
    if (isfinite(v.low))
        buf_printf(out, "%s (%s to %s)", value, low, high);
    else
        buf_printf(out, "%s", value);
}

static void write_policy(struct buf *out, const struct report_policy *policy)
{
    const struct report_measures *m = &policy->measures;
    buf_printf(out, "  %-18s ", policy->name);
    if (!policy->is_known) {
        buf_printf(out, "nothing to say\n");
        return;
    }
    write_range(out, m->net_per_decision, REPORT_bps);
    buf_printf(out, " a decision, %.0f trades of %.0f, hit rate ", m->trades.value,
               m->decisions.value);
    write_range(out, m->hit_rate, REPORT_share);
    buf_printf(out, "\n");
}

static void write_forecast(struct buf *out, const char *name, const struct forecast_measures *f)
{
    if (f->n == 0)
        return;
    buf_printf(out, "  %-18s %zu rows: log loss %.4f (base rate %.4f), Brier skill ", name, f->n,
               f->log_loss, f->log_loss_base);
    write_range(out, f->brier_skill, REPORT_ratio);
    buf_printf(out, ", ECE %.4f, AUC %.4f, rank IC ", f->ece, f->auc);
    write_range(out, f->rank_ic, REPORT_ratio);
    buf_printf(out, "\n");
}

static void write_check(struct buf *out, const struct report *r)
{
    if (r->n_instants == 0)
        buf_printf(out, "look-ahead check: not asked for\n");
    for (size_t i = 0; i < r->n_instants; i++) {
        char at[TIMESTAMP_TEXT_MAX];
        timestamp_format(r->instants[i].at_ns, at);
        buf_printf(out, "look-ahead check at %s: %zu decisions %s%s\n", at,
                   r->instants[i].n_decisions,
                   r->instants[i].same ? "stay the same with all later data replaced" : "DIFFER: ",
                   r->instants[i].same ? "" : r->instants[i].difference);
    }
}

static void write_trainings(struct buf *out, const struct report *r)
{
    size_t n_promoted = 0, n_refused = 0;
    for (size_t i = 0; i < r->n_trainings; i++) {
        n_promoted += strcmp(r->trainings[i].verdict, "promote") == 0;
        n_refused += strcmp(r->trainings[i].verdict, "refuse") == 0;
    }
    buf_printf(out, "trainings: %zu, models promoted %zu, refused %zu\n", r->n_trainings,
               n_promoted, n_refused);
}

/* What was found stands before the first colon, the numbers behind it. */
static void write_move(struct buf *out, const struct report_move *move)
{
    char at[TIMESTAMP_TEXT_MAX];
    timestamp_format(move->at_ns, at);
    buf_printf(out, "  %.16s  %s: %s (%.0f %% of decisions), %.*s\n", at, move->version,
               move->stage, 100 * move->share, (int)strcspn(move->verdict, ":;"), move->verdict);
}

static void write_decider(struct buf *out, const struct report_decider *d)
{
    char from[TIMESTAMP_TEXT_MAX], to[TIMESTAMP_TEXT_MAX], net[REPORT_NUMBER_MAX];
    timestamp_format(d->from_ns, from);
    timestamp_format(d->to_ns, to);
    report_number(d->net_per_trade, REPORT_bps, net);
    buf_printf(out, "  %s, %s: %llu decisions from %.16s to %.16s, %llu trades, %s net a trade\n",
               d->strategy, d->version[0] != '\0' ? d->version : "warm-up",
               (unsigned long long)d->n_decisions, from, to, (unsigned long long)d->n_trades, net);
}

static void write_rollout(struct buf *out, const struct report *r)
{
    if (r->n_moves == 0)
        return;
    buf_printf(out, "rollout (--promote=%s):\n", r->promotion);
    for (size_t i = 0; i < r->n_moves; i++)
        write_move(out, &r->moves[i]);
    for (size_t i = 0; i < r->n_standing; i++)
        buf_printf(out, "  at the end        %s: %s, %.*s\n", r->standing[i].version,
                   r->standing[i].stage, (int)strcspn(r->standing[i].verdict, ";"),
                   r->standing[i].verdict);
    buf_printf(out, "who decided:\n");
    for (size_t i = 0; i < r->n_deciders; i++)
        write_decider(out, &r->deciders[i]);
}

void report_write_text(const struct report *report, struct buf *out)
{
    char from[TIMESTAMP_TEXT_MAX] = "-", to[TIMESTAMP_TEXT_MAX] = "-";
    if (report->from_ns != TIMESTAMP_NONE) {
        timestamp_format(report->from_ns, from);
        timestamp_format(report->to_ns, to);
    }
    for (size_t i = 0; i < report->n_files; i++)
        buf_printf(out, "%s: %s, %s, %llu rows\n", report->files[i].name, report->files[i].asset,
                   report->files[i].kind, (unsigned long long)report->files[i].n_rows);
    write_trainings(out, report);
    write_rollout(out, report);
    buf_printf(out, "judged from %s to %s (%s), net of costs:\n", from, to, report->window);
    for (size_t i = 0; i < report->n_policies; i++)
        write_policy(out, &report->policies[i]);
    buf_printf(out, "probabilities out of sample:\n");
    write_forecast(out, "newest challenger", &report->challenger);
    write_forecast(out, "served model", &report->served);
    write_forecast(out, "linear baseline", &report->linear);
    write_check(out, report);
    buf_printf(out, "%s\n", report->verdict);
}
