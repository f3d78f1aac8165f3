/* Do intervals hold as often as they say? On many markets of each of four kinds, whose truth is known:
 *
 *   exchangeable   decisions a horizon apart, each with an edge of its own, at one volatility
 *   overlapping    ten labels alive at a time; the edge comes and goes over two horizons
 *   regimes        four labels alive; the volatility is 1 or 3, for 60 horizons at a time on average, and what a decision
 *                  knows of it is an average over the last horizons
 *   one size       outcomes are one of two numbers and the edge is weak (harness/learnable_samples.h): residuals lie so
 *                  close together that a model a little surer of itself than those of the folds is caught at once
 *
 * A training as any other is run on the first part of a market. Offline: the share of outcomes on its untouched block that
 * lie in the interval of a level. Live: the decisions after the cut, one after the other, each at the level that adaptive
 * conformal inference asked for when it was made, told its outcome when that was known; the recursion is written out here
 * once more.
 *
 * What is held against the promise is the mean over markets; one market's share strays by what its outcomes are worth. */
#include "harness/check.h"

#include <stdio.h>
#include <string.h>

#include "alphaloop/base/rng.h"
#include "alphaloop/base/timestamp.h"
#include "alphaloop/train/fit.h"
#include "harness/learnable_samples.h"

#define STEP_NS    (10 * NS_PER_S)
#define HORIZON    30 /* steps */
#define HORIZON_NS (HORIZON * STEP_NS)
#define COST       0.0002
#define SIGMA_STEP 0.0004 /* of a step's return in quiet times */
#define EDGE       0.25   /* of the drift over a horizon, in its volatility */
#define MARKETS    40
#define N_TAUGHT   3000 /* decisions */
#define N_LATER    3000
#define FIRST_STEP (20 * HORIZON)
#define STEPS_MAX  (FIRST_STEP + (N_TAUGHT + N_LATER + 1) * HORIZON)
#define GAMMA      0.01 /* uncertainty.adaptation of a strategy that does not say */
#define TOLERANCE  0.02

static const double levels[] = {0.8, 0.9, 0.95};
#define N_LEVELS 3

struct world {
    const char *name;
    int every; /* steps between decisions */
    double
        edge_memory; /* correlation of the edge from one step to the next; 0: anew with each decision */
    double change;       /* probability a step that the volatility changes */
    double sigma_memory; /* of the average that a decision knows; 1: it knows the truth */
};

static const struct world exchangeable = {"exchangeable", HORIZON, 0, 0, 1},
                          overlapping = {"overlapping", HORIZON / 10, 1 - 1.0 / (2 * HORIZON), 0,
                                         1},
                          regimes = {"regimes", HORIZON / 4, 1 - 1.0 / (2 * HORIZON),
                                     1.0 / (60 * HORIZON), 1 - 1.0 / (4 * HORIZON)};

/* ---- the market ---- */

static double path[STEPS_MAX + 1]; /* log of the price */
static double edge[STEPS_MAX], known_sigma[STEPS_MAX];

/* Variance 1, tails that are heavy: one step in ten moves three times as far. */
static double shock(struct rng *rng)
{
    double z = rng_normal(rng) / sqrt(1.8);
    return rng_below(rng, 10) == 0 ? 3 * z : z;
}

static void draw_path(const struct world *world, struct rng *rng)
{
    double alpha = 0, volatility = 1, variance = 1, a = world->edge_memory, b = world->sigma_memory;
    for (int t = 0; t < STEPS_MAX; t++) {
        if (a > 0 || t % world->every == 0)
            alpha = a * alpha + sqrt(1 - a * a) * rng_normal(rng);
        if (rng_uniform(rng) < world->change)
            volatility = volatility > 1 ? 1 : 3;
        edge[t] = alpha;
        known_sigma[t] = SIGMA_STEP * sqrt(variance);
        double move = volatility * (EDGE * alpha / sqrt(HORIZON) + shock(rng));
        path[t + 1] = path[t] + SIGMA_STEP * move;
        variance = b * variance + (1 - b) * move * move;
    }
}

/* Barriers at one volatility of the horizon on either side, else time. */
static int first_touch(int from, double sigma_h)
{
    int t = from + 1;
    while (t < from + HORIZON && fabs(path[t] - path[from]) < sigma_h)
        t++;
    return t;
}

/* The decision at a step, as if it had bought. */
static void fill_sample(const struct learnable_samples *market,
                        int step,
                        struct rng *rng,
                        struct sample *s)
{
    double sigma_h = known_sigma[step] * sqrt(HORIZON);
    int touch = first_touch(step, sigma_h);
    memset(s, 0, sizeof *s);
    s->strategy_id = market->strategy_id;
    snprintf(s->asset.text, sizeof s->asset.text, "BTCUSDT");
    s->sigma_h = sigma_h;
    s->t0_ns = LEARNABLE_START_NS + step * STEP_NS;
    s->t1_ns = LEARNABLE_START_NS + touch * STEP_NS;
    s->available_at_ns = s->t1_ns + NS_PER_S;
    s->decision_id = uuid_v7(s->t0_ns, rng);
    s->propensity = 0.5;
    s->fill_fraction = 1;
    s->is_warmup = true;
    s->confidence = NAN;
    s->schema_hash = market->set.schema_hash;
    s->n_features = market->set.n_columns;
    for (size_t k = 0; k < s->n_features; k++)
        s->features[k] = (float)(rng_normal(rng) + (double)market->set.columns[k].neutral);
    s->features[0] = (float)(edge[step] + 0.3 * rng_normal(rng));
    for (size_t k = 0; k < SPAN_PIECES; k++)
        s->span_returns[k] = (float)((path[touch] - path[step]) / SPAN_PIECES);
    s->gross_return = expm1(path[touch] - path[step]);
}

static void add_both_sides(struct sample *s, enum side taken, struct train_rows *rows)
{
    double move = s->gross_return;
    for (enum side side = SIDE_BUY; side <= SIDE_SELL; side++) {
        s->action = side;
        s->policy_took = side == taken;
        s->evidence = s->policy_took ? EVIDENCE_OWN_FILL : EVIDENCE_MARKET;
        s->gross_return = side_sign(side) * move;
        s->cost_return = COST;
        s->net_return = s->gross_return - COST;
        s->barrier = s->gross_return > 0 ? BARRIER_UPPER : BARRIER_LOWER;
        check_ok(train_rows_add(rows, s));
    }
}

static struct sample later[N_LATER]; /* decisions after the cut */

static void draw_market(const struct world *world,
                        const struct learnable_samples *market,
                        struct rng *rng,
                        struct train_rows *rows)
{
    static struct sample s;
    draw_path(world, rng);
    check_ok(train_rows_init(rows, market->set.n_columns, 2 * N_TAUGHT));
    for (int i = 0; i < N_TAUGHT + N_LATER; i++) {
        fill_sample(market, FIRST_STEP + i * world->every, rng,
                    i < N_TAUGHT ? &s : &later[i - N_TAUGHT]);
        if (i < N_TAUGHT)
            add_both_sides(&s, rng_below(rng, 2) == 0 ? SIDE_BUY : SIDE_SELL, rows);
    }
}

/* ---- what holds ---- */

/* One number a market. */
struct share {
    double sum, squares, n;
};

static void share_add(struct share *share, double x)
{
    share->sum += x;
    share->squares += x * x;
    share->n++;
}

static double share_mean(const struct share *share)
{
    return share->sum / share->n;
}

static double share_error(const struct share *share)
{
    double mean = share_mean(share);
    return sqrt(fmax(share->squares / share->n - mean * mean, 0) / (share->n - 1));
}

struct found {
    struct share offline[N_LEVELS], live[N_LEVELS];
};

static double value_of(const struct scorer *scorer,
                       const struct feature_set *set,
                       const float *features,
                       enum side side)
{
    float oriented[FEATURES_MAX];
    struct prediction p;
    feature_orient(set, features, side, oriented);
    check_ok(scorer_predict(scorer, oriented, &p));
    return p.v;
}

static bool misses(
    const struct scorer *scorer, double v, double sigma, double level, double outcome)
{
    struct interval interval =
        conformal_interval(&scorer_manifest(scorer)->conformal, v, sigma, level);
    return interval_misses(&interval, outcome);
}

static void judge_offline(const struct scorer *scorer,
                          const struct feature_set *set,
                          const struct train_rows *rows,
                          struct share *shares)
{
    double held[N_LEVELS] = {0}, n = 0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        const struct train_row *row = &rows->rows[i];
        if (row->t0_ns < scorer_manifest(scorer)->data.holdout_from_ns)
            continue;
        double v = value_of(scorer, set, rows->x + i * rows->n_cols, (enum side)row->action);
        n++;
        for (size_t k = 0; k < N_LEVELS; k++)
            held[k] += !misses(scorer, v, (double)row->sigma_h, levels[k], (double)row->net_return);
    }
    for (size_t k = 0; k < N_LEVELS; k++)
        share_add(&shares[k], held[k] / n);
}

/* The next level's share of misses: a step of gamma for each horizon that passed between decisions. */
static double adapt(double alpha, double level, int told, bool missed)
{
    double since = told == 0 ? HORIZON_NS : (double)(later[told].t0_ns - later[told - 1].t0_ns);
    alpha += GAMMA * fmin(since / HORIZON_NS, 1) * (1 - level - (missed ? 1 : 0));
    return fmin(fmax(alpha, -GAMMA), 1 + GAMMA);
}

/* Each decision leans to the action with the larger v. */
static double play_live(const struct scorer *scorer, const struct feature_set *set, double level)
{
    static bool missed[N_LATER];
    double alpha = 1 - level, held = 0;
    for (int i = 0, told = 0; i < N_LATER; i++) {
        const struct sample *s = &later[i];
        for (; told < i && later[told].available_at_ns <= s->t0_ns; told++)
            alpha = adapt(alpha, level, told, missed[told]);
        double buy = value_of(scorer, set, s->features, SIDE_BUY),
               sell = value_of(scorer, set, s->features, SIDE_SELL);
        double outcome = (buy > sell ? s->gross_return : -s->gross_return) - COST;
        missed[i] = misses(scorer, fmax(buy, sell), s->sigma_h, 1 - alpha, outcome);
        held += !missed[i];
    }
    return held / N_LATER;
}

static struct learnable_samples market;
static struct train_job job;

static struct scorer *train(const struct train_rows *rows, struct train_result *result)
{
    struct scorer *scorer = NULL;
    job.canaries = false;
    job.gate.n_eff_min = 100;
    job.gate.n_bootstrap = 100;
    check_ok(train_run(&job, &market.set, rows, NULL, NULL, result));
    check_ok(train_result_seal(result, job.cut_ns, 1));
    const struct model_files files = {buf_slice(&result->manifest_json), buf_slice(&result->trees),
                                      buf_slice(&result->probe), buf_slice(&result->model),
                                      buf_slice(&result->novelty)};
    check_ok(scorer_create(&files, NULL, &scorer));
    return scorer;
}

/* world NULL: outcomes of one size. */
static void judge_market(const struct world *world, uint64_t seed, struct found *found)
{
    struct train_rows rows;
    struct train_result result;
    struct rng rng;
    rng_seed(&rng, seed);
    learnable_samples_init(&market, 1000, 0.5, seed);
    learnable_samples_job(&market, &job);
    job.n_folds = 5;
    if (world == NULL) {
        learnable_samples_rows(&market, &rows);
    } else {
        draw_market(world, &market, &rng, &rows);
        job.label = (struct manifest_label){(double)HORIZON_NS / (double)NS_PER_S, 1, 1, 1};
        job.cut_ns = later[0].t0_ns;
    }
    struct scorer *scorer = train(&rows, &result);
    judge_offline(scorer, &market.set, &rows, found->offline);
    for (size_t k = 0; k < N_LEVELS && world != NULL; k++)
        share_add(&found->live[k], play_live(scorer, &market.set, levels[k]));
    scorer_destroy(scorer);
    train_result_deinit(&result);
    train_rows_deinit(&rows);
}

static void check_share(const char *name,
                        const char *where,
                        double level,
                        const struct share *share)
{
    printf("%-12s %-8s %.2f: held %.4f +- %.4f\n", name, where, level, share_mean(share),
           share_error(share));
    check_near(share_mean(share), level, TOLERANCE);
}

static void judge(const struct world *world, int n_markets)
{
    struct found found = {0};
    const char *name = world == NULL ? "one size" : world->name;
    for (int i = 1; i <= n_markets; i++)
        judge_market(world, (uint64_t)i, &found);
    for (size_t k = 0; k < N_LEVELS; k++)
        check_share(name, "offline", levels[k], &found.offline[k]);
    for (size_t k = 0; k < N_LEVELS && world != NULL; k++)
        check_share(name, "live", levels[k], &found.live[k]);
}

static void test_intervals_hold_on_exchangeable_rows(void **state)
{
    (void)state;
    judge(&exchangeable, MARKETS);
}

static void test_intervals_hold_where_labels_overlap(void **state)
{
    (void)state;
    judge(&overlapping, MARKETS);
}

static void test_intervals_hold_while_the_volatility_changes(void **state)
{
    (void)state;
    judge(&regimes, MARKETS);
}

static void test_intervals_hold_where_outcomes_are_of_one_size(void **state)
{
    (void)state;
    judge(NULL, 4 * MARKETS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intervals_hold_on_exchangeable_rows),
        cmocka_unit_test(test_intervals_hold_where_labels_overlap),
        cmocka_unit_test(test_intervals_hold_while_the_volatility_changes),
        cmocka_unit_test(test_intervals_hold_where_outcomes_are_of_one_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
