/* Orders that are rejected, filled in part, or left open so that nobody ever hears of them again, at rates and by a law that are
 * known: what the time-to-fill model, the samples and the estimated outcomes make of them, beside the truth.
 *
 * How long an order takes to reach the exchange, which then fills it at once, is
 *
 *     log T = log 20 s + s alpha / 2 + 0.8 Z,   Z standard normal,
 *
 * s its side and alpha the market's: those in the market's direction wait longer, as limit orders do. After 30 s, the signal's
 * time to live, an order is left open. Of those that get there REJECTED are refused instead: their T is the time of the
 * refusal, so the hazard of filling is 1 - REJECTED times that of T, and P(T > t) to the power 1 - REJECTED is what waits longer
 * than t for a fill. */
#include "harness/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/dataset/weight.h"
#include "alphaloop/model/aft.h"
#include "alphaloop/train/fill_times.h"
#include "harness/desk_train.h"

#define PLAYED_NS  (8 * NS_PER_H)
#define ORDERS_MAX 20000
#define TTL_S      30.0
#define MEDIAN_S   20.0
#define TILT       0.5 /* of log T by s alpha */
#define NOISE      0.8
#define REJECTED   0.05
#define PARTIAL    0.4
#define CANCELLED  0.5 /* of these, before the last part */

/* Parts are U(1/3, 2/3) of what is left; of two or three, as likely, the last is cancelled. */
#define FILLED_OF_CANCELLED (0.5 * 0.5 + 0.5 * (1 - 0.25))

#define STRATEGY                                                                                   \
    "{\"decision\":{\"interval_seconds\":10},\"epsilon\":0.02,\"limits\":{\"rate\":100000,"        \
    "\"burst\":1000},\"training\":{\"new_samples\":0}}"

static struct rng rng;

static struct exchange_options exchange_of(double rejected, double partial)
{
    struct exchange_options options;
    exchange_options_default(&options);
    options.latency_min_ns = 0;
    options.latency_mean_ns = 10 * NS_PER_MS;
    options.reject_probability = rejected;
    options.partial_probability = partial;
    options.cancel_probability = CANCELLED;
    return options;
}

static void start(struct desk_run *desk, const struct exchange_options *exchange, desk_wait_fn wait)
{
    struct desk_options options = {
        .seed = 21,
        .edge = 1,
        .exchange = exchange,
        .wait = wait,
        .settings = {{"TRADING_ASSETS", "BTCUSDT,ETHUSDT"},
                     {"WARMUP_SIGNAL_FREQUENCY", "6"},
                     {"SIGNAL_TTL_SECONDS", "30"}},
        .strategy_json = STRATEGY,
    };
    rng_seed(&rng, 5);
    desk_start(desk, &options);
    desk_play(desk, PLAYED_NS);
}

static double oriented_alpha(const struct desk_run *desk, const struct decision *decision)
{
    const struct desk_truth *newest = &desk->truths[desk->n_truths - 1];
    assert_true(uuid_eq(newest->decision_id, decision->decision_id));
    return side_sign(decision->side) * newest->truth.alpha;
}

/* ---- times to fill ---- */

/* Of every order, in turn. */
static double true_mu[ORDERS_MAX];
static size_t n_orders;

static int64_t wait_by_law(struct desk_run *desk, const struct decision *decision)
{
    assert_true(n_orders < ORDERS_MAX);
    double mu = log(MEDIAN_S) + TILT * oriented_alpha(desk, decision);
    true_mu[n_orders++] = mu;
    double seconds = exp(mu + NOISE * rng_normal(&rng));
    return seconds < TTL_S ? (int64_t)(seconds * 1e9) : DESK_NEVER;
}

/* Where a chance that rises with time is one half. */
struct law {
    double (*chance)(const void *ctx, double seconds);
    const void *ctx;
};

static double median_of(struct law law)
{
    double low = 1e-3, high = 1e6;
    for (int i = 0; i < 60; i++) {
        double middle = sqrt(low * high);
        if (law.chance(law.ctx, middle) < 0.5)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The share of all orders that fills by then, to who sees alpha. */
static double true_chance(const void *ctx, double seconds)
{
    double sum = 0;
    (void)ctx;
    for (size_t i = 0; i < n_orders; i++)
        sum += 1 - pow(1 - aft_chance(true_mu[i], NOISE, seconds), 1 - REJECTED);
    return sum / (double)n_orders;
}

struct fitted_law {
    const float *mu;
    size_t n;
    double sigma;
};

static double fitted_chance(const void *ctx, double seconds)
{
    const struct fitted_law *law = ctx;
    double sum = 0;
    for (size_t i = 0; i < law->n; i++)
        sum += aft_chance((double)law->mu[i], law->sigma, seconds) / (double)law->n;
    return sum;
}

/* The newest word on each order, by signal: outcomes are stored again as more becomes known. */
static void newest_outcomes(struct desk_run *desk, struct map *newest)
{
    map_init(newest, sizeof(struct uuid), desk->n_outcomes);
    for (size_t i = 0; i < desk->n_outcomes; i++) {
        map_remove(newest, &desk->outcomes[i].signal_id);
        check_ok(map_put(newest, &desk->outcomes[i].signal_id, &desk->outcomes[i]));
    }
}

/* As the training child reads them: every published entry, with what was heard of its order. */
static void read_fills(struct desk_run *desk, struct fill_rows *rows)
{
    const struct feature_set *set =
        pipeline_feature_set(desk->pipeline, &desk->strategy->strategy_id);
    struct map newest;
    newest_outcomes(desk, &newest);
    fill_rows_init(rows, set->n_columns);
    for (size_t i = 0; i < desk->n_signals; i++) {
        const struct decision *decision = &desk->signals[i].decision;
        if (decision->kind != DECISION_ENTRY)
            continue;
        const struct order_outcome *outcome = map_get(&newest, &decision->decision_id);
        const struct fill_signal signal = {
            .side = decision->side,
            .decided_at_ns = decision->decided_at_ns,
            .expires_at_ns = decision->expires_at_ns,
            .first_fill_ns = outcome != NULL ? outcome->first_fill_ns : TIMESTAMP_NONE,
            .answered_at_ns = outcome != NULL ? outcome->answered_at_ns : TIMESTAMP_NONE,
            .features = decision->features};
        check_ok(fill_rows_add(rows, set, &signal, desk->now_ns));
    }
    map_deinit(&newest);
}

struct fit {
    double median_s, by_ttl;
    size_t n;
};

/* The model of time to fill on these rows, and what it says of all of them together. */
static struct fit fit_rows(const struct fill_rows *rows)
{
    size_t cut = rows->n - rows->n / 5;
    float *mu = calloc(rows->n, sizeof *mu);
    struct aft aft = {0};
    const struct aft_fit how = {.train = {cut, rows->n_cols, rows->x, rows->seconds, rows->filled},
                                .validation = {rows->n - cut, rows->n_cols,
                                               rows->x + cut * rows->n_cols, rows->seconds + cut,
                                               rows->filled + cut},
                                .n_rounds_max = 200,
                                .seed = 1};
    assert_non_null(mu);
    check_ok(aft_fit(&how, &aft));
    check_ok(aft_predict(&aft, rows->x, rows->n, rows->n_cols, mu));
    const struct fitted_law law = {mu, rows->n, aft.sigma};
    const struct fit fit = {median_of((struct law){fitted_chance, &law}),
                            fitted_chance(&law, TTL_S), rows->n};
    aft_deinit(&aft);
    free(mu);
    return fit;
}

static void drop_censored(struct fill_rows *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        if (!rows->filled[i])
            continue;
        rows->seconds[n] = rows->seconds[i];
        rows->filled[n] = true;
        memmove(rows->x + n * rows->n_cols, rows->x + i * rows->n_cols,
                rows->n_cols * sizeof *rows->x);
        n++;
    }
    rows->n = n;
}

static void test_times_to_fill_are_found_past_censoring(void **state)
{
    const struct exchange_options exchange = exchange_of(REJECTED, 0);
    const struct fill_hooks hooks = {.seed = 1};
    struct desk_run desk;
    struct fill_rows rows;
    struct fill_report report;
    struct buf model = BUF_INIT(1 << 24);
    (void)state;
    start(&desk, &exchange, wait_by_law);
    read_fills(&desk, &rows);
    check_ok(fill_times_fit(&rows, &hooks, &report, &model));
    struct fit all = fit_rows(&rows);
    size_t n_filled = report.n_filled;
    drop_censored(&rows);
    struct fit dropped = fit_rows(&rows);
    double by_ttl = true_chance(NULL, TTL_S);
    double median = median_of((struct law){true_chance, NULL});
    printf("%zu orders, %zu filled, the others rejected or never heard of again\n", all.n,
           n_filled);
    printf("                        filled within %.0f s   median time\n", TTL_S);
    printf("  the law                       %.3f           %.1f s\n", by_ttl, median);
    printf("  the model                     %.3f           %.1f s\n", all.by_ttl, all.median_s);
    printf("  Kaplan and Meier              %.3f\n", report.filled_by_ttl_seen);
    printf("  the worker's report           %.3f           (newest fifth, concordance %.3f)\n",
           report.filled_by_ttl, report.concordance);
    printf("  censored ones dropped         %.3f           %.1f s\n", dropped.by_ttl,
           dropped.median_s);
    check_i64((int64_t)dropped.n, (int64_t)n_filled);
    check_near(all.by_ttl, by_ttl, 0.03);
    check_near(all.median_s, median, 0.1 * median);
    check_near(report.filled_by_ttl, by_ttl, 0.05);
    check_near(report.filled_by_ttl_seen, by_ttl, 0.05);
    assert_true(report.concordance > 0.53);
    assert_true(dropped.by_ttl > by_ttl + 0.2 && dropped.median_s < 0.7 * median);
    fill_rows_deinit(&rows);
    buf_deinit(&model);
    desk_stop(&desk);
}

/* ---- partial fills ---- */

struct filled {
    struct uuid signal_id;
    double notional;
    size_t n_parts, n_rows;
};

static int by_signal(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

/* Added up fill by fill, by signal. */
static struct filled *add_up(const struct desk_run *desk, size_t *n)
{
    struct filled *items = calloc(desk->n_fills + 1, sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < desk->n_fills; i++)
        items[i] = (struct filled){desk->fills[i].signal_id,
                                   decimal_to_double(desk->fills[i].price) *
                                       decimal_to_double(desk->fills[i].quantity),
                                   1, 0};
    qsort(items, desk->n_fills, sizeof *items, by_signal);
    *n = 0;
    for (size_t i = 0; i < desk->n_fills; i++) {
        if (*n > 0 && uuid_eq(items[*n - 1].signal_id, items[i].signal_id)) {
            items[*n - 1].notional += items[i].notional;
            items[*n - 1].n_parts++;
        } else {
            items[(*n)++] = items[i];
        }
    }
    return items;
}

/* Signals are in order of their ids. */
static double amount_of(const struct desk_run *desk, struct uuid signal_id)
{
    const struct desk_signal *found =
        bsearch(&signal_id, desk->signals, desk->n_signals, sizeof *desk->signals, by_signal);
    assert_non_null(found);
    return decimal_to_double(found->decision.amount);
}

/* Weight by uniqueness of own rows that filled in part, over that of own rows that filled whole. */
static double weight_ratio(const struct desk_run *desk)
{
    size_t n = desk->n_samples;
    double sum[2] = {0}, unique[2] = {0};
    const struct weight_rule rule = {.cut_ns = desk->now_ns, .propensity_cap = 10};
    struct weight_row *rows = calloc(n, sizeof *rows);
    struct weight_columns out = {calloc(n, sizeof(float)), calloc(n, sizeof(float)),
                                 calloc(n, sizeof(double))};
    struct weight_summary summary;
    assert_true(rows != NULL && out.teach != NULL && out.plain != NULL && out.u != NULL);
    for (size_t i = 0; i < n; i++) {
        const struct sample *s = &desk->samples[i];
        rows[i] = (struct weight_row){.t0_ns = s->t0_ns,
                                      .t1_ns = s->t1_ns,
                                      .propensity = 1,
                                      .fill_fraction = (float)s->fill_fraction,
                                      .group = asset_eq(&s->asset, &desk->strategy->assets[0])};
    }
    check_ok(weight_rows(&rule, rows, n, &out, &summary));
    for (size_t i = 0; i < n; i++) {
        bool is_part = desk->samples[i].fill_fraction < 0.99;
        sum[is_part] += desk->samples[i].policy_took ? (double)out.plain[i] : 0;
        unique[is_part] += desk->samples[i].policy_took ? out.u[i] : 0;
    }
    free(rows);
    free(out.teach);
    free(out.plain);
    free(out.u);
    return sum[1] / unique[1] / (sum[0] / unique[0]);
}

static void test_a_partial_fill_is_one_row_of_its_fraction(void **state)
{
    const struct exchange_options exchange = exchange_of(REJECTED, PARTIAL);
    struct desk_run desk;
    size_t n, n_rows = 0, n_parts = 0, n_incomplete = 0;
    double fraction = 0, worst = 0;
    (void)state;
    start(&desk, &exchange, NULL);
    struct filled *items = add_up(&desk, &n);
    qsort(desk.signals, desk.n_signals, sizeof *desk.signals, by_signal);
    for (size_t i = 0; i < desk.n_samples; i++) {
        const struct sample *sample = &desk.samples[i];
        if (sample->evidence != EVIDENCE_OWN_FILL)
            continue;
        struct filled *it = bsearch(&sample->decision_id, items, n, sizeof *items, by_signal);
        assert_non_null(it);
        double really = fmin(1, it->notional / amount_of(&desk, sample->decision_id));
        worst = fmax(worst, fabs(sample->fill_fraction - really));
        check_i64((int64_t)it->n_rows, 0);
        it->n_rows++;
        n_rows++;
        n_parts += it->n_parts;
        n_incomplete += sample->fill_fraction < 0.99;
        fraction += sample->fill_fraction < 0.99 ? sample->fill_fraction : 0;
    }
    double share = (double)n_incomplete / (double)n_rows, ratio = weight_ratio(&desk);
    fraction /= (double)n_incomplete;
    printf("%zu fills of %zu orders became %zu rows, one a decision; fractions are those of the "
           "fills within %.1g\n",
           n_parts, n_rows, n_rows, worst);
    printf("                                  found   law\n");
    printf("  filled in part only             %.3f   %.3f\n", share, PARTIAL * CANCELLED);
    printf("  of what was wanted, these       %.3f   %.3f\n", fraction, FILLED_OF_CANCELLED);
    printf("  their weight, of a whole one's  %.3f   %.3f\n", ratio, FILLED_OF_CANCELLED);
    assert_true(worst < 1e-6);
    assert_true(n_parts > n_rows + n_rows / 4);
    check_near(share, PARTIAL * CANCELLED, 0.03);
    check_near(fraction, FILLED_OF_CANCELLED, 0.02);
    check_near(ratio, FILLED_OF_CANCELLED, 0.02);
    free(items);
    desk_stop(&desk);
}

/* ---- what unfilled orders would have earned ---- */

/* Those in the market's direction are the ones left open: P = Phi(1.5 s alpha). */
static int64_t wait_in_vain(struct desk_run *desk, const struct decision *decision)
{
    bool is_left = rng_normal(&rng) < 1.5 * oriented_alpha(desk, decision);
    return is_left ? DESK_NEVER : 0;
}

static int sample_cmp(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    int order = strcmp(x->asset.text, y->asset.text);
    if (order == 0)
        order = (x->t0_ns > y->t0_ns) - (x->t0_ns < y->t0_ns);
    return order != 0 ? order : (int)x->action - (int)y->action;
}

struct mean {
    size_t n;
    double sum, squares;
};

static void mean_add(struct mean *mean, double net)
{
    mean->n++;
    mean->sum += 1e4 * net;
    mean->squares += 1e8 * net * net;
}

static double mean_of(const struct mean *mean)
{
    return mean->sum / (double)mean->n;
}

static void mean_print(const char *name, const struct mean *rows, const struct mean *truth)
{
    printf("  %-36s %6zu   %+6.2f    %+6.2f\n", name, rows->n, mean_of(rows), mean_of(truth));
}

/* The row of an action of the decision at that instant; NULL: it became none. */
static const struct sample *row_of(const struct desk_run *desk, const struct decision *decision)
{
    static struct sample key;
    key.asset = decision->asset;
    key.t0_ns = decision->decided_at_ns;
    key.action = decision->side;
    return bsearch(&key, desk->samples, desk->n_samples, sizeof key, sample_cmp);
}

/* The same market with an exchange that fills everything is the truth: what the very same actions earned there. */
static void test_outcomes_are_not_those_of_the_filled_alone(void **state)
{
    const struct exchange_options lossy = exchange_of(REJECTED, PARTIAL), sure = exchange_of(0, 0);
    struct desk_run desk, twin;
    struct mean rows[3] = {0}, truth[3] = {0}; /* every signal; filled; not filled */
    (void)state;
    start(&twin, &sure, NULL);
    start(&desk, &lossy, wait_in_vain);
    qsort(twin.samples, twin.n_samples, sizeof *twin.samples, sample_cmp);
    qsort(desk.samples, desk.n_samples, sizeof *desk.samples, sample_cmp);
    for (size_t i = 0; i < desk.n_signals; i++) {
        const struct decision *decision = &desk.signals[i].decision;
        bool is_settled = decision->decided_at_ns < desk.now_ns - 10 * NS_PER_MIN;
        const struct sample *row = row_of(&desk, decision), *really = row_of(&twin, decision);
        if (decision->kind != DECISION_ENTRY || !is_settled || really == NULL)
            continue;
        size_t kind = row != NULL && row->evidence == EVIDENCE_OWN_FILL ? 1 : 2;
        mean_add(&truth[0], really->net_return);
        mean_add(&truth[kind], really->net_return);
        if (row == NULL)
            continue;
        mean_add(&rows[0], row->net_return);
        mean_add(&rows[kind], row->net_return);
    }
    printf("net outcome of a signal, bp              rows  estimated  if all fill\n");
    mean_print("every signal", &rows[0], &truth[0]);
    mean_print("those that filled", &rows[1], &truth[1]);
    mean_print("those that did not, by the market", &rows[2], &truth[2]);
    assert_true(rows[0].n > 5000 && rows[2].n > 2000);
    assert_true((double)rows[0].n >
                0.95 * (double)truth[0].n); /* the first 50 fills price the others */
    check_near(mean_of(&rows[0]), mean_of(&truth[0]), 0.3);
    check_near(mean_of(&rows[2]), mean_of(&truth[2]), 0.5);
    assert_true(mean_of(&rows[1]) < mean_of(&truth[0]) - 1.5);
    desk_stop(&desk);
    desk_stop(&twin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_to_fill_are_found_past_censoring),
        cmocka_unit_test(test_a_partial_fill_is_one_row_of_its_fraction),
        cmocka_unit_test(test_outcomes_are_not_those_of_the_filled_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
