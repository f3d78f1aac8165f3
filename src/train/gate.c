/* A resample is a handful of blocks, and the sum of a block is a difference of two running sums: the cost of a resample is
 * the number of its blocks, not of its rows. */
#include "alphaloop/train/gate.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "alphaloop/base/stats.h"

#define BLOCKS_DRAWN_MAX 2e7 /* by one bound: about a second */
#define BOOTSTRAP_MAX    200000
#define RESAMPLES_BELOW  10 /* a quantile with fewer resamples below it is noise */
#define PI               3.14159265358979323846

double gate_level(double level, uint32_t attempt)
{
    assert(level > 0 && level <= 0.5 && attempt >= 1);
    return level * 6 / (PI * PI * (double)attempt * (double)attempt);
}

/* ---- the bootstrap ---- */

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / (double)n : 0;
}

struct resampler {
    const double *running; /* [n + 1] running sums of x - mean */
    size_t n;
    double block;
    struct rng *rng;
};

static double *running_sums(const double *x, size_t n, double mean)
{
    double *running = malloc((n + 1) * sizeof *running);
    if (running == NULL)
        return NULL;
    running[0] = 0;
    for (size_t i = 0; i < n; i++)
        running[i + 1] = running[i] + (x[i] - mean);
    return running;
}

/* Geometric with the given mean: 1 + floor(log U / log(1 - 1 / mean)). */
static size_t draw_length(struct rng *rng, double mean, size_t left)
{
    if (mean <= 1)
        return 1;
    double length = 1 + floor(log1p(-rng_uniform(rng)) / log1p(-1 / mean));
    return length < (double)left ? (size_t)length : left;
}

static double resampled_mean(const struct resampler *r)
{
    double sum = 0;
    for (size_t left = r->n; left > 0;) {
        size_t begin = (size_t)rng_below(r->rng, r->n),
               length = draw_length(r->rng, r->block, left), end = begin + length;
        sum += end <= r->n ? r->running[end] - r->running[begin]
                           : r->running[r->n] - r->running[begin] + r->running[end - r->n];
        left -= length;
    }
    return sum / (double)r->n;
}

static uint32_t resamples_for(double level, uint32_t wanted, double n_blocks)
{
    double n = fmax(fmax(wanted, GATE_BOOTSTRAP_MIN), ceil(2 * RESAMPLES_BELOW / level));
    n = fmin(fmin(n, BOOTSTRAP_MAX), BLOCKS_DRAWN_MAX / fmax(n_blocks, 1));
    return (uint32_t)fmax(n, GATE_BOOTSTRAP_MIN);
}

static int double_cmp(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double deviation(const double *x, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
        squares += x[i] * x[i];
    }
    return sqrt(fmax(0, squares / (double)n - sum / (double)n * (sum / (double)n)));
}

double bootstrap_block(size_t n, double span)
{
    return fmax(fmax(2 * span, cbrt((double)n)), 1);
}

/* R of the header, kept away from 0 where there is next to nothing to go by. */
static double variance_seen(size_t n, double span, double block)
{
    double sum = 1, keep = 1 - 1 / block, power = keep;
    for (double k = 1; k < span; k++, power *= keep)
        sum += 2 * (1 - k / span) * power;
    return fmax(sum / fmax(span, 1) - (2 * block - 1) / (double)n, 0.1);
}

/* means: of resamples, less the mean of x. */
static void bound_from(
    double *means, double level, double seen, double n_blocks, struct bootstrap_bound *bound)
{
    size_t below = (size_t)(level * bound->n_bootstrap);
    qsort(means, bound->n_bootstrap, sizeof *means, double_cmp);
    bound->standard_error = deviation(means, bound->n_bootstrap) / sqrt(seen);
    bound->low =
        bound->mean - stats_student_upper(level, fmax(n_blocks - 1, 3)) * bound->standard_error;
    if (below >= RESAMPLES_BELOW)
        bound->low = fmin(bound->low, bound->mean + means[below] / sqrt(seen));
}

static bool resample(
    const double *x, size_t n, struct rng *rng, const struct bootstrap_bound *bound, double *means)
{
    double *running = running_sums(x, n, bound->mean);
    struct resampler r = {running, n, bound->block, rng};
    for (uint32_t i = 0; running != NULL && i < bound->n_bootstrap; i++)
        means[i] = resampled_mean(&r);
    free(running);
    return running != NULL;
}

enum al_err bootstrap_lower_bound(const double *x,
                                  size_t n,
                                  double span,
                                  double level,
                                  uint32_t n_bootstrap,
                                  struct rng *rng,
                                  struct bootstrap_bound *bound)
{
    assert(n >= 1 && span >= 1 && level > 0 && level <= 0.5);
    double block = bootstrap_block(n, span), n_blocks = (double)n / block;
    *bound = (struct bootstrap_bound){.mean = mean_of(x, n),
                                      .block = block,
                                      .n_bootstrap = resamples_for(level, n_bootstrap, n_blocks)};
    assert(isfinite(bound->mean));
    double *means = malloc(bound->n_bootstrap * sizeof *means);
    bool done = means != NULL && resample(x, n, rng, bound, means);
    if (done)
        bound_from(means, level, variance_seen(n, span, block), n_blocks, bound);
    free(means);
    return done ? AL_OK : err_set(AL_ENOMEM, "bootstrap of %zu decisions", n);
}

/* ---- the verdict ---- */

static void describe_evidence(const struct gate_evidence *e,
                              const struct gate_rule *rule,
                              struct gate_verdict *v)
{
    double n_blocks = (double)e->n / v->block;
    if (!e->walker_agrees)
        snprintf(
            v->text, sizeof v->text,
            "refused: the walker does not give the library's own bits: what was judged would not "
            "be what serves");
    else if (e->n_eff < rule->n_eff_min)
        snprintf(v->text, sizeof v->text, "refused: %.0f effective samples, %.0f are needed",
                 e->n_eff, rule->n_eff_min);
    else if (rule->mode == GATE_EVIDENCE && n_blocks < GATE_BLOCKS_MIN)
        snprintf(v->text, sizeof v->text,
                 "refused: %zu decisions are %.1f independent blocks of %.1f, %d are needed", e->n,
                 n_blocks, v->block, GATE_BLOCKS_MIN);
    else if (rule->mode == GATE_EVIDENCE && e->n_trades < GATE_TRADES_MIN)
        snprintf(v->text, sizeof v->text, "refused: %zu trades on %zu decisions, %d are needed",
                 e->n_trades, e->n, GATE_TRADES_MIN);
    else
        v->enough = true;
}

static void judge_accuracy(const struct gate_rule *rule, struct gate_verdict *v)
{
    v->promoted = v->enough && v->accuracy >= rule->accuracy_min;
    if (v->enough)
        snprintf(
            v->text, sizeof v->text,
            "%s: accuracy %.4f on %zu untouched decisions, %.4f is asked for (MODEL_GATE=accuracy)",
            v->promoted ? "promoted" : "refused", v->accuracy, v->n, rule->accuracy_min);
}

static bool is_lucky(const struct gate_rule *rule, const struct gate_evidence *e)
{
    return e->is_real_capital && !(e->dsr >= rule->dsr_min) && rule->dsr_min > 0;
}

static bool is_overfitted(const struct gate_rule *rule, const struct gate_evidence *e)
{
    return e->is_real_capital && e->pbo > rule->pbo_max; /* never of NaN */
}

/* What speaks against it; NULL: nothing does. */
static const char *against(const struct gate_rule *rule,
                           const struct gate_evidence *e,
                           const struct gate_verdict *v)
{
    if (!(v->low_d > 0))
        return "not surely better than the incumbent";
    if (e->against_warmup && !(v->low_u > 0))
        return "not surely above zero itself";
    if (!(e->brier_skill > 0))
        return "its probabilities say no more than the base rate";
    if (honesty_against(&e->honesty) != NULL)
        return honesty_against(&e->honesty);
    if (is_lucky(rule, e))
        return "for real capital its Sharpe ratio is too likely luck (dsr_min)";
    return is_overfitted(rule, e)
               ? "for real capital its parameters are too likely chosen by luck (pbo_max)"
               : NULL;
}

static void describe_luck(const struct gate_rule *rule,
                          const struct gate_evidence *e,
                          char *out,
                          size_t size)
{
    out[0] = '\0';
    if (!e->is_real_capital)
        snprintf(out, size, "; orders were played: DSR %.3g not asked", e->dsr);
    else if (isnan(e->pbo))
        snprintf(out, size, "; real capital: DSR %.3g of %.3g", e->dsr, rule->dsr_min);
    else
        snprintf(out, size, "; real capital: DSR %.3g of %.3g, PBO %.2g of %.2g", e->dsr,
                 rule->dsr_min, e->pbo, rule->pbo_max);
}

static void describe_judgement(const struct gate_rule *rule,
                               const struct gate_evidence *e,
                               const char *why,
                               struct gate_verdict *v)
{
    const struct honesty *h = &e->honesty;
    char luck[80];
    describe_luck(rule, e, luck, sizeof luck);
    snprintf(
        v->text, sizeof v->text,
        "%s: %s%snet return per decision %+.3g, %s %+.3g; difference %+.3g, at least %+.3g; its "
        "own at least %+.3g; Brier skill %+.4f; ECE %.3f (surely %.3f), intervals hold %.3f of "
        "%.3g (surely %.3f off)%s; level %.4g for attempt %u, %zu decisions (%zu own fills, %zu by "
        "the market), %zu trades, blocks of %.1f",
        v->promoted ? "promoted" : "refused", why != NULL ? why : "", why != NULL ? "; " : "",
        v->mean_u, e->against_warmup ? "the warm-up policy" : "the active model", v->mean_incumbent,
        v->mean_d, v->low_d, v->low_u, v->brier_skill, h->ece, h->ece_low, h->coverage, h->nominal,
        h->coverage_off_low, luck, v->level, v->attempt, v->n, v->n_own, v->n_market, v->n_trades,
        v->block);
}

static enum al_err judge_evidence(const struct gate_rule *rule,
                                  const struct gate_evidence *e,
                                  struct rng *rng,
                                  struct gate_verdict *v)
{
    struct bootstrap_bound d, u;
    double span = fmax(e->span_decisions, 1);
    double *difference = malloc(e->n * sizeof *difference);
    if (difference == NULL)
        return err_set(AL_ENOMEM, "gate over %zu decisions", e->n);
    for (size_t i = 0; i < e->n; i++)
        difference[i] = e->u_challenger[i] - e->u_incumbent[i];
    enum al_err err =
        bootstrap_lower_bound(difference, e->n, span, v->level, rule->n_bootstrap, rng, &d);
    if (err == AL_OK)
        err = bootstrap_lower_bound(e->u_challenger, e->n, span, v->level, rule->n_bootstrap, rng,
                                    &u);
    free(difference);
    if (err != AL_OK)
        return err;
    v->n_bootstrap = d.n_bootstrap;
    v->mean_d = d.mean;
    v->low_d = d.low;
    v->mean_u = u.mean;
    v->low_u = u.low;
    const char *why = against(rule, e, v);
    v->promoted = v->enough && why == NULL;
    if (v->enough)
        describe_judgement(rule, e, why, v);
    return AL_OK;
}

enum al_err gate_judge(const struct gate_rule *rule,
                       const struct gate_evidence *evidence,
                       struct rng *rng,
                       struct gate_verdict *verdict)
{
    *verdict = (struct gate_verdict){
        .level = gate_level(rule->level, rule->attempt),
        .block = bootstrap_block(evidence->n, evidence->span_decisions),
        .mean_u = mean_of(evidence->u_challenger, evidence->n),
        .mean_incumbent = mean_of(evidence->u_incumbent, evidence->n),
        .low_d = NAN,
        .low_u = NAN,
        .brier_skill = evidence->brier_skill,
        .accuracy = evidence->accuracy,
        .n_eff = evidence->n_eff,
        .n = evidence->n,
        .n_trades = evidence->n_trades,
        .n_own = evidence->n_own,
        .n_market = evidence->n_market,
        .attempt = rule->attempt,
        .honesty = evidence->honesty,
        .is_real_capital = evidence->is_real_capital,
        .walker_agrees = evidence->walker_agrees,
        .dsr = evidence->dsr,
        .pbo = evidence->pbo,
    };
    verdict->mean_d = verdict->mean_u - verdict->mean_incumbent;
    describe_evidence(evidence, rule, verdict);
    enum al_err err = evidence->n == 0 ? AL_OK : judge_evidence(rule, evidence, rng, verdict);
    if (err == AL_OK && rule->mode == GATE_ACCURACY) {
        verdict->promoted = false;
        judge_accuracy(rule, verdict);
    }
    return err;
}
