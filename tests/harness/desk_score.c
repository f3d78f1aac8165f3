#include "harness/desk_score.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/base/timestamp.h"
#include "alphaloop/feature/feature_set.h"
#include "alphaloop/strategy/entry.h"
#include "alphaloop/train/evaluate.h"
#include "alphaloop/train/gate.h"

/* Everything about the decisions that are scored, two rows each: buy, then sell. */
struct table {
    size_t n;
    float *q, *net;                /* [2 n] */
    double *knows;                 /* [2 n] the expected return of the action, to who sees alpha */
    double *model, *best, *logged; /* [n] utilities */
};

static void *array(size_t n, size_t size)
{
    void *items = calloc(n + 1, size);
    assert(items != NULL);
    return items;
}

static int truth_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

static const struct synthetic_truth *truth_of(const struct desk_run *desk, struct uuid id)
{
    const struct desk_truth *found =
        bsearch(&id, desk->truths, desk->n_truths, sizeof(struct desk_truth), truth_cmp);
    assert(found != NULL);
    return &found->truth;
}

/* Samples of one decision are stored one after the other. */
static bool is_pair(const struct desk_run *desk, size_t i, int64_t from_ns)
{
    const struct sample *buy = &desk->samples[i], *sell = buy + 1;
    return i + 1 < desk->n_samples && buy->t0_ns >= from_ns &&
           uuid_eq(buy->decision_id, sell->decision_id) && buy->action == SIDE_BUY &&
           sell->action == SIDE_SELL;
}

static void predict(struct desk_run *desk,
                    const struct scorer *scorer,
                    const struct sample *sample,
                    struct action_value *out)
{
    float oriented[FEATURES_MAX];
    struct prediction p;
    const struct feature_set *set =
        pipeline_feature_set(desk->pipeline, &desk->strategy->strategy_id);
    feature_orient(set, sample->features, sample->action, oriented);
    enum al_err err = scorer_predict(scorer, oriented, &p);
    assert(err == AL_OK);
    *out = (struct action_value){.q = p.q, .v = p.v, .v_lower = p.v_low};
}

static void add_decision(struct desk_run *desk,
                         const struct scorer *scorer,
                         size_t i,
                         struct table *t)
{
    const struct sample *rows = &desk->samples[i];
    double expected = truth_of(desk, rows->decision_id)->expected_return;
    struct action_value values[3] = {0};
    for (size_t k = 0; k < 2; k++) {
        predict(desk, scorer, &rows[k], &values[rows[k].action]);
        t->q[2 * t->n + k] = (float)values[rows[k].action].q;
        t->net[2 * t->n + k] = (float)rows[k].net_return;
        t->knows[2 * t->n + k] = side_sign(rows[k].action) * expected;
        if (rows[k].policy_took)
            t->logged[t->n] = rows[k].net_return;
    }
    enum side side = entry_greedy(values);
    t->model[t->n] = side == SIDE_NONE ? 0 : rows[side - SIDE_BUY].net_return;
    t->n++;
}

static void play_best(struct table *t, double cost)
{
    for (size_t i = 0; i < t->n; i++) {
        size_t better = t->knows[2 * i] > 0 ? 2 * i : 2 * i + 1;
        t->best[i] = t->knows[better] > cost ? (double)t->net[better] : 0;
    }
}

static struct desk_policy judge(const double *u, size_t n, double per_span)
{
    struct bootstrap_bound bound;
    struct rng rng;
    struct desk_policy policy = {0};
    rng_seed(&rng, 1);
    enum al_err err = bootstrap_lower_bound(u, n, fmax(per_span, 1), 0.025, 1000, &rng, &bound);
    assert(err == AL_OK);
    for (size_t i = 0; i < n; i++)
        policy.n_trades += u[i] != 0;
    policy.bps = 1e4 * bound.mean;
    policy.bps_se = 1e4 * bound.standard_error;
    policy.trade_bps = policy.n_trades > 0 ? policy.bps * (double)n / (double)policy.n_trades : NAN;
    return policy;
}

static double auc_of_truth(const struct table *t)
{
    double auc = NAN;
    float *knows = array(2 * t->n, sizeof *knows);
    for (size_t i = 0; i < 2 * t->n; i++)
        knows[i] = (float)t->knows[i];
    enum al_err err = evaluate_auc(knows, t->net, NULL, 2 * t->n, &auc);
    assert(err == AL_OK);
    free(knows);
    return auc;
}

static void measure(struct table *t, double per_span, struct desk_score *out)
{
    struct evaluation e;
    double cost = 0;
    evaluation_clear(&e);
    enum al_err err = evaluate_classification(t->q, t->net, NULL, 2 * t->n, &e);
    assert(err == AL_OK);
    for (size_t i = 0; i < 2 * t->n; i++)
        cost -= (double)t->net[i] / (double)(2 * t->n);
    play_best(t, cost);
    *out = (struct desk_score){
        .n_decisions = t->n,
        .cost_bps = 1e4 * cost,
        .auc = e.roc_auc,
        .best_auc = auc_of_truth(t),
        .brier_skill = e.brier_skill,
        .ece = e.ece,
        .model = judge(t->model, t->n, per_span),
        .best = judge(t->best, t->n, per_span),
        .logged = judge(t->logged, t->n, per_span),
    };
}

/* Decisions of all assets that begin within a horizon. */
static double decisions_a_span(const struct desk_run *desk, int64_t from_ns, size_t n)
{
    double spans = (double)(desk->now_ns - from_ns) / (double)desk->strategy->horizon_ns;
    return (double)n / fmax(spans, 1);
}

void desk_score(struct desk_run *desk,
                int64_t from_ns,
                const struct scorer *scorer,
                struct desk_score *out)
{
    size_t max = desk->n_samples;
    struct table t = {.q = array(max, sizeof *t.q), .net = array(max, sizeof *t.net)};
    t.knows = array(max, sizeof *t.knows);
    t.model = array(max, sizeof *t.model);
    t.best = array(max, sizeof *t.best);
    t.logged = array(max, sizeof *t.logged);
    qsort(desk->truths, desk->n_truths, sizeof(struct desk_truth), truth_cmp);
    for (size_t i = 0; i < desk->n_samples; i++) {
        if (is_pair(desk, i, from_ns))
            add_decision(desk, scorer, i++, &t);
    }
    assert(t.n > 0);
    measure(&t, decisions_a_span(desk, from_ns, t.n), out);
    free(t.q);
    free(t.net);
    free(t.knows);
    free(t.model);
    free(t.best);
    free(t.logged);
}

static void print_policy(const char *name, const struct desk_policy *policy)
{
    printf("  %-10s net %+.2f bp a decision (+-%.2f), %+.2f bp a trade, %zu trades\n", name,
           policy->bps, 2 * policy->bps_se, policy->trade_bps, policy->n_trades);
}

void desk_score_print(const char *title, const struct desk_score *score)
{
    printf("%s: %zu decisions, a round trip costs %.2f bp\n", title, score->n_decisions,
           score->cost_bps);
    printf("  AUC %.4f, best achievable %.4f; Brier skill %.4f; calibration error %.4f\n",
           score->auc, score->best_auc, score->brier_skill, score->ece);
    print_policy("model", &score->model);
    print_policy("best", &score->best);
    print_policy("logged", &score->logged);
}
