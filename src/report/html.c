/* The report as one page that needs nothing else: no scripts, no fonts, no addresses. Every number stands beside a phrase that
 * explains it, and every picture has its numbers in a table that can be opened. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figure_i.h"

#define BARS_SHOWN 15

static const char style[] =
    ":root{--back:#fff;--text:#1b1f24;--soft:#57606a;--grid:#d8dee4;--c0:#0a58ca;--c1:#b35900;"
    "--c2:#1a7f37;--c3:#8250df;--c4:#6e7781;--c5:#bf3989;--good:#1a7f37;--bad:#cf222e;--panel:#"
    "f6f8fa}"
    "@media(prefers-color-scheme:dark){:root{--back:#0d1117;--text:#e6edf3;--soft:#9da7b3;--grid:#"
    "30363d;"
    "--c0:#6cb6ff;--c1:#f0a35e;--c2:#57d17a;--c3:#c297ff;--c4:#8b949e;--c5:#ff80c8;--good:#57d17a;-"
    "-bad:#ff7b72;"
    "--panel:#161b22}}"
    "*{box-sizing:border-box}body{margin:0 "
    "auto;padding:1rem;max-width:72rem;background:var(--back);"
    "color:var(--text);font:1rem/1.5 system-ui,sans-serif}"
    "p,dl{max-width:60rem}h1{font-size:1.5rem;line-height:1.2}h2{font-size:1.2rem;margin:2rem 0 "
    ".5rem}"
    "p.lead{padding:.75rem 1rem;background:var(--panel);border-left:.3rem solid var(--c4)}"
    "p.good{border-color:var(--good)}p.bad{border-color:var(--bad)}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-"
    "nums}"
    "th,td{padding:.3rem .6rem;text-align:left;border-bottom:1px solid "
    "var(--grid);vertical-align:top}"
    "td.n,th.n{text-align:right}td.n,td.t{white-space:nowrap}"
    "small,.soft{color:var(--soft);font-size:.875rem;font-weight:normal}"
    "tbody th{min-width:13rem;position:sticky;left:0;background:var(--back)}"
    "caption{text-align:left;max-width:min(70rem,100vw - 2rem)}@media(max-width:40rem){tbody "
    "th{min-"
    "width:9rem}}"
    "svg{display:block;width:100%;height:auto;max-width:48rem}"
    "svg text{fill:var(--soft);font:12px system-ui,sans-serif}"
    ".grid{stroke:var(--grid);stroke-width:1}.axis{stroke:var(--c4);stroke-width:1}"
    ".line{fill:none;stroke-width:2}.l0{stroke:var(--c0)}.l1{stroke:var(--c1);stroke-dasharray:6 3}"
    ".l2{stroke:var(--c2);stroke-dasharray:2 3}.l3{stroke:var(--c3);stroke-dasharray:8 3 2 3}"
    ".l4{stroke:var(--c5);stroke-dasharray:12 4}.l5{stroke:var(--c4);stroke-width:1}"
    ".bar{fill:var(--c0)}.bar0{stroke:var(--c0);stroke-width:2}"
    ".dot{fill:var(--c0)}.legend span{margin-right:1rem;white-space:nowrap}"
    ".legend svg.key{display:inline-block;width:1.5rem;vertical-align:middle}"
    "details{margin:.5rem 0}summary{cursor:pointer}";

/* ---- small parts ---- */

/* A head that begins with '>' stands over numbers, to the right. */
static void open_table(struct buf *out, const char *caption, const char *const *heads, size_t n)
{
    buf_printf(out, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"");
    html_text(out, caption);
    buf_printf(out, "\"><table><caption class=\"soft\">");
    html_text(out, caption);
    buf_printf(out, "</caption><thead><tr>");
    for (size_t i = 0; i < n; i++) {
        bool is_number = heads[i][0] == '>';
        buf_printf(out, "<th scope=\"col\"%s>", is_number ? " class=\"n\"" : "");
        html_text(out, heads[i] + is_number);
        buf_printf(out, "</th>");
    }
    buf_printf(out, "</tr></thead><tbody>\n");
}

static void close_table(struct buf *out)
{
    buf_printf(out, "</tbody></table></div>\n");
}

static void cell(struct buf *out, const char *text)
{
    buf_printf(out, "<td>");
    html_text(out, text);
    buf_printf(out, "</td>");
}

static void number_cell(struct buf *out, double value, enum report_unit unit)
{
    char text[REPORT_NUMBER_MAX];
    report_number(value, unit, text);
    buf_printf(out, "<td class=\"n\">");
    html_text(out, text);
    buf_printf(out, "</td>");
}

static void value_cell(struct buf *out, struct report_value v, enum report_unit unit)
{
    char value[REPORT_NUMBER_MAX], low[REPORT_NUMBER_MAX], high[REPORT_NUMBER_MAX];
    report_number(v.value, unit, value);
    report_number(v.low, unit, low);
    report_number(v.high, unit, high);
    buf_printf(out, "<td class=\"n\">%s", value);
    if (isfinite(v.low))
        buf_printf(out, "<br><small>%s<br>to %s</small>", low, high);
    buf_printf(out, "</td>");
}

static void day(struct buf *out, int64_t ts_ns)
{
    char text[TIMESTAMP_TEXT_MAX] = "not known";
    if (ts_ns != TIMESTAMP_NONE)
        timestamp_format(ts_ns, text);
    if (ts_ns != TIMESTAMP_NONE)
        text[16] = '\0';
    text[10] = ts_ns != TIMESTAMP_NONE ? ' ' : text[10];
    html_text(out, text);
}

static void time_cell(struct buf *out, int64_t ts_ns)
{
    buf_printf(out, "<td class=\"t\">");
    day(out, ts_ns);
    buf_printf(out, "</td>");
}

/* A measure with its phrase, one line. */
static void explained(struct buf *out,
                      const char *name,
                      struct report_value value,
                      enum report_unit unit,
                      const char *help)
{
    buf_printf(out, "<tr><th scope=\"row\">");
    html_text(out, name);
    buf_printf(out, "<br><small>");
    html_text(out, help);
    buf_printf(out, "</small></th>");
    value_cell(out, value, unit);
    buf_printf(out, "</tr>\n");
}

static struct report_value alone(double value)
{
    return (struct report_value){value, NAN, NAN};
}

/* ---- sections ---- */

static void write_head(struct buf *out, const struct report *r)
{
    buf_printf(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                    "<meta name=\"color-scheme\" content=\"light dark\"><title>Backtest of ");
    for (size_t i = 0; i < r->n_files; i++) {
        html_text(out, i > 0 ? ", " : "");
        html_text(out, r->files[i].asset);
    }
    buf_printf(out, "</title><style>%s</style></head><body><main>\n<h1>Backtest of ", style);
    for (size_t i = 0; i < r->n_files; i++) {
        html_text(out, i > 0 ? ", " : "");
        html_text(out, r->files[i].asset);
    }
    buf_printf(out, "</h1>\n<p class=\"lead %s\"><strong>", r->has_edge ? "good" : "");
    html_text(out, r->verdict);
    buf_printf(out, "</strong></p>\n<p>Judged from ");
    day(out, r->from_ns);
    buf_printf(out, " to ");
    day(out, r->to_ns);
    buf_printf(out, " UTC, ");
    html_text(out, r->window);
    buf_printf(
        out,
        ". Everything is net of fees, spread and slippage, and every model is judged on "
        "decisions after it was taught. Ranges hold 95 %% by the stationary bootstrap. One basis "
        "point (bp) is a hundredth of a per cent.</p>\n");
}

static void write_check(struct buf *out, const struct report *r)
{
    buf_printf(out, "<h2>Look-ahead check</h2>\n");
    if (r->n_instants == 0) {
        buf_printf(out, "<p>It was not asked for.</p>\n");
        return;
    }
    buf_printf(
        out,
        "<p class=\"lead %s\">%s The run was repeated up to a random instant with all later data "
        "replaced by something else; every decision up to there has to stay the same.</p>\n",
        report_is_causal(r) ? "good" : "bad",
        report_is_causal(r) ? "Passed." : "Failed: decisions depend on later data.");
    open_table(out, "Instants that were checked",
               (const char *const[]){"instant", ">decisions", "result"}, 3);
    for (size_t i = 0; i < r->n_instants; i++) {
        buf_printf(out, "<tr>");
        time_cell(out, r->instants[i].at_ns);
        number_cell(out, (double)r->instants[i].n_decisions, REPORT_count);
        cell(out, r->instants[i].same ? "the same" : r->instants[i].difference);
        buf_printf(out, "</tr>\n");
    }
    close_table(out);
}

static void write_policies(struct buf *out, const struct report *r)
{
    buf_printf(out, "<h2>What each policy came to</h2>\n<dl>\n");
    for (size_t p = 0; p < r->n_policies; p++) {
        buf_printf(out, "<dt><strong>");
        html_text(out, r->policies[p].name);
        buf_printf(out, "</strong></dt><dd>");
        html_text(out, r->policies[p].help);
        buf_printf(out, "</dd>\n");
    }
    buf_printf(out, "</dl>\n");
    char names[REPORT_POLICIES_MAX][REPORT_NAME_MAX];
    const char *heads[REPORT_POLICIES_MAX + 1] = {"measure"};
    for (size_t p = 0; p < r->n_policies; p++) {
        snprintf(names[p], sizeof names[p], ">%s", r->policies[p].name);
        heads[p + 1] = names[p];
    }
    open_table(out, "Measures of each policy on the same stretch of time", heads,
               r->n_policies + 1);
    for (size_t i = 0; i < report_measure_count(); i++) {
        const struct report_measure_row *row = report_measure_at(i);
        buf_printf(out, "<tr><th scope=\"row\">");
        html_text(out, row->name);
        buf_printf(out, "<br><small>");
        html_text(out, row->help);
        buf_printf(out, "</small></th>");
        for (size_t p = 0; p < r->n_policies; p++)
            value_cell(out,
                       r->policies[p].is_known ? report_measure_value(&r->policies[p].measures, i)
                                               : alone(NAN),
                       row->unit);
        buf_printf(out, "</tr>\n");
    }
    close_table(out);
}

/* ---- curves ---- */

static size_t choose_lines(const struct report *r, struct figure_line *lines)
{
    size_t n = 0;
    for (size_t p = 0; p < r->n_policies; p++) {
        if (r->policies[p].is_known)
            lines[n++] = (struct figure_line){r->policies[p].name, r->policies[p].curve, (int)p};
    }
    return n;
}

static void write_equity(struct buf *out, const struct report *r)
{
    const struct figure_text text = {
        "equity", "Summed net return over time",
        "One line a policy: the sum of its net returns so far, each on one unit of money, not "
        "compounded, "
        "in per cent. The table of policies above holds the last values."};
    struct figure_line lines[REPORT_POLICIES_MAX];
    size_t n = choose_lines(r, lines);
    buf_printf(out,
               "<h2>Equity curve</h2>\n<p>Net returns summed up, each on one unit of money, not "
               "compounded, in per cent of it.</p>\n");
    figure_lines(&text, r->times_ns, REPORT_POINTS, lines, n, out);
}

static void write_drawdown(struct buf *out, const struct report *r)
{
    const struct figure_text text = {"drawdown", "Drawdown over time",
                                     "One line a policy: how far its summed net return lies below "
                                     "its peak so far, in per cent."};
    struct figure_line lines[REPORT_POLICIES_MAX];
    size_t n = choose_lines(r, lines);
    double *falls = calloc(REPORT_POLICIES_MAX * REPORT_POINTS, sizeof *falls);
    if (falls == NULL) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        double peak = 0, *fall = falls + i * REPORT_POINTS;
        for (size_t k = 0; k < REPORT_POINTS; k++) {
            peak = fmax(peak, lines[i].y[k]);
            fall[k] = lines[i].y[k] - peak;
        }
        lines[i].y = fall;
    }
    buf_printf(out,
               "<h2>Drawdown</h2>\n<p>How far the curve above lies below its peak so far.</p>\n");
    figure_lines(&text, r->times_ns, REPORT_POINTS, lines, n, out);
    free(falls);
}

/* ---- probabilities ---- */

static void write_forecast(struct buf *out, const char *caption, const struct forecast_measures *f)
{
    open_table(out, caption, (const char *const[]){"measure", ">value"}, 2);
    explained(out, "rows", alone((double)f->n), REPORT_count,
              "Outcomes held against a probability: buy and sell of each decision.");
    explained(out, "base rate", alone(f->base_rate), REPORT_share,
              "Share of net gains: what someone would say who knows nothing else.");
    explained(out, "log loss", alone(f->log_loss), REPORT_ratio,
              "Mean surprise at what happened; less is better.");
    explained(out, "log loss of the base rate", alone(f->log_loss_base), REPORT_ratio,
              "The same for always saying the base rate.");
    explained(out, "log loss gain", f->log_loss_gain, REPORT_ratio,
              "Base rate minus model: surely above 0, the model knows something.");
    explained(out, "Brier skill", f->brier_skill, REPORT_ratio,
              "1 - squared error over that of the base rate; above 0 is skill, 1 is perfect.");
    explained(
        out, "ECE", alone(f->ece), REPORT_ratio,
        "Expected calibration error: mean distance of what was said from what came, 15 bins.");
    explained(out, "AUC", alone(f->auc), REPORT_ratio,
              "Chance that a gain was given a higher probability than a loss; 0.5 is no skill.");
    explained(out, "rank IC", f->rank_ic, REPORT_ratio,
              "Rank correlation of expected with actual net returns; 0 is no skill.");
    close_table(out);
}

static void write_returns(struct buf *out, const char *caption, const struct return_measures *r)
{
    if (r->n == 0)
        return;
    open_table(out, caption, (const char *const[]){"measure", ">value"}, 2);
    explained(out, "decisions", alone((double)r->n), REPORT_count,
              "Decisions at which the outcome of both actions is known.");
    for (size_t i = 0; i < return_measure_count(); i++) {
        const struct report_measure_row *row = return_measure_at(i);
        explained(out, row->name, return_measure_value(r, i), row->unit, row->help);
    }
    close_table(out);
}

static void write_bins(struct buf *out, const struct forecast_measures *f)
{
    buf_printf(out, "<details><summary>The numbers of the picture</summary>\n");
    open_table(out, "Probability said and share of gains that came, in ten bins",
               (const char *const[]){">rows", ">said", ">came"}, 3);
    for (size_t i = 0; i < f->n_bins; i++) {
        buf_printf(out, "<tr>");
        number_cell(out, (double)f->bins[i].n, REPORT_count);
        number_cell(out, f->bins[i].q, REPORT_share);
        value_cell(out, f->bins[i].share, REPORT_share);
        buf_printf(out, "</tr>\n");
    }
    close_table(out);
    buf_printf(out, "</details>\n");
}

static void write_probabilities(struct buf *out, const struct report *r)
{
    const struct figure_text text = {
        "calibration", "Calibration of the newest challenger",
        "Ten points: the probability that was said on the horizontal axis, the share of gains that "
        "came on "
        "the vertical one, with their 95 per cent intervals. On the diagonal they agree."};
    const struct forecast_measures *f = r->challenger.n > 0 ? &r->challenger : &r->served;
    buf_printf(out, "<h2>Probabilities</h2>\n");
    if (f->n == 0) {
        buf_printf(out,
                   "<p>No model said anything: there is nothing to hold against what came.</p>\n");
        return;
    }
    buf_printf(
        out, "<p>The newest challenger's probabilities, promoted or not, on outcomes after it was "
             "taught. Points on the line say what they mean.</p>\n");
    figure_calibration(&text, f->bins, f->n_bins, out);
    write_bins(out, f);
    write_forecast(out, "Newest challenger, on outcomes it had not seen", &r->challenger);
    write_returns(out, "Newest challenger: forecast of the return, costs aside",
                  &r->challenger_returns);
    if (r->served.n > 0)
        write_forecast(out, "Model that decided, on outcomes it had not seen", &r->served);
    write_returns(out, "Model that decided: forecast of the return, costs aside",
                  &r->served_returns);
    if (r->linear.n > 0)
        write_forecast(out, "Linear model taught beside each challenger, on the same outcomes",
                       &r->linear);
    write_returns(out, "Linear model: forecast of the return, costs aside", &r->linear_returns);
}

static void write_importance(struct buf *out, const struct report *r)
{
    const struct figure_text text = {"importance", "Importance of the features",
                                     "One bar a feature, the longest first: by how much the log "
                                     "loss grows when its values are shuffled."};
    size_t n = r->n_importance < BARS_SHOWN ? r->n_importance : BARS_SHOWN;
    buf_printf(out, "<h2>What the newest model looks at</h2>\n");
    if (n == 0) {
        buf_printf(out, "<p>No model was made.</p>\n");
        return;
    }
    buf_printf(out,
               "<p>Permutation importance on %zu outcomes: by how much the log loss grows when one "
               "feature's values are shuffled. The first %zu of %zu features; at or below 0 the "
               "model does "
               "not miss it.</p>\n",
               r->n_importance_rows, n, r->n_importance);
    figure_bars(&text, r->importance, n, out);
}

/* ---- what else ---- */

static void write_trainings(struct buf *out, const struct report *r)
{
    buf_printf(out, "<h2>Trainings</h2>\n");
    if (r->n_trainings == 0) {
        buf_printf(out, "<p>None fell due.</p>\n");
        return;
    }
    open_table(out, "Trainings in order of time, and what the gate said of each",
               (const char *const[]){"cut", "version", ">rows", ">effective", ">AUC", "verdict"},
               6);
    for (size_t i = 0; i < r->n_trainings; i++) {
        const struct report_training *t = &r->trainings[i];
        buf_printf(out, "<tr>");
        time_cell(out, t->cut_ns);
        cell(out, t->version[0] != '\0' ? t->version : "none");
        number_cell(out, (double)t->n_rows, REPORT_count);
        number_cell(out, t->n_eff, REPORT_count);
        number_cell(out, t->auc, REPORT_ratio);
        cell(out, t->reason[0] != '\0' ? t->reason : t->verdict);
        buf_printf(out, "</tr>\n");
    }
    close_table(out);
    buf_printf(
        out,
        "<p><small>Rows: outcomes known at the cut. Effective: how many independent ones they are "
        "worth. AUC: on the untouched last block of those rows.</small></p>\n");
}

static const char *version_name(const char *version)
{
    return version[0] != '\0' ? version : "warm-up";
}

static void write_deciders(struct buf *out, const struct report *r)
{
    open_table(out, "Who took the decisions of the whole run, first to last",
               (const char *const[]){"strategy", "version", "from", "to", ">decisions", ">trades",
                                     ">net a trade"},
               7);
    for (size_t i = 0; i < r->n_deciders; i++) {
        const struct report_decider *d = &r->deciders[i];
        buf_printf(out, "<tr>");
        cell(out, d->strategy);
        cell(out, version_name(d->version));
        time_cell(out, d->from_ns);
        time_cell(out, d->to_ns);
        number_cell(out, (double)d->n_decisions, REPORT_count);
        number_cell(out, (double)d->n_trades, REPORT_count);
        number_cell(out, d->net_per_trade, REPORT_bps);
        buf_printf(out, "</tr>\n");
    }
    close_table(out);
}

static void write_moves(struct buf *out,
                        const char *caption,
                        const char *when,
                        const struct report_move *moves,
                        size_t n)
{
    open_table(out, caption,
               (const char *const[]){when, "version", "stage", ">share", "why", "verdict"}, 6);
    for (size_t i = 0; i < n; i++) {
        const struct report_move *move = &moves[i];
        buf_printf(out, "<tr>");
        time_cell(out, move->at_ns);
        cell(out, move->version);
        buf_printf(out, "<td>");
        html_text(out, move->stage);
        buf_printf(out, "<br><small>");
        html_text(out, move->meaning);
        buf_printf(out, "</small></td>");
        number_cell(out, move->share, REPORT_share);
        cell(out, move->why);
        cell(out, move->verdict);
        buf_printf(out, "</tr>\n");
    }
    close_table(out);
}

static void write_rollout(struct buf *out, const struct report *r)
{
    buf_printf(out, "<h2>Who decided</h2>\n");
    if (r->n_moves == 0) {
        buf_printf(out, "<p>The warm-up policy alone: no model passed the gate.</p>\n");
        return;
    }
    buf_printf(out,
               strcmp(r->promotion, "at-once") == 0
                   ? "<p>Asked for with --promote=at-once: a version that passed the gate decided "
                     "until the next one did, without shadow, canary, guard and expiry.</p>\n"
                   : "<p>A version that passed the gate went on as it would live, by its "
                     "strategy's rollout.</p>\n");
    write_deciders(out, r);
    write_moves(out, "What became of each version that passed the gate, and why", "when", r->moves,
                r->n_moves);
    if (r->n_standing > 0)
        write_moves(out,
                    "Versions that score beside the deciding one at the end, and what is known "
                    "of them",
                    "since", r->standing, r->n_standing);
}

static void write_account(struct buf *out, const struct report_account *a)
{
    buf_printf(
        out,
        "<h2>The simulated account</h2>\n<p>Orders as the simulated exchange filled them, exits "
        "included, in quote currency.</p>\n");
    open_table(out, "Orders and money", (const char *const[]){"what", ">value"}, 2);
    const struct {
        const char *name, *help;
        double value;
    } rows[] = {{"orders", "Signals that became orders.", (double)a->n_orders},
                {"filled", "Filled whole.", (double)a->n_filled},
                {"partial fills", "Fills of a part of an order.", (double)a->n_partial},
                {"cancelled", "Ended before they were filled whole.", (double)a->n_cancelled},
                {"rejected", "Never filled.", (double)a->n_rejected},
                {"volume", "Value of all fills.", a->volume},
                {"fees", "Paid on them.", a->fees},
                {"realized", "Profit of closed positions, fees off.", a->realized},
                {"unrealized", "Of positions still open.", a->unrealized},
                {"equity", "Both together.", a->equity},
                {"deepest fall", "Of the equity below its peak.", a->max_drawdown}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        explained(out, rows[i].name, alone(rows[i].value), REPORT_count, rows[i].help);
    close_table(out);
}

static void write_inputs(struct buf *out, const struct report *r)
{
    buf_printf(out, "<h2>What went in</h2>\n");
    open_table(out, "Files", (const char *const[]){"file", "asset", "kind", ">rows", "from", "to"},
               6);
    for (size_t i = 0; i < r->n_files; i++) {
        buf_printf(out, "<tr>");
        cell(out, r->files[i].name);
        cell(out, r->files[i].asset);
        cell(out, r->files[i].kind);
        number_cell(out, (double)r->files[i].n_rows, REPORT_count);
        time_cell(out, r->files[i].from_ns);
        time_cell(out, r->files[i].to_ns);
        buf_printf(out, "</tr>\n");
    }
    close_table(out);
    open_table(out, "Strategies",
               (const char *const[]){"strategy", ">horizon", ">decisions", ">signals",
                                     "fitted to the data"},
               5);
    for (size_t i = 0; i < r->n_strategies; i++) {
        const struct report_strategy *s = &r->strategies[i];
        buf_printf(out, "<tr>");
        cell(out, s->id);
        buf_printf(out, "<td class=\"n\">%.0f s</td>", s->horizon_s);
        number_cell(out, (double)s->n_decisions, REPORT_count);
        number_cell(out, (double)s->n_signals, REPORT_count);
        cell(out, s->adapted[0] != '\0' ? s->adapted : "nothing was changed");
        buf_printf(out, "</tr>\n");
    }
    close_table(out);
    open_table(out, "Options", (const char *const[]){"option", ">value"}, 2);
    for (size_t i = 0; i < r->n_options; i++) {
        buf_printf(out, "<tr>");
        cell(out, r->options[i].name);
        buf_printf(out, "<td class=\"n\">%.10g %s", r->options[i].value, r->options[i].unit);
        if (r->options[i].n > 0)
            buf_printf(out, "<br><small>&plusmn; %.3g, from %llu orders of the ledger</small>",
                       r->options[i].error, (unsigned long long)r->options[i].n);
        buf_printf(out, "</td></tr>\n");
    }
    close_table(out);
}

static void write_abstentions(struct buf *out, const struct report *r)
{
    if (r->n_reasons == 0)
        return;
    open_table(out, "Why it stayed flat, and how often",
               (const char *const[]){"reason", ">decisions"}, 2);
    for (size_t i = 0; i < r->n_reasons; i++) {
        buf_printf(out, "<tr>");
        cell(out, r->abstentions[i].name);
        number_cell(out, (double)r->abstentions[i].n, REPORT_count);
        buf_printf(out, "</tr>\n");
    }
    close_table(out);
}

void report_write_html(const struct report *report, struct buf *out)
{
    write_head(out, report);
    write_equity(out, report);
    write_drawdown(out, report);
    write_policies(out, report);
    write_probabilities(out, report);
    write_importance(out, report);
    write_trainings(out, report);
    write_rollout(out, report);
    write_check(out, report);
    write_account(out, &report->account);
    write_abstentions(out, report);
    write_inputs(out, report);
    buf_printf(
        out,
        "<p class=\"soft\">alphaloop %s. The method: docs/learning.md and docs/backtest.md.</p>\n"
        "</main></body></html>\n",
        report->version);
}
