/* From the notes of the passes to the report: every policy on the same stretch of time, and what the models said held against
 * what came.
 *
 * The judged stretch begins when the first model takes over; where none did, when the first challenger is there to be looked
 * at; else with the first decision. Nothing in it was known to the model that is judged: it is cut before.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/roles.h"
#include "backtest_i.h"

#define SECONDS_A_YEAR      (365.25 * 86400)
#define EDGE_TRADES_MIN     30
#define IMPORTANCE_ROWS     1000
#define IMPORTANCE_ROWS_MIN 200
#define RANGE_MAX           (4 * REPORT_NUMBER_MAX)

/* One policy's decisions. */
struct series {
    int64_t *t_ns;
    double *u;
    bool *traded;
    size_t n;
};

static enum al_err series_init(struct series *s, size_t cap)
{
    *s = (struct series){.t_ns = malloc((cap + 1) * sizeof *s->t_ns),
                         .u = malloc((cap + 1) * sizeof *s->u),
                         .traded = malloc((cap + 1) * sizeof *s->traded)};
    bool all = s->t_ns != NULL && s->u != NULL && s->traded != NULL;
    return all ? AL_OK : err_set(AL_ENOMEM, "%zu decisions", cap);
}

static void series_deinit(struct series *s)
{
    free(s->t_ns);
    free(s->u);
    free(s->traded);
}

static void series_add(struct series *s, int64_t t_ns, double u, bool traded)
{
    s->t_ns[s->n] = t_ns;
    s->u[s->n] = u;
    s->traded[s->n++] = traded;
}

/* ---- the judged stretch ---- */

static void choose_window(const struct backtest_pass *main, struct report *r)
{
    const struct backtest_notes *notes = &main->notes;
    r->from_ns = r->to_ns = TIMESTAMP_NONE;
    r->window = "from the first decision on: no model was made";
    if (notes->n == 0)
        return;
    r->from_ns = notes->items[0].t_ns;
    r->to_ns = notes->items[notes->n - 1].t_ns;
    if (main->first_activation_ns != TIMESTAMP_NONE) {
        r->from_ns = main->first_activation_ns;
        r->window = "from the first promoted model on";
    } else if (main->first_challenger_ns != TIMESTAMP_NONE) {
        r->from_ns = main->first_challenger_ns;
        r->window = "from the first challenger on: none was promoted";
    }
    if (r->to_ns < r->from_ns)
        r->to_ns = r->from_ns;
}

static size_t first_note(const struct backtest_notes *notes, int64_t from_ns)
{
    size_t i = 0;
    while (i < notes->n && notes->items[i].t_ns < from_ns)
        i++;
    return i;
}

static double judged_seconds(const struct report *r)
{
    return r->from_ns == TIMESTAMP_NONE ? 0 : (double)(r->to_ns - r->from_ns) / (double)NS_PER_S;
}

/* How many of n evenly spread things begin within the longest label. */
static double span_of(const struct backtest_plan *plan, const struct report *r, size_t n)
{
    int64_t horizon_ns = 0;
    for (size_t i = 0; i < plan->n_strategies; i++) {
        if (plan->strategies[i].horizon_ns > horizon_ns)
            horizon_ns = plan->strategies[i].horizon_ns;
    }
    double seconds = judged_seconds(r);
    double span = seconds > 0 ? (double)n * (double)horizon_ns / (double)NS_PER_S / seconds : 1;
    return fmin(fmax(span, 1), fmax((double)n, 1));
}

/* ---- policies ---- */

/* What was done, by the outcome of what was done. */
static void add_deeds(const struct backtest_notes *notes, const struct report *r, struct series *s)
{
    for (size_t i = first_note(notes, r->from_ns); i < notes->n; i++) {
        const struct backtest_note *note = &notes->items[i];
        if (!note->is_settled)
            continue;
        double u = note->is_filled ? (double)note->net[note->side - SIDE_BUY] : 0;
        series_add(s, note->t_ns, u, note->is_filled);
    }
}

/* Whose view of a decision. */
enum viewer { VIEWER_SERVED, VIEWER_NEWEST, VIEWER_LINEAR };

static const struct backtest_view *view_of(const struct backtest_note *note, enum viewer viewer)
{
    const struct backtest_view *const views[] = {&note->served, &note->newest, &note->linear};
    return views[viewer];
}

/* What a model would have done, gate or no gate, where the outcome of both actions is known. */
static void add_wishes(const struct backtest_notes *notes,
                       const struct report *r,
                       enum viewer viewer,
                       struct series *s)
{
    for (size_t i = first_note(notes, r->from_ns); i < notes->n; i++) {
        const struct backtest_note *note = &notes->items[i];
        const struct backtest_view *view = view_of(note, viewer);
        if (!view->is_known || !note->knows[0] || !note->knows[1])
            continue;
        enum side side = view->side;
        double u = side == SIDE_NONE ? 0 : (double)note->net[side - SIDE_BUY];
        series_add(s, note->t_ns, u, side != SIDE_NONE);
    }
}

/* One unit of money spread evenly over the assets, bought at the first decision, sold at the last. */
static void add_holding(const struct backtest_plan *plan,
                        const struct backtest_notes *notes,
                        const struct report *r,
                        struct series *s)
{
    const struct backtest_options *o = plan->options;
    double last_mid[STRATEGY_ASSETS_MAX] = {0};
    double share = 1 / (double)plan->strategies[0].n_assets;
    double cost =
        1e-4 * (o->half_spread_bps + o->exchange.fee_bps + o->exchange.slippage_bps) * share;
    for (size_t i = first_note(notes, r->from_ns); i < notes->n; i++) {
        const struct backtest_note *note = &notes->items[i];
        double *last = &last_mid[note->asset];
        if (note->strategy != 0)
            continue;
        series_add(s, note->t_ns, *last > 0 ? (note->mid / *last - 1) * share : -cost, true);
        *last = note->mid;
    }
    for (size_t i = 0; i < plan->strategies[0].n_assets && s->n > 0; i++)
        s->u[s->n - 1] -= last_mid[i] > 0 ? cost : 0;
}

static double base_rate_of(const struct backtest_notes *notes, const struct report *r)
{
    size_t n = 0, n_won = 0;
    for (size_t i = first_note(notes, r->from_ns); i < notes->n; i++) {
        for (size_t k = 0; k < 2; k++) {
            n += notes->items[i].knows[k];
            n_won += notes->items[i].knows[k] && notes->items[i].net[k] > 0;
        }
    }
    return n > 0 ? (double)n_won / (double)n : NAN;
}

/* The sum so far at evenly spread times. */
static void draw_curve(const struct series *s, const struct report *r, double *curve)
{
    size_t k = 0;
    double sum = 0;
    for (size_t i = 0; i < REPORT_POINTS; i++) {
        for (; k < s->n && s->t_ns[k] <= r->times_ns[i]; k++)
            sum += s->u[k];
        curve[i] = sum;
    }
}

static enum al_err add_policy(const struct backtest_plan *plan,
                              const char *name,
                              const char *help,
                              const struct series *s,
                              double base_rate,
                              struct report *r)
{
    struct report_policy *policy = &r->policies[r->n_policies++];
    *policy = (struct report_policy){.name = name, .help = help, .is_known = s->n > 0};
    const struct policy_series series = {.u = s->u,
                                         .traded = s->traded,
                                         .n = s->n,
                                         .span = span_of(plan, r, s->n),
                                         .years = judged_seconds(r) / SECONDS_A_YEAR,
                                         .base_rate = base_rate};
    draw_curve(s, r, policy->curve);
    return policy_measure(&series, plan->options->seed, &policy->measures);
}

/* Holding is one trade an asset, however often it is looked at. */
static void correct_holding(const struct backtest_plan *plan, struct report_policy *policy)
{
    static const struct report_value unknown = {NAN, NAN, NAN};
    struct report_measures *m = &policy->measures;
    m->trades.value = policy->is_known ? (double)plan->strategies[0].n_assets : 0;
    m->net_per_trade = m->hit_rate = m->base_rate = m->turnover = unknown;
}

static void choose_times(struct report *r)
{
    for (size_t i = 0; i < REPORT_POINTS; i++) {
        double part = (double)(i + 1) / REPORT_POINTS;
        r->times_ns[i] = r->from_ns == TIMESTAMP_NONE
                             ? TIMESTAMP_NONE
                             : r->from_ns + (int64_t)((double)(r->to_ns - r->from_ns) * part);
    }
    r->times_ns[REPORT_POINTS - 1] = r->to_ns;
}

static enum al_err judge_policies(const struct backtest_plan *plan,
                                  const struct backtest_pass *main,
                                  const struct backtest_pass *warmup,
                                  struct report *r)
{
    enum { LIVE, WARMUP, CHALLENGER, LINEAR, HOLD, FLAT, N };
    struct series series[N] = {0};
    size_t cap = main->notes.n > warmup->notes.n ? main->notes.n : warmup->notes.n;
    double base_rate = base_rate_of(&main->notes, r);
    enum al_err err = AL_OK;
    for (size_t i = 0; i < N && err == AL_OK; i++)
        err = series_init(&series[i], cap);
    if (err == AL_OK) {
        add_deeds(&main->notes, r, &series[LIVE]);
        add_deeds(&warmup->notes, r, &series[WARMUP]);
        add_wishes(&main->notes, r, VIEWER_NEWEST, &series[CHALLENGER]);
        add_wishes(&main->notes, r, VIEWER_LINEAR, &series[LINEAR]);
        add_holding(plan, &main->notes, r, &series[HOLD]);
        for (size_t i = 0; i < series[LIVE].n; i++)
            series_add(&series[FLAT], series[LIVE].t_ns[i], 0, false);
        err = add_policy(
            plan, "alphaloop",
            "What the program did: its models once the gate let one through, warm-up before.",
            &series[LIVE], base_rate, r);
    }
    if (err == AL_OK)
        err = add_policy(plan, "warmup",
                         "The same market with the warm-up heuristics alone, never trained.",
                         &series[WARMUP], base_rate_of(&warmup->notes, r), r);
    if (err == AL_OK)
        err = add_policy(
            plan, "newest_challenger",
            "What the newest model would have done, whether or not the gate let it through.",
            &series[CHALLENGER], base_rate, r);
    if (err == AL_OK)
        err = add_policy(plan, "linear_baseline",
                         "The same with a linear model, taught on the same rows at each training: "
                         "what trees have to beat.",
                         &series[LINEAR], base_rate, r);
    if (err == AL_OK)
        err = add_policy(plan, "buy_and_hold",
                         "One unit of money spread over the assets, bought at the start and held.",
                         &series[HOLD], NAN, r);
    if (err == AL_OK) {
        correct_holding(plan, &r->policies[r->n_policies - 1]);
        err = add_policy(plan, "always_flat", "Doing nothing.", &series[FLAT], base_rate, r);
    }
    for (size_t i = 0; i < N; i++)
        series_deinit(&series[i]);
    return err;
}

/* ---- what the models said ---- */

static enum al_err judge_views(const struct backtest_plan *plan,
                               const struct backtest_notes *notes,
                               enum viewer viewer,
                               const struct report *r,
                               struct forecast_measures *out)
{
    float *q = malloc((6 * notes->n + 1) * sizeof *q);
    size_t n = 0;
    if (q == NULL)
        return err_set(AL_ENOMEM, "%zu forecasts", notes->n);
    float *v = q + 2 * notes->n, *net = v + 2 * notes->n;
    for (size_t i = first_note(notes, r->from_ns); i < notes->n; i++) {
        const struct backtest_note *note = &notes->items[i];
        const struct backtest_view *view = view_of(note, viewer);
        for (size_t k = 0; k < 2 && view->is_known; k++) {
            if (!note->knows[k])
                continue;
            q[n] = view->q[k];
            v[n] = view->v[k];
            net[n++] = note->net[k];
        }
    }
    const struct forecast_series series = {
        .q = q, .v = v, .net = net, .n = n, .span = span_of(plan, r, n)};
    enum al_err err = forecast_measure(&series, plan->options->seed, out);
    free(q);
    return err;
}

/* ---- what they said of the price ---- */

static bool knows_return(const struct backtest_note *note)
{
    return note->knows[0] && note->knows[1];
}

/* What the price does for a buyer, costs aside (report/returns.h); by action, buy first. */
static float return_of(const float net[2])
{
    return (net[0] - net[1]) / 2;
}

/* Mean |return| before the judged stretch: the scale of MASE. */
static double scale_of_returns(const struct backtest_notes *notes, const struct report *r)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0, end = first_note(notes, r->from_ns); i < end; i++) {
        if (!knows_return(&notes->items[i]))
            continue;
        sum += fabs((double)return_of(notes->items[i].net));
        n++;
    }
    return n > 0 ? sum / (double)n : NAN;
}

static enum al_err judge_returns(const struct backtest_plan *plan,
                                 const struct backtest_notes *notes,
                                 enum viewer viewer,
                                 const struct report *r,
                                 struct return_measures *out)
{
    float *f = malloc((2 * notes->n + 1) * sizeof *f);
    size_t n = 0;
    if (f == NULL)
        return err_set(AL_ENOMEM, "%zu forecasts", notes->n);
    float *y = f + notes->n;
    for (size_t i = first_note(notes, r->from_ns); i < notes->n; i++) {
        const struct backtest_note *note = &notes->items[i];
        const struct backtest_view *view = view_of(note, viewer);
        if (!view->is_known || !knows_return(note))
            continue;
        f[n] = return_of(view->v);
        y[n++] = return_of(note->net);
    }
    const struct return_series series = {
        .f = f, .y = y, .n = n, .span = span_of(plan, r, n), .scale = scale_of_returns(notes, r)};
    enum al_err err = return_measure(&series, plan->options->seed, out);
    free(f);
    return err;
}

/* ---- importance ---- */

/* Rows that are looked at: the newest of those the model was not taught on, if there are enough, else the newest of all. */
struct looked {
    const struct train_rows *rows;
    const struct backtest_desk *desk;
    size_t first, n;
};

static struct looked look_rows(const struct backtest_desk *desk)
{
    const struct train_rows *rows = &desk->rows;
    size_t first = rows->n_rows > IMPORTANCE_ROWS ? rows->n_rows - IMPORTANCE_ROWS : 0,
           unseen = first;
    while (unseen < rows->n_rows && rows->rows[unseen].t0_ns < desk->newest_cut_ns)
        unseen++;
    if (rows->n_rows - unseen >= IMPORTANCE_ROWS_MIN)
        first = unseen;
    return (struct looked){rows, desk, first, rows->n_rows - first};
}

/* Mean log loss when column `col` of row i is that of row order[i]. */
static double loss_with(const struct looked *l, size_t col, const uint32_t *order)
{
    size_t n_cols = l->rows->n_cols;
    float row[FEATURES_MAX], oriented[FEATURES_MAX];
    double sum = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct train_row *about = &l->rows->rows[l->first + i];
        struct prediction p;
        memcpy(row, l->rows->x + (l->first + i) * n_cols, n_cols * sizeof *row);
        row[col] = l->rows->x[(l->first + order[i]) * n_cols + col];
        feature_orient(l->desk->set, row, about->action, oriented);
        if (scorer_predict(l->desk->newest, oriented, &p) != AL_OK)
            return NAN;
        double q = fmin(fmax(p.q, 1e-6), 1 - 1e-6);
        sum -= log(about->net_return > 0 ? q : 1 - q);
    }
    return sum / (double)l->n;
}

static void shuffle(uint32_t *order, size_t n, struct rng *rng)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)rng_below(rng, i);
        uint32_t held = order[i - 1];
        order[i - 1] = order[k];
        order[k] = held;
    }
}

static int by_loss(const void *a, const void *b)
{
    double x = ((const struct report_importance *)a)->loss,
           y = ((const struct report_importance *)b)->loss;
    return (x < y) - (x > y);
}

/* Permutation importance (Breiman 2001, section 10): how much worse the probabilities get without what the column says. */
static enum al_err weigh_columns(const struct backtest_desk *desk, uint64_t seed, struct report *r)
{
    struct looked l = look_rows(desk);
    size_t n_cols = l.rows->n_cols;
    uint32_t *order = malloc((l.n + 1) * sizeof *order);
    struct rng rng;
    r->importance = calloc(n_cols + 1, sizeof *r->importance);
    if (order == NULL || r->importance == NULL || l.n == 0) {
        free(order);
        return l.n == 0 ? AL_OK : err_set(AL_ENOMEM, "importance");
    }
    rng_seed(&rng, seed);
    for (size_t i = 0; i < l.n; i++)
        order[i] = (uint32_t)i;
    double whole = loss_with(&l, 0, order);
    for (size_t col = 0; col < n_cols; col++) {
        shuffle(order, l.n, &rng);
        r->importance[col].loss = loss_with(&l, col, order) - whole;
        (void)chars_set(r->importance[col].name, sizeof r->importance[col].name,
                        desk->set->columns[col].name);
    }
    qsort(r->importance, n_cols, sizeof *r->importance, by_loss);
    r->n_importance = n_cols;
    r->n_importance_rows = l.n;
    free(order);
    return AL_OK;
}

static enum al_err judge_columns(const struct backtest_pass *main, struct report *r)
{
    for (size_t i = 0; i < main->plan->n_strategies; i++) {
        if (main->desks[i].newest != NULL)
            return weigh_columns(&main->desks[i], main->plan->options->seed, r);
    }
    return AL_OK;
}

/* ---- in words ---- */

static void say_range(struct report_value v, char out[RANGE_MAX])
{
    char value[REPORT_NUMBER_MAX], low[REPORT_NUMBER_MAX], high[REPORT_NUMBER_MAX];
    report_number(v.value, REPORT_bps, value);
    report_number(v.low, REPORT_bps, low);
    report_number(v.high, REPORT_bps, high);
    snprintf(out, RANGE_MAX, "%s net a decision (95 %%: %s to %s)", value, low, high);
}

static void say_verdict(const struct backtest_pass *main, struct report *r)
{
    const struct report_measures *live = &report_policy(r, "alphaloop")->measures;
    const struct report_measures *other = &report_policy(r, "newest_challenger")->measures;
    const struct report_measures *warmup = &report_policy(r, "warmup")->measures;
    char text[RANGE_MAX], beside[RANGE_MAX];
    bool is_promoted = main->first_activation_ns != TIMESTAMP_NONE;
    r->has_edge =
        is_promoted && live->trades.value >= EDGE_TRADES_MIN && live->net_per_decision.low > 0;
    say_range(is_promoted ? live->net_per_decision : other->net_per_decision, text);
    say_range(warmup->net_per_decision, beside);
    if (is_promoted)
        snprintf(r->verdict, sizeof r->verdict,
                 "%s: from the first promoted model on %s; warm-up alone %s.",
                 r->has_edge ? "Edge shown" : "No edge shown", text, beside);
    else if (main->first_challenger_ns != TIMESTAMP_NONE)
        snprintf(r->verdict, sizeof r->verdict,
                 "No edge claimed: no model passed the gate. Taken without it, the newest "
                 "challenger: %s.",
                 text);
    else
        snprintf(r->verdict, sizeof r->verdict, "No edge claimed: no model was made (%.400s).",
                 main->n_trainings > 0 ? main->trainings[main->n_trainings - 1].reason
                                       : "too few outcomes for a training");
}

/* ---- the rest ---- */

static enum al_err describe_strategies(const struct backtest_plan *plan,
                                       const struct backtest_pass *main,
                                       struct report *r)
{
    r->strategies = calloc(plan->n_strategies, sizeof *r->strategies);
    if (r->strategies == NULL)
        return err_set(AL_ENOMEM, "report");
    for (size_t i = 0; i < plan->n_strategies; i++) {
        const struct strategy_config *config = &plan->strategies[i];
        struct report_strategy *out = &r->strategies[r->n_strategies++];
        struct strategy_view view;
        pipeline_strategy_view(main->pipeline, i, main->now_ns, &view);
        *out =
            (struct report_strategy){.model_kind = strategy_model_kind_name(config->model.kind),
                                     .trigger = decision_trigger_name(config->decision.trigger),
                                     .horizon_s = (double)config->horizon_ns / (double)NS_PER_S,
                                     .timeframe_s = (double)config->timeframe_ns / (double)NS_PER_S,
                                     .n_features = main->desks[i].set->n_columns,
                                     .n_decisions = view.n_decisions,
                                     .n_signals = view.n_signals};
        (void)chars_set(out->id, sizeof out->id, config->strategy_id.text);
        (void)chars_set(out->adapted, sizeof out->adapted, plan->adapted[i]);
    }
    return AL_OK;
}

/* Which options were fitted, from how much and how well. */
static void add_errors(const struct backtest_costs *costs, struct report *r)
{
    for (size_t i = 0; i < r->n_options; i++) {
        for (size_t k = 0; k < COST_COUNT; k++) {
            if (strcmp(r->options[i].name, costs->items[k].name) != 0)
                continue;
            r->options[i].error = costs->items[k].error;
            r->options[i].n = costs->items[k].n;
        }
    }
}

static void describe_options(const struct backtest_options *o, struct report *r)
{
    const struct report_option options[] = {
        {"seed", "", (double)o->seed, NAN, 0},
        {"half_spread_bps", "bp", o->half_spread_bps, NAN, 0},
        {"fee_bps", "bp", o->exchange.fee_bps, NAN, 0},
        {"slippage_bps", "bp", o->exchange.slippage_bps, NAN, 0},
        {"latency_min_ms", "ms", (double)o->exchange.latency_min_ns / 1e6, NAN, 0},
        {"latency_mean_ms", "ms", (double)o->exchange.latency_mean_ns / 1e6, NAN, 0},
        {"reject_probability", "", o->exchange.reject_probability, NAN, 0},
        {"partial_probability", "", o->exchange.partial_probability, NAN, 0},
        {"training_seconds", "s", o->training_s, NAN, 0},
    };
    _Static_assert(COUNT_OF(options) <= COUNT_OF(r->options), "room for all");
    memcpy(r->options, options, sizeof options);
    r->n_options = COUNT_OF(options);
    if (o->costs_of_ledger)
        add_errors(&o->costs, r);
}

static void describe_account(const struct backtest_pass *main, struct report_account *a)
{
    struct exchange_stats s;
    exchange_stats(main->exchange, &s);
    *a = (struct report_account){.n_orders = s.n_orders,
                                 .n_filled = s.n_filled,
                                 .n_partial = s.n_partial,
                                 .n_cancelled = s.n_cancelled,
                                 .n_rejected = s.n_rejected,
                                 .volume = s.volume,
                                 .fees = s.fees,
                                 .realized = s.realized_pnl,
                                 .unrealized = s.unrealized_pnl,
                                 .equity = s.equity,
                                 .max_drawdown = main->drawdown};
}

static void describe_abstentions(const struct backtest_notes *notes, struct report *r)
{
    for (enum reason reason = 0; reason < REASON_COUNT; reason++) {
        if (notes->n_abstained[reason] > 0 && r->n_reasons < REPORT_REASONS_MAX)
            r->abstentions[r->n_reasons++] =
                (struct report_reason){reason_name(reason), notes->n_abstained[reason]};
    }
    for (size_t i = first_note(notes, r->from_ns); i < notes->n; i++)
        r->n_unknown += !notes->items[i].is_settled;
}

static enum al_err take_trainings(const struct backtest_pass *main, struct report *r)
{
    r->trainings = calloc(main->n_trainings + 1, sizeof *r->trainings);
    if (r->trainings == NULL)
        return err_set(AL_ENOMEM, "report");
    r->n_trainings = main->n_trainings;
    for (size_t i = 0; i < main->n_trainings; i++)
        r->trainings[i] = main->trainings[i];
    return AL_OK;
}

/* ---- who decided ---- */

static struct report_decider *decider_of(const struct backtest_pass *main,
                                         const struct backtest_note *note,
                                         struct report *r)
{
    const char *strategy = main->plan->strategies[note->strategy].strategy_id.text;
    const char *version =
        note->version > 0 ? main->rollouts.versions[note->version - 1].id.text : "";
    for (size_t i = 0; i < r->n_deciders; i++) {
        if (strcmp(r->deciders[i].strategy, strategy) == 0 &&
            strcmp(r->deciders[i].version, version) == 0)
            return &r->deciders[i];
    }
    struct report_decider *added = &r->deciders[r->n_deciders++];
    *added = (struct report_decider){.from_ns = note->t_ns, .net_per_trade = NAN};
    (void)chars_set(added->strategy, sizeof added->strategy, strategy);
    (void)chars_set(added->version, sizeof added->version, version);
    return added;
}

static void count_decision(const struct backtest_note *note, struct report_decider *decider)
{
    decider->to_ns = note->t_ns;
    decider->n_decisions++;
    if (!note->is_settled || !note->is_filled)
        return;
    double net = (double)note->net[note->side - SIDE_BUY], n = (double)++decider->n_trades;
    double mean = n > 1 ? decider->net_per_trade : 0;
    decider->net_per_trade = mean + (net - mean) / n;
}

/* A guard stands since it made room. */
static int64_t since_ns(const struct backtest_pass *main, const struct shadow_view *shadow)
{
    for (size_t i = main->rollouts.n_moves; i > 0 && shadow->stage == ROLLOUT_guard; i--) {
        if (strcmp(main->rollouts.moves[i - 1].version, shadow->version.text) == 0)
            return main->rollouts.moves[i - 1].at_ns;
    }
    return shadow->stage_since_ns;
}

static void take_standing(const struct backtest_pass *main, struct report *r)
{
    struct rollout_view view;
    for (size_t i = 0; i < main->plan->n_strategies; i++) {
        pipeline_rollout_view(main->pipeline, i, main->now_ns, &view);
        for (size_t k = 0; k < view.n_shadows; k++) {
            struct report_move *move = &r->standing[r->n_standing++];
            *move = backtest_standing(&view.strategy_id, &view.active, &view.shadows[k]);
            move->at_ns = since_ns(main, &view.shadows[k]);
        }
    }
}

static enum al_err take_rollout(const struct backtest_plan *plan,
                                const struct backtest_pass *main,
                                struct report *r)
{
    const struct backtest_rollouts *rollouts = &main->rollouts;
    r->promotion = plan->options->at_once ? "at-once" : "rollout";
    r->moves = calloc(rollouts->n_moves + 1, sizeof *r->moves);
    r->deciders = calloc(rollouts->n_versions + plan->n_strategies + 1, sizeof *r->deciders);
    r->standing = calloc(plan->n_strategies * SHADOWS_MAX, sizeof *r->standing);
    if (r->moves == NULL || r->deciders == NULL || r->standing == NULL)
        return err_set(AL_ENOMEM, "report");
    take_standing(main, r);
    for (size_t i = 0; i < rollouts->n_moves; i++)
        r->moves[r->n_moves++] = rollouts->moves[i];
    for (size_t i = 0; i < main->notes.n; i++)
        count_decision(&main->notes.items[i], decider_of(main, &main->notes.items[i], r));
    return AL_OK;
}

enum al_err backtest_judge(const struct backtest_plan *plan,
                           const struct backtest_pass *main,
                           const struct backtest_pass *warmup,
                           struct report *r)
{
    r->version = ALPHALOOP_VERSION;
    r->n_files = plan->options->n_paths;
    memcpy(r->files, plan->files, r->n_files * sizeof r->files[0]);
    describe_options(plan->options, r);
    describe_account(main, &r->account);
    choose_window(main, r);
    choose_times(r);
    describe_abstentions(&main->notes, r);
    enum al_err err = describe_strategies(plan, main, r);
    if (err == AL_OK)
        err = take_trainings(main, r);
    if (err == AL_OK)
        err = take_rollout(plan, main, r);
    if (err == AL_OK)
        err = judge_policies(plan, main, warmup, r);
    if (err == AL_OK)
        err = judge_views(plan, &main->notes, VIEWER_NEWEST, r, &r->challenger);
    if (err == AL_OK)
        err = judge_views(plan, &main->notes, VIEWER_SERVED, r, &r->served);
    if (err == AL_OK)
        err = judge_views(plan, &main->notes, VIEWER_LINEAR, r, &r->linear);
    if (err == AL_OK)
        err = judge_returns(plan, &main->notes, VIEWER_NEWEST, r, &r->challenger_returns);
    if (err == AL_OK)
        err = judge_returns(plan, &main->notes, VIEWER_SERVED, r, &r->served_returns);
    if (err == AL_OK)
        err = judge_returns(plan, &main->notes, VIEWER_LINEAR, r, &r->linear_returns);
    if (err == AL_OK)
        err = judge_columns(main, r);
    if (err == AL_OK)
        say_verdict(main, r);
    return err;
}
